// Frames of payload in, whole messages out: fragmentation (RFC 6455 section 5.4), limits, and text
// (section 8.1).
//
// 1. The assembler does not put a message together that lies whole in one chunk: binary data is a
//    view on the chunk, text is decoded from it.
// 2. Any other message grows as its bytes arrive; a declared length alone allocates nothing. A
//    transport that reads into memory that it is given (`room()`) reads the rest of a large message
//    to where it belongs.
// 3. Text that comes in pieces is validated piece by piece, so an invalid octet is found before the
//    message ends.
// 4. The payload of a compressed message is collected, then inflated within the limit for messages
//    (RFC 7692 section 7.2.2).
// 5. A message that is streamed is not collected: the caller gets each piece as it comes, and of a
//    text the part with whole characters.
// 6. A compressed message that has to wait for its consumer waits as it came, and is inflated when
//    the consumer takes it. If no message refers to those before it, one that the consumer drops is
//    not even collected; otherwise it is, within the limit for messages.

import { allocate, type Bytes, EMPTY, viewPart } from "../util/bytes.ts";
import { CloseCode } from "./close_frame.ts";
import type { FrameDecoder } from "./frame_decoder.ts";
import type { Violation } from "./frame_header.ts";
import { checkOptions, number, type OptionTable } from "../util/check_options.ts";
import { decodeReceived, keepReceived, receivedOctets } from "./last_received.ts";
import { encodeUtf8, Utf8Validator } from "../util/utf8.ts";

/** What a message may cost. */
export interface MessageLimits {
  /** The most octets of a message. */
  readonly maxMessageSize: number;
  /** The most frames of a message; empty ones count. */
  readonly maxFragments: number;
}

const MESSAGE_LIMITS: OptionTable<MessageLimits> = {
  maxMessageSize: number("octets", { least: 0 }),
  maxFragments: number("frames"),
};

/**
 * Checks the limits of one connection. Other names may stand beside them, as in the options of a
 * server.
 *
 * @throws {TypeError} When one is missing or no number.
 * @throws {RangeError} When one is out of its range.
 */
export function checkMessageLimits(owner: string, limits: MessageLimits): void {
  // A missing one would be no limit at all.
  if (limits.maxMessageSize >= 0 && limits.maxFragments >= 1) return;
  checkOptions(owner, limits, MESSAGE_LIMITS);
  throw new TypeError("Expected maxMessageSize and maxFragments");
}

/** Watches the frames of a connection for abuse. */
export interface FrameGuard {
  /** A data frame has begun, with so many octets of payload; returns what it exceeds. */
  frame(payloadLength: number, fragment: boolean): Violation | undefined;
}

/** What is wrong with a text that is not UTF-8 (section 8.1). */
export const invalidText: Violation = {
  code: CloseCode.invalidData,
  kind: "invalid-utf8",
  reason: "Text is not valid UTF-8",
};

/** Decompresses the payload of a message. */
export interface MessageDecoder {
  /**
   * Whether no message refers to those before it. A message that is dropped then need not be
   * decoded. Default: false.
   */
  readonly independent?: boolean;
  /** The plain bytes, at most `maxLength`, or what is wrong. */
  decode(payload: Uint8Array, maxLength: number): Bytes | "too long" | "invalid" | Violation;
}

/** An extension that transforms whole messages and marks them with RSV1: permessage-deflate. */
export interface MessageTransform extends MessageDecoder {
  /** Messages of fewer octets are sent as they are. */
  readonly threshold: number;
  /** The payload to send instead. */
  encode(data: Uint8Array): Bytes;
  /** Stands for everything that `encodeApart()` depends on, except the data. */
  readonly settings: number;
  /**
   * The payload to send instead, which fits any connection with the same `settings` because it
   * refers to nothing before it.
   */
  encodeApart(data: Uint8Array): Bytes;
  /** Makes later messages refer to nothing that was encoded before this call. */
  forget(): void;
  /** Frees what it holds. */
  close(): void;
}

/** The payload to send for a message, compressed; undefined for one below the threshold. */
export function encodeMessage(
  transform: MessageTransform,
  data: string | Uint8Array,
): Bytes | undefined {
  const { threshold } = transform;
  // A UTF-16 code unit has at most three octets.
  const most = typeof data === "string" ? data.length * 3 : data.length;
  if (most < threshold) return undefined;
  const bytes = typeof data === "string" ? receivedOctets(data) ?? encodeUtf8(data) : data;
  return bytes.length < threshold ? undefined : transform.encode(bytes);
}

/**
 * A compressed message that is complete and not inflated yet. The messages that its payload refers
 * to must be inflated before it.
 */
export interface CompressedMessage {
  /** Whether it is a text. */
  readonly text: boolean;
  /** The payload as it came, in memory of its own. */
  readonly payload: Bytes;
}

/** Whether a message is still compressed. */
export function isCompressed(
  message: string | Bytes | CompressedMessage,
): message is CompressedMessage {
  return typeof message !== "string" && "payload" in message;
}

