import { assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding";
import { sha1 } from "../../src/handshake/sha1.ts";
import { test } from "../support/test.ts";

function hex(words: Int32Array): string {
  return [...words].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

test("sha1() gives the digests of RFC 3174 section 7.3", () => {
  assertEquals(hex(sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  assertEquals(
    hex(sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
    "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
  );
  assertEquals(hex(sha1("a".repeat(100_000))).length, 40);
});

test("sha1() equals Web Crypto's for every length up to three blocks", async () => {
  for (let length = 0; length <= 192; length++) {
    const octets = Uint8Array.from({ length }, (_, i) => i * 37 + length);
    const expected = new Uint8Array(await crypto.subtle.digest("SHA-1", octets));
    assertEquals(hex(sha1(String.fromCharCode(...octets))), encodeHex(expected));
  }
});
