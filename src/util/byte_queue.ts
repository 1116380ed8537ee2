// Octets that wait to be sent, first in, first out.
//
// 1. The queue copies them into blocks, one behind the other: what waits keeps no memory but its
//    own, and small chunks leave together. A block is at most half as large as all that waits, so
//    memory stays within 1.5 of `size`. The first has just its chunk, which nearly always leaves
//    before there is another: with room for more, a handshake and its close on a network in memory
//    took 12% longer on Node.
// 2. A large chunk that its sender does not change until it has left can be kept as it is, unless
//    it would keep memory of much more. Trap: the sender may still transfer or resize it, and that
//    must not end the process. The queue finds this when the chunk's turn comes.
//
// The queue has no bound. The connection above counts `size` and has a limit of its own.

import type { Bytes } from "./bytes.ts";

/**
 * Chunks of so many octets have a block of their own. One write of 32 KiB costs little more than
 * one of 32 octets.
 */
const LARGEST = 32_768;
const SMALLEST = 512;

/** From so many octets on, a chunk may be kept as it is. */
const KEPT_FROM = 65_536;

/** Memory that is filled from its start. */
interface Block {
  readonly bytes: Bytes;
  end: number;
}

/** A queue of octets. */
export class ByteQueue {
  /** Octets that wait. */
  size = 0;
  #blocks: Block[] = [];
  /** Octets of the first block that have left. */
  #start = 0;
  /** The block that small chunks were last copied into. */
  #joined: Block | undefined;

  /** Adds a copy of a chunk. */
  push(chunk: Uint8Array): void {
    const { length } = chunk;
    if (length === 0) return;
    const last = this.#blocks.at(-1);
    this.size += length;
    if (length >= LARGEST) return this.#add(new Uint8Array(chunk), length);
    let offset = 0;
    if (last !== undefined && last === this.#joined) {
      offset = Math.min(length, last.bytes.length - last.end);
      last.bytes.set(offset < length ? chunk.subarray(0, offset) : chunk, last.end);
      last.end += offset;
    }
    if (offset === length) return;
    const rest = offset === 0 ? chunk : chunk.subarray(offset);
    this.#add(last === undefined ? new Uint8Array(chunk) : this.#block(rest), rest.length);
    this.#joined = this.#blocks.at(-1);
  }

  /** A block that begins with a chunk, and has room for more. */
  #block(chunk: Uint8Array): Bytes {
    // The size also depends on what the block before came to hold, because large chunks in between
    // cut a block short.
    const room = Math.min(this.size >> 1, 2 * (this.#joined?.end ?? 0), LARGEST);
    const bytes = new Uint8Array(Math.max(room, chunk.length, SMALLEST));
    bytes.set(chunk);
    return bytes;
  }

  /**
   * Adds a chunk whose memory is ours until it has left, or a copy of it when that keeps less
   * memory.
   */
  keep(chunk: Bytes): void {
    const { length } = chunk;
    if (length < KEPT_FROM || chunk.buffer.byteLength > 1.5 * length) return this.push(chunk);
    this.size += length;
    this.#add(chunk, length);
  }

  #add(bytes: Bytes, end: number): void {
    this.#blocks.push({ bytes, end });
  }

  /**
   * The octets that come next, as far as they lie together: at most `most`, and nothing when none
   * wait.
   *
   * @throws {TypeError} When their memory is not there any more.
   */
  next(most: number): Bytes | undefined {
    const block = this.#blocks[0];
    if (block === undefined) return undefined;
    const { bytes, end } = block;
    if (bytes.length < end) {
      throw new TypeError(
        "The buffer of a message was transferred or resized while it waited to be sent; await send() first",
      );
    }
    return bytes.subarray(this.#start, Math.min(end, this.#start + most));
  }

  /**
   * The `count` octets that come next, which must be there: as they lie, or a copy where they lie
   * apart.
   */
  take(count: number): Bytes {
    let taken = this.next(count) as Bytes;
    this.drop(taken.length);
    if (taken.length === count) return taken;
    const joined = new Uint8Array(count);
    joined.set(taken);
    for (let length = taken.length; length < count; length += taken.length) {
      taken = this.next(count - length) as Bytes;
      joined.set(taken, length);
      this.drop(taken.length);
    }
    return joined;
  }

  /** The octets that come next, at most `most`, in memory that belongs to the caller. */
  takeOwn(most: number): Bytes {
    const taken = this.next(most) as Bytes;
    const { bytes, end } = this.#blocks[0]!;
    const whole = this.#start + taken.length === end;
    // Octets that are added later must not lie behind these.
    if (whole && bytes === this.#joined?.bytes) this.#joined = undefined;
    this.drop(taken.length);
    return whole ? taken : taken.slice();
  }

  /** Drops so many octets from the start. */
  drop(count: number): void {
    this.size -= count;
    if (this.size === 0) return this.clear();
    this.#start += count;
    while (this.#start >= this.#blocks[0]!.end) this.#start -= this.#blocks.shift()!.end;
  }

  /** Forgets everything. */
  clear(): void {
    this.size = this.#start = 0;
    this.#blocks = [];
    this.#joined = undefined;
  }
}
