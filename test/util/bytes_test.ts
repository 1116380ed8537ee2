import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import {
  concat,
  copyBytes,
  EMPTY,
  JSC,
  part,
  put,
  toBytes,
  viewBytes,
} from "../../src/util/bytes.ts";
import { foreignBytes } from "../support/realm.ts";
import { runtime, test } from "../support/test.ts";

test("EMPTY has no bytes", () => {
  assertEquals(EMPTY.length, 0);
});

test("put() and part() copy the octets that they are told to, of any number", () => {
  const source = Uint8Array.from({ length: 100 }, (_, i) => i + 1);
  for (let length = 0; length <= 66; length++) {
    const target = new Uint8Array(80);
    put(source.subarray(3, 3 + length), target, 7);
    const expected = new Uint8Array(80);
    expected.set(source.subarray(3, 3 + length), 7);
    assertEquals(encodeHex(target), encodeHex(expected));
    assertEquals(encodeHex(part(source, 3, 3 + length)), encodeHex(source.slice(3, 3 + length)));
  }
});

test("part() of several memories in turn is of the one that it is asked for", () => {
  const whole = Uint8Array.from({ length: 100 }, (_, i) => i);
  const [first, second] = [whole.slice().subarray(1, 80), whole.slice().reverse().subarray(2)];
  for (const source of [first, first, first, second, first, second, second, second, whole, first]) {
    for (const [start, end] of [[0, 0], [5, 8], [40, 79]] as const) {
      assertEquals(encodeHex(part(source, start, end)), encodeHex(source.slice(start, end)));
    }
    assertEquals(encodeHex(part(first, 1, 3)), "0203");
  }
});

test("JSC tells Bun's engine from V8", () => {
  assertEquals(JSC, runtime === "bun");
});

test("viewBytes returns a Uint8Array as it is", () => {
  const bytes = decodeHex("010203").subarray(1);
  assertStrictEquals(viewBytes(bytes), bytes);
});

test("viewBytes views an ArrayBuffer without a copy", () => {
  const buffer = new ArrayBuffer(3);
  const view = viewBytes(buffer);
  assertEquals(view.length, 3);
  assertStrictEquals(view.buffer, buffer);
});

test("viewBytes views the part that another view covers", () => {
  const bytes = decodeHex("0102030405060708");
  for (
    const [source, hex] of [
      [new DataView(bytes.buffer, 3, 2), "0405"],
      [new Uint16Array(bytes.buffer, 2, 2), "03040506"],
      [new Int8Array(bytes.buffer, 7), "08"],
      [new Float64Array(bytes.buffer), "0102030405060708"],
      [new Uint8ClampedArray(bytes.buffer, 1, 0), ""],
    ] as const
  ) {
    const view = viewBytes(source);
    assertEquals(encodeHex(view), hex);
    assert(view.buffer === bytes.buffer);
  }
});

test("concat joins in order, in memory of its own", () => {
  const first = decodeHex("0102");
  const joined = concat([first, EMPTY, decodeHex("ff030405").subarray(1)]);
  first.fill(0);
  assertEquals(encodeHex(joined), "0102030405");
  assertEquals(concat([]).length, 0);
});

test("toBytes views every kind of bytes, and throws for all else", () => {
  const bytes = new Uint8Array([1, 2, 3]);
  assertStrictEquals(toBytes(bytes), bytes);
  assertEquals(toBytes(bytes.buffer), bytes);
  assertEquals(toBytes(new DataView(bytes.buffer, 1, 1)), Uint8Array.of(2));
  assertEquals(toBytes(new ArrayBuffer(0)), new Uint8Array());
  for (const wrong of [1, "1", null, undefined, {}, [1]]) {
    assertThrows(() => toBytes(wrong as unknown as ArrayBuffer), TypeError, "Expected a string or");
  }
});

test("toBytes and viewBytes make views of this realm, of bytes of another", () => {
  const bytes = foreignBytes([1, 2, 3]);
  for (const view of [toBytes(bytes), viewBytes(bytes), toBytes(bytes.buffer)]) {
    assert(view instanceof Uint8Array);
    assertEquals(encodeHex(view), "010203");
    assertStrictEquals(view.buffer, bytes.buffer);
  }
});

test("copyBytes copies, though a subclass's slice() does not", () => {
  class View extends Uint8Array<ArrayBuffer> {
    override slice(start?: number, end?: number): View {
      return this.subarray(start, end) as View;
    }
  }
  const source = new View(decodeHex("010203").buffer);
  const shared = new Uint8Array(new SharedArrayBuffer(3));
  const [copy, ofShared] = [copyBytes(source), copyBytes(shared)];
  source.fill(9);
  shared.fill(9);
  assertEquals([encodeHex(copy), encodeHex(ofShared)], ["010203", "000000"]);
  assert(ofShared.buffer instanceof ArrayBuffer);
});
