// Frames out, as one batch of bytes for each write.
//
// Frames are written one behind the other into a slab that all connections share: a region is handed out once
// and never again, so a batch may wait in a transport as long as it likes. A fresh 64 KiB slab costs a few
// microseconds and lasts for some 2,600 small messages, where buffers of their own cost one each.
// The bytes of one connection lie together until another connection writes; then a new segment begins.

import { type Bytes, EMPTY } from "./bytes.ts";
import { headerLength, MAX_HEADER_LENGTH, writeHeader } from "./frame.ts";
import { applyMask, createMaskingKey } from "./mask.ts";
import { encodeUtf8, encodeUtf8Into } from "./utf8.ts";

const SLAB_SIZE = 65_536;

/** Frames from this size on get memory of their own. */
const OWN_MEMORY_FROM = 16_384;

/** Unmasked payloads from this size on are not copied: the caller's bytes are written as they are. */
export const REFERENCE_FROM = 65_536;

const FIN = 0x80;

let slab: Bytes = EMPTY;
let used = 0;

/** Encodes frames into batches. */
export class FrameEncoder {
  /** Octets that wait to be taken. */
  byteLength = 0;

  readonly #masked: boolean;
  readonly #segments: Bytes[] = [];
  /** The open segment: a region of a slab that may still grow. */
  #slab: Bytes = EMPTY;
  #start = 0;
  #end = 0;

  /**
   * An encoder for one connection.
   *
   * @param masked Whether frames are masked: a client's are (RFC 6455 section 5.1).
   */
  constructor(masked: boolean) {
    this.#masked = masked;
  }

  /** Adds a frame with `payload`, which must not change before it is written when it is large (see REFERENCE_FROM). */
  binary(opcode: number, payload: Uint8Array, fin = true, reserved = 0): void {
    const { length } = payload;
    const maskingKey = this.#masked ? createMaskingKey() : undefined;
    const first = (fin ? FIN : 0) | (reserved << 4) | opcode;
    if (maskingKey === undefined && length >= REFERENCE_FROM && isUnshared(payload)) {
      this.#reserve(MAX_HEADER_LENGTH);
      this.#commit(writeHeader(this.#slab, this.#end, first, length, maskingKey));
      this.#push(payload);
      return;
    }
    this.#reserve(headerLength(length, this.#masked) + length);
    const offset = writeHeader(this.#slab, this.#end, first, length, maskingKey);
    this.#slab.set(payload, offset);
    if (maskingKey !== undefined) applyMask(this.#slab, offset, offset + length, maskingKey);
    this.#commit(offset + length);
  }

  /** Adds a frame with a text. */
  text(opcode: number, text: string, fin = true): void {
    // At most three octets for a UTF-16 code unit.
    const most = text.length * 3;
    if (most >= OWN_MEMORY_FROM) {
      this.binary(opcode, encodeUtf8(text), fin);
      return;
    }
    this.#reserve(MAX_HEADER_LENGTH + most);
    const buffer = this.#slab;
    // The header's length depends on the text's: guess ASCII, and move the text when that was wrong.
    const guess = this.#end + headerLength(text.length, this.#masked);
    const length = encodeUtf8Into(text, buffer, guess);
    const maskingKey = this.#masked ? createMaskingKey() : undefined;
    const first = (fin ? FIN : 0) | opcode;
    const offset = this.#end + headerLength(length, this.#masked);
    if (offset !== guess) buffer.copyWithin(offset, guess, guess + length);
    writeHeader(buffer, this.#end, first, length, maskingKey);
    if (maskingKey !== undefined) applyMask(buffer, offset, offset + length, maskingKey);
    this.#commit(offset + length);
  }

  /** Takes the next segment of what waits, or undefined when nothing does; nearly always one holds all. */
  take(): Bytes | undefined {
    this.#closeSegment();
    const segment = this.#segments.shift();
    if (segment !== undefined) this.byteLength -= segment.length;
    return segment;
  }

  /** Opens a segment with room for `size` octets, or goes on in the one that is open. */
  #reserve(size: number): void {
    if (this.#slab === slab && this.#end === used && used + size <= slab.length) return;
    this.#closeSegment();
    if (size >= OWN_MEMORY_FROM) {
      this.#slab = new Uint8Array(size);
      this.#start = this.#end = 0;
      return;
    }
    if (used + size > slab.length) {
      slab = new Uint8Array(SLAB_SIZE);
      used = 0;
    }
    this.#slab = slab;
    this.#start = this.#end = used;
  }

  #commit(end: number): void {
    this.byteLength += end - this.#end;
    this.#end = end;
    if (this.#slab === slab) used = end;
  }

  #push(bytes: Bytes): void {
    this.#closeSegment();
    this.#segments.push(bytes);
    this.byteLength += bytes.length;
  }

  #closeSegment(): void {
    if (this.#end > this.#start) this.#segments.push(this.#slab.subarray(this.#start, this.#end));
    this.#slab = EMPTY;
    this.#start = this.#end = 0;
  }
}

function isUnshared(bytes: Uint8Array): bytes is Bytes {
  return bytes.buffer instanceof ArrayBuffer;
}
