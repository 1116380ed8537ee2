// Chunks in, frame headers and pieces of payload out, in place.
//
// The decoder holds one chunk and a cursor. It never joins chunks: the only bytes it copies are
// those of a header that a chunk cut short, at most 13 (joining made a 1 MiB frame in 64 KiB chunks
// 10 times slower). It unmasks a piece of payload where it lies; `bytes`, `start` and `end` say
// where, so that no view has to be made. It judges nothing: `checkHeader()` in frame_header.ts
// does.
//
// The decoder copies a chunk that is only lent when the caller keeps a piece of it: once, from that
// piece on. Texts, small messages and payload that is put together elsewhere need no memory of the
// chunk's size.

import { allocate, type Bytes, concat, EMPTY, JSC, part, SMALL } from "../util/bytes.ts";
import {
  createFrameHeader,
  type FrameHeader,
  MAX_HEADER_LENGTH,
  Opcode,
  readHeader,
  readInt32,
} from "./frame_header.ts";
import { applyMask } from "./mask.ts";
import { decodeReceived, forgetReceived } from "./last_received.ts";

/** The first octet of a message in one frame: FIN and the opcode. */
const TEXT = 0x80 | Opcode.text;
const BINARY = 0x80 | Opcode.binary;

/** Below this many octets, memory that is not zeroed costs more than it saves. */
const UNZEROED_FROM = 4_096;

/** A chunk of up to so many octets, what a packet carries, is often one message. */
const SMALL_CHUNK = 1_500;

/**
 * Where such a message is unmasked on JavaScriptCore. The first view of new memory costs it 130 to
 * 260 ns, and the view as words for unmasking costs as much again. With this memory an echo of 125
 * octets takes 320 ns in place of 520, one of 1 KiB 640 in place of 770.
 */
const shared = new Uint8Array(SMALL_CHUNK);
/** The chunk that was lent last: the next one is often as long. */
let lent = shared;

/** Reads frames from chunks of any size. */
export class FrameDecoder {
  #header: FrameHeader | undefined;
  /** Octets of the current frame's payload that have not been read. */
  remaining = 0;
  /** The memory of the piece last read: the chunk itself. */
  bytes: Bytes = EMPTY;
  /** Where the piece starts in `bytes`. */
  start = 0;
  /** Where the piece ends in `bytes`. */
  end = 0;

  #cursor = 0;
  /**
   * The length that the chunk had when it came; the chunk is shorter once its memory has been
   * transferred.
   */
  #size = 0;
  /**
   * Whether the chunk is lent: its memory is the transport's, and is lost when it has been read.
   */
  #lent = false;
  /**
   * The few octets so far of what the last chunk cut short: a header, or the payload of a control
   * frame.
   */
  #partial = EMPTY;

  /**
   * The header last read. It is made when one is read: an idle connection needs none, nor does
   * `readMessage()`.
   */
  get header(): FrameHeader {
    return this.#header ??= createFrameHeader();
  }

  /** Whether the chunk has been read to its end. */
  get empty(): boolean {
    return this.#cursor === this.#size;
  }

