// The validator's verdicts stand in a table by hand, and are compared with TextDecoder over every pair of octets
// and over all quadruples of boundary octets. An oracle apart from TextDecoder is needed for where it fails:
// TextDecoder may report later.

import { assert, assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import {
  decodeUtf8,
  encodeUtf8,
  encodeUtf8Into,
  utf8Length,
  Utf8Validator,
} from "../../src/util/utf8.ts";
import { cuts } from "../support/split.ts";
import { test } from "../support/test.ts";

/** Valid texts at the edges of RFC 3629 section 4. */
const valid: readonly (readonly [hex: string, text: string])[] = [
  ["", ""],
  ["00", "\0"],
  ["7f", "\x7f"],
  ["c280", "\u0080"],
  ["dfbf", "\u07ff"],
  ["e0a080", "\u0800"],
  ["e0bfbf", "\u0fff"],
  ["ec8080", "\uc000"],
  ["ed8080", "\ud000"],
  ["ed9fbf", "\ud7ff"],
  ["ee8080", "\ue000"],
  ["efbbbf", "\ufeff"],
  ["efbbbf61", "\ufeffa"],
  ["61efbbbfefbbbf", "a\ufeff\ufeff"],
  ["efbfbd", "\ufffd"],
  ["efbfbe", "\ufffe"],
  ["efbfbf", "\uffff"],
  ["f0908080", "\u{10000}"],
  ["f1bfbfbf", "\u{7ffff}"],
  ["f3a08080", "\u{e0000}"],
  ["f4808080", "\u{100000}"],
  ["f48fbfbf", "\u{10ffff}"],
  ["48656c6c6f2dc2b540c39fc3b6c3a4c3bcc3a0c3a12d5554462d382121", "Hello-µ@ßöäüàá-UTF-8!!"],
];

/** Invalid texts, and the index of the first octet that cannot be part of a valid one. */
const invalid: readonly (readonly [hex: string, index: number])[] = [
  ["80", 0], // continuation octet alone
  ["bf", 0],
  ["6180", 1],
  ["c3a980", 2],
  ["c080", 0], // overlong
  ["c1bf", 0],
  ["e08080", 1],
  ["e09fbf", 1],
  ["f0808080", 1],
  ["f08fbfbf", 1],
  ["eda080", 1], // surrogates
  ["edbfbf", 1],
  ["eda080edb080", 1],
  ["f4908080", 1], // above U+10FFFF
  ["f5808080", 0],
  ["f8888080", 0],
  ["fe", 0],
  ["ff", 0],
  ["c241", 1], // cut short inside the text
  ["c2c2", 1],
  ["e1c0", 1],
  ["e18041", 2],
  ["e180e180", 2],
  ["f18041", 2],
  ["f1808041", 3],
  ["f18080c0", 3],
  ["48656c6c6fc2c080", 6],
];

/** Valid so far, but the last character is not complete. */
const truncated = [
  "c2",
  "df",
  "e0",
  "e0a0",
  "ed",
  "ed9f",
  "ef",
  "efbb",
  "f0",
  "f090",
  "f09080",
  "f4",
  "f48f",
  "f48fbf",
];

/** Pushes piece by piece; the index, over all pieces, of the octet that was refused, or -1. */
function refusedAt(pieces: readonly Uint8Array[]): number {
  const validator = new Utf8Validator();
  let before = 0;
  for (const piece of pieces) {
    if (!validator.push(piece, 0, piece.length)) return before;
    before += piece.length;
  }
  return -1;
}

function isValid(bytes: Uint8Array): boolean {
  const validator = new Utf8Validator();
  return validator.push(bytes, 0, bytes.length) && validator.complete;
}

function oracle(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

test("Utf8Validator accepts valid texts under every split", () => {
  for (const [hex] of valid) {
    for (const pieces of cuts(decodeHex(hex))) {
      const validator = new Utf8Validator();
      assert(pieces.every((piece) => validator.push(piece, 0, piece.length)), hex);
      assert(validator.complete, hex);
    }
  }
});

test("Utf8Validator refuses invalid texts under every split, at the exact octet", () => {
  for (const [hex, index] of invalid) {
    const bytes = decodeHex(hex);
    assertEquals(refusedAt(Array.from(bytes, (octet) => Uint8Array.of(octet))), index, hex);
    for (const pieces of cuts(bytes)) assert(refusedAt(pieces) >= 0, hex);
    assert(new Utf8Validator().push(bytes, 0, index), hex);
    assert(!new Utf8Validator().push(bytes, 0, index + 1), hex);
  }
});

test("Utf8Validator tells a truncated character by complete alone", () => {
  for (const hex of truncated) {
    for (const pieces of cuts(decodeHex(hex))) {
      const validator = new Utf8Validator();
      assert(pieces.every((piece) => validator.push(piece, 0, piece.length)), hex);
      assert(!validator.complete, hex);
    }
  }
});

test("Utf8Validator agrees with TextDecoder on every octet and pair of octets", () => {
  const differing: string[] = [];
  const compare = (bytes: Uint8Array) => {
    if (isValid(bytes) !== oracle(bytes)) differing.push(encodeHex(bytes));
  };
  for (let a = 0; a < 256; a++) {
    compare(Uint8Array.of(a));
    // A pair of ASCII octets says nothing new.
    for (let b = a < 0x80 ? 0x80 : 0; b < 256; b++) compare(Uint8Array.of(a, b));
  }
  assertEquals(differing, []);
});

test("Utf8Validator agrees with TextDecoder on all quadruples of boundary octets", () => {
  const boundaries = [0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2, 0xe0, 0xed, 0xf0, 0xf4];
  const differing: string[] = [];
  for (const a of boundaries) {
    for (const b of boundaries) {
      for (const c of boundaries) {
        for (const d of boundaries) {
          const bytes = Uint8Array.of(a, b, c, d);
          if (isValid(bytes) !== oracle(bytes)) differing.push(encodeHex(bytes));
        }
      }
    }
  }
  assertEquals(differing, []);
});

test("Utf8Validator finds an octet beyond ASCII anywhere in a long run, at any alignment", () => {
  const missed: string[] = [];
  for (const length of [63, 64, 65, 66, 67, 68, 130]) {
    for (let alignment = 0; alignment < 4; alignment++) {
      for (let at = 0; at < length; at++) {
        const bytes = new Uint8Array(length + alignment).fill(0x61);
        bytes[alignment + at] = 0x80;
        // Octets outside the range must not be looked at.
        bytes.fill(0xff, 0, alignment);
        const validator = new Utf8Validator();
        const before = validator.push(bytes, alignment, alignment + at);
        const whole = new Utf8Validator().push(bytes, alignment, alignment + length);
        if (!before || whole) missed.push(`length ${length}, alignment ${alignment}, at ${at}`);
      }
    }
  }
  assertEquals(missed, []);
});

test("Utf8Validator takes a character anywhere in a long run", () => {
  const character = decodeHex("f09f9880");
  for (let at = 0; at <= 126; at++) {
    const bytes = new Uint8Array(130).fill(0x61);
    bytes.set(character, at);
    assert(isValid(bytes), `at ${at}`);
    bytes[at + 3] = 0x61;
    assert(!isValid(bytes), `at ${at}`);
  }
});

test("Utf8Validator.reset starts a new text", () => {
  for (const hex of ["e0", "ed", "f0", "f4", "f09080"]) {
    const bytes = decodeHex(hex);
    const validator = new Utf8Validator();
    validator.push(bytes, 0, bytes.length);
    validator.reset();
    assert(validator.complete);
    assert(validator.push(decodeHex("e18080"), 0, 3));
    assert(validator.complete);
  }
});

test("decodeUtf8 decodes valid texts and keeps U+FEFF", () => {
  for (const [hex, text] of valid) {
    // A long prefix takes the path through TextDecoder.
    for (const prefix of ["", "x".repeat(40)]) {
      const bytes = new Uint8Array([0xff, ...encodeUtf8(prefix), ...decodeHex(hex), 0xff]);
      assertEquals(decodeUtf8(bytes, 1, bytes.length - 1), prefix + text, hex);
    }
  }
});

test("decodeUtf8 refuses invalid and truncated texts, and works on", () => {
  for (const hex of [...invalid.map(([hex]) => hex), ...truncated]) {
    const bytes = decodeHex(hex);
    assertEquals(decodeUtf8(bytes, 0, bytes.length), undefined, hex);
    assertEquals(decodeUtf8(decodeHex("c3a9"), 0, 2), "é");
  }
});

test("decodeUtf8 and encodeUtf8Into agree on ASCII of every length up to 70", () => {
  for (let length = 0; length <= 70; length++) {
    const text = "Hello, world! ".repeat(5).slice(0, length);
    const target = new Uint8Array(3 * length + 2);
    assertEquals(encodeUtf8Into(text, target, 1), length);
    assertEquals(decodeUtf8(target, 1, 1 + length), text);
    assertEquals([target[0], target[1 + length]], [0, 0]);
  }
});

test("encodeUtf8Into writes U+FFFD for a lone surrogate", () => {
  for (
    const [text, hex] of [
      ["\ud800", "efbfbd"],
      ["\udfff", "efbfbd"],
      ["a\ud83db", "61efbfbd62"],
      ["\ude00\ud83d", "efbfbdefbfbd"],
      ["\ud83d\ude00", "f09f9880"],
      ["\ud83d\ud83d\ude00", "efbfbdf09f9880"],
    ] as const
  ) {
    for (const prefix of ["", "ascii ".repeat(10)]) {
      const target = new Uint8Array(256);
      const written = encodeUtf8Into(prefix + text, target, 3);
      const expected = encodeHex(encodeUtf8(prefix)) + hex;
      assertEquals(encodeHex(target.slice(3, 3 + written)), expected);
      assertEquals(encodeHex(encodeUtf8(prefix + text)), expected);
    }
  }
});

test("encodeUtf8Into stays in three octets a code unit", () => {
  for (const unit of ["a", "é", "€", "\ud800", "\ufeff"]) {
    for (const length of [1, 8, 24, 25, 100]) {
      const text = unit.repeat(length);
      const target = new Uint8Array(length * 3);
      const written = encodeUtf8Into(text, target, 0);
      assertEquals(encodeHex(target.slice(0, written)), encodeHex(encodeUtf8(text)));
    }
  }
});

test("utf8Length counts what encodeUtf8 gives, wherever a text is cut to be counted", () => {
  for (const [hex, text] of valid) assertEquals(utf8Length(text), hex.length / 2);
  const units = ["a", "\u00e9", "\u20ac", "\u{1d11e}", "\ud834", "\udd1e"];
  for (const unit of units) {
    for (const length of [0, 1, 23, 24, 25, 4_094, 4_095, 4_096, 4_097, 8_191, 8_192, 20_000]) {
      for (
        const text of ["x".repeat(length) + unit, unit.repeat(length), `x${unit.repeat(length)}`]
      ) {
        assertEquals(utf8Length(text), encodeUtf8(text).length);
      }
    }
  }
});
