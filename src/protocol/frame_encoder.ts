// Frames out, as one batch of bytes for each write.
//
// The encoder writes frames one behind the other into a slab that all connections share (slab.ts).
// When another connection has written behind a batch, the batch moves to where it has room of its
// own, and more than it needs. When each of many connections gets eight messages in turn, each has
// one write and one move.
//
// Only a transport of ours gets memory of a slab, or of the caller (see `lendBatches()`). Any other
// batch is in memory of its own, because the caller of `take()` may change it or transfer it: a
// slab that is transferred is lost to all connections.

import { isArrayBuffer } from "../util/brands.ts";
import { type Bytes, put } from "../util/bytes.ts";
import { FIN, headerLength, MAX_HEADER_LENGTH, Opcode, writeHeader } from "./frame_header.ts";
import { applyMask, createMaskingKey } from "./mask.ts";
import type { PreparedFrame } from "./prepared_message.ts";
import { placeFrame } from "./sendable.ts";
import { commit, open, release, type Slab, SLAB_SIZE, view } from "../util/slab.ts";
import { receivedFrame, receivedOctets } from "./last_received.ts";
import { findRepeated, forgetRepeated } from "./repeated_text.ts";
import { encodeUtf8, encodeUtf8Into } from "../util/utf8.ts";

/**
 * Payloads from this size on are not copied where they need no mask and the batches are lent: they
 * are written as they are.
 */
export const REFERENCE_FROM = 65_536;

/** The first octet of a binary message in one frame. */
const PLAIN = FIN | Opcode.binary;

/** A batch moves up to this size, because a copy then costs less than a write. */
const MOVE_TO = 16_384;

/**
 * From now on a batch from `take()` may lie in a slab, and the transport gives it back (slab.ts). A
 * large payload stays the caller's memory until it has been written.
 */
export let lendBatches: (encoder: FrameEncoder) => void;

/** Encodes frames into batches. */
export class FrameEncoder {
  static {
    lendBatches = (encoder) => encoder.#lends = true;
  }

  /** Octets that wait to be taken. */
  byteLength = 0;

  readonly #masked: boolean;
  #lends = false;
  /** The segments that are closed, when there are any. */
  #segments: Bytes[] | undefined;
  /** The open segment: a region of a slab that may still grow. */
  #slab: Slab | undefined;
  #start = 0;
  #end = 0;
  /** The end of the room behind the open segment that is its own; `#end` where it has none. */
  #roomEnd = 0;

  /**
   * An encoder for one connection.
   *
   * @param masked Whether frames are masked: a client's are (RFC 6455 section 5.1).
   */
  constructor(masked: boolean) {
    this.#masked = masked;
  }

  /** Adds a frame with a text, or with bytes as `binary()` does. */
  message(opcode: number, data: string | Uint8Array, fin = true): void {
    if (typeof data === "string") this.text(opcode, data, fin);
    else this.binary(opcode, data, fin);
  }

