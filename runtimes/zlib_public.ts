// DEFLATE by the documented synchronous functions of `node:zlib`: what zlib.ts falls back on.
//
// No state lives on in zlib: what a message may refer to goes in again. To inflate that is a stored block in front, which
// works everywhere, where the `dictionary` option does not (Deno ignores it). To deflate there is no such way, so each
// message is compressed by itself, which every peer can read.

import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { type Bytes, concat } from "../src/bytes.ts";
import type { DeflateBackend } from "../src/deflate/backend.ts";

const { Z_DEFAULT_STRATEGY, Z_RLE, Z_SYNC_FLUSH } = constants;

/** zlib's smallest output buffer. */
const MIN_CHUNK = 64;

/** zlib by its documented functions. */
export const publicBackend: DeflateBackend = {
  createDeflater({ level, memoryLevel, windowBits }) {
    return {
      deflate: (data) =>
        new Uint8Array(deflateRawSync(data, {
          level,
          memLevel: memoryLevel,
          windowBits: Math.max(windowBits, 9),
          strategy: windowBits < 9 ? Z_RLE : Z_DEFAULT_STRATEGY,
          finishFlush: Z_SYNC_FLUSH,
          chunkSize: data.length + MIN_CHUNK,
        })),
      close() {},
    };
  },

  inflate(data, dictionary, maxLength) {
    const skipped = dictionary?.length ?? 0;
    const input = dictionary === undefined ? data : behindStored(dictionary, data);
    const maxOutputLength = skipped + maxLength;
    try {
      const plain = inflateRawSync(input, {
        finishFlush: Z_SYNC_FLUSH,
        maxOutputLength: Math.max(1, maxOutputLength),
      });
      // A copy: a small Buffer is a view on memory that others share.
      return plain.length > maxOutputLength ? "too long" : new Uint8Array(plain.subarray(skipped));
    } catch (error) {
      return (error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE" ? "too long" : "invalid";
    }
  },
};

function behindStored(window: Bytes, data: Uint8Array): Bytes {
  const header = new Uint8Array(STORED_HEADER);
  writeStoredHeader(header, window.length);
  return concat([header, window, data]);
}

/** The length of the header of a block that is not compressed. */
export const STORED_HEADER = 5;

/** Writes the header of a block of `length` octets that is not compressed (RFC 1951 section 3.2.4). */
export function writeStoredHeader(target: Uint8Array, length: number): void {
  target[0] = 0;
  target[1] = length;
  target[2] = length >>> 8;
  target[3] = ~length;
  target[4] = ~length >>> 8;
}
