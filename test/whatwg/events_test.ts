import { assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import {
  createCloseEvent,
  createErrorEvent,
  defineEventHandlers,
} from "../../src/whatwg/events.ts";
import { test } from "../support/test.ts";

class Target extends EventTarget {
  declare onping: ((event: Event) => unknown) | null;
  static {
    defineEventHandlers(this.prototype, ["ping"]);
  }
}

test("createCloseEvent makes an event of the name that browsers give it", () => {
  const event = createCloseEvent({ code: 3000, reason: "why", wasClean: true });
  assertInstanceOf(event, Event);
  assertEquals(event.constructor.name, "CloseEvent");
  assertEquals([event.type, event.code, event.reason, event.wasClean], [
    "close",
    3000,
    "why",
    true,
  ]);
});

test("createErrorEvent carries the error", () => {
  const error = new Error("why");
  const event = createErrorEvent(error);
  assertEquals(event.type, "error");
  assertStrictEquals(event.error, error);
});

test("defineEventHandlers keeps the handlers of each target apart", () => {
  const [a, b] = [new Target(), new Target()];
  const called: string[] = [];
  a.onping = () => called.push("a");
  b.onping = () => called.push("b");
  a.dispatchEvent(new Event("ping"));
  assertEquals(called, ["a"]);
});

test("defineEventHandlers moves a handler to the end when it was null in between", () => {
  const target = new Target();
  const called: string[] = [];
  target.onping = () => called.push("first");
  target.addEventListener("ping", () => called.push("listener"));
  target.onping = () => called.push("second");
  target.dispatchEvent(new Event("ping"));
  target.onping = null;
  target.onping = () => called.push("third");
  target.dispatchEvent(new Event("ping"));
  assertEquals(called, ["second", "listener", "listener", "third"]);
});

test("defineEventHandlers takes what is no function for null", () => {
  const target = new Target();
  target.onping = () => {};
  Object.assign(target, { onping: 1 });
  assertEquals(target.onping, null);
  assertEquals(target.dispatchEvent(new Event("ping")), true);
});
