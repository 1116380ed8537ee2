// The message that is encoded once for many connections.
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

import { brand } from "../util/brands.ts";
import { type BinaryData, type Bytes, copyBytes } from "../util/bytes.ts";
import { FIN, headerLength, Opcode, RSV1, writeHeader } from "./frame_header.ts";
import type { MessageTransform } from "./message_assembler.ts";
import {
  checkSendOptions,
  CONTENT,
  contentOf,
  type PreparedContent,
  registerFrames,
  registerMessages,
  type SendOptions,
} from "./sendable.ts";
import { openShared, type Slab } from "../util/slab.ts";
import { receivedOctets } from "./last_received.ts";
import { decodeUtf8, encodeUtf8 } from "../util/utf8.ts";

/** A frame that many connections send. */
export class PreparedFrame {
  static {
    registerFrames(
      (frame) => frame.#place(),
      (text) => new PreparedFrame(Opcode.text, toOctets(text), 0),
    );
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

/** A text in memory of its own. */
function toOctets(text: string): Bytes {
  return receivedOctets(text)?.slice() ?? encodeUtf8(text);
}

/** Messages of other copies, as messages of this one. */
const twins = new WeakMap<object, PreparedMessage>();

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
    const payload = text ? toOctets(data) : copyBytes(data);
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
      value(this: PreparedMessage): PreparedContent {
        return [this.#plain.payload, this.#plain.opcode, this.#compress];
      },
    });
    registerMessages((message, transform) => {
      const own = #plain in message ? message : ownTwin(message);
      if (transform === undefined || !own.#compress) return own.#plain;
      return own.length < transform.threshold ? own.#plain : own.#frame(transform);
    });
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

/**
 * The same message, made by this copy of the package, because another copy has slabs of its own.
 */
function ownTwin(message: PreparedMessage): PreparedMessage {
  let twin = twins.get(message);
  if (twin === undefined) {
    const [payload, opcode, compress] = contentOf(message);
    twin = new PreparedMessage(payload, { binary: opcode === Opcode.binary, compress });
    twins.set(message, twin);
  }
  return twin;
}
