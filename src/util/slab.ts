// Memory for bytes to be written: slabs that all connections share, and use again once their bytes
// have left.
//
// 1. A region belongs to the encoder that reserved it until a transport gives it back, with the
//    number of its octets. A slab whose octets have all come back is filled from its start again:
//    on sockets that take a batch at once that is the same few kilobytes for every batch, hot in
//    the cache, and nothing is zeroed, faulted in or collected (64 KiB of new memory cost 3 to 11
//    µs).
// 2. Trap: octets given back twice would be written over while they wait. Each octet has one owner
//    at a time: the encoder, then the transport, which gives back what it was given and nothing
//    else. Only a transport that says that it `borrows` gets a region.
// 3. Bytes that wait for their peer wait in memory of their own: otherwise a slab would live as
//    long as the slowest peer wants. Octets that the system keeps stay in the slab, which is filled
//    from behind them.
// 4. In the shared slab an octet may have many owners, each of which counts it and gives it back
//    once.

import { type Bytes, EMPTY } from "./bytes.ts";

/**
 * The size of a slab, and of the largest region: exactly four messages of 64 KiB with their
 * headers.
 */
export const SLAB_SIZE = 262_400;

/** How many slabs that have come back are kept for later. */
const SPARE = 8;

/** A piece of memory that is handed out from its start. */
export class Slab {
  /** All of it. */
  readonly bytes: Bytes = new Uint8Array(SLAB_SIZE);
  /** Octets up to here have been handed out. */
  used = 0;
  /** Octets up to here stay with their owners; the slab is filled from behind them. */
  base = 0;
  /** How many octets have not been given back. In the shared slab each owner counts. */
  live = 0;
  /** A new number each time it becomes the shared slab. */
  generation = 0;
}

let current: Slab | undefined;
/** Slabs that are used up, as long as anything refers to their memory. */
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
 * The slab whose octets any number of connections may take, with room for `size` octets behind
 * `used`. Move `used` on when they are written; a connection that takes octets adds them to `live`.
 * When the slab is full another takes its place, and it is used again once all octets have come
 * back.
 */
export function openShared(size: number): Slab {
  if (shared !== undefined && shared.used + size <= SLAB_SIZE) return shared;
  const before = shared;
  shared = spare.pop() ?? new Slab();
  shared.generation = ++generation;
  // The slab's own share: without it the slab would count as empty whenever no connection is about
  // to write.
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
 * A view of octets that were handed out, to be written. It is the last view again for the same
 * octets.
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
 * Gives octets back that were written. Other memory is ignored.
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
 * Leaves octets where they are, because the system still reads them. They do not come back, and do
 * not keep other octets from being used again. Other memory is ignored.
 */
export function abandon(chunk: Uint8Array): void {
  const slab = current;
  // A slab that is used up, or shared, is not used again until all of it has come back.
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
