// The forms in which an application gives a message, and the message that is encoded once for many
// connections.
//
// 1. The frames of such messages lie one behind the other in a slab of their own, from which any
//    number of connections write them (see `openShared()`). Several frames in one turn are one
//    piece of that slab: one write, and no copy.
// 2. A frame knows its place by the generation of the slab, and does not refer to the slab. A
//    message that the application keeps for long therefore keeps no memory but its own. It is
//    written once more when another slab has become the shared one.
// 3. A payload that is compressed for all connections must refer to nothing before it, and later
//    messages of a connection must not refer to what its peer did not get. So a connection that
//    takes the context over forgets it (RFC 7692 section 7.1.1 lets a sender do so).

import { brand, isUint8Array } from "../util/brands.ts";
import { type BinaryData, type Bytes, copyBytes } from "../util/bytes.ts";
import type { FrameEncoder } from "./frame_encoder.ts";
import { FIN, headerLength, Opcode, RSV1, writeHeader } from "./frame_header.ts";
import { encodeMessage, type MessageTransform } from "./message_assembler.ts";
import { checkOptions, flag, type OptionTable } from "../util/check_options.ts";
import { openShared, type Slab } from "../util/slab.ts";
import { receivedOctets } from "./last_received.ts";
import { decodeUtf8, encodeUtf8 } from "../util/utf8.ts";

/**
 * Writes a frame, not masked, to the shared slab unless it is there already. The payload must be
 * smaller than the slab.
 */
export let placeFrame: (frame: PreparedFrame) => Slab;

/** A frame that many connections send. */
export class PreparedFrame {
  static {
    placeFrame = (frame) => frame.#place();
  }

  /** The opcode. */
  readonly opcode: number;
  /** The payload, as a server sends it. */
  readonly payload: Bytes;
  /** The RSV bits as one number. */
  readonly reserved: number;
  /** Where the frame starts in the shared slab. */
  start = 0;
  /** Where it ends. */
  end = 0;
  /** The generation of the slab that the frame was written to; 0 before that. */
  #generation = 0;

  /** A frame that is the whole of its message. */
  constructor(opcode: number, payload: Bytes, reserved: number) {
    this.opcode = opcode;
    this.payload = payload;
    this.reserved = reserved;
  }

  #place(): Slab {
    const current = openShared(0);
    if (current.generation === this.#generation) return current;
    const { length } = this.payload;
    const slab = openShared(headerLength(length, false) + length);
    const first = FIN | (this.reserved << 4) | this.opcode;
    const offset = writeHeader(slab.bytes, slab.used, first, length, undefined);
    slab.bytes.set(this.payload, offset);
    this.start = slab.used;
    this.end = offset + length;
    this.#generation = slab.generation;
    slab.used = this.end;
    return slab;
  }
}

/** What an application may give as a message. */
export type Sendable = string | Uint8Array | PreparedMessage;

/** How to send one message. */
export interface SendOptions {
  /**
   * Whether to compress the message, where the connection negotiated that and the message reaches
   * the threshold. Default: true. Say false for data that is compressed already, and for data that
   * mixes a secret with text that an attacker chose.
   */
  readonly compress?: boolean;
  /**
   * True sends a string as a binary message, in UTF-8; false sends bytes, which must be UTF-8, as a
   * text. For peers that expect the other type. Default: by the type of the data.
   */
  readonly binary?: boolean;
}

/** What each of these may be. */
export const SEND_OPTIONS: OptionTable<SendOptions> = { compress: flag, binary: flag };

/**
 * Checks the options of a message that is sent. Each message may come with options, so the check
 * has to be fast: it takes 13 ns where the check of all options takes 73 (Node; Deno 12 and 65, Bun
 * 11 and 35).
 *
 * @throws {TypeError} When an option is unknown, or neither true nor false.
 */
export function checkSendOptions(owner: string, options: SendOptions): void {
  if (typeof options !== "object" || options === null) {
    return checkOptions(owner, options, SEND_OPTIONS);
  }
  const { compress, binary } = options;
  let right = (compress === undefined || compress === true || compress === false) &&
    (binary === undefined || binary === true || binary === false);
  for (const name in options) right &&= name === "compress" || name === "binary";
  if (!right) checkOptions(owner, options, SEND_OPTIONS);
}

/**
 * What another copy of this package needs to make its own message: payload, opcode, and whether to
 * compress it.
 */
type Content = readonly [payload: Bytes, opcode: number, compress: boolean];
/** The method of a PreparedMessage that gives it. */
const CONTENT = Symbol.for("@sansocket/ws/PreparedMessage.content");
/** Messages of other copies, as messages of this one. */
const twins = new WeakMap<object, PreparedMessage>();

/**
 * The message, or the same one made by this copy of the package, because another copy has slabs of
 * its own.
 */
