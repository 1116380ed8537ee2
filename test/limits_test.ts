import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type ConnectionLimits, positive, resolveLimits } from "../src/limits.ts";
import { test } from "./support/test.ts";

const names = [
  "maxMessageSize",
  "maxFragments",
  "maxBufferedAmount",
  "handshakeTimeout",
  "closeTimeout",
] as const;

test("resolveLimits fills in the documented defaults", () => {
  assertEquals(resolveLimits({}), {
    maxMessageSize: 1_048_576,
    maxFragments: 131_072,
    maxBufferedAmount: 16_777_216,
    handshakeTimeout: 10_000,
    closeTimeout: 10_000,
  });
});

for (const name of names) {
  test(`resolveLimits takes any ${name} above 0`, () => {
    for (const value of [0.5, 1, 2 ** 40, Infinity]) {
      assertEquals(resolveLimits({ [name]: value })[name], value);
    }
  });

  test(`resolveLimits refuses a ${name} that is not above 0`, () => {
    for (const value of [0, -0, -1, NaN, "1x" as unknown as number]) {
      const options: ConnectionLimits = { [name]: value };
      const error = assertThrows(() => resolveLimits(options), RangeError);
      assertStringIncludes(error.message, `Expected ${name} to be above 0, got ${value}`);
    }
  });
}

test("positive takes the preset for undefined only", () => {
  assertEquals([positive("x", undefined, 7), positive("x", 1, 7)], [7, 1]);
  assertThrows(() => positive("x", 0, 7), RangeError, "Expected x to be above 0, got 0");
});