  /** Adds a frame with `payload`. */
  binary(opcode: number, payload: Uint8Array, fin = true, reserved = 0): void {
    const { length } = payload;
    const first = (fin ? FIN : 0) | (reserved << 4) | opcode;
    if (length >= REFERENCE_FROM) return this.#large(first, payload);
    const maskingKey = this.#masked ? createMaskingKey() : undefined;
    const slab = this.#reserve(headerLength(length, this.#masked) + length);
    const { bytes } = slab;
    const offset = writeHeader(bytes, this.#end, first, length, maskingKey);
    put(payload, bytes, offset);
    if (maskingKey !== undefined) applyMask(bytes, offset, offset + length, maskingKey);
    this.#commit(slab, offset + length);
  }

  /** Adds a frame with a text. */
  text(opcode: number, text: string, fin = true): void {
    if (!this.#masked && opcode === Opcode.text && fin) {
      const frame = findRepeated(text, this);
      if (frame !== undefined) return this.prepared(frame);
    }
    const octets = receivedOctets(text);
    if (octets !== undefined && octets.length < REFERENCE_FROM) {
      return this.binary(opcode, octets, fin);
    }
    // At most three octets for a UTF-16 code unit.
    const most = MAX_HEADER_LENGTH + text.length * 3;
    if (most > SLAB_SIZE) return this.binary(opcode, encodeUtf8(text), fin);
    const slab = this.#reserve(most);
    const { bytes } = slab;
    // The header's length depends on the length of the text: guess ASCII, and move the text when
    // that was wrong.
    const guess = this.#end + headerLength(text.length, this.#masked);
    const length = encodeUtf8Into(text, bytes, guess);
    const maskingKey = this.#masked ? createMaskingKey() : undefined;
    const first = (fin ? FIN : 0) | opcode;
    const offset = this.#end + headerLength(length, this.#masked);
    if (offset !== guess) bytes.copyWithin(offset, guess, guess + length);
    writeHeader(bytes, this.#end, first, length, maskingKey);
    if (maskingKey !== undefined) applyMask(bytes, offset, offset + length, maskingKey);
    this.#commit(slab, offset + length);
  }

  /**
   * Adds a frame that other connections send too. It is sent where it lies when nothing waits, or
   * only the frame before it.
   */
  prepared(frame: PreparedFrame): void {
    const { payload } = frame;
    if (this.#masked || payload.length >= REFERENCE_FROM) {
      return this.binary(frame.opcode, payload, true, frame.reserved);
    }
    const slab = placeFrame(frame);
    const { start, end } = frame;
    const size = end - start;
    if (this.#slab === undefined) {
      this.#slab = slab;
      this.#start = start;
    } else if (this.#slab !== slab || this.#end !== start || this.#roomEnd !== start) {
      const own = this.#reserve(size);
      put(slab.bytes.subarray(start, end), own.bytes, this.#end);
      return this.#commit(own, this.#end + size);
    }
    slab.live += size;
    this.#end = this.#roomEnd = end;
    this.byteLength += size;
  }

  /**
   * Takes the next batch of what waits, or undefined when nothing does. Nearly always one batch
   * holds all. Its memory is the caller's.
   */
  take(): Bytes | undefined {
    if (this.byteLength === 0) return undefined;
    forgetRepeated();
    const batch = this.#segments?.shift() ?? this.#closeSegment();
    if (batch === undefined) return undefined;
    this.byteLength -= batch.length;
    return batch;
  }

  #large(first: number, payload: Uint8Array): void {
    const { length } = payload;
    if (this.#lends && !this.#masked && isSteady(payload)) {
      // Only with the header that any answer has: when the payload is sent once more, the same
      // octets are written to the same place.
      const frame = first === PLAIN
        ? receivedFrame(payload, headerLength(length, false))
        : undefined;
      if (frame !== undefined) {
        writeHeader(frame, 0, first, length, undefined);
        return this.#push(frame);
      }
      const slab = this.#reserve(MAX_HEADER_LENGTH);
      this.#commit(slab, writeHeader(slab.bytes, this.#end, first, length, undefined));
      return this.#push(payload as Bytes);
    }
    const maskingKey = this.#masked ? createMaskingKey() : undefined;
    const bytes = new Uint8Array(headerLength(length, this.#masked) + length);
    const offset = writeHeader(bytes, 0, first, length, maskingKey);
    bytes.set(payload, offset);
    if (maskingKey !== undefined) applyMask(bytes, offset, bytes.length, maskingKey);
    this.#push(bytes);
  }

  /**
   * A slab with room for `size` octets behind `#end`: the one of the open segment, or of a new one.
   */
  #reserve(size: number): Slab {
    const slab = this.#slab;
    if (slab !== undefined) {
      if (this.#end + size <= this.#roomEnd) return slab;
      if (slab.used === this.#end && this.#end + size <= SLAB_SIZE) return slab;
      if (this.#end - this.#start + size <= MOVE_TO) return this.#move(slab, size);
      this.#keepSegment();
    }
    const next = open(size);
    this.#slab = next;
    this.#start = this.#end = this.#roomEnd = next.used;
    return next;
  }

  /** Moves the open segment to where it has room for four times what it needs. */
  #move(slab: Slab, size: number): Slab {
    const length = this.#end - this.#start;
    const room = Math.min(4 * (length + size), MOVE_TO);
    const next = open(room);
    const start = next.used;
    next.bytes.set(slab.bytes.subarray(this.#start, this.#end), start);
    commit(next, start + room);
    release(slab, this.#roomEnd - this.#start);
    this.#slab = next;
    this.#start = start;
    this.#end = start + length;
    this.#roomEnd = start + room;
    return next;
  }

  #commit(slab: Slab, end: number): void {
    this.byteLength += end - this.#end;
    this.#end = end;
    if (end <= this.#roomEnd) return;
    commit(slab, end);
    this.#roomEnd = end;
  }

  #push(bytes: Bytes): void {
    this.#keepSegment();
    (this.#segments ??= []).push(bytes);
    this.byteLength += bytes.length;
  }

  /** Puts the open segment behind those that are closed. */
  #keepSegment(): void {
    const segment = this.#closeSegment();
    if (segment !== undefined) (this.#segments ??= []).push(segment);
  }

  #closeSegment(): Bytes | undefined {
    const slab = this.#slab;
    if (slab === undefined) return undefined;
    this.#slab = undefined;
    if (this.#lends) {
      if (this.#roomEnd > this.#end) release(slab, this.#roomEnd - this.#end);
      return view(slab, this.#start, this.#end);
    }
    const copy = slab.bytes.slice(this.#start, this.#end);
    release(slab, this.#roomEnd - this.#start);
    return copy;
  }
}

/**
 * Whether bytes stay where they are: no other thread changes them, and their buffer cannot be
 * resized.
 */
function isSteady({ buffer }: Uint8Array): boolean {
  return isArrayBuffer(buffer) && !(buffer as { resizable?: boolean }).resizable;
}
