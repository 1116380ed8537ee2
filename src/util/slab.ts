// Memory for what is written: slabs that all connections share, and use again once their bytes have
// left.
//
// 1. A region belongs to whoever reserved it until a transport gives it back, with the number of
//    its octets. A slab whose octets have all come back is filled from its start again: on sockets
//    that take a batch at once that is the same few kilobytes for every batch, hot in the cache,
//    and nothing is zeroed, faulted in or collected (64 KiB of new memory cost 3 to 11 µs).
// 2. Trap: octets given back twice would be written over while they wait. Each octet has one owner
//    at a time: the encoder, then the transport, which gives back what it was given and nothing
//    else. Only a transport that says that it `borrows` is given any.
// 3. What waits for its peer waits in memory of its own, or a slab would live as long as the
//    slowest peer wants. What cannot be had back, since the system has it, stays: the slab is
//    filled from behind it.
// 4. In the shared slab an octet has as many owners as took it, and is counted and given back once
//    by each.

import { type Bytes, EMPTY } from "./bytes.ts";

/**
 * The size of a slab, and of the largest region: four messages of 64 KiB with their headers, and no
 * rest.
 */
export const SLAB_SIZE = 262_400;

/** So many slabs that have come back are kept for later. */
const SPARE = 8;

/** A piece of memory that is handed out from its start. */
export class Slab {
  /** All of it. */
  readonly bytes: Bytes = new Uint8Array(SLAB_SIZE);
  /** Octets up to here have been handed out. */
  used = 0;
  /** Octets up to here stay with whoever has them; it is filled from behind them. */
  base = 0;
  /** Of those, what has not been given back; in the shared slab once for each who took it. */
  live = 0;
  /** Another number each time it becomes the shared slab. */
  generation = 0;
}

let current: Slab | undefined;
/** Slabs that are used up, while anybody knows them. */
const full = new WeakMap<ArrayBufferLike, Slab>();
const spare: Slab[] = [];

/**
 * The slab to write into, with room for `size` octets behind `used`. Reserve them with `commit()`
 * once they are written.
 */
export function open(size: number): Slab {
  if (current !== undefined && current.used + size <= SLAB_SIZE) return current;
  if (current !== undefined) full.set(current.bytes.buffer, current);
  return current = spare.pop() ?? new Slab();
}

/** Hands out the octets from `used` up to `end`. */
export function commit(slab: Slab, end: number): void {
  slab.live += end - slab.used;
  slab.used = end;
}

let shared: Slab | undefined;
let generation = 0;

/**
 * The slab whose octets any number may take, with room for `size` octets behind `used`. Move `used`
 * on when they are written; whoever takes octets adds them to `live`. When it is full another takes
 * its place, and it is used again once all that was taken has come back.
 */
export function openShared(size: number): Slab {
  if (shared !== undefined && shared.used + size <= SLAB_SIZE) return shared;
  const before = shared;
  shared = spare.pop() ?? new Slab();
  shared.generation = ++generation;
  // Its own share, without which it would be empty whenever nobody is about to write.
  shared.live = 1;
  full.set(shared.bytes.buffer, shared);
  if (before !== undefined) release(before, 1);
  return shared;
}

/** The view that was made last, and of what. */
let latest: Bytes = EMPTY;
let latestSlab: Slab | undefined;
let latestStart = 0;
let latestEnd = 0;

/**
 * A view of octets that were handed out, to be written. The same as the last time where it is on
 * the same octets.
 */
export function view(slab: Slab, start: number, end: number): Bytes {
  if (slab === latestSlab && start === latestStart && end === latestEnd) return latest;
  latestSlab = slab;
  latestStart = start;
  latestEnd = end;
  return latest = slab.bytes.subarray(start, end);
}

/** Hands out a copy of `bytes`, at most as many as a slab has. */
export function place(bytes: Uint8Array): Bytes {
  const slab = open(bytes.length);
  const start = slab.used;
  const end = start + bytes.length;
  slab.bytes.set(bytes, start);
  commit(slab, end);
  return view(slab, start, end);
}

/**
 * Gives octets back that were written. What is no slab's is ignored.
 *
 * @param chunk The octets, or any view of as many in the same memory.
 */
export function giveBack(chunk: Uint8Array): void {
  // A socket that takes all of a batch at once gives it back before there is another.
  if (chunk === latest && latestSlab !== undefined) return release(latestSlab, chunk.length);
  const { buffer, length } = chunk;
  const slab = current !== undefined && buffer === current.bytes.buffer
    ? current
    : full.get(buffer);
  if (slab !== undefined) release(slab, length);
}

/**
 * Leaves octets where they are, for whoever still reads them: they do not come back, and keep no
 * others from being used again. What is no slab's is ignored.
 */
export function abandon(chunk: Uint8Array): void {
  const slab = current;
  // A slab that is used up, or shared, is not used again as long as anything of it is out.
  if (slab === undefined || chunk.buffer !== slab.bytes.buffer) return;
  slab.base = Math.max(slab.base, chunk.byteOffset + chunk.length);
  release(slab, chunk.length);
}

/** Whether octets lie in a slab. */
export function isLent(chunk: Uint8Array): boolean {
  if (chunk === latest && latestSlab !== undefined) return true;
  const { buffer } = chunk;
  return buffer === current?.bytes.buffer || full.has(buffer);
}

/** Gives back so many octets of a slab. */
export function release(slab: Slab, count: number): void {
  slab.live -= count;
  if (slab.live > 0) return;
  slab.used = slab.base;
  if (slab === current) return;
  full.delete(slab.bytes.buffer);
  if (slab.base === 0 && spare.length < SPARE) spare.push(slab);
}
