// Bytes that a socket has not taken yet, for the runtimes that do not queue writes themselves.
//
// Bound: none here. The connection above counts `size` and closes itself past its own limit.
// Small chunks leave together: one write of 64 KiB costs as little as one write of 64 bytes.

import { giveBack } from "../src/slab.ts";

const batchSize = 65_536;

/** A first-in, first-out queue of chunks that joins small ones. */
export class WriteQueue {
  /** Bytes that wait. */
  size = 0;
  #chunks: Uint8Array<ArrayBuffer>[] = [];

  /** Adds a chunk at the end; it holds at least one byte. */
  push(chunk: Uint8Array<ArrayBuffer>): void {
    this.size += chunk.length;
    this.#chunks.push(chunk);
  }

  /** Puts back what the socket did not take of the chunk that was shifted last. */
  unshift(chunk: Uint8Array<ArrayBuffer>): void {
    this.size += chunk.length;
    this.#chunks.unshift(chunk);
  }

  /** Takes what comes next: one chunk of any size, or several that fit 64 KiB as one. */
  shift(): Uint8Array<ArrayBuffer> | undefined {
    if (this.size === 0) return undefined;
    const chunks = this.#chunks;
    let count = 0;
    let length = 0;
    for (const chunk of chunks) {
      if (count > 0 && length + chunk.length > batchSize) break;
      length += chunk.length;
      count++;
    }
    this.size -= length;
    const batch = count === chunks.length ? chunks : chunks.splice(0, count);
    if (batch === chunks) this.#chunks = [];
    return batch.length < 2 ? batch[0] : join(batch, length);
  }

  /** Forgets everything. */
  clear(): void {
    this.size = 0;
    this.#chunks = [];
  }
}

function join(chunks: Uint8Array<ArrayBuffer>[], length: number): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(length);
  let position = 0;
  for (const chunk of chunks) {
    joined.set(chunk, position);
    position += chunk.length;
    giveBack(chunk);
  }
  return joined;
}
