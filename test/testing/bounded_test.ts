// What an error holds of two values that differ.

import { assertEquals } from "@std/assert";
import { boundPair, isSmall } from "../../src/testing/bounded.ts";
import { test } from "../support/test.ts";

test("boundPair() keeps small values whole, of any kind", () => {
  const pairs = [["a", "b"], [Uint8Array.of(1), "b"], [undefined, 5], ["a".repeat(4_096), "b"]];
  for (const [actual, expected] of pairs) {
    assertEquals(boundPair(actual, expected), [actual, expected]);
  }
});

test("boundPair() cuts large texts to the part around their first difference", () => {
  const same = "x".repeat(10_000);
  const [actual, expected] = boundPair(`${same}A${same}`, `${same}B${same}`) as [string, string];
  assertEquals(actual.replace("A", "B"), expected);
  assertEquals([actual.length < 500, actual.includes("xAx"), expected.includes("xBx")], [
    true,
    true,
    true,
  ]);
});

test("boundPair() cuts large bytes, and the payload of a frame alone", () => {
  const [one, other] = [new Uint8Array(10_000), new Uint8Array(10_000)];
  other[9_000] = 1;
  for (const [actual, expected] of [boundPair(one, other), boundPair(other, one)]) {
    assertEquals([typeof actual, typeof expected, actual === expected], [
      "string",
      "string",
      false,
    ]);
  }
  const [frame] = boundPair({ opcode: 2, payload: one }, { opcode: 2, payload: other });
  assertEquals((frame as { opcode: number }).opcode, 2);
  assertEquals(typeof (frame as { payload: unknown }).payload, "string");
});

test("isSmall() says what is kept whole", () => {
  assertEquals([isSmall("x".repeat(4_096)), isSmall("x".repeat(4_097))], [true, false]);
});
