import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  abandon,
  commit,
  giveBack,
  isLent,
  open,
  openShared,
  place,
  SLAB_SIZE,
  view,
} from "../../src/util/slab.ts";
import { test } from "../support/test.ts";

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

test("abandon() leaves octets where they are, and has the slab filled from behind them", () => {
  const full = take(SLAB_SIZE);
  giveBack(full);
  const [a, stuck, b] = [take(100), take(50), take(30)];
  stuck.fill(7);
  abandon(stuck);
  giveBack(a);
  giveBack(b);
  // Whatever comes is behind them, as often as the slab is used.
  for (let i = 0; i < 3; i++) {
    const next = take(SLAB_SIZE - 150).fill(i);
    assertEquals([next.buffer === stuck.buffer, next.byteOffset], [true, 150]);
    giveBack(next);
  }
  const [c, later] = [take(10), take(20)];
  abandon(later);
  giveBack(c);
  assertEquals(take(1).byteOffset, 180);
  assert(stuck.every((octet) => octet === 7));
});

test("abandon() of a slab that is used up keeps it from being used again", () => {
  const stuck = take(SLAB_SIZE);
  const next = take(SLAB_SIZE);
  abandon(stuck);
  giveBack(next);
  for (let i = 0; i < 20; i++) {
    const taken = take(SLAB_SIZE);
    assert(taken.buffer !== stuck.buffer);
    if (i > 10) giveBack(taken);
  }
});

test("a slab of which something was abandoned is not used again once it is full", () => {
  const [first, stuck] = [take(SLAB_SIZE), take(10)];
  abandon(stuck);
  const rest = take(SLAB_SIZE - 10);
  assert(rest.buffer === stuck.buffer);
  giveBack(first);
  const another = take(20);
  assert(another.buffer !== stuck.buffer);
  giveBack(rest);
  for (let i = 0; i < 10; i++) assert(take(SLAB_SIZE).buffer !== stuck.buffer);
});

test("isLent() knows what lies in a slab, by whichever view", () => {
  const slab = open(10);
  const start = slab.used;
  commit(slab, start + 10);
  const latest = view(slab, start, start + 10);
  assertEquals([isLent(latest), isLent(latest.subarray(2)), isLent(latest.slice())], [
    true,
    true,
    false,
  ]);
  const full = take(SLAB_SIZE);
  take(SLAB_SIZE);
  assertEquals([isLent(full), isLent(openShared(0).bytes.subarray(3))], [true, true]);
  assertEquals([isLent(new Uint8Array()), isLent(new Uint8Array(5))], [false, false]);
});

test("place() hands out a copy, which has one owner until it is given back", () => {
  const source = Uint8Array.of(1, 2, 3);
  const placed = place(source);
  const other = place(Uint8Array.of(4, 5));
  source.fill(0);
  take(5).fill(9);
  assertEquals([...placed, ...other], [1, 2, 3, 4, 5]);
  assertEquals(place(new Uint8Array(SLAB_SIZE)).length, SLAB_SIZE);
});
