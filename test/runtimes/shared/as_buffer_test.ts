// The form in which a socket of `node:net` takes bytes.

import { Buffer } from "node:buffer";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { asBuffer } from "../../../runtimes/shared/as_buffer.ts";
import { test } from "../../support/test.ts";

test("asBuffer() makes one Buffer of a chunk that is written again and again", () => {
  const memory = new Uint8Array([0x00, 0x82, 0x01, 0x61, 0x00]);
  const chunk = memory.subarray(1, 4);
  assertStrictEquals(asBuffer(chunk), chunk);
  const buffer = asBuffer(chunk);
  assert(Buffer.isBuffer(buffer));
  assertEquals([...buffer], [0x82, 0x01, 0x61]);
  assertStrictEquals(buffer.buffer, memory.buffer);
  assertStrictEquals(asBuffer(chunk), buffer);
  // The same octets by another view are another chunk, and so is the first one after it.
  const other = memory.subarray(1, 4);
  assertStrictEquals(asBuffer(other), other);
  assertStrictEquals(asBuffer(chunk), chunk);
});

test("asBuffer() keeps no large chunk", () => {
  const chunk = new Uint8Array(65_536);
  for (let i = 0; i < 3; i++) assertStrictEquals(asBuffer(chunk), chunk);
});
