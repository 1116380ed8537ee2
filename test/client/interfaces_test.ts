// The classes as interfaces of Web IDL: what stands where, what it is called, and what it does with wrong receivers and
// missing arguments. The interfaces are written down here as their standards have them.

import {
  createWebSocketClass,
  createWebSocketStreamClass,
  WebSocket,
  WebSocketError,
  WebSocketStream,
} from "@sansocket/ws";
import * as bun from "@sansocket/ws/bun";
import * as deno from "@sansocket/ws/deno";
import * as node from "@sansocket/ws/node";
import { createNetwork } from "@sansocket/ws/testing";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { createCloseEventClass } from "../../src/client/whatwg_events.ts";
import { test } from "../support/test.ts";

type Class = (new (...args: never[]) => object) & { readonly prototype: object };

interface Interface {
  readonly name: string;
  /** What it inherits from; nothing but Object unless told. */
  readonly parent?: Class;
  /** Arguments that the constructor needs. */
  readonly length: number;
  readonly constants?: Readonly<Record<string, number>>;
  readonly attributes: readonly string[];
  readonly writable?: readonly string[];
  /** Attributes whose type is a promise. */
  readonly promises?: readonly string[];
  /** Operations, with the number of arguments that each needs. */
  readonly operations?: Readonly<Record<string, number>>;
  /** Makes an instance. */
  readonly create: (Class: Class) => object;
}

const { connect } = createNetwork();
const construct = (Class: Class, ...args: unknown[]): object => Reflect.construct(Class, args);

const webSocket: Interface = {
  name: "WebSocket",
  parent: EventTarget,
  length: 1,
  constants: { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 },
  attributes: ["url", "readyState", "bufferedAmount", "extensions", "protocol"],
  writable: ["binaryType", "onopen", "onerror", "onclose", "onmessage"],
  operations: { send: 1, close: 0 },
  create(Class) {
    const ws = construct(Class, "ws://127.0.0.1:1/") as WebSocket;
    ws.close();
    return ws;
  },
};

const webSocketStream: Interface = {
  name: "WebSocketStream",
  length: 1,
  attributes: ["url"],
  promises: ["opened", "closed"],
  operations: { close: 0 },
  create(Class) {
    const stream = construct(Class, "ws://127.0.0.1:1/") as WebSocketStream;
    stream.close();
    return stream;
  },
};

const closeEvent: Interface = {
  name: "CloseEvent",
  parent: Event,
  length: 1,
  attributes: ["wasClean", "code", "reason"],
  create: (Class) => construct(Class, "close"),
};

const webSocketError: Interface = {
  name: "WebSocketError",
  parent: DOMException as unknown as Class,
  length: 0,
  attributes: ["closeCode", "reason"],
  create: (Class) => construct(Class),
};

const cases: readonly (readonly [string, Class, Interface])[] = [
  ["WebSocket", WebSocket, webSocket],
  ["WebSocket of another connect()", createWebSocketClass(connect), webSocket],
  ["WebSocket of ./node", node.WebSocket, webSocket],
  ["WebSocket of ./deno", deno.WebSocket, webSocket],
  ["WebSocket of ./bun", bun.WebSocket, webSocket],
  ["WebSocketStream", WebSocketStream, webSocketStream],
  [
    "WebSocketStream of another connect()",
    createWebSocketStreamClass(connect),
    webSocketStream,
  ],
  ["CloseEvent where there is none", createCloseEventClass(), closeEvent],
  ["WebSocketError", WebSocketError, webSocketError],
];

/** What no interface here is the brand of. */
const strangers = [undefined, null, 1, "text", {}, () => {}, new EventTarget(), new Event("x")];

function descriptor(target: object, key: PropertyKey): PropertyDescriptor {
  const found = Object.getOwnPropertyDescriptor(target, key);
  assert(found !== undefined, `no ${String(key)}`);
  return found;
}

/** The flags of a property: writable where it is a value, enumerable, configurable. */
function flags({ writable, enumerable, configurable }: PropertyDescriptor) {
  return [writable, enumerable, configurable];
}

