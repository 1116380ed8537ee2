// Checks all that a server sends, to the octet.
//
// 1. As long as the bytes are those of the train, that is all there is to do, and the count of messages follows from
//    the position: one comparison for each chunk.
// 2. At the first difference the frames are read one by one from there on: a server may ping, fragment, or compress in
//    its own way. Then it is the payloads that must be the same.
// 3. Of a plain TCP echo a difference is an error.

import { Buffer } from "node:buffer";
import { type Bytes, checkHeader, FrameDecoder, Opcode } from "../../src/core.ts";
import type { PerMessageDeflate } from "../../src/deflate/permessage.ts";
import type { Trains } from "./train.ts";

/** What a connection does with what is no message. */
export interface ControlHandler {
  /** Answers a Ping. */
  pong(payload: Bytes): void;
  /** A Close frame has come. */
  closed(payload: Bytes): void;
}

/** The replies of one connection. */
export class Replies {
  readonly #trains: Trains;
  readonly #raw: boolean;
  readonly #control: ControlHandler;
  readonly #inflate: PerMessageDeflate | undefined;
  /** Position in the expected train, and the message that it lies in. */
  #position = 0;
  #current = 0;
  #frames: FrameReplies | undefined;

  /** The replies of a new connection. */
  constructor(
    trains: Trains,
    raw: boolean,
    control: ControlHandler,
    inflate?: PerMessageDeflate,
  ) {
    this.#trains = trains;
    this.#raw = raw;
    this.#control = control;
    this.#inflate = inflate;
    if (inflate !== undefined) this.#readFrames(0);
  }

  /**
   * Takes a chunk.
   *
   * @returns How many messages it has completed.
   * @throws {Error} When anything differs from what was sent.
   */
  push(chunk: Buffer<ArrayBuffer>): number {
    if (this.#frames !== undefined) return this.#frames.push(chunk);
    const { bytes, starts } = this.#trains.expected;
    let done = 0;
    for (let offset = 0; offset < chunk.length;) {
      const length = Math.min(chunk.length - offset, bytes.length - this.#position);
      const end = this.#position + length;
      // Not `chunk.compare()` with offsets, which Deno refuses, and the tests run there too.
      const part = length === chunk.length ? chunk : chunk.subarray(offset, offset + length);
      if (Buffer.compare(part, bytes.subarray(this.#position, end)) !== 0) {
        if (this.#raw) throw new Error("A reply differs from what was sent");
        const rest = new Uint8Array(chunk.subarray(offset));
        return done + this.#readFrames(this.#position - starts[this.#current]!).push(rest);
      }
      offset += length;
      this.#position = end;
      while (this.#current < this.#trains.count && starts[this.#current + 1]! <= end) {
        this.#current++;
        done++;
      }
      if (end === bytes.length) this.#position = this.#current = 0;
    }
    return done;
  }

  /** Goes on frame by frame, from so many octets behind the start of the current message. */
  #readFrames(matched: number): FrameReplies {
    this.#frames = new FrameReplies(this.#trains, this.#current, this.#control, this.#inflate);
    const { bytes, starts } = this.#trains.expected;
    const start = starts[this.#current]!;
    if (matched > 0) this.#frames.push(new Uint8Array(bytes.subarray(start, start + matched)));
    return this.#frames;
  }
}

/** The replies of a connection, frame by frame. */
class FrameReplies {
  readonly #trains: Trains;
  readonly #control: ControlHandler;
  readonly #inflate: PerMessageDeflate | undefined;
  readonly #decoder = new FrameDecoder();
  #current: number;
  #pieces: Bytes[] = [];
  #controlPieces: Bytes[] = [];
  #inFrame = false;
  #inMessage = false;
  #compressed = false;

  constructor(
    trains: Trains,
    current: number,
    control: ControlHandler,
    inflate: PerMessageDeflate | undefined,
  ) {
    this.#trains = trains;
    this.#current = current;
    this.#control = control;
    this.#inflate = inflate;
  }

  push(chunk: Bytes): number {
    const decoder = this.#decoder;
    decoder.push(chunk);
    let done = 0;
    for (;;) {
      if (!this.#inFrame) {
        if (!decoder.readHeader()) return done;
        this.#begin();
      }
      if (!decoder.readPayload()) return done;
      this.#inFrame = decoder.remaining > 0;
      const { opcode, fin } = decoder.header;
      const piece = decoder.bytes.subarray(decoder.start, decoder.end);
      if (opcode >= Opcode.close) {
        this.#controlPieces.push(piece);
        if (!this.#inFrame) this.#answer(opcode);
        continue;
      }
      this.#pieces.push(piece);
      if (this.#inFrame || !fin) continue;
      this.#check();
      done++;
    }
  }

  #answer(opcode: number): void {
    const payload = new Uint8Array(Buffer.concat(this.#controlPieces));
    this.#controlPieces = [];
    if (opcode === Opcode.ping) this.#control.pong(payload);
    else if (opcode === Opcode.close) this.#control.closed(payload);
  }

  #begin(): void {
    const { header } = this.#decoder;
    const transforms = this.#inflate !== undefined;
    const violation = checkHeader(header, "client", this.#inMessage, transforms);
    if (violation !== undefined) throw new Error(violation.reason);
    this.#inFrame = true;
    if (header.opcode >= Opcode.close) return;
    if (!this.#inMessage) this.#compressed = header.reserved !== 0;
    this.#inMessage = !header.fin;
  }

  #check(): void {
    const expected = this.#trains.payloads[this.#current]!;
    this.#current = (this.#current + 1) % this.#trains.count;
    let message: Uint8Array = this.#pieces.length === 1
      ? this.#pieces[0]!
      : Buffer.concat(this.#pieces);
    this.#pieces = [];
    if (this.#inflate !== undefined) {
      if (!this.#compressed) throw new Error("A reply came that was not compressed");
      const inflated = this.#inflate.decode(message, expected.length);
      if (typeof inflated === "string") throw new Error(`A reply's DEFLATE data is ${inflated}`);
      message = inflated;
    }
    if (Buffer.compare(message, expected) !== 0) {
      throw new Error("A reply differs from what was sent");
    }
  }
}
