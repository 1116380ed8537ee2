// DEFLATE by the documented synchronous functions of `node:zlib`: what zlib.ts falls back on.
//
// No state lives on in zlib: what a message may refer to goes in again (zlib_blocks.ts). To deflate
// there is no such way, so each message is compressed by itself, which every peer can read.

import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { type Bytes, concat, EMPTY } from "../../src/util/bytes.ts";
import type { DeflateBackend } from "../../src/deflate/backend.ts";
import {
  inflateMessage,
  type InflateRun,
  STORED_HEADER,
  writeStoredHeader,
} from "./zlib_blocks.ts";

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
      forget() {},
      close() {},
    };
  },

  inflate: (data, dictionary, maxLength) => inflateMessage(run, data, dictionary, maxLength, true),
};

const run: InflateRun = (window, data, tail, maxLength) => {
  const before = behindStored(window);
  const maxOutputLength = window.length + maxLength + tail.filler;
  try {
    // `info` is documented, and not in the types of inflateRawSync().
    const { buffer, engine } = inflateRawSync(
      concat([before, data, tail.bytes.subarray(0, tail.length)]),
      { info: true, maxOutputLength: Math.max(1, maxOutputLength) } as object,
    ) as unknown as { buffer: Uint8Array; engine: { bytesWritten: number } };
    if (buffer.length > maxOutputLength) return "too long";
    const used = engine.bytesWritten - before.length;
    const end = used === data.length + tail.length ? buffer.length - tail.filler : buffer.length;
    // A copy: a small Buffer is a view on memory that others share.
    return { output: new Uint8Array(buffer.subarray(window.length, end)), used };
  } catch (error) {
    return (error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE" ? "too long" : "invalid";
  }
};

function behindStored(window: Bytes): Bytes {
  if (window.length === 0) return EMPTY;
  const header = new Uint8Array(STORED_HEADER);
  writeStoredHeader(header, window.length);
  return concat([header, window]);
}
