import { assert, assertEquals } from "@std/assert";
import {
  brand,
  isArrayBuffer,
  isBlob,
  isBytes,
  isError,
  isOwnUint8Array,
  isResponse,
  isSharedBuffer,
  isUint8Array,
  kindOf,
  setName,
} from "../../src/util/brands.ts";
import { foreign, ForeignBlob, foreignBytes, ForeignResponse } from "../support/realm.ts";
import { test } from "../support/test.ts";

/** Names of those of `values` for which `is` holds. */
function chosen(is: (value: unknown) => boolean, values: Record<string, unknown>): string[] {
  return Object.keys(values).filter((name) => is(values[name]));
}

const memory: Record<string, unknown> = {
  bytes: new Uint8Array(2),
  subclass: new (class extends Uint8Array {})(2),
  buffer: new ArrayBuffer(2),
  shared: new SharedArrayBuffer(2),
  view: new DataView(new ArrayBuffer(2)),
  sharedView: new Uint8Array(new SharedArrayBuffer(2)),
  wide: new Uint16Array(2),
  foreignBytes: foreignBytes([1, 2]),
  foreignBuffer: foreign("new ArrayBuffer(2)"),
  foreignShared: foreign("new SharedArrayBuffer(2)"),
  foreignView: foreign("new DataView(new ArrayBuffer(2))"),
  foreignSharedView: foreign("new Uint8Array(new SharedArrayBuffer(2))"),
  foreignWide: foreign("new Uint16Array(2)"),
  // These only pretend.
  tagged: { [Symbol.toStringTag]: "Uint8Array", byteLength: 2 },
  taggedBuffer: { [Symbol.toStringTag]: "ArrayBuffer", byteLength: 2 },
  derived: Object.create(ArrayBuffer.prototype) as unknown,
  null: null,
  undefined: undefined,
  text: "text",
  array: [1, 2],
};

test("isUint8Array and isOwnUint8Array tell the realms apart", () => {
  assertEquals(chosen(isOwnUint8Array, memory), ["bytes", "subclass", "sharedView"]);
  assertEquals(chosen(isUint8Array, memory), [
    "bytes",
    "subclass",
    "sharedView",
    "foreignBytes",
    "foreignSharedView",
  ]);
});

test("isArrayBuffer, isSharedBuffer and isBytes know memory of any realm, and nothing that pretends", () => {
  assertEquals(chosen(isArrayBuffer, memory), ["buffer", "foreignBuffer"]);
  assertEquals(chosen(isSharedBuffer, memory), ["shared", "foreignShared"]);
  assertEquals(chosen(isBytes, memory), Object.keys(memory).slice(0, 13));
});

test("isBlob knows Blobs and Files by what is used of them", () => {
  assertEquals(
    chosen(isBlob, {
      blob: new Blob([]),
      file: new File([], "name"),
      foreign: new ForeignBlob(new Uint8Array()),
      old: { [Symbol.toStringTag]: "Blob", size: 1, slice() {} },
      object: { arrayBuffer() {}, slice() {} },
      buffer: new ArrayBuffer(1),
      null: null,
    }),
    ["blob", "file", "foreign"],
  );
});

test("isResponse knows Responses whose body is a web stream, or that have none", () => {
  assertEquals(
    chosen(isResponse, {
      response: new Response("text"),
      empty: new Response(null),
      foreign: new ForeignResponse("text", 200),
      nodeStream: { status: 200, headers: new Headers(), body: { pipe() {} } },
      plain: { status: 200, headers: {}, body: null },
      request: new Request("http://127.0.0.1/"),
      null: null,
    }),
    ["response", "empty", "foreign"],
  );
});

test("isError knows errors of any realm", () => {
  assertEquals(
    chosen(isError, {
      error: new TypeError("x"),
      dom: new DOMException("x"),
      foreign: foreign("new RangeError('x')"),
      tagged: Object.assign(new Error("x"), { [Symbol.toStringTag]: "Mine" }),
      object: { message: "x" },
      text: "x",
      null: null,
    }),
    ["error", "dom", "foreign", "tagged"],
  );
});

test("kindOf names what was got", () => {
  const values = [null, undefined, 1, "", () => {}, [], {}, new Map(), new Blob([]), new Date(0)];
  assertEquals(values.map(kindOf), [
    "null",
    "undefined",
    "number",
    "string",
    "function",
    "Array",
    "Object",
    "Map",
    "Blob",
    "Date",
  ]);
});

test("setName() gives a class its name, as the language does", () => {
  const Class = class Other {};
  setName(Class, "Test");
  assertEquals(Object.getOwnPropertyDescriptor(Class, "name"), {
    value: "Test",
    writable: false,
    enumerable: false,
    configurable: true,
  });
});

test("brand() lets instanceof hold between two copies of a class, and not for its subclasses", () => {
  const copy = () => {
    class Branded {
      static {
        brand(this, "Test");
      }
    }
    return Branded;
  };
  const [A, B] = [copy(), copy()];
  class Derived extends A {}
  const [a, b, derived] = [new A(), new B(), new Derived()];
  assert(a instanceof A && a instanceof B && b instanceof A && derived instanceof B);
  assert(derived instanceof Derived && !(a instanceof Derived) && !(b instanceof Derived));
  for (const value of [null, undefined, 1, "text", {}, () => {}]) {
    assertEquals((value as unknown) instanceof A, false);
  }
  assertEquals(Object.keys(a), []);
});
