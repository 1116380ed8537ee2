// The forms in which an application gives a message, and how each is encoded.
//
// A program that makes no PreparedMessage need not have the class: it is not imported here, and
// registers what reaches into it. What another copy of this package has prepared is then encoded
// like any message.

import { isUint8Array } from "../util/brands.ts";
import type { Bytes } from "../util/bytes.ts";
import { checkOptions, flag, type OptionTable } from "../util/check_options.ts";
import type { Slab } from "../util/slab.ts";
import type { FrameEncoder } from "./frame_encoder.ts";
import { Opcode, RSV1 } from "./frame_header.ts";
import { encodeMessage, type MessageTransform } from "./message_assembler.ts";
import type { PreparedFrame, PreparedMessage } from "./prepared_message.ts";

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

/** What a PreparedMessage is made of: payload, opcode, and whether to compress it. */
export type PreparedContent = readonly [payload: Bytes, opcode: number, compress: boolean];

/** The method of a PreparedMessage that gives it, also to another copy of this package. */
export const CONTENT: unique symbol = Symbol.for("@sansocket/ws/PreparedMessage.content");

/** Whether a value is a PreparedMessage, of this copy of the package or of another. */
export function isPrepared(value: unknown): value is PreparedMessage {
  return typeof value === "object" && value !== null && CONTENT in value;
}

/** What a message for many is made of. */
export function contentOf(message: PreparedMessage): PreparedContent {
  return (message as unknown as { [CONTENT](): PreparedContent })[CONTENT]();
}

/** Finds the frame of a message for a connection with this transform, or without one. */
type FindFrame = (
  message: PreparedMessage,
  transform: MessageTransform | undefined,
) => PreparedFrame;

/** Does so, once the class has been loaded. */
export let findFrame: FindFrame | undefined;

/** Says how the frame of a message is found. */
export function registerMessages(find: FindFrame): void {
  findFrame = find;
}

/**
 * Writes a frame, not masked, to the shared slab unless it is there already. The payload must be
 * smaller than the slab.
 */
export let placeFrame: (frame: PreparedFrame) => Slab;

/** Makes the frame of a text, once the class has been loaded. */
export let createTextFrame: ((text: string) => PreparedFrame) | undefined;

/** Says how a frame is placed, and how that of a text is made. */
export function registerFrames(
  place: typeof placeFrame,
  create: (text: string) => PreparedFrame,
): void {
  placeFrame = place;
  createTextFrame = create;
}

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
    if (findFrame !== undefined) return output.prepared(findFrame(data, transform));
    const [payload, opcode, compress] = contentOf(data);
    const isText = opcode === Opcode.text;
    return encodeSendable(output, payload, compress ? transform : undefined, isText);
  }
  const opcode = text ? Opcode.text : Opcode.binary;
  const payload = transform && encodeMessage(transform, data);
  if (payload !== undefined) output.binary(opcode, payload, true, RSV1);
  else output.message(opcode, data);
}
