// Whole frames out of chunks of any size. Programs that look at frames use it: an inspector, a
// proxy, a test.
//
// A payload grows as its bytes arrive: a declared length alone allocates nothing, and a chunk of
// one octet keeps one octet.

import { type BinaryData, type Bytes, EMPTY } from "../util/bytes.ts";
import { type ProtocolError, toProtocolError } from "./errors.ts";
import { FrameDecoder } from "./frame_decoder.ts";
import { Opcode } from "./frame_header.ts";
import {
  checkBytes,
  type DecodedFrame,
  type DecodeFrameOptions,
  judgeHeader,
  type ResolvedDecoding,
  resolveDecoding,
  toDecodedFrame,
} from "./single_frame.ts";

/**
 * Reads frames from chunks of any size, each frame whole, and judges their order too (RFC 6455
 * section 5.4).
 *
 * @example
 * ```ts
 * import { encodeFrame, FrameParser } from "@sansocket/ws/core";
 *
 * const parser = new FrameParser({ role: "server" });
 * for (const octet of encodeFrame({ payload: "hi", mask: true })) {
 *   for (const { payload } of parser.push(Uint8Array.of(octet))) {
 *     console.log(new TextDecoder().decode(payload)); // hi
 *   }
 * }
 * ```
 */
export class FrameParser {
  readonly #decoder: FrameDecoder = new FrameDecoder();
  readonly #decoding: ResolvedDecoding;
  #inFrame = false;
  /** Whether a fragmented message is in progress. */
  #fragmented = false;
  /** The payload so far; `#length` octets of it are filled. */
  #payload = EMPTY;
  #length = 0;
  #error: ProtocolError | undefined;

  /**
   * A parser for one direction of one connection.
   *
   * @param options Which end reads, whether RSV1 may be set, and the longest payload.
   * @throws {TypeError} When an option is unknown or of the wrong kind.
   */
  constructor(options: DecodeFrameOptions = {}) {
    this.#decoding = resolveDecoding("FrameParser", options);
  }

  /** Whether a frame has begun and not ended: if the stream ends now, the frame was cut short. */
  get inFrame(): boolean {
    return this.#inFrame || this.#decoder.inHeader;
  }

  /**
   * Takes the next chunk, which is copied.
   *
   * @param chunk Bytes, cut at any place.
   * @returns The frames that end in the chunk, in order. Take all of them before the next chunk.
   * @throws {TypeError} When `chunk` is not bytes.
   * @throws {Error} When frames of the chunk before have not been taken.
   * @throws {ProtocolError} When a frame breaks a rule. The iteration throws it, after the frames
   * before that one. Nothing can be read from then on.
   */
  push(chunk: BinaryData): Generator<DecodedFrame, void, undefined> {
    if (this.#error === undefined) this.#decoder.push(new Uint8Array(checkBytes(chunk)));
    return this.#frames();
  }

  *#frames(): Generator<DecodedFrame, void, undefined> {
    if (this.#error !== undefined) throw this.#error;
    const decoder = this.#decoder;
    while (this.#inFrame || decoder.readHeader()) {
      if (!this.#inFrame) this.#begin();
      if (!decoder.readPayload()) return;
      this.#append(decoder.bytes, decoder.start, decoder.end);
      if (decoder.remaining > 0) continue;
      const frame = toDecodedFrame(decoder.header, this.#payload);
      this.#inFrame = false;
      this.#payload = EMPTY;
      this.#length = 0;
      yield frame;
    }
  }

  #begin(): void {
    const { header } = this.#decoder;
    const violation = judgeHeader(header, this.#decoding, this.#fragmented);
    if (violation !== undefined) throw this.#error = toProtocolError(violation);
    this.#inFrame = true;
    if (header.opcode < Opcode.close) this.#fragmented = !header.fin;
  }

  /**
   * Makes the memory at least twice as large, up to the declared length: a payload that is complete
   * fills its memory.
   */
  #append(bytes: Bytes, start: number, end: number): void {
    const needed = this.#length + end - start;
    if (needed > this.#payload.length || needed === 0) {
      const size = Math.max(needed, this.#payload.length * 2);
      const grown = new Uint8Array(Math.min(size, this.#decoder.header.payloadLength));
      grown.set(this.#payload.subarray(0, this.#length));
      this.#payload = grown;
    }
    this.#payload.set(bytes.subarray(start, end), this.#length);
    this.#length = needed;
  }
}
