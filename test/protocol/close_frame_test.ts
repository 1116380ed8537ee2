import { assertEquals, assertThrows } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import {
  CloseCode,
  decodeCloseBody,
  encodeCloseBody,
  isWireCloseCode,
  MAX_REASON_LENGTH,
} from "../../src/protocol/close_frame.ts";
import { test } from "../support/test.ts";

/** RFC 6455 section 7.4.1, the IANA registry, and section 7.4.2 for libraries and applications. */
const registered = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
const expected = (code: number) => registered.includes(code) || (code >= 3000 && code <= 4999);

test("isWireCloseCode is right for every code from 0 to 5000 and for the largest", () => {
  const wrong: number[] = [];
  for (let code = 0; code <= 5000; code++) {
    if (isWireCloseCode(code) !== expected(code)) wrong.push(code);
  }
  assertEquals(wrong, []);
  assertEquals(isWireCloseCode(65535), false);
});

test("isWireCloseCode refuses what is not an integer", () => {
  for (const code of [NaN, Infinity, -Infinity, -1000, 1000.5, 3000.1]) {
    assertEquals(isWireCloseCode(code), false);
  }
});

test("encodeCloseBody and decodeCloseBody agree with the table for every code", () => {
  const wrong: number[] = [];
  for (let code = 0; code <= 5000; code++) {
    const body = Uint8Array.of(code >> 8, code & 255);
    const status = decodeCloseBody(body);
    if (expected(code)) {
      if (encodeHex(encodeCloseBody(code, "")) !== encodeHex(body)) wrong.push(code);
      if (typeof status === "number" || status.code !== code) wrong.push(code);
    } else {
      assertThrows(() => encodeCloseBody(code, ""), RangeError, `got ${code}`);
      if (status !== CloseCode.protocolError) wrong.push(code);
    }
  }
  assertEquals(wrong, []);
});

test("encodeCloseBody is empty without a code", () => {
  assertEquals(encodeCloseBody(undefined, "").length, 0);
  assertThrows(() => encodeCloseBody(undefined, "why"), TypeError, "needs a close code");
});

test("encodeCloseBody writes the reason as UTF-8", () => {
  assertEquals(encodeHex(encodeCloseBody(1000, "Grüße")), "03e84772c3bcc39f65");
  assertEquals(encodeHex(encodeCloseBody(4999, "\ud800")), "1387efbfbd");
});

test("encodeCloseBody takes a reason of 123 octets and refuses one of 124", () => {
  assertEquals(MAX_REASON_LENGTH, 123);
  assertEquals(encodeCloseBody(1000, "x".repeat(123)).length, 125);
  assertEquals(encodeCloseBody(1000, "€".repeat(41)).length, 125);
  assertThrows(() => encodeCloseBody(1000, "x".repeat(124)), RangeError, "got 124");
  // Octets count, not code units.
  assertThrows(() => encodeCloseBody(1000, "é".repeat(62)), RangeError, "got 124");
});

test("decodeCloseBody reads code and reason", () => {
  for (
    const [hex, code, reason] of [
      ["", 1005, ""],
      ["03e8", 1000, ""],
      ["03e9676f6f64", 1001, "good"],
      ["0bb8efbbbfe282ac", 3000, "\ufeff€"],
      ["1387" + "61".repeat(123), 4999, "a".repeat(123)],
    ] as const
  ) {
    assertEquals(decodeCloseBody(decodeHex(hex)), { code, reason });
  }
});

test("decodeCloseBody refuses a body of one octet and codes that are never on the wire", () => {
  for (
    const hex of ["03", "03ec", "03ed", "03ee", "03f7", "0000", "03e7", "07d0", "1388", "ffff"]
  ) {
    assertEquals(decodeCloseBody(decodeHex(hex)), 1002, hex);
  }
});

test("decodeCloseBody refuses a reason that is not UTF-8 with 1007", () => {
  for (const hex of ["03e880", "03e8c2", "03e8eda080", "03e8" + "61".repeat(60) + "c0af"]) {
    assertEquals(decodeCloseBody(decodeHex(hex)), 1007, hex);
  }
  // The code is judged first.
  assertEquals(decodeCloseBody(decodeHex("03ed80")), 1002);
});
