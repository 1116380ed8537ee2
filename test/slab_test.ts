import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { commit, giveBack, open, place, SLAB_SIZE, view } from "../src/slab.ts";
import { test } from "./support/test.ts";

/** Writes and hands out `size` octets. */
function take(size: number): Uint8Array {
  const slab = open(size);
  const start = slab.used;
  commit(slab, start + size);
  return slab.bytes.subarray(start, start + size);
}

test("giveBack() takes the last view as it takes any other", () => {
  const full = take(SLAB_SIZE);
  const before = take(10);
  const slab = open(20);
  const start = slab.used;
  commit(slab, start + 20);
  const views = [view(slab, start, start + 8), view(slab, start + 8, start + 20)] as const;
  assertEquals(views.map((bytes) => [bytes.byteOffset, bytes.length]), [[start, 8], [
    start + 8,
    12,
  ]]);
  // The last one first: it is the one that is known; then what only its memory tells.
  giveBack(views[1]);
  giveBack(views[0]);
  assertEquals(take(5).byteOffset, start + 20, "what was taken before has not come back");
  giveBack(new Uint8Array(before.buffer as ArrayBuffer, start + 20, 5));
  giveBack(before);
  const again = take(1);
  assertEquals([again.buffer === before.buffer, again.byteOffset], [true, 0]);
  giveBack(again);
  giveBack(full);
});

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

test("place() hands out a copy, which nobody else has until it is given back", () => {
  const source = Uint8Array.of(1, 2, 3);
  const placed = place(source);
  const other = place(Uint8Array.of(4, 5));
  source.fill(0);
  take(5).fill(9);
  assertEquals([...placed, ...other], [1, 2, 3, 4, 5]);
  assertEquals(place(new Uint8Array(SLAB_SIZE)).length, SLAB_SIZE);
});