  /** Octets of the current frame's payload that the chunk holds and that have not been read. */
  get available(): number {
    return Math.min(this.remaining, this.#size - this.#cursor);
  }

  /**
   * Lets go of the chunk if the owner of a view on it has transferred its memory. Returns whether
   * octets were lost that have not been read.
   */
  dropTransferred(): boolean {
    if (this.bytes.length === this.#size) return false;
    const unread = !this.empty;
    this.#release();
    return unread;
  }

  /** Whether a header has begun and not ended. */
  get inHeader(): boolean {
    return this.#partial.length > 0 && this.remaining === 0;
  }

  /**
   * Takes the next chunk, which becomes the decoder's own unless it is `lent`: then the caller must
   * call `own()` before the memory goes. The chunk before must have been read to its end.
   */
  push(chunk: Bytes, lent = false): void {
    if (!this.empty) throw new Error("Chunk pushed before the last one was read");
    this.bytes = chunk;
    this.#cursor = 0;
    this.#size = chunk.length;
    this.#lent = lent;
  }

  /**
   * Copies a lent chunk into memory of its own: from `from` on with the header in front of it, or
   * what is unread of it.
   */
  own(from: number = this.#cursor): void {
    if (!this.#lent) return;
    forgetReceived();
    if (from === this.bytes.length) return this.#release();
    const start = Math.max(from - MAX_HEADER_LENGTH, 0);
    const kept = this.bytes.subarray(start);
    // To zero 32 KiB that are written over at once takes 5% of the time of 32 echoes of 1 KiB on
    // Node.
    if (kept.length < UNZEROED_FROM) this.bytes = kept.slice();
    else (this.bytes = allocate(kept.length)).set(kept);
    this.#size -= start;
    this.#cursor -= start;
    this.start -= start;
    this.end -= start;
    this.#lent = false;
  }

  /** Moves a chunk that is one message to memory of all decoders, where it is only lent. */
  #lend(): void {
    const { bytes } = this;
    shared.set(bytes);
    if (lent.length !== bytes.length) lent = shared.subarray(0, bytes.length);
    this.bytes = lent;
    this.#lent = true;
  }

  /** The piece last read, to be kept. */
  keep(): Bytes {
    const { start, end, bytes } = this;
    // When nothing behind the piece would share the memory, a copy needs no view.
    if (this.#lent && end === bytes.length) {
      const copy = bytes.slice(start, end);
      if (JSC) this.#settle();
      return copy;
    }
    this.own(start);
    return part(this.bytes, this.start, this.end);
  }

  /** The piece last read, in memory of its own. */
  copyPiece(): Pick<FrameDecoder, "bytes" | "start" | "end"> {
    const bytes = this.bytes.slice(this.start, this.end);
    return { bytes, start: 0, end: bytes.length };
  }

  /** The piece last read, as a text; undefined when it is not valid UTF-8. */
  decode(): string | undefined {
    const text = decodeReceived(this.bytes, this.start, this.end);
    if (JSC) this.#settle();
    return text;
  }

  /** Lets go of memory of all decoders. */
  #settle(): void {
    if (this.bytes === lent) this.#release();
  }

  /** Drops what is unread, and lets go of the chunk. */
  discard(): void {
    this.#release();
    this.#partial = EMPTY;
    this.remaining = 0;
  }

  /**
   * Reads a whole message that is one data frame, if it comes next, lies in the chunk and has at
   * most `most` octets. Returns whether it is a text; its payload, unmasked, is from `start` to
   * `end`. Returns undefined for anything else, and then has read nothing. Nearly every frame is
   * such a message. No header has to be judged, because only a header with valid bits is taken
   * (with slab.ts, 6 to 18% less for each of 32 pipelined echoes of 20 octets). With `borrows` the
   * message may lie in memory of all decoders, and the caller must not pass `bytes` on before
   * `keep()` or `decode()`.
   */
  readMessage(masked: boolean, most: number, borrows = false): boolean | undefined {
    const { bytes } = this;
    const cursor = this.#cursor;
    const available = bytes.length - cursor;
    if (available < 6 || this.#partial.length > 0) return undefined;
    const first = bytes[cursor]!;
    if (first !== TEXT && first !== BINARY) return undefined;
    const second = bytes[cursor + 1]!;
    if (second > 0x7f !== masked) return undefined;
    let length = second & 0x7f;
    let start = cursor + 2;
    if (length > 125) {
      if (length === 127) return undefined;
      length = (bytes[cursor + 2]! << 8) | bytes[cursor + 3]!;
      if (length < 126) return undefined;
      start += 2;
    }
    if (masked) start += 4;
    const end = start + length;
    if (end > bytes.length || length > most) return undefined;
    const { length: size } = bytes;
    if (JSC && borrows && length > SMALL && cursor === 0 && end === size && size <= SMALL_CHUNK) {
      this.#lend();
    }
    if (masked) applyMask(this.bytes, start, end, readInt32(this.bytes, start - 4));
    this.start = start;
    this.end = this.#cursor = end;
    return first === TEXT;
  }

  /** Reads the next header into `header`. Returns false when its last octet has not come. */
  readHeader(): boolean {
    if (this.empty) {
      this.#release();
      return false;
    }
    const before = this.#partial;
    const { length: known } = before;
    const bytes = known === 0
      ? this.bytes
      : concat([before, this.#unread(MAX_HEADER_LENGTH - known)]);
    const start = known === 0 ? this.#cursor : 0;
    const length = readHeader(bytes, start, bytes.length, this.header);
    if (length === 0) {
      this.#partial = bytes.slice(start);
      this.#release();
      return false;
    }
    this.#partial = EMPTY;
    this.#cursor += length - known;
    this.remaining = this.header.payloadLength;
    return true;
  }

  /** Up to so many octets of what is unread. */
  #unread(most: number): Bytes {
    return this.bytes.subarray(this.#cursor, this.#cursor + most);
  }

  /**
   * Reads as much of the payload as the chunk holds: afterwards `bytes`, `start` and `end` say
   * where the piece is. Returns false when payload is due and the chunk has none. A frame without
   * payload gives one empty piece.
   */
  readPayload(): boolean {
    const available = this.bytes.length - this.#cursor;
    if (available === 0 && this.remaining > 0) {
      this.#release();
      return false;
    }
    const { header } = this;
    const length = Math.min(this.remaining, available);
    this.start = this.#cursor;
    this.end = this.#cursor += length;
    if (header.masked) {
      const phase = header.payloadLength - this.remaining;
      applyMask(this.bytes, this.start, this.end, header.maskingKey, phase);
    }
    this.remaining -= length;
    return true;
  }

  /**
   * Adds the piece last read to the payload of a control frame. Returns the payload, in memory
   * apart from the chunk, once it is complete.
   */
  takeControl(): Bytes | undefined {
    const { bytes, start, end } = this;
    const payload = this.#partial.length === 0
      ? bytes.slice(start, end)
      : concat([this.#partial, bytes.subarray(start, end)]);
    this.#partial = this.remaining > 0 ? payload : EMPTY;
    return this.remaining > 0 ? undefined : payload;
  }

  /** Lets go of the chunk once it has been read, so that an idle connection holds none. */
  #release(): void {
    this.bytes = EMPTY;
    this.#size =
      this.#cursor =
      this.start =
      this.end =
        0;
  }
}
