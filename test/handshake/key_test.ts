import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { decodeHex, encodeBase64 } from "@std/encoding";
import fc from "fast-check";
import { computeAccept, createKey, isKey } from "../../src/handshake/key.ts";
import { test } from "../support/test.ts";

test("computeAccept answers the key of RFC 6455 1.3", () => {
  assertEquals(computeAccept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});

test("computeAccept answers the key of RFC 6455 4.1 item 7", () => {
  const key = encodeBase64(decodeHex("0102030405060708090a0b0c0d0e0f10"));
  assertEquals(key, "AQIDBAUGBwgJCgsMDQ4PEA==");
  assert(isKey(key));
  // RFC 6455 4.1: the same steps by other means, `printf KEY+GUID | openssl sha1 -binary | base64`
  assertEquals(computeAccept(key), "C/0nmHhBztSRGR1CwL6Tf4ZjwpY=");
});

test("computeAccept keeps keys apart that are computed at the same time", async () => {
  const keys = Array.from({ length: 50 }, () => createKey());
  const together = await Promise.all(keys.map((key) => computeAccept(key)));
  for (const [i, key] of keys.entries()) assertEquals(together[i], computeAccept(key));
});

test("createKey is 16 bytes in base64, fresh each time (RFC 6455 4.1 item 7)", () => {
  const keys = new Set(Array.from({ length: 1000 }, () => createKey()));
  assertEquals(keys.size, 1000);
  for (const key of keys) {
    assert(isKey(key), key);
    assertEquals(atob(key).length, 16);
  }
  assertNotEquals(createKey(), createKey());
});

test("isKey takes the base64 of any 16 bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
    assertEquals(isKey(encodeBase64(bytes)), true);
  }));
});

test("isKey refuses the base64 of any other length (RFC 6455 4.2.1 item 5)", () => {
  for (let length = 0; length < 40; length++) {
    const key = encodeBase64(new Uint8Array(length));
    assertEquals(isKey(key), length === 16, `${length} bytes`);
  }
});

test("isKey refuses what does not decode to 16 bytes", () => {
  const table = [
    "",
    "dGhlIHNhbXBsZSBub25jZQ",
    "dGhlIHNhbXBsZSBub25jZQ=",
    "dGhlIHNhbXBsZSBub25jZQ===",
    "dGhlIHNhbXBsZSBub25jZQ== ",
    " dGhlIHNhbXBsZSBub25jZQ==",
    "dGhlIHNhbXBsZSBub25jZ===",
    "dGhlIHNhbXBsZSBub25j-_==", // base64url
    "dGhlIHNhbXBsZSBub2-jZQ==",
    "dGhlIHNhbXBsZSBub2_jZQ==",
    "dGhlIHNhbXBs=SBub25jZQ==",
    "dGhlIHNhbXBs SBub25jZQ==",
    "dGhlIHNhbXBs\u0161SBub2jZQ==",
    "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
  ];
  for (const key of table) assertEquals(isKey(key), false, JSON.stringify(key));
});

test("isKey takes the example of RFC 6455 4.1, whose unused bits are not zero", () => {
  assertEquals(isKey("AQIDBAUGBwgJCgsMDQ4PEC=="), true);
  // RFC 6455 4.2.2 item 5.4: what was sent is hashed, not what it decodes to.
  assertEquals(computeAccept("AQIDBAUGBwgJCgsMDQ4PEC=="), "OfS0wDaT5NoxF2gqm7Zj2YtetzM=");
  for (const digit of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
    assertEquals(isKey(`dGhlIHNhbXBsZSBub25jZ${digit}==`), true, digit);
  }
});

test("isKey judges every character at every digit as a base64 decoder does", () => {
  const key = "dGhlIHNhbXBsZSBub25jZQ==";
  for (let i = 0; i < 22; i++) {
    for (let code = 0; code < 256; code++) {
      const character = String.fromCharCode(code);
      const changed = key.slice(0, i) + character + key.slice(i + 1);
      assertEquals(isKey(changed), /[A-Za-z0-9+/]/.test(character), JSON.stringify(changed));
    }
  }
});
