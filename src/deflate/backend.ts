// What the core needs from a DEFLATE implementation: types only. The runtimes bring their own zlib
// (runtimes/shared/zlib.ts).
//
// Synchronous, one call for each message. Measured on 1 KiB of JSON with a window of 4 KiB, Node /
// Bun / Deno, in µs: zlib's handle deflates in 6 / 3 / 4 and inflates in 2 / 2 / 2; its documented
// functions in 10 / 7 / 10 and 4 / 4 / 5; a JavaScript port in 23 / 14 / 21 and 6 / 6 / 8, and at
// 16 KiB it falls behind 3 to 5 times.

import type { Bytes } from "../util/bytes.ts";

/** How to compress. */
export interface DeflateSettings {
  /** The compression level, 0 to 9. */
  readonly level: number;
  /** The memory level, 1 to 9. */
  readonly memoryLevel: number;
  /** The base-2 logarithm of the LZ77 window, 8 to 15: no match may reach further back. */
  readonly windowBits: number;
}

/** Compresses the messages of one direction of one connection. */
export interface Deflater {
  /** Compresses `data` up to a sync flush: the result ends with the octets 00 00 ff ff. */
  deflate(data: Uint8Array): Bytes;
  /** Makes later messages refer to nothing that was deflated before this call. */
  forget(): void;
  /** Frees its memory, and so forgets what came before. It may be used again. */
  close(): void;
}

/** Raw DEFLATE (RFC 1951), synchronous. */
export interface DeflateBackend {
  /** Makes a deflater. With `takeover` a message may refer to those before it, and need not. */
  createDeflater(settings: DeflateSettings, takeover: boolean): Deflater;
  /**
   * Decompresses a message whose final 00 00 ff ff was not sent (RFC 7692 section 7.2.2). A message
   * that is cut short is "invalid". Blocks with BFINAL set to 1 are allowed anywhere (section
   * 7.2.3.4), as long as they cost no more than half of what inflating may cost.
   *
   * @param dictionary The plain bytes before the message, which matches may refer to; or undefined.
   * @returns The plain bytes, at most `maxLength`; "too long" as soon as there are more, "invalid"
   * when `data` is not DEFLATE.
   */
  inflate(
    data: Uint8Array,
    dictionary: Bytes | undefined,
    maxLength: number,
  ): Bytes | "too long" | "invalid";
}
