import { assertEquals } from "@std/assert";
import { WriteQueue } from "../../runtimes/write_queue.ts";
import { test } from "../support/test.ts";
import { isPattern, pattern } from "./peer.ts";

test("WriteQueue.shift joins small chunks up to 64 KiB and keeps large ones whole", () => {
  const queue = new WriteQueue();
  const lengths = [1, 2, 65_533, 1, 100_000, 65_536, 5, 6];
  const all = pattern(lengths.reduce((sum, length) => sum + length));
  let position = 0;
  for (const length of lengths) {
    queue.push(all.subarray(position, position + length));
    position += length;
  }
  assertEquals(queue.size, all.length);
  const shifted: number[] = [];
  const received = new Uint8Array(all.length);
  position = 0;
  for (let batch = queue.shift(); batch !== undefined; batch = queue.shift()) {
    shifted.push(batch.length);
    received.set(batch, position);
    position += batch.length;
  }
  assertEquals(shifted, [65_536, 1, 100_000, 65_536, 11]);
  assertEquals([position, queue.size], [all.length, 0]);
  assertEquals(isPattern(received), true);
});

test("WriteQueue.unshift puts a rest back in front", () => {
  const queue = new WriteQueue();
  queue.push(pattern(3));
  const first = queue.shift();
  queue.push(new Uint8Array([3]));
  queue.unshift(first?.subarray(1) ?? pattern(0));
  assertEquals(queue.size, 3);
  assertEquals(queue.shift(), new Uint8Array([1, 2, 3]));
});

test("WriteQueue.clear forgets everything", () => {
  const queue = new WriteQueue();
  queue.push(pattern(3));
  queue.clear();
  assertEquals([queue.size, queue.shift()], [0, undefined]);
});
