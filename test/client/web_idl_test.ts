import { assertEquals, assertThrows } from "@std/assert";
import {
  checkMemory,
  clampShort,
  defineInterface,
  enforceShort,
  illegalInvocation,
  isBufferSource,
  requireArguments,
  toDictionary,
  toList,
} from "../../src/client/web_idl.ts";
import { foreign, foreignBytes } from "../support/realm.ts";
import { test } from "../support/test.ts";

test("defineInterface makes members enumerable, names the class, and adds constants", () => {
  class Thing {
    get a() {
      return 1;
    }
    b() {}
  }
  defineInterface(Thing, "Thing", { ONE: 1 });
  const keys: string[] = [];
  for (const key in new Thing()) keys.push(key);
  assertEquals(keys, ["a", "b", "ONE"]);
  assertEquals(Object.keys(Thing), ["ONE"]);
  assertEquals(String(new Thing()), "[object Thing]");
});

test("requireArguments and illegalInvocation say what was expected", () => {
  requireArguments([undefined], 1, "send()");
  assertThrows(() => requireArguments([], 1, "send()"), TypeError, "send(): expected 1 argument");
  const { message } = illegalInvocation("WebSocket", {});
  assertEquals(message, "Illegal invocation: expected a WebSocket as this, got Object");
});

test("toDictionary takes objects, and nothing for an empty one", () => {
  const given = { a: 1 };
  assertEquals(toDictionary(given, "it"), given);
  for (const nothing of [null, undefined]) assertEquals(toDictionary<object>(nothing, "it"), {});
  for (const wrong of [true, 1, "text", Symbol("s")]) {
    assertThrows(() => toDictionary(wrong as unknown as object, "it"), TypeError, "Expected it to");
  }
});

test("toList converts each member to a string", () => {
  assertEquals(toList(["a", null, 5]), ["a", "null", "5"]);
  assertThrows(() => toList([Symbol("s")]), TypeError);
});

test("clampShort rounds half to even, and clamps", () => {
  const cases: [unknown, number][] = [
    ["1000", 1000],
    [1000.5, 1000],
    [999.5, 1000],
    [3000.4, 3000],
    [4998.6, 4999],
    [4999.6, 5000],
    [-1, 0],
    [NaN, 0],
    ["x", 0],
    [null, 0],
    [Infinity, 65_535],
    [-Infinity, 0],
    [66_536, 65_535],
  ];
  for (const [value, expected] of cases) assertEquals(clampShort(value), expected);
});

test("enforceShort truncates, and throws out of its range", () => {
  const cases: [unknown, number][] = [["1000", 1000], [1000.9, 1000], [-0.9, 0], [null, 0]];
  for (const [value, expected] of cases) assertEquals(enforceShort(value, "code"), expected);
  for (const value of [-1, 65_536, NaN, Infinity, "x", {}]) {
    assertThrows(() => enforceShort(value, "code"), TypeError, "Expected code between 0 and 65535");
  }
});

test("isBufferSource takes buffers and views of any kind and realm", () => {
  const buffer = new ArrayBuffer(8);
  const foreignBuffer = foreign("new ArrayBuffer(1)");
  for (const data of [buffer, new DataView(buffer), foreignBytes([1]), foreignBuffer]) {
    assertEquals(isBufferSource(data), true);
  }
  for (const data of ["", null, undefined, [], {}, new Blob([]), new SharedArrayBuffer(1)]) {
    assertEquals(isBufferSource(data), false);
  }
});

test("checkMemory refuses what is shared or can be resized, of any realm", () => {
  const right = [new ArrayBuffer(1), new DataView(new ArrayBuffer(1)), foreignBytes([1])];
  for (const data of right) checkMemory(data);
  const wrong = (expression: string, kind: string) => {
    for (const data of [foreign<ArrayBufferView>(expression), eval(expression)]) {
      assertThrows(() => checkMemory(data), TypeError, `Expected memory that is not ${kind}`);
    }
  };
  wrong("new Uint8Array(new SharedArrayBuffer(1))", "shared");
  wrong("new DataView(new ArrayBuffer(1, { maxByteLength: 2 }))", "resizable");
  wrong("new ArrayBuffer(1, { maxByteLength: 2 })", "resizable");
});
