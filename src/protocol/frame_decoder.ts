// Chunks in, frame headers and pieces of payload out, in place.
//
// The decoder holds one chunk and a cursor. It never joins chunks: the only bytes it copies are
// those of a header that a chunk cut short, at most 13 (joining made a 1 MiB frame in 64 KiB chunks
// 10 times slower). A piece of payload is unmasked where it lies; `bytes`, `start` and `end` say
// where, so that no view has to be made. A chunk that is only lent is copied from where somebody
// keeps a piece of it on, once: texts and small messages, and what is put together elsewhere, need
// no memory of the chunk's size.

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

/** Below this many octets memory that is not zeroed costs more than it saves. */
const UNZEROED_FROM = 4_096;

/** A chunk of up to so many octets, what a packet carries, is often one message. */
const SMALL_CHUNK = 1_500;

/**
 * Where such a message is unmasked on JavaScriptCore. The first view of new memory costs it 130 to
 * 260 ns, and as much again for the words to unmask by: an echo of 125 octets takes 320 ns in place
 * of 520, of 1 KiB 640 in place of 770.
 */
const shared = new Uint8Array(SMALL_CHUNK);
/** What was lent last: the next chunk is often as long. */
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
  /** The length of the chunk, which has less once somebody has transferred its memory. */
  #size = 0;
  /** Whether the chunk's memory is somebody else's, and lost when it has been read. */
  #lent = false;
  /**
   * What the last chunk cut short, so far: a header, or within a frame the payload of a control
   * frame; a few octets.
   */
  #partial = EMPTY;

  /** The header last read. Made when one is read: idle connections and short ways need none. */
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
   * Lets go of a chunk whose memory was transferred by whoever was given a view on it; whether that
   * took octets with it that have not been read.
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
   * Takes the next chunk, which becomes the decoder's own unless it is `lent`: then `own()` must be
   * called before its memory goes. The one before must have been read to its end.
   */
  push(chunk: Bytes, lent = false): void {
    if (!this.empty) throw new Error("Chunk pushed before the last one was read");
    this.bytes = chunk;
    this.#cursor = 0;
    this.#size = chunk.length;
    this.#lent = lent;
  }

  /**
   * Has a lent chunk from `from` on, with the header in front of it, or what is unread of it, in
   * memory of its own.
   */
  own(from: number = this.#cursor): void {
    if (!this.#lent) return;
    forgetReceived();
    if (from === this.bytes.length) return this.#release();
    const start = Math.max(from - MAX_HEADER_LENGTH, 0);
    const kept = this.bytes.subarray(start);
    // Zeros for 32 KiB that are written over at once are 5% of 32 echoes of 1 KiB on Node.
    if (kept.length < UNZEROED_FROM) this.bytes = kept.slice();
    else (this.bytes = allocate(kept.length)).set(kept);
    this.#size -= start;
    this.#cursor -= start;
    this.start -= start;
    this.end -= start;
    this.#lent = false;
  }

  /** Puts a chunk that is one message where it is only lent. */
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
    // With nothing behind it that would share the memory, a copy needs no view.
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
   * Reads a whole message that is one data frame, if that is what comes next, it lies in the chunk
   * and it has at most `most` octets: its payload, unmasked, is from `start` to `end`, and whether
   * it is a text the answer. Undefined for anything else, of which nothing has been read. This is
   * nearly every frame, and needs no header to be judged: it takes only what is valid in its bits
   * (with slab.ts, 6 to 18% less for each of 32 pipelined echoes of 20 octets). With `borrows` it
   * may lie in memory of all decoders, and nobody else may see `bytes` until `keep()` or
   * `decode()`.
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

  /** Reads the next header into `header`; false when its last octet has not come. */
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
   * Reads as much of the payload as the chunk holds: afterwards `bytes`, `start` and `end` tell the
   * piece. False when payload is due and the chunk has none; a frame without payload gives one
   * empty piece.
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
   * Adds the piece last read to the payload of a control frame; the payload, apart from the chunk,
   * once it is complete.
   */
  takeControl(): Bytes | undefined {
    const { bytes, start, end } = this;
    const payload = this.#partial.length === 0
      ? bytes.slice(start, end)
      : concat([this.#partial, bytes.subarray(start, end)]);
    this.#partial = this.remaining > 0 ? payload : EMPTY;
    return this.remaining > 0 ? undefined : payload;
  }

  /** Lets go of a chunk that has been read, so that an idle connection holds none. */
  #release(): void {
    this.bytes = EMPTY;
    this.#size =
      this.#cursor =
      this.start =
      this.end =
        0;
  }
}
