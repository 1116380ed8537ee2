// One frame in one call (RFC 6455 section 5.2), for tools, tests and tutorials.
//
// 1. Nothing is kept and nothing is changed: payloads are copied. Connections have `FrameDecoder`
//    and `FrameEncoder`, which read and write in place.
// 2. The rules for a frame alone are the table that connections use (frame_header.ts). The rules
//    that depend on the frames around it are not checked here: `FrameParser` sees those frames.

import { isBytes, kindOf } from "../util/brands.ts";
import { type BinaryData, type Bytes, toBytes, viewBytes } from "../util/bytes.ts";
import {
  checkOptions,
  flag,
  kind,
  number,
  oneOf,
  type OptionTable,
} from "../util/check_options.ts";
import { encodeUtf8 } from "../util/utf8.ts";
import { CloseCode } from "./close_frame.ts";
import { toProtocolError } from "./errors.ts";
import {
  checkHeader,
  createFrameHeader,
  FIN,
  type FrameHeader,
  headerLength,
  Opcode,
  readHeader,
  type Role,
  RSV1,
  type Violation,
  writeHeader,
} from "./frame_header.ts";
import { applyMask, createMaskingKey } from "./mask.ts";

/** A frame, read whole. */
export interface DecodedFrame {
  /** Whether it is the last of its message. */
  readonly fin: boolean;
  /**
   * RSV1: whether an extension has transformed the message that begins here. RSV2 and RSV3 are
   * never set.
   */
  readonly rsv1: boolean;
  /** The opcode; see {@linkcode Opcode}. */
  readonly opcode: number;
  /**
   * The masking key as a number, its first octet the highest: `0x37fa213d`. Undefined when it was
   * not masked.
   */
  readonly maskingKey: number | undefined;
  /** The payload, unmasked, in memory of its own. */
  readonly payload: Bytes;
  /** Octets of the whole frame, header included: the next frame begins there. */
  readonly byteLength: number;
}

/** What is known of the connection that a frame comes from. */
export interface DecodeFrameOptions {
  /**
   * Which end reads: frames to a server must be masked, frames to a client must not be (section
   * 5.1). Default: either is taken.
   */
  readonly role?: Role;
  /**
   * Whether an extension was negotiated that marks messages with RSV1, such as permessage-deflate.
   * Default: false.
   */
  readonly rsv1?: boolean;
  /**
   * The most octets of payload; a longer one is refused as soon as its header is there. Default:
   * 1,048,576.
   */
  readonly maxPayloadLength?: number;
}

const DECODE_OPTIONS: OptionTable<DecodeFrameOptions> = {
  role: oneOf("client", "server"),
  rsv1: flag,
  maxPayloadLength: number("octets", { least: 0 }),
};

/** The options, checked, with the defaults for those that are missing. */
export type ResolvedDecoding = Required<Omit<DecodeFrameOptions, "role">> & {
  /** As given. */
  readonly role: Role | undefined;
};

/** Checks options and fills in what is missing. */
export function resolveDecoding(owner: string, options: DecodeFrameOptions): ResolvedDecoding {
  checkOptions(owner, options, DECODE_OPTIONS);
  const { role, rsv1 = false, maxPayloadLength = 1_048_576 } = options;
  return { role, rsv1, maxPayloadLength };
}

/**
 * What the options find wrong with a header; `fragmented` says whether a fragmented message is in
 * progress.
 */
export function judgeHeader(
  header: FrameHeader,
  { role, rsv1, maxPayloadLength }: ResolvedDecoding,
  fragmented: boolean,
): Violation | undefined {
  const violation = checkHeader(
    header,
    role ?? (header.masked ? "server" : "client"),
    fragmented,
    rsv1,
  );
  if (violation !== undefined || header.payloadLength <= maxPayloadLength) return violation;
  return {
    code: CloseCode.messageTooBig,
    kind: "message-too-big",
    reason: `Frame of ${header.payloadLength} octets, the limit is ${maxPayloadLength}`,
  };
}

/** Makes a frame of its header and its payload. */
export function toDecodedFrame(header: FrameHeader, payload: Bytes): DecodedFrame {
  const { fin, reserved, opcode, masked, maskingKey, payloadLength } = header;
  return {
    fin,
    rsv1: reserved !== 0,
    opcode,
    maskingKey: masked ? maskingKey >>> 0 : undefined,
    payload,
    byteLength: headerLength(payloadLength, masked) + payloadLength,
  };
}

/** Bytes as they may be read. */
export function checkBytes(bytes: BinaryData): Uint8Array {
  if (!isBytes(bytes)) throw new TypeError(`Expected the bytes of frames, got ${kindOf(bytes)}`);
  return viewBytes(bytes);
}

