import { assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import {
  CloseEvent,
  createCloseEvent,
  createCloseEventClass,
  createErrorEvent,
  defineEventHandlers,
} from "../../src/client/whatwg_events.ts";
import { test } from "../support/test.ts";

class Target extends EventTarget {
  declare onping: ((event: Event) => unknown) | null;
  static {
    defineEventHandlers(this.prototype, ["ping"], () => {});
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

test("createCloseEventClass makes a class that converts as Web IDL says", () => {
  const Class = createCloseEventClass();
  const make = (init?: unknown) => {
    const { code, reason, wasClean, bubbles } = new Class("close", init as object);
    return [code, reason, wasClean, bubbles];
  };
  for (const nothing of [undefined, null, {}]) assertEquals(make(nothing), [0, "", false, false]);
  const told = { code: 65_537, reason: 5, wasClean: 1, bubbles: true };
  assertEquals(make(told), [1, "5", true, true]);
  assertEquals(make({ reason: "\ud800 \u{1f600}" })[1], "\ufffd \u{1f600}");
  assertThrows(() => make(true), TypeError);
  assertThrows(() => Reflect.construct(Class, []), TypeError);
});

test("CloseEvent is the runtime's own where there is one", () => {
  const { CloseEvent: own = CloseEvent } = globalThis as { CloseEvent?: typeof CloseEvent };
  assertStrictEquals(own, CloseEvent);
  assertInstanceOf(createCloseEvent({ code: 1000 }), CloseEvent);
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

test("defineEventHandlers takes what is no object for null", () => {
  const target = new Target();
  for (const value of [1, "text", true, undefined, null]) {
    target.onping = () => {};
    Object.assign(target, { onping: value });
    assertEquals(target.onping, null);
  }
  assertEquals(target.dispatchEvent(new Event("ping")), true);
});

test("defineEventHandlers keeps any object, and calls it when it is a function", () => {
  const target = new Target();
  const called: string[] = [];
  const object = {};
  Object.assign(target, { onping: object });
  assertStrictEquals<unknown>(target.onping, object);
  target.addEventListener("ping", () => called.push("listener"));
  target.dispatchEvent(new Event("ping"));
  target.onping = () => called.push("handler");
  target.dispatchEvent(new Event("ping"));
  assertEquals(called, ["listener", "handler", "listener"]);
});

test("defineEventHandlers prevents the default when a handler returns false", () => {
  const target = new Target();
  const dispatch = () => target.dispatchEvent(new Event("ping", { cancelable: true }));
  target.onping = () => {};
  assertEquals(dispatch(), true);
  target.onping = () => false;
  assertEquals(dispatch(), false);
});