for (const [what, Class, idl] of cases) {
  const { prototype } = Class;
  const { parent, constants = {}, writable = [], promises = [], operations = {} } = idl;
  const attributes = [...idl.attributes, ...writable, ...promises];

  test(`${what} has the interface object and the prototype that Web IDL asks for`, () => {
    assertEquals([Class.name, Class.length], [idl.name, idl.length]);
    assertStrictEquals(Object.getPrototypeOf(Class), parent ?? Function.prototype);
    assertStrictEquals(Object.getPrototypeOf(prototype), parent?.prototype ?? Object.prototype);
    assertEquals(flags(descriptor(Class, "name")), [false, false, true]);
    assertEquals(flags(descriptor(Class, "length")), [false, false, true]);
    assertEquals(flags(descriptor(Class, "prototype")), [false, false, false]);
    assertEquals(flags(descriptor(prototype, "constructor")), [true, false, true]);
    assertStrictEquals(descriptor(prototype, "constructor").value, Class);
    const tag = descriptor(prototype, Symbol.toStringTag);
    assertEquals([tag.value, flags(tag)], [idl.name, [false, false, true]]);
    assertEquals(Object.prototype.toString.call(prototype), `[object ${idl.name}]`);
    assertThrows(() => (Class as unknown as () => void)(), TypeError);
  });

  test(`${what} has its members on the prototype itself, and no others`, () => {
    const members = [...Object.keys(constants), ...attributes, ...Object.keys(operations)];
    assertEquals(Object.keys(prototype).sort(), members.sort());
    assertEquals(Object.keys(Class).sort(), Object.keys(constants).sort());
    const own = Object.getOwnPropertyNames(prototype).filter((key) => key !== "constructor");
    assertEquals(own.sort(), members.sort());
  });

  test(`${what} has constants that cannot be changed`, () => {
    for (const target of [Class, prototype]) {
      for (const [key, value] of Object.entries(constants)) {
        const property = descriptor(target, key);
        assertEquals([property.value, flags(property)], [value, [false, true, false]]);
      }
    }
    assertEquals(Object.keys(Class).length, Object.keys(constants).length);
  });

  test(`${what} has attributes that can be enumerated, and refuse other receivers`, async () => {
    for (const key of attributes) {
      const { get, set, enumerable, configurable } = descriptor(prototype, key);
      assertEquals([enumerable, configurable], [true, true], key);
      assertEquals([get?.name, get?.length], [`get ${key}`, 0]);
      const settable = writable.includes(key);
      assertEquals([set?.name, set?.length], settable ? [`set ${key}`, 1] : [undefined, undefined]);
      for (const stranger of [...strangers, prototype]) {
        if (promises.includes(key)) {
          await assertRejects(() => get?.call(stranger) as Promise<unknown>, TypeError);
        } else assertThrows(() => get?.call(stranger), TypeError);
        if (settable) assertThrows(() => set?.call(stranger, null), TypeError);
      }
    }
  });

  test(`${what} has operations that can be enumerated, and refuse other receivers`, () => {
    for (const [key, length] of Object.entries(operations)) {
      const property = descriptor(prototype, key);
      const operation = property.value as (...args: unknown[]) => unknown;
      assertEquals(flags(property), [true, true, true]);
      assertEquals([operation.name, operation.length], [key, length]);
      for (const stranger of [...strangers, prototype]) {
        assertThrows(() => operation.apply(stranger, Array(length).fill("x")), TypeError);
      }
      assertThrows(() => Reflect.construct(operation as unknown as Class, []), TypeError);
    }
    assertEquals(Object.keys(operations).every((key) => key in prototype), true);
  });

  test(`${what} has instances of its own, without members of their own`, () => {
    const instance = idl.create(Class);
    assertStrictEquals(Object.getPrototypeOf(instance), prototype);
    assertEquals(Object.prototype.toString.call(instance), `[object ${idl.name}]`);
    for (const key of [...attributes, ...Object.keys(constants), ...Object.keys(operations)]) {
      assertEquals(Object.hasOwn(instance, key), false, key);
      assert(key in instance, key);
    }
    for (const [key, value] of Object.entries(constants)) {
      assertEquals(Reflect.get(instance, key), value);
      assertEquals(Reflect.set(instance, key, 9), false);
    }
    for (const key of idl.attributes) assertEquals(Reflect.set(instance, key, "changed"), false);
  });

  test(`${what} wants the arguments that it needs`, () => {
    for (let count = 0; count < idl.length; count++) {
      assertThrows(() => Reflect.construct(Class, []), TypeError, "expected 1 argument, got 0");
    }
    const instance = idl.create(Class) as Record<string, (...args: unknown[]) => unknown>;
    for (const [key, length] of Object.entries(operations)) {
      if (length > 0) {
        assertThrows(() => instance[key]?.(), TypeError, "expected 1 argument, got 0");
      }
    }
    assertEquals(Class.length, idl.length);
  });

  test(`${what} can be extended`, () => {
    class Derived extends (Class as new (...args: unknown[]) => object) {}
    const instance = idl.create(Derived as unknown as Class);
    assert(instance instanceof Derived && instance instanceof Class);
    assertEquals(Object.prototype.toString.call(instance), `[object ${idl.name}]`);
  });
}

test("WebSocket classes of two connect() do not take each other's instances", () => {
  const Other = createWebSocketClass(connect);
  const ws = webSocket.create(WebSocket);
  const { get } = descriptor(Other.prototype, "url");
  const { message } = assertThrows(() => get?.call(ws), TypeError);
  assertEquals(message, "Illegal invocation: expected a WebSocket as this, got WebSocket");
});