const invalidData: Violation = {
  code: CloseCode.invalidData,
  kind: "invalid-deflate",
  reason: "Compressed data is not valid DEFLATE",
};

/**
 * The memory of a message is allocated for this many times the octets that have come, but not for
 * more than was declared. A message of 1 MiB then grows once in place of twice or more, and takes
 * 0.6 of the CPU time on Deno and 0.8 on Node.
 */
const AHEAD = 16;

/** Less is not worth a read of its own. */
const MINIMUM_ROOM = 16_384;

/** Puts messages together. */
export class MessageAssembler {
  readonly #limits: MessageLimits;
  readonly #decoder: MessageDecoder | undefined;
  #message: string | Bytes = EMPTY;
  #compressedMessage: CompressedMessage | undefined;
  #text = false;
  #compressed = false;
  #fragments = 0;
  /** Octets that the frames so far declare, checked before they arrive. */
  #declared = 0;
  /** The octets so far; `#length` of them are filled. */
  #buffer: Bytes = EMPTY;
  #length = 0;
  /** Validates a text that comes in pieces, once one does. */
  #validator: Utf8Validator | undefined;
  /** Decodes a streamed text across its pieces. */
  #textDecoder: TextDecoder | undefined;

  /**
   * An assembler for one connection; without a decoder no message may be compressed.
   *
   * @throws {TypeError} When a limit is missing or no number.
   * @throws {RangeError} When a limit is out of its range.
   */
  constructor(limits: MessageLimits, decoder?: MessageDecoder) {
    checkMessageLimits("MessageAssembler", limits);
    this.#limits = limits;
    this.#decoder = decoder;
  }

  /**
   * The message last completed, or the piece of it last streamed. It is the caller's from now on.
   */
  take(): string | Bytes {
    const message = this.#message;
    // An idle connection would keep its memory, and on Bun 1 MiB took 1.7 times as long because the
    // message lived too long.
    this.#message = EMPTY;
    return message;
  }

  /** Octets of the message in progress that its frames so far declare. */
  get declared(): number {
    return this.#declared;
  }

  /** Whether the message in progress is compressed. */
  get compressed(): boolean {
    return this.#compressed;
  }

  /** Whether a caller that drops the message in progress need not collect it. */
  get droppable(): boolean {
    return !this.#compressed || this.#decoder?.independent === true;
  }

  /**
   * Adds the piece that a decoder has read, by `stream()` or `push()`. While `holding`, a message
   * has to wait: it must not keep the chunk that it came in, and stays compressed.
   */
  read(
    decoder: FrameDecoder,
    last: boolean,
    streamed: boolean,
    holding: boolean,
  ): Violation | undefined {
    const whole = (last || streamed) && this.#length === 0;
    const givesAway = whole && !this.#text && !this.#compressed;
    if (givesAway && !holding) decoder.own(decoder.start);
    const { bytes, start, end } = givesAway && holding ? decoder.copyPiece() : decoder;
    return streamed
      ? this.stream(bytes, start, end, last)
      : this.push(bytes, start, end, last, !holding);
  }

