// Platform tests of the interfaces: constants, attributes, event handlers and events.

import { CloseEvent, createWebSocketClass, type WebSocketInstance } from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { next, opened, platformTests, served } from "./suite.ts";

const CONSTANTS = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"] as const;
const TYPES = ["open", "message", "error", "close"] as const;

/** A body with a class of its own, which it may change, and a WebSocket that closes. */
const fresh = (
  body: (
    ws: WebSocketInstance & Record<string, unknown>,
    prototype: WebSocketInstance & Record<string, unknown>,
    create: () => WebSocketInstance & Record<string, unknown>,
  ) => void,
) =>
  served(({ WebSocket, url }) => {
    const create = () => {
      const ws = new WebSocket(url);
      ws.close();
      return ws as WebSocketInstance & Record<string, unknown>;
    };
    body(create(), WebSocket.prototype as WebSocketInstance & Record<string, unknown>, create);
  });

/** An attribute that can be read only: to set and to delete it changes nothing. */
const readOnly = (name: string, value: (ws: WebSocketInstance) => unknown) =>
  fresh((ws, prototype) => {
    const before = value(ws);
    assertThrows(() => {
      ws[name] = 5;
    }, TypeError);
    assert(Reflect.deleteProperty(ws, name));
    assertEquals(ws[name], before);
    assert(Reflect.deleteProperty(prototype, name));
    assertEquals(ws[name], undefined);
  });

/** A program may define an attribute anew on the prototype. */
const redefined = (name: string) =>
  fresh((_, prototype, create) => {
    let given: unknown;
    Object.defineProperty(prototype, name, {
      get: () => "foo",
      set: (value) => given = value,
      configurable: true,
    });
    const ws = create();
    ws[name] = "given";
    assertEquals([ws[name], given], ["foo", "given"]);
  });

/** What an event handler is after it was set to a value. */
const handlers = (value: unknown, expected: unknown) =>
  fresh((ws) => {
    for (const type of TYPES) {
      const key = `on${type}`;
      assertEquals(ws[key], null);
      const first = () => {};
      ws[key] = first;
      assertEquals(ws[key], first);
      ws[key] = value;
      assertEquals(ws[key], expected);
    }
  });

const other = () => {};

const constantsCannot = (descriptor: PropertyDescriptor) =>
  fresh((_, prototype) => {
    for (const name of CONSTANTS) {
      assertThrows(() => Object.defineProperty(prototype, name, descriptor), TypeError);
    }
  });

/** Each constant has its value, on the class and on instances, whatever is done to it. */
const constants = served(({ WebSocket, url }) => {
  const ws = new WebSocket(url);
  ws.close();
  for (const holder of [WebSocket, WebSocket.prototype, ws]) {
    for (const [value, name] of CONSTANTS.entries()) {
      assertEquals(Reflect.set(holder, name, 5), false);
      Reflect.deleteProperty(holder, name);
      assertEquals<number>(holder[name], value);
    }
  }
});

/** One event of each type, from a server that sends a message and then a frame that may not be. */
const allEvents = (check: (event: Event, ws: WebSocketInstance) => void) => async () => {
  const network = createNetwork();
  const server = await network.rawServer();
  const ws = new (createWebSocketClass(network.connect))(server.url);
  const seen: string[] = [];
  for (const type of TYPES) {
    ws.addEventListener(type, function (this: unknown, event: Event) {
      assertEquals(this === ws, true);
      seen.push(type);
      check(event, ws);
    });
  }
  const closed = next(ws, "close");
  const peer = await server.accept();
  peer.sendFrame({ payload: "test" });
  peer.sendFrame({ payload: "LOL", opcode: 3 });
  await peer.expectFrame({ opcode: 8 });
  peer.end();
  await closed;
  assertEquals(seen, [...TYPES]);
};

/** What an attribute is before the connection is open. */
const initial = (name: "extensions" | "protocol", value: string) =>
  fresh((ws) => assertEquals(ws[name], value));