/**
 * Decodes the frame that bytes begin with (RFC 6455 section 5.2).
 *
 * @param bytes The bytes received so far, which are not changed. Bytes behind the frame are
 * ignored.
 * @param options Which end reads, whether RSV1 may be set, and the longest payload.
 * @returns The frame; undefined when its last octet has not come: ask again with more bytes.
 * @throws {ProtocolError} When the frame breaks a rule: its `violation` says which one, and `code`
 * is the close code that the connection has to fail with (section 7.1.7).
 * @throws {TypeError} When `bytes` are not bytes, or an option is unknown or of the wrong kind.
 *
 * @example
 * ```ts
 * import { decodeFrame, Opcode } from "@sansocket/ws/core";
 *
 * const frame = decodeFrame(Uint8Array.of(0x81, 0x02, 0x68, 0x69, 0x89));
 * if (frame?.opcode === Opcode.text) {
 *   console.log(new TextDecoder().decode(frame.payload), frame.byteLength); // hi 4
 * }
 * ```
 */
export function decodeFrame(
  bytes: BinaryData,
  options: DecodeFrameOptions = {},
): DecodedFrame | undefined {
  const decoding = resolveDecoding("decodeFrame()", options);
  const octets = checkBytes(bytes);
  const header = createFrameHeader();
  const start = readHeader(octets, 0, octets.length, header);
  if (start === 0) return undefined;
  // A continuation needs a message that has begun, which is not known here, so any is taken.
  const violation = judgeHeader(header, decoding, header.opcode === Opcode.continuation);
  if (violation !== undefined) throw toProtocolError(violation);
  const end = start + header.payloadLength;
  if (octets.length < end) return undefined;
  // Not slice(), which on a Buffer is a view.
  const payload = new Uint8Array(octets.subarray(start, end));
  if (header.masked) applyMask(payload, 0, payload.length, header.maskingKey);
  return toDecodedFrame(header, payload);
}

/** A frame to write. */
export interface FrameToEncode {
  /** The payload; a string is encoded as UTF-8. Default: none. */
  readonly payload?: string | BinaryData;
  /** The opcode; see {@linkcode Opcode}. Default: text for a string, binary for bytes. */
  readonly opcode?: number;
  /** Whether it is the last of its message. Default: true. */
  readonly fin?: boolean;
  /** Whether an extension has transformed the message that begins here. Default: false. */
  readonly rsv1?: boolean;
  /**
   * Whether to mask it, as a client must and a server must not (section 5.1): true masks it by a
   * fresh random key, a number by that key (`0x37fa213d`). Default: false.
   */
  readonly mask?: boolean | number;
}

const FRAME: OptionTable<FrameToEncode> = {
  payload: kind("a string or bytes", (value) => typeof value === "string" || isBytes(value)),
  opcode: number("", { least: 0, most: 15 }),
  fin: flag,
  rsv1: flag,
  mask: kind(
    "true, false or a masking key of 32 bits",
    (value) =>
      typeof value === "boolean" ||
      (typeof value === "number" && ((value >>> 0) === value || (value | 0) === value)),
  ),
};

/**
 * Encodes one frame (RFC 6455 section 5.2).
 *
 * @param frame What it carries, and how.
 * @returns The bytes to send.
 * @throws {RangeError} When no such frame may be sent: a reserved opcode, a control frame in
 * fragments or of more than 125 octets, or RSV1 on a frame that begins no message.
 * @throws {TypeError} When the payload is neither a string nor bytes, or a field is unknown or of
 * the wrong kind.
 *
 * @example
 * ```ts
 * import { encodeFrame, Opcode } from "@sansocket/ws/core";
 *
 * console.log(encodeFrame({ payload: "hi" }).join(" ")); // 129 2 104 105
 * console.log(encodeFrame({ opcode: Opcode.ping, mask: 0x01020304 }).join(" ")); // 137 128 1 2 3 4
 * ```
 */
export function encodeFrame(frame: FrameToEncode): Bytes {
  checkOptions("encodeFrame()", frame, FRAME);
  const { payload = "", fin = true, rsv1 = false, mask = false } = frame;
  const opcode = frame.opcode ?? (typeof payload === "string" ? Opcode.text : Opcode.binary);
  const octets = typeof payload === "string" ? encodeUtf8(payload) : toBytes(payload);
  const { length } = octets;
  const maskingKey = mask === true ? createMaskingKey() : mask === false ? undefined : mask;
  const masked = maskingKey !== undefined;
  const reserved = rsv1 ? RSV1 : 0;
  const header = { ...createFrameHeader(), fin, reserved, opcode, masked, payloadLength: length };
  const decoding = { role: undefined, rsv1: true, maxPayloadLength: Infinity };
  const violation = judgeHeader(header, decoding, opcode === Opcode.continuation);
  if (violation !== undefined) {
    throw new RangeError(
      `Expected a frame that may be sent, got opcode ${opcode}, fin ${fin}, rsv1 ${rsv1} and ${length} octets: ` +
        violation.reason,
    );
  }
  const bytes = new Uint8Array(headerLength(length, masked) + length);
  const first = (fin ? FIN : 0) | (reserved << 4) | opcode;
  const start = writeHeader(bytes, 0, first, length, maskingKey);
  bytes.set(octets, start);
  if (masked) applyMask(bytes, start, bytes.length, maskingKey);
  return bytes;
}