  /**
   * The memory where the next `remaining` octets of the message belong, when they are many and
   * there is room for some of them.
   */
  room(remaining: number): Bytes | undefined {
    const length = this.#length;
    const most = Math.min(this.#buffer.length - length, remaining);
    return most < MINIMUM_ROOM ? undefined : this.#buffer.subarray(length, length + most);
  }

  /** Whether a message has begun and not ended. */
  get inProgress(): boolean {
    return this.#fragments > 0;
  }

  /** Starts a message. */
  begin(text: boolean, compressed = false): void {
    this.#text = text;
    this.#compressed = compressed;
    this.#fragments = this.#declared = this.#length = 0;
    if (text) this.#validator?.reset();
  }

  /** Counts the next frame of the message by its declared length. */
  frame(payloadLength: number): Violation | undefined {
    const { maxMessageSize, maxFragments } = this.#limits;
    this.#declared += payloadLength;
    // Data that cannot be compressed grows: zlib's own bound, for any of its settings, is an
    // eighth.
    const most = this.#compressed
      ? maxMessageSize + Math.ceil(maxMessageSize / 7) + 64
      : maxMessageSize;
    if (this.#declared > most) return this.#tooBig(`at least ${this.#declared}`);
    if (++this.#fragments > maxFragments) {
      return {
        code: CloseCode.messageTooBig,
        kind: "too-many-fragments",
        reason: `Message of more than ${maxFragments} fragments`,
      };
    }
    return undefined;
  }

  /** The message last completed, if it is still compressed; see `push()`. */
  takeCompressed(): CompressedMessage | undefined {
    const message = this.#compressedMessage;
    this.#compressedMessage = undefined;
    return message;
  }

  /**
   * Adds a piece of payload. `last` says that it completes the message, which `take()` then
   * returns. Without `inflate` a compressed message stays so, and `takeCompressed()` returns it.
   */
  push(
    bytes: Bytes,
    start: number,
    end: number,
    last: boolean,
    inflate = true,
  ): Violation | undefined {
    if (last && this.#length === 0) {
      // The validator has seen nothing yet, so the decoder judges all of the text.
      return this.#complete(bytes, start, end, inflate);
    }
    const validated = this.#text && !this.#compressed;
    if (validated && !this.#validate(bytes, start, end, last)) return invalidText;
    this.#append(bytes, start, end);
    if (!last) return undefined;
    const buffer = this.#buffer;
    const length = this.#length;
    this.#buffer = EMPTY;
    this.#length = 0;
    return this.#complete(buffer, 0, length, inflate);
  }

  /**
   * Inflates a message that has waited; `take()` then returns it. The message in progress stays as
   * it is.
   */
  inflate({ text, payload }: CompressedMessage): Violation | undefined {
    return this.#inflate(text, payload);
  }

  /**
   * Takes a piece of a streamed message, which `take()` then returns; the first one comes with what
   * was collected before. `last` says that it completes the message. A compressed message is
   * streamed only to be dropped; `take()` then returns empty pieces.
   */
  stream(bytes: Bytes, start: number, end: number, last: boolean): Violation | undefined {
    if (this.#compressed) {
      this.#buffer = this.#message = EMPTY;
      this.#length = 0;
      if (last) this.#fragments = 0;
      return undefined;
    }
    if (this.#text && !this.#validate(bytes, start, end, last)) return invalidText;
    if (this.#length > 0) {
      this.#append(bytes, start, end);
      // A copy: the buffer may have been allocated for more than has come.
      bytes = this.#buffer.slice(0, this.#length);
      start = 0;
      end = this.#length;
      this.#buffer = EMPTY;
      this.#length = 0;
    }
    const piece = viewPart(bytes, start, end);
    if (this.#text) {
      this.#textDecoder ??= new TextDecoder("utf-8", { ignoreBOM: true });
      this.#message = this.#textDecoder.decode(piece, { stream: !last });
    } else {
      this.#message = piece;
    }
    if (last) {
      this.#fragments = 0;
      this.#textDecoder = undefined;
    }
    return undefined;
  }

  #validate(bytes: Bytes, start: number, end: number, last: boolean): boolean {
    const validator = this.#validator ??= new Utf8Validator();
    return validator.push(bytes, start, end) && (!last || validator.complete);
  }

  /** Drops a message in progress. */
  reset(): void {
    this.#fragments = this.#length = 0;
    this.#buffer = this.#message = EMPTY;
    this.#textDecoder = undefined;
  }

  #complete(bytes: Bytes, start: number, end: number, inflate: boolean): Violation | undefined {
    this.#fragments = 0;
    if (!this.#compressed) return this.#finish(this.#text, bytes, start, end);
    if (inflate) return this.#inflate(this.#text, bytes.subarray(start, end));
    this.#compressedMessage = { text: this.#text, payload: bytes.slice(start, end) };
    return undefined;
  }

  #inflate(text: boolean, payload: Bytes): Violation | undefined {
    const { maxMessageSize } = this.#limits;
    const plain = this.#decoder?.decode(payload, maxMessageSize) ?? "invalid";
    if (plain === "too long") return this.#tooBig(`more than ${maxMessageSize}`);
    if (plain === "invalid") return invalidData;
    if ("code" in plain) return plain;
    return this.#finish(text, plain, 0, plain.length);
  }

  #finish(text: boolean, bytes: Bytes, start: number, end: number): Violation | undefined {
    const message = text ? decodeReceived(bytes, start, end) : viewPart(bytes, start, end);
    if (message === undefined) return invalidText;
    if (typeof message !== "string") keepReceived(message, bytes, start, end);
    this.#message = message;
    return undefined;
  }

  #tooBig(size: string): Violation {
    const { maxMessageSize } = this.#limits;
    return {
      code: CloseCode.messageTooBig,
      kind: "message-too-big",
      reason: `Message of ${size} octets, the limit is ${maxMessageSize}`,
    };
  }

  /**
   * Makes room for what has arrived, and by AHEAD for what was declared. The room at least doubles:
   * otherwise each of many small fragments would copy all that came before.
   */
  #append(bytes: Bytes, start: number, end: number): void {
    const needed = this.#length + end - start;
    if (bytes.buffer === this.#buffer.buffer) {
      // The transport has read it into the room.
      this.#length = needed;
      return;
    }
    if (needed > this.#buffer.length) {
      const doubled = Math.min(this.#buffer.length * 2, this.#limits.maxMessageSize);
      const size = Math.max(needed, doubled, Math.min(this.#declared, needed * AHEAD));
      // All that was declared comes before the message ends, so the memory is full by then.
      const grown = size === this.#declared ? allocate(size) : new Uint8Array(size);
      if (this.#length > 0) grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes.subarray(start, end), this.#length);
    this.#length = needed;
  }
}