platformTests("interfaces", {
  "binaryType-wrong-value.any.js": opened((ws) => {
    assertEquals(ws.binaryType, "blob");
    Object.assign(ws, { binaryType: "notBlobOrArrayBuffer" });
    assertEquals(ws.binaryType, "blob");
  }),
  "eventhandlers.any.js": handlers(2, null),
  "idlharness.any.js": fresh((ws, prototype) => {
    // interfaces_test.ts has the whole of it.
    assertEquals(String(ws), "[object WebSocket]");
    assertEquals(Object.getPrototypeOf(prototype), EventTarget.prototype);
    assertEquals(Object.hasOwn(prototype, "send"), true);
  }),
  "interfaces/CloseEvent/constructor.html": () => {
    const empty = new CloseEvent("foo");
    assertInstanceOf(empty, Event);
    const { type, bubbles, cancelable, wasClean, code, reason } = empty;
    assertEquals([type, bubbles, cancelable], ["foo", false, false]);
    assertEquals([wasClean, code, reason], [false, 0, ""]);
    const init = { bubbles: true, cancelable: true, wasClean: true, code: 7, reason: "x" };
    const full = new CloseEvent("foo", init);
    for (const [key, value] of Object.entries(init)) assertEquals(Reflect.get(full, key), value);
  },
  "interfaces/CloseEvent/historical.html": () => {
    assertEquals("initCloseEvent" in new CloseEvent("close"), false);
  },
  "interfaces/WebSocket/bufferedAmount/bufferedAmount-defineProperty-getter.html": redefined(
    "bufferedAmount",
  ),
  "interfaces/WebSocket/bufferedAmount/bufferedAmount-defineProperty-setter.html": redefined(
    "bufferedAmount",
  ),
  "interfaces/WebSocket/bufferedAmount/bufferedAmount-deleting.html": readOnly(
    "bufferedAmount",
    () => 0,
  ),
  "interfaces/WebSocket/bufferedAmount/bufferedAmount-initial.html": fresh((ws) =>
    assertEquals(ws.bufferedAmount, 0)
  ),
  "interfaces/WebSocket/bufferedAmount/bufferedAmount-readonly.html": readOnly(
    "bufferedAmount",
    () => 0,
  ),
  "interfaces/WebSocket/constants/001.html": constants,
  "interfaces/WebSocket/constants/002.html": constants,
  "interfaces/WebSocket/constants/003.html": constants,
  "interfaces/WebSocket/constants/004.html": constants,
  "interfaces/WebSocket/constants/005.html": constantsCannot({ get: () => "foo" }),
  "interfaces/WebSocket/constants/006.html": constantsCannot({ set: () => {} }),
  "interfaces/WebSocket/events/001.html": handlers(null, null),
  "interfaces/WebSocket/events/002.html": handlers(other, other),
  "interfaces/WebSocket/events/004.html": fresh((ws) => {
    for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"]) {
      assertEquals(typeof ws[name], "function");
    }
  }),
  "interfaces/WebSocket/events/006.html": fresh((ws) => {
    for (const type of TYPES) assertEquals(`on${type}` in ws, true);
  }),
  "interfaces/WebSocket/events/010.html": handlers(undefined, null),
  "interfaces/WebSocket/events/011.html": handlers(1, null),
  "interfaces/WebSocket/events/012.html": handlers(";", null),
  "interfaces/WebSocket/events/013.html": fresh((ws) => {
    for (const type of TYPES) {
      const handler: unknown = { handleEvent: () => assert(false) };
      Object.assign(ws, { [`on${type}`]: handler });
      assertEquals<unknown>(ws[`on${type}`], handler);
      ws.dispatchEvent(new Event(type));
    }
  }),
  "interfaces/WebSocket/events/014.html": handlers(null, null),
  "interfaces/WebSocket/events/015.html": allEvents((event, ws) => {
    assertInstanceOf(event, Event);
    if (event.type === "message") assertInstanceOf(event, MessageEvent);
    if (event.type === "close") assertInstanceOf(event, CloseEvent);
    const states = { open: 1, message: 1, error: 3, close: 3 };
    assertEquals<number>(ws.readyState, states[event.type as keyof typeof states]);
  }),
  "interfaces/WebSocket/events/016.html": opened(async (ws) => {
    const seen: number[] = [];
    ws.addEventListener("message", () => seen.push(1));
    ws.onmessage = () => seen.push(2);
    ws.addEventListener("message", () => seen.push(3));
    ws.send("in order");
    await next(ws, "message");
    assertEquals(seen, [1, 2, 3]);
  }),
  "interfaces/WebSocket/events/017.html": allEvents((event, ws) => {
    assert(event.target === ws && event.currentTarget === ws);
    assertEquals(event.eventPhase, 2);
  }),
  "interfaces/WebSocket/events/018.html": allEvents(({ bubbles, cancelable }) =>
    assertEquals([bubbles, cancelable], [false, false])
  ),
  "interfaces/WebSocket/events/020.html": served(async ({ WebSocket }) => {
    assertInstanceOf(await next(new WebSocket("ws://example.invalid:1/"), "error"), Event);
  }),
  "interfaces/WebSocket/extensions/001.html": initial("extensions", ""),
  "interfaces/WebSocket/protocol/protocol-initial.html": initial("protocol", ""),
  "interfaces/WebSocket/readyState/001.html": served(({ WebSocket, url }) => {
    const ws = new WebSocket(url);
    assertEquals(ws.readyState, WebSocket.CONNECTING);
    ws.close();
  }),
  "interfaces/WebSocket/readyState/002.html": readOnly("readyState", () => 2),
  "interfaces/WebSocket/readyState/003.html": readOnly("readyState", () => 2),
  "interfaces/WebSocket/readyState/004.html": redefined("readyState"),
  "interfaces/WebSocket/readyState/005.html": redefined("readyState"),
  "interfaces/WebSocket/readyState/006.html": opened((ws) => assertEquals(ws.readyState, ws.OPEN)),
  "interfaces/WebSocket/readyState/007.html": opened((ws) => {
    ws.close();
    assertEquals<number>(ws.readyState, ws.CLOSING);
  }),
  "interfaces/WebSocket/readyState/008.html": opened(async (ws) => {
    ws.close();
    await next(ws, "close");
    assertEquals<number>(ws.readyState, ws.CLOSED);
  }),
  "interfaces/WebSocket/url/001.html": served(({ WebSocket, url }) => {
    const ws = new WebSocket(url.slice(0, -1));
    assertEquals(ws.url, url);
    ws.close();
  }),
  "interfaces/WebSocket/url/002.html": readOnly("url", ({ url }) => url),
  "interfaces/WebSocket/url/003.html": readOnly("url", ({ url }) => url),
  "interfaces/WebSocket/url/004.html": fresh((ws) => assertEquals("URL" in ws, false)),
  "interfaces/WebSocket/url/005.html": redefined("url"),
  "interfaces/WebSocket/url/006.html": redefined("url"),
  "interfaces/WebSocket/url/resolve.html": served(({ WebSocket, url }) => {
    const ws = new WebSocket(`${url}echo?foo%20bar baz`);
    assertEquals(ws.url, `${url}echo?foo%20bar%20baz`);
    ws.close();
  }),
});
