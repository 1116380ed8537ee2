import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { asError } from "../../src/util/as_error.ts";
import { test } from "../support/test.ts";

test("asError() keeps an Error, and makes one of anything else", () => {
  const error = new TypeError("a");
  assertStrictEquals(asError(error), error);
  for (
    const [thrown, message] of [
      ["text", "text"],
      [5, "5"],
      [undefined, "undefined"],
      [null, "null"],
      [Object.create(null), "Object"],
    ] as const
  ) {
    const made = asError(thrown);
    assertEquals([made.message, made.cause], [message, thrown]);
  }
});

test("asError() never throws", () => {
  const fails = (): never => {
    throw new Error("own code");
  };
  for (
    const thrown of [
      { toString: fails },
      Object.defineProperty(new Error("a"), "message", { get: fails }),
    ]
  ) {
    const made = asError(thrown);
    assert(/whose own code throws/.test(made.message), made.message);
    assertEquals(made.cause, undefined);
  }
});
