import { assertEquals, assertLessOrEqual, assertThrows } from "@std/assert";
import { ByteQueue } from "../../src/util/byte_queue.ts";
import { isPattern, pattern } from "../contract/peer.ts";
import { test } from "../support/test.ts";

/** Takes all that waits in pieces of at most `most` octets. */
function drain(queue: ByteQueue, most: number, dropped = most): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let next = queue.next(most); next !== undefined; next = queue.next(most)) {
    const piece = next.slice(0, dropped);
    pieces.push(piece);
    queue.drop(piece.length);
  }
  return pieces;
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

const LENGTHS = [
  1,
  2,
  511,
  512,
  513,
  3,
  32_767,
  1,
  32_768,
  32_769,
  5,
  65_536,
  70_000,
  6,
  20_000,
  20_000,
];

for (const how of ["push", "keep"] as const) {
  test(`ByteQueue.${how}() keeps all octets in order, however they are taken`, () => {
    for (const most of [7, 600, 40_000, Infinity]) {
      const queue = new ByteQueue();
      const all = pattern(LENGTHS.reduce((sum, length) => sum + length));
      let position = 0;
      for (const length of LENGTHS) {
        queue[how](all.slice(position, position += length));
      }
      assertEquals(queue.size, all.length);
      const pieces = drain(queue, most, most === 40_000 ? 999 : most);
      assertEquals(queue.size, 0);
      const joined = join(pieces);
      assertEquals([joined.length, isPattern(joined)], [all.length, true]);
    }
  });
}

test("ByteQueue.push() copies, and joins small chunks", () => {
  const queue = new ByteQueue();
  const chunk = Uint8Array.of(1, 2, 3);
  for (let i = 0; i < 100; i++) queue.push(chunk);
  chunk.fill(9);
  // The first has a block of its own.
  const pieces = drain(queue, Infinity).map((piece) => [piece.length, piece.at(-1)]);
  assertEquals(pieces, [[3, 3], [297, 3]]);
});

test("ByteQueue.keep() keeps a large chunk as it is, and copies what would keep more", () => {
  const queue = new ByteQueue();
  const large = new Uint8Array(65_536);
  const part = new Uint8Array(140_000).subarray(0, 70_000);
  const small = new Uint8Array(65_535);
  for (const chunk of [large, part, small]) queue.keep(chunk);
  for (const chunk of [large, part, small]) chunk.fill(1);
  assertEquals(drain(queue, Infinity).map((piece) => [piece.length, piece[0]]), [
    [65_536, 1],
    [70_000, 0],
    [65_535, 0],
  ]);
});

test("ByteQueue keeps at most 1.5 times what waits, and the smallest block", () => {
  for (const pattern of [[1], [20], [4_400], [20, 40_000], [600, 20, 33_000], [31_000, 5]]) {
    const queue = new ByteQueue();
    const buffers = new Set<ArrayBufferLike>();
    for (let i = 0; queue.size < 1_000_000 && i < 10_000; i++) {
      queue.push(new Uint8Array(pattern[i % pattern.length]!));
    }
    const { size } = queue;
    for (let next = queue.next(Infinity); next !== undefined; next = queue.next(Infinity)) {
      buffers.add(next.buffer);
      queue.drop(next.length);
    }
    const kept = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
    assertLessOrEqual(kept, 1.5 * size + 512, `${pattern}: ${kept / size}`);
  }
});

test("ByteQueue.take() gives what lies apart as one", () => {
  const queue = new ByteQueue();
  const all = pattern(100_000);
  for (let i = 0; i < 100_000; i += 1_000) queue.push(all.subarray(i, i + 1_000));
  const pieces = [queue.take(1), queue.take(60_000), queue.take(39_999)];
  assertEquals(pieces.map(({ length }) => length), [1, 60_000, 39_999]);
  assertEquals([isPattern(join(pieces)), queue.size], [true, 0]);
});

test("ByteQueue.takeOwn() gives memory that nothing else is written to", () => {
  const queue = new ByteQueue();
  queue.push(Uint8Array.of(0));
  queue.push(Uint8Array.of(1, 2, 3));
  assertEquals([...queue.takeOwn(2)], [0]);
  const first = queue.takeOwn(2);
  queue.push(Uint8Array.of(4));
  const second = queue.takeOwn(Infinity);
  queue.push(Uint8Array.of(5));
  const third = queue.takeOwn(Infinity);
  assertEquals([first, second, third].map((piece) => [...piece]), [[1, 2], [3, 4], [5]]);
  assertEquals(new Set([first.buffer, second.buffer, third.buffer]).size, 3);
  structuredClone(first, { transfer: [first.buffer] });
  structuredClone(third, { transfer: [third.buffer] });
  queue.push(Uint8Array.of(6));
  assertEquals([...queue.takeOwn(Infinity)], [6]);
});

test("ByteQueue.next() throws for a chunk that was transferred or resized meanwhile, and for no other", () => {
  const queue = new ByteQueue();
  const chunk = new Uint8Array(70_000);
  queue.push(Uint8Array.of(1));
  queue.keep(chunk);
  structuredClone(chunk, { transfer: [chunk.buffer] });
  assertEquals(queue.next(Infinity), Uint8Array.of(1));
  queue.drop(1);
  assertThrows(() => queue.next(Infinity), TypeError, "await send() first");
  assertEquals(queue.size, 70_000);
});

test("ByteQueue.clear() forgets everything", () => {
  const queue = new ByteQueue();
  queue.push(pattern(3));
  queue.clear();
  assertEquals([queue.size, queue.next(Infinity)], [0, undefined]);
  queue.push(pattern(2));
  assertEquals(queue.next(Infinity), pattern(2));
});
