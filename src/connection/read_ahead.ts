// What has been parsed ahead of a consumer that is behind, so that this end still sees the control
// frames behind its messages.
//
// 1. Bounded: 16 messages and 65,536 octets. Octets count as they came, and each message, or piece
//    of one that is streamed, for 64 more. A message that does not fit is not parsed
//    (`Protocol.allowance`), and the transport is paused.
// 2. No message here keeps the chunk that it came in.
// 3. A compressed message stays compressed until it is taken, and is inflated then: the compression
//    context of the next one needs that order, and a decompression bomb stays small.

import type { Bytes } from "../util/bytes.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { type CompressedMessage, isCompressed } from "../protocol/message_assembler.ts";
import type { Protocol } from "../protocol/protocol.ts";

/** The most messages, or pieces of one that is streamed, that wait. */
const MAX_AHEAD = 16;

/** The most octets that wait. */
const MAX_AHEAD_SIZE = 65_536;

/** What a message counts for besides its octets. */
const OVERHEAD = 64;

/** The octets that a message may have when none waits. */
export const FIRST_ALLOWANCE: number = MAX_AHEAD_SIZE - OVERHEAD;

/** A message that waits, or a piece of one. */
export interface Waiting {
  /** What it carries. */
  readonly data: string | Bytes;
  /** Octets that it came in. */
  readonly size: number;
  /**
   * For a piece of a message that is streamed, whether it is the last; undefined for a whole
   * message.
   */
  readonly last: boolean | undefined;
}

/** One that may still be compressed; only a whole message is. */
type MaybeCompressed = Waiting | {
  readonly data: CompressedMessage;
  readonly size: number;
  readonly last: undefined;
};

/** The messages of one connection that wait for their consumer. */
export class ReadAhead {
  /** Why no more messages come: a compressed message is not valid. */
  error: ProtocolError | undefined;

  readonly #protocol: Protocol;
  readonly #waiting: MaybeCompressed[] = [];
  #size = 0;

  /** The messages that `protocol` parses while it is holding. */
  constructor(protocol: Protocol) {
    this.#protocol = protocol;
  }

  /** Whether nothing waits. */
  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  /** How many messages wait of which the end is here. */
  get messages(): number {
    return this.#waiting.filter(({ last }) => last !== false).length;
  }

  /** The octets that one more may have; below 0 for none. */
  get allowance(): number {
    return this.#waiting.length < MAX_AHEAD ? FIRST_ALLOWANCE - this.#size : -1;
  }

  /** Adds one behind the others. */
  push(waiting: MaybeCompressed): void {
    this.#waiting.push(waiting);
    this.#size += waiting.size + OVERHEAD;
  }

  /**
   * Takes the first, inflated. Undefined when nothing waits, or when it is not valid: then nothing
   * waits any more.
   */
  take(): Waiting | undefined {
    const first = this.#shift();
    if (first === undefined || !isCompressed(first.data)) return first as Waiting | undefined;
    const data = this.#inflate(first.data);
    // With a size below any `streamFrom`: a message that came compressed is given out whole.
    return data === undefined ? undefined : { data, size: -1, last: undefined };
  }

  /**
   * Drops a message that comes behind those that wait. A compressed message has to be inflated
   * where the next one may refer to it. The compressed messages that wait have to be inflated
   * before it, and only those that still fit are kept.
   *
   * @returns How many were dropped.
   */
  drop(data: string | Bytes | CompressedMessage): number {
    let dropped = 1;
    if (!isCompressed(data) || this.#protocol.independent) return dropped;
    for (let count = this.#waiting.length; count > 0; count--) {
      const plain = this.take();
      if (plain === undefined) return dropped;
      const { length } = plain.data;
      if (length <= this.allowance) this.push({ ...plain, size: Math.max(plain.size, length) });
      else dropped++;
    }
    this.#inflate(data);
    return dropped;
  }

  #shift(): MaybeCompressed | undefined {
    const first = this.#waiting.shift();
    if (first !== undefined) this.#size -= first.size + OVERHEAD;
    return first;
  }

  #inflate(message: CompressedMessage): string | Bytes | undefined {
    const plain = this.#protocol.inflate(message);
    if (!(plain instanceof ProtocolError)) return plain;
    this.error = plain;
    this.#waiting.length = this.#size = 0;
    return undefined;
  }
}