let ownPrepared: (message: PreparedMessage) => PreparedMessage;

/** The frame of a message for a connection with this transform, or without one. */
let frameFor: (message: PreparedMessage, transform: MessageTransform | undefined) => PreparedFrame;

/** What a message for many is made of. */
export let contentOf: (
  message: PreparedMessage,
) => { readonly payload: Bytes; readonly text: boolean; readonly compresses: boolean };

/**
 * Encodes a message, as a text or not, compressed where there is a transform and it is worth it.
 */
export function encodeSendable(
  output: FrameEncoder,
  data: Sendable,
  transform: MessageTransform | undefined,
  text: boolean = typeof data === "string",
): void {
  // This order is the fastest: to find that bytes are no PreparedMessage takes a walk along all of
  // their prototypes.
  if (typeof data !== "string" && !isUint8Array(data)) {
    return output.prepared(frameFor(ownPrepared(data), transform));
  }
  const opcode = text ? Opcode.text : Opcode.binary;
  const payload = transform && encodeMessage(transform, data);
  if (payload !== undefined) output.binary(opcode, payload, true, RSV1);
  else output.message(opcode, data);
}

/**
 * A message for many connections: encoded once, and compressed once for all that compress alike.
 *
 * Give it to `send()` of each connection. A server's connections send the same frame, without a
 * copy; all that one of them sends in one turn is still one write. A message can be sent at any
 * time, any number of times, on servers and clients.
 *
 * With compression, a connection that takes the context over forgets it: it compresses its next
 * message as if that were the first.
 *
 * @example
 * ```ts
 * import { connect, PreparedMessage, serve } from "@sansocket/ws";
 *
 * await using server = await serve({
 *   port: 0,
 *   websocket: {
 *     message(_, data) {
 *       const message = new PreparedMessage(data);
 *       for (const ws of server.connections) ws.send(message);
 *     },
 *   },
 * });
 * const [anna, ben] = [await connect(server.url), await connect(server.url)];
 * await anna.send("hello");
 * console.log(await anna.receive(), await ben.receive()); // hello hello
 * await Promise.all([anna.close(), ben.close()]);
 * ```
 */
export class PreparedMessage {
  /** Octets of the payload, before it is compressed. */
  readonly length: number;

  readonly #plain: PreparedFrame;
  readonly #compress: boolean;
  /** The compressed frames by the settings that made them; made by the first. */
  #compressed: Map<number, PreparedFrame> | undefined;

  /**
   * Encodes a message.
   *
   * @param data The message; bytes are copied, and may change from now on.
   * @param options Whether to compress it, and whether it is text or binary.
   * @throws {TypeError} When `data` is neither a string nor bytes, when bytes that are not UTF-8
   * are to be sent as text, or when an option is unknown or neither true nor false.
   */
  constructor(data: string | BinaryData, options?: SendOptions) {
    if (options !== undefined) checkSendOptions("PreparedMessage", options);
    const text = typeof data === "string";
    const payload = text ? receivedOctets(data)?.slice() ?? encodeUtf8(data) : copyBytes(data);
    const binary = options?.binary ?? !text;
    if (!binary && !text && decodeUtf8(payload, 0, payload.length) === undefined) {
      throw new TypeError("Expected UTF-8 to send as text");
    }
    this.#plain = new PreparedFrame(binary ? Opcode.binary : Opcode.text, payload, 0);
    this.#compress = options?.compress ?? true;
    this.length = payload.length;
  }

  static {
    brand(this, "PreparedMessage");
    Object.defineProperty(this.prototype, CONTENT, {
      value(this: PreparedMessage): Content {
        return [this.#plain.payload, this.#plain.opcode, this.#compress];
      },
    });
    ownPrepared = (message) => {
      if (#plain in message) return message;
      let twin = twins.get(message);
      if (twin === undefined) {
        const [payload, opcode, compress] = (message as { [CONTENT](): Content })[CONTENT]();
        twin = new PreparedMessage(payload, { binary: opcode === Opcode.binary, compress });
        twins.set(message, twin);
      }
      return twin;
    };
    contentOf = (message) => {
      const own = ownPrepared(message);
      const { payload, opcode } = own.#plain;
      return { payload, text: opcode === Opcode.text, compresses: own.#compress };
    };
    frameFor = (message, transform) => {
      if (transform === undefined || !message.#compress) return message.#plain;
      return message.length < transform.threshold ? message.#plain : message.#frame(transform);
    };
  }

  #frame(transform: MessageTransform): PreparedFrame {
    transform.forget();
    this.#compressed ??= new Map();
    let frame = this.#compressed.get(transform.settings);
    if (frame === undefined) {
      const { opcode, payload } = this.#plain;
      frame = new PreparedFrame(opcode, transform.encodeApart(payload), RSV1);
      this.#compressed.set(transform.settings, frame);
    }
    return frame;
  }
}
