import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { abortReason, onAbort, unlessAborted } from "../../src/util/abort.ts";
import { test } from "../support/test.ts";

/** A signal that counts its listeners. */
function counted(): { signal: AbortSignal; abort: (reason: unknown) => void; count: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  let count = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    count++;
    return Reflect.apply(addEventListener, signal, args);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    count--;
    return Reflect.apply(removeEventListener, signal, args);
  };
  return { signal, abort: (reason) => controller.abort(reason), count: () => count };
}

test("onAbort() has one listener while any callers wait, and none otherwise", () => {
  const { signal, abort, count } = counted();
  const told: number[] = [];
  const stops = [0, 1, 2].map((n) => onAbort(signal, () => told.push(n)));
  assertEquals(count(), 1);
  stops[1]?.();
  stops[1]?.();
  assertEquals(count(), 1);
  stops[0]?.();
  stops[2]?.();
  assertEquals(count(), 0);
  onAbort(signal, () => told.push(3));
  const stop = onAbort(signal, () => told.push(4));
  onAbort(signal, () => told.push(5));
  stop();
  abort(new Error("Now"));
  assertEquals(told, [3, 5]);
  stop();
});

test("onAbort() lets one callback stop another", () => {
  const { signal, abort } = counted();
  const told: string[] = [];
  let stop = (): void => {};
  onAbort(signal, () => {
    told.push("first");
    stop();
  });
  stop = onAbort(signal, () => told.push("second"));
  abort(undefined);
  assertEquals(told, ["first"]);
});

test("abortReason is the signal's own, or an AbortError", () => {
  assertEquals(abortReason(AbortSignal.abort("mine")), "mine");
  const { name } = abortReason({ aborted: true } as AbortSignal) as DOMException;
  assertEquals(name, "AbortError");
});

test("unlessAborted() gives what it waited for, and leaves no listener", async () => {
  const { signal, count } = counted();
  assertEquals(await unlessAborted("at once", signal), "at once");
  assertEquals(await unlessAborted(Promise.resolve("soon"), signal), "soon");
  const error = new Error("Not today");
  const rejected = unlessAborted(Promise.reject(error), signal);
  assertStrictEquals(await assertRejects(() => rejected, Error), error);
  assertEquals(count(), 0);
});

test("unlessAborted() rejects with the signal's reason, and a late rejection harms nothing", async () => {
  const { signal, abort, count } = counted();
  const reason = new Error("Changed my mind");
  let fail = (_error: Error): void => {};
  const waiting = unlessAborted(new Promise((_, reject) => fail = reject), signal);
  waiting.catch(() => {});
  abort(reason);
  fail(new Error("Too late"));
  assertStrictEquals(await assertRejects(() => waiting, Error), reason);
  const again = unlessAborted(Promise.reject(new Error("Too late as well")), signal);
  assertStrictEquals(await assertRejects(() => again, Error), reason);
  assertEquals(count(), 0);
});
