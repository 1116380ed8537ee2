// Frames by hand, right or wrong (RFC 6455 section 5.2). The core's encodeFrame() refuses what may
// not be sent; a test sends just that.

import { createFrameHeader, FIN, Opcode, readHeader } from "../protocol/frame_header.ts";
import { applyMask, createMaskingKey } from "../protocol/mask.ts";
import type { BinaryData, Bytes } from "../util/bytes.ts";
import { checkOptions, flag, kind, number, type OptionTable } from "../util/check_options.ts";
import { isBytes } from "../util/brands.ts";
import { frameLine, octetsOf } from "./assertion.ts";

/** A frame to send by hand. All of it may be wrong. */
export interface RawFrame {
  /** The payload before masking; a string is encoded as UTF-8. Default: none. */
  readonly payload?: string | BinaryData | undefined;
  /** The opcode, 0 to 15. Default: text for a string, binary for bytes. */
  readonly opcode?: number | undefined;
  /** Whether it is the last of its message. Default: true. */
  readonly fin?: boolean | undefined;
  /** The first reserved bit. Default: false. */
  readonly rsv1?: boolean | undefined;
  /** The second one. Default: false. */
  readonly rsv2?: boolean | undefined;
  /** The third one. Default: false. */
  readonly rsv3?: boolean | undefined;
  /**
   * Whether it is masked: true by a fresh random key, a number by that key (`0x37fa213d`). Default:
   * as its sender has to, which is true for a client and false for a server.
   */
  readonly mask?: boolean | number | undefined;
  /**
   * The length that the header declares, in octets: more than the payload has leaves half a frame.
   * Default: that of the payload.
   */
  readonly length?: number | undefined;
  /** How many bits the header has for the length: 7, 16 or 64. Default: the fewest that hold it. */
  readonly lengthBits?: 7 | 16 | 64 | undefined;
}

/** A frame that came. */
export interface ReceivedFrame {
  /** The opcode, 0 to 15. */
  readonly opcode: number;
  /** Whether it is the last of its message. */
  readonly fin: boolean;
  /** The first reserved bit. */
  readonly rsv1: boolean;
  /** The second one. */
  readonly rsv2: boolean;
  /** The third one. */
  readonly rsv3: boolean;
  /** The masking key as a number; undefined when it was not masked. */
  readonly mask: number | undefined;
  /** The payload, unmasked. */
  readonly payload: Bytes;
}

/** What each field of a frame may be. */
export const RAW_FRAME: OptionTable<RawFrame> = {
  payload: kind("a string or bytes", (value) => typeof value === "string" || isBytes(value)),
  opcode: number("", { least: 0, most: 15 }),
  fin: flag,
  rsv1: flag,
  rsv2: flag,
  rsv3: flag,
  mask: kind(
    "true, false or a masking key of 32 bits",
    (value) => typeof value === "boolean" || (typeof value === "number" && value >>> 0 === value),
  ),
  length: number("octets", { least: 0, most: Number.MAX_SAFE_INTEGER }),
  lengthBits: kind("7, 16 or 64", (value) => value === 7 || value === 16 || value === 64),
};

/**
 * Encodes a frame as it is told, right or wrong. A part of the bytes is half a frame.
 *
 * @param frame The frame. It is not masked unless `mask` says so.
 * @returns Its bytes.
 * @throws {TypeError} When a field is unknown or of the wrong kind.
 * @throws {RangeError} When a number is out of its range, or has no room in `lengthBits`.
 *
 * @example
 * ```ts
 * import { encodeRawFrame } from "@sansocket/ws/testing";
 *
 * console.log(encodeRawFrame({ opcode: 9, fin: false, rsv2: true }).join(" ")); // 41 0
 * ```
 */
export function encodeRawFrame(frame: RawFrame): Bytes {
  checkOptions("encodeRawFrame()", frame, RAW_FRAME);
  const { payload = "", fin = true, rsv1 = false, rsv2 = false, rsv3 = false } = frame;
  const { mask = false, opcode = typeof payload === "string" ? Opcode.text : Opcode.binary } =
    frame;
  const octets = octetsOf(payload);
  const { length = octets.length } = frame;
  const { lengthBits = length < 126 ? 7 : length < 65_536 ? 16 : 64 } = frame;
  if (length > (lengthBits === 7 ? 125 : lengthBits === 16 ? 65_535 : Infinity)) {
    throw new RangeError(`Expected a length that ${lengthBits} bits hold, got ${length}`);
  }
  const size = lengthBits === 7 ? 2 : lengthBits === 16 ? 4 : 10;
  const key = mask === true ? createMaskingKey() : mask === false ? undefined : mask;
  const start = key === undefined ? size : size + 4;
  const bytes = new Uint8Array(start + octets.length);
  const view = new DataView(bytes.buffer);
  const reserved = (rsv1 ? 0x40 : 0) | (rsv2 ? 0x20 : 0) | (rsv3 ? 0x10 : 0);
  bytes[0] = (fin ? FIN : 0) | reserved | opcode;
  bytes[1] = (key === undefined ? 0 : 0x80) |
    (lengthBits === 7 ? length : lengthBits === 16 ? 126 : 127);
  if (lengthBits === 16) view.setUint16(2, length);
  if (lengthBits === 64) view.setBigUint64(2, BigInt(length));
  bytes.set(octets, start);
  if (key !== undefined) {
    view.setUint32(size, key);
    applyMask(bytes, start, bytes.length, key);
  }
  return bytes;
}

/**
 * Reads the frame that bytes begin with, right or wrong.
 *
 * @param bytes The bytes.
 * @returns The frame and its size, or how many octets are needed to know more.
 */
export function readRawFrame(
  bytes: Bytes,
): { readonly frame: ReceivedFrame; readonly size: number } | { readonly needs: number } {
  const header = createFrameHeader();
  const start = readHeader(bytes, 0, bytes.length, header);
  if (start === 0) return { needs: bytes.length + 1 };
  const size = start + header.payloadLength;
  if (bytes.length < size) return { needs: size };
  const { opcode, fin, reserved, masked, maskingKey } = header;
  const payload = bytes.slice(start, size);
  if (masked) applyMask(payload, 0, payload.length, maskingKey);
  const frame: ReceivedFrame = {
    opcode,
    fin,
    rsv1: (reserved & 4) !== 0,
    rsv2: (reserved & 2) !== 0,
    rsv3: (reserved & 1) !== 0,
    mask: masked ? maskingKey >>> 0 : undefined,
    payload,
  };
  return { frame, size };
}

/** A frame that came, as a line of a trace. */
export function lineOf({ opcode, payload, fin, rsv1, rsv2, rsv3 }: ReceivedFrame): string {
  const line = frameLine(opcode, payload, { fin, rsv1 });
  return `${line}${rsv2 ? " with RSV2" : ""}${rsv3 ? " with RSV3" : ""}`;
}
