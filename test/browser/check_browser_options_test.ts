import { assertEquals, assertThrows } from "@std/assert";
import { checkBrowserOptions, COUNT, FLAG, TIME } from "../../src/browser/check_browser_options.ts";
import { test } from "../support/test.ts";

const rules = { a: FLAG, b: COUNT, c: TIME, d: ["use a"] } as const;
const check = (options: unknown): void =>
  checkBrowserOptions("f()", options as Record<keyof typeof rules, unknown>, rules);

test("checkBrowserOptions takes what is right, and undefined under any name", () => {
  for (const options of [undefined, {}, { a: true, b: Infinity, c: 1.5 }, { d: undefined }]) {
    assertEquals(check(options), undefined);
  }
  check({ other: undefined });
});

test("checkBrowserOptions refuses the rest, and says what there is", () => {
  assertThrows(() => check({ a: 1 }), RangeError, "Expected a to be true or false, got 1");
  assertThrows(() => check({ a: "1" }), TypeError, "Expected a to be true or false, got 1");
  for (const value of [0, 1.5, -1, NaN]) assertThrows(() => check({ b: value }), RangeError);
  for (const value of ["5", null, true, {}]) assertThrows(() => check({ b: value }), TypeError);
  for (const value of [0.5, NaN, -Infinity]) assertThrows(() => check({ c: value }), RangeError);
  assertThrows(() => check({ c: "5" }), TypeError, "to be milliseconds, 1 or more, got 5");
  assertThrows(() => check({ d: 1 }), RangeError, "Expected no d in a browser: use a");
  assertThrows(() => check({ e: {} }), TypeError, "of f(), got e: there are a, b, c");
  // Not a name of every object.
  assertThrows(() => check({ toString: {} }), TypeError, "got toString");
});
