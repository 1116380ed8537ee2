// Frames of payload in, whole messages out: fragmentation (RFC 6455 section 5.4), limits, and text (section 8.1).
//
// 1. A message that lies whole in one chunk is never copied: binary data is a view on the chunk, text is decoded from it.
// 2. Any other message grows as its bytes arrive; a declared length alone allocates nothing.
// 3. Text that comes in pieces is validated piece by piece, so an invalid octet is found before the message ends.

import { type Bytes, EMPTY } from "./bytes.ts";
import { CloseCode } from "./close.ts";
import type { Violation } from "./frame.ts";
import { decodeUtf8, Utf8Validator } from "./utf8.ts";

/** What a message may cost. */
export interface MessageLimits {
  /** The most octets of a message. */
  readonly maxMessageSize: number;
  /** The most frames of a message; empty ones count. */
  readonly maxFragments: number;
}

const invalidText: Violation = { code: CloseCode.invalidData, reason: "Text is not valid UTF-8" };

/** Puts messages together. */
export class MessageAssembler {
  /** The message last completed. */
  message: string | Bytes = EMPTY;

  readonly #limits: MessageLimits;
  #text = false;
  #fragments = 0;
  /** Octets that the frames so far declare, checked before they arrive. */
  #declared = 0;
  /** The octets so far; `#length` of them are filled. */
  #buffer: Bytes = EMPTY;
  #length = 0;
  readonly #validator = new Utf8Validator();

  /** An assembler for one connection. */
  constructor(limits: MessageLimits) {
    this.#limits = limits;
  }

  /** Whether a message has begun and not ended. */
  get inProgress(): boolean {
    return this.#fragments > 0;
  }

  /** Whether the message in progress is text. */
  get isText(): boolean {
    return this.#text;
  }

  /** Starts a message. */
  begin(text: boolean): void {
    this.#text = text;
    this.#fragments = this.#declared = this.#length = 0;
    if (text) this.#validator.reset();
  }

  /** Counts the next frame of the message by its declared length. */
  frame(payloadLength: number): Violation | undefined {
    const { maxMessageSize, maxFragments } = this.#limits;
    this.#declared += payloadLength;
    if (this.#declared > maxMessageSize) {
      return {
        code: CloseCode.messageTooBig,
        reason: `Message of at least ${this.#declared} octets, the limit is ${maxMessageSize}`,
      };
    }
    if (++this.#fragments > maxFragments) {
      return {
        code: CloseCode.messageTooBig,
        reason: `Message of more than ${maxFragments} fragments`,
      };
    }
    return undefined;
  }

  /** Adds a piece of payload. `last` says that it completes the message, which is then in `message`. */
  push(bytes: Bytes, start: number, end: number, last: boolean): Violation | undefined {
    if (last && this.#length === 0) {
      // The validator has seen nothing yet, so the decoder judges all of the text.
      return this.#complete(bytes, start, end);
    }
    if (this.#text && !this.#validator.push(bytes, start, end)) return invalidText;
    this.#append(bytes, start, end);
    if (!last) return undefined;
    if (this.#text && !this.#validator.complete) return invalidText;
    const buffer = this.#buffer;
    const length = this.#length;
    this.#buffer = EMPTY;
    this.#length = 0;
    return this.#complete(buffer, 0, length);
  }

  /** Drops a message in progress. */
  reset(): void {
    this.#fragments = this.#length = 0;
    this.#buffer = this.message = EMPTY;
  }

  #complete(bytes: Bytes, start: number, end: number): Violation | undefined {
    this.#fragments = 0;
    if (!this.#text) {
      this.message = bytes.subarray(start, end);
      return undefined;
    }
    const text = decodeUtf8(bytes, start, end);
    if (text === undefined) return invalidText;
    this.message = text;
    return undefined;
  }

  /**
   * Makes room for what has arrived, and for up to three times that much of what was declared; but at
   * least doubles, or many small fragments would each copy all that went before.
   */
  #append(bytes: Bytes, start: number, end: number): void {
    const needed = this.#length + end - start;
    if (needed > this.#buffer.length) {
      const doubled = Math.min(this.#buffer.length * 2, this.#limits.maxMessageSize);
      const grown = new Uint8Array(Math.max(needed, doubled, Math.min(this.#declared, needed * 4)));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes.subarray(start, end), this.#length);
    this.#length = needed;
  }
}
