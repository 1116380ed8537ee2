// Compared with TextDecoder over every octet, pair of octets and quadruple of boundary octets, in the midst of others.

import { assert, assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding";
import { toUtf16 } from "../../src/util/utf16.ts";
import { decodeThroughUtf16, decodeUtf8, encodeUtf8 } from "../../src/util/utf8.ts";
import { test } from "../support/test.ts";

const units = new Uint16Array(1_000);

function textOf(length: number): string {
  return String.fromCharCode(...units.subarray(0, length));
}

function decode(bytes: Uint8Array, start = 0, end = bytes.length): string | undefined {
  const length = toUtf16(bytes, start, end, units);
  return length < 0 ? undefined : textOf(length);
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Undefined for what is not UTF-8; no text here has a U+FFFD of its own. Not `fatal`: to throw takes ten times as long. */
function oracle(bytes: Uint8Array): string | undefined {
  const text = decoder.decode(bytes);
  return text.includes("\ufffd") ? undefined : text;
}

function* sequences(): Generator<number[]> {
  for (let a = 0; a < 256; a++) {
    yield [a];
    for (let b = 0; b < 256; b++) yield [a, b];
  }
  const edges = [0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0]
    .concat([0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff]);
  for (const a of edges) {
    for (const b of edges) {
      for (const c of edges) {
        yield [a, b, c];
        for (const d of edges) yield [a, b, c, d];
      }
    }
  }
}

test("toUtf16() agrees with TextDecoder", () => {
  const differing: string[] = [];
  for (const octets of sequences()) {
    const bytes = Uint8Array.from(octets);
    if (decode(bytes) !== oracle(bytes)) differing.push(encodeHex(bytes));
  }
  assertEquals(differing, []);
});

test("toUtf16() looks at nothing outside of the text", () => {
  for (const text of ["é", "€", "😀", "a😀é", "\ufeff"]) {
    const octets = encodeUtf8(text);
    // What surrounds it would go on with the last character, or with none.
    for (const around of [0x80, 0xbf, 0xff]) {
      const bytes = Uint8Array.from([around, ...octets, around, around, around]);
      assertEquals(decode(bytes, 1, 1 + octets.length), text);
      for (let end = 1; end < octets.length; end++) {
        const whole = oracle(octets.subarray(0, end));
        assertEquals(decode(bytes, 1, 1 + end), whole, `${text} cut at ${end}`);
      }
    }
  }
});

test("decodeThroughUtf16() has no effect but on how long decoding takes", () => {
  const texts = ["a", "é", "€", "😀", "\ufeffé", "\ufffdé", "aé".repeat(20), "a".repeat(100)];
  const long = [500, 501].map((count) => "é".repeat(count));
  const invalid = [[0xff], [0xc3], [0xed, 0xa0, 0x80]].map((octets) =>
    Uint8Array.from([...encodeUtf8("é".repeat(20)), ...octets])
  );
  let made = 0;
  decodeThroughUtf16(units, (length) => {
    made++;
    return textOf(length);
  });
  try {
    for (const text of [...texts, ...long]) {
      const bytes = encodeUtf8(text);
      assertEquals(decodeUtf8(bytes, 0, bytes.length), text);
    }
    for (const bytes of invalid) assertEquals(decodeUtf8(bytes, 0, bytes.length), undefined);
  } finally {
    decodeThroughUtf16(undefined, textOf);
  }
  // ASCII, and what has more octets than there is room for units, is left to the platform.
  assertEquals(made, 7);
  assert(decodeUtf8(encodeUtf8("é"), 0, 2) === "é");
  assertEquals(made, 7);
});
