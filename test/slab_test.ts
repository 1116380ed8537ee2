import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { commit, giveBack, open, SLAB_SIZE } from "../src/slab.ts";
import { test } from "./support/test.ts";

/** Writes and hands out `size` octets. */
function take(size: number): Uint8Array {
  const slab = open(size);
  const start = slab.used;
  commit(slab, start + size);
  return slab.bytes.subarray(start, start + size);
}

test("giveBack() makes a slab whose octets have all come back be filled from its start again", () => {
  const first = take(SLAB_SIZE);
  const [a, b] = [take(100), take(50)];
  assertStrictEquals(a.buffer, b.buffer);
  assert(a.buffer !== first.buffer);
  giveBack(a);
  assertEquals(take(10).byteOffset, b.byteOffset + 50);
  giveBack(b.subarray(0, 20));
  giveBack(b.subarray(20));
  giveBack(new Uint8Array(b.buffer, 150, 10));
  const again = take(30);
  assertEquals([again.buffer === a.buffer, again.byteOffset], [true, 0]);
  giveBack(again);
  giveBack(first);
});

test("giveBack() keeps a full slab for later once it has come back, and not before", () => {
  const whole = take(SLAB_SIZE);
  const next = take(SLAB_SIZE);
  assert(next.buffer !== whole.buffer);
  giveBack(whole.subarray(1));
  const other = take(SLAB_SIZE);
  assert(other.buffer !== whole.buffer && other.buffer !== next.buffer);
  giveBack(whole.subarray(0, 1));
  giveBack(other);
  // The last one is open and empty again; the one before it waits behind it.
  assertStrictEquals(take(SLAB_SIZE).buffer, other.buffer);
  assertStrictEquals(take(SLAB_SIZE).buffer, whole.buffer);
});

test("giveBack() ignores memory that is no slab's", () => {
  const before = take(8);
  giveBack(new Uint8Array(1_000));
  assertEquals(take(8).byteOffset, before.byteOffset + 8);
});
