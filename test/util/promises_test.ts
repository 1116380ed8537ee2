// What is shown of a rejection that nobody awaits: the process lives on, and each runner would fail the test
// if it were reported as unhandled.

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { defer, deferBare, handled, tell } from "../../src/util/promises.ts";
import { settled } from "../support/connections.ts";
import { test } from "../support/test.ts";

test("handled returns the same promise", async () => {
  const promise = Promise.resolve(1);
  assertStrictEquals(handled(promise), promise);
  assertEquals(await promise, 1);
});

test("handled keeps a rejection without a handler from being reported", async () => {
  const promise = handled(Promise.reject(new Error("Nobody waits")));
  await settled();
  await assertRejects(() => promise, Error, "Nobody waits");
});

test("defer makes a promise that resolve() fulfils", async () => {
  const { promise, resolve } = defer<number>();
  resolve(1);
  resolve(2);
  assertEquals(await promise, 1);
});

test("deferBare makes a promise that is silent once handled() was called", async () => {
  const [first, second] = [deferBare<number>(), deferBare<number>()];
  first.resolve(1);
  handled(second.promise);
  second.reject(new Error("No"));
  await settled();
  assertEquals(await first.promise, 1);
  await assertRejects(() => second.promise, Error, "No");
});

test("defer makes a promise whose rejection without a handler is not reported", async () => {
  const { promise, resolve, reject } = defer<number>();
  reject(new Error("No"));
  resolve(1);
  await settled();
  await assertRejects(() => promise, Error, "No");
});

test("defer makes promises that stand alone", async () => {
  const [one, two] = [defer<string>(), defer<string>()];
  two.resolve("two");
  one.resolve("one");
  assertEquals(await Promise.all([one.promise, two.promise]), ["one", "two"]);
});

test("tell() calls what it is given, and leaves no failure to the process", async () => {
  const told: unknown[] = [];
  const failed: unknown[] = [];
  const fail = (error: unknown): void => void failed.push(error);
  tell((value) => told.push(value), 1, fail);
  tell(
    () => {
      throw "thrown";
    },
    2,
    fail,
  );
  tell(() => Promise.reject("rejected"), 3, fail);
  tell(
    () => ({
      get then() {
        throw "then";
      },
    }),
    4,
    fail,
  );
  tell(() => Promise.resolve("fine"), 5, fail);
  tell(() => null, 6, fail);
  await settled();
  assertEquals([told, failed], [[1], ["thrown", "rejected", "then"]]);
});
