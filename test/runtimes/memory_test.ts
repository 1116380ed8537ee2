import { assert, assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import process from "node:process";
import { chooseAllocator, keepFreed } from "../../runtimes/memory.ts";
import { allocate, allocateBy } from "../../src/bytes.ts";
import { test } from "../support/test.ts";

test("chooseAllocator gives plain bytes with memory of their own, of just their length", () => {
  const before = allocate;
  chooseAllocator();
  try {
    for (const size of [0, 1, 100, 4096, 1 << 20]) {
      const [one, two] = [allocate(size), allocate(size)];
      assertStrictEquals(Object.getPrototypeOf(one), Uint8Array.prototype);
      assertEquals([one.length, one.byteOffset, one.buffer.byteLength], [size, 0, size]);
      assert(one.buffer !== two.buffer);
    }
  } finally {
    allocateBy(before);
  }
});

test("keepFreed takes no memory", () => {
  const before = process.memoryUsage().rss;
  keepFreed();
  assertLessOrEqual(process.memoryUsage().rss - before, 16 << 20);
});
