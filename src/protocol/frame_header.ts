// The base framing protocol, RFC 6455 section 5.2: reading, judging and writing frame headers.
//
// 1. Reading consumes a whole header or nothing. It accepts any bits.
// 2. Judging is one table of violations, apart from reading.
// 3. A payload length is a Number: a length above 2^53-1 reads as a value that the judge refuses.

import { CloseCode } from "./close_frame.ts";
import type { Violation, ViolationCode } from "./violation.ts";

export type { Violation } from "./violation.ts";

/** The opcodes of RFC 6455 section 5.2. */
export const Opcode = {
  /** Goes on with a fragmented message. */
  continuation: 0x0,
  /** UTF-8 text. */
  text: 0x1,
  /** Arbitrary bytes. */
  binary: 0x2,
  /** Starts or answers the closing handshake. */
  close: 0x8,
  /** Asks for a Pong. */
  ping: 0x9,
  /** Answers a Ping, or is a heartbeat by itself. */
  pong: 0xa,
} as const;

/** The bit of a first octet that says that the frame is its message's last. */
export const FIN = 0x80;

/**
 * RSV1 as one of the three reserved bits: on the first frame of a compressed message (RFC 7692
 * section 6).
 */
export const RSV1 = 4;

/** The longest header: 2 octets, an 8-octet length, a masking key. */
export const MAX_HEADER_LENGTH = 14;

/** The longest payload of a control frame (RFC 6455 section 5.5). */
export const MAX_CONTROL_LENGTH = 125;

/** The opcode of a message. */
export function messageOpcode(data: string | Uint8Array): number {
  return typeof data === "string" ? Opcode.text : Opcode.binary;
}

/**
 * Checks what this end wants to put into a control frame.
 *
 * @throws {RangeError} When it is too long.
 */
export function checkControlLength(what: string, length: number): void {
  if (length <= MAX_CONTROL_LENGTH) return;
  throw new RangeError(`${what} must be at most ${MAX_CONTROL_LENGTH} octets, got ${length}`);
}

/** Which end of the connection this is: the client masks its frames, the server ends TCP first. */
export type Role = "client" | "server";

/** A frame header as read. One object is filled again for each frame. */
export interface FrameHeader {
  /** The final fragment of its message. */
  fin: boolean;
  /** RSV1, RSV2 and RSV3 as one number of 0 to 7: RSV1 is 4. */
  reserved: number;
  /** The opcode, 0 to 15. */
  opcode: number;
  /** Whether the payload is masked. */
  masked: boolean;
  /** The masking key in network order; 0 when not masked. */
  maskingKey: number;
  /** Octets of payload. */
  payloadLength: number;
  /** Whether the length was written in the shortest form that holds it. */
  minimal: boolean;
}

/** A header to read into. */
export function createFrameHeader(): FrameHeader {
  return {
    fin: false,
    reserved: 0,
    opcode: 0,
    masked: false,
    maskingKey: 0,
    payloadLength: 0,
    minimal: true,
  };
}

/**
 * Reads the header at `offset` into `header`; returns its length, or 0 when `end` comes before its
 * last octet.
 */
export function readHeader(
  bytes: Uint8Array,
  offset: number,
  end: number,
  header: FrameHeader,
): number {
  if (end - offset < 2) return 0;
  const second = bytes[offset + 1]!;
  const form = second & 0x7f;
  const masked = second > 0x7f;
  const keyOffset = form < 126 ? 2 : form === 126 ? 4 : 10;
  const length = masked ? keyOffset + 4 : keyOffset;
  if (end - offset < length) return 0;

  const first = bytes[offset]!;
  header.fin = first > 0x7f;
  header.reserved = (first >> 4) & 7;
  header.opcode = first & 0xf;
  header.masked = masked;
  if (form < 126) {
    header.payloadLength = form;
    header.minimal = true;
  } else if (form === 126) {
    header.payloadLength = (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
    header.minimal = header.payloadLength > 125;
  } else {
    const high = readInt32(bytes, offset + 2) >>> 0;
    // A length that no Number holds exactly must not be rounded up into another violation.
    header.payloadLength = high > 0x1f_ffff
      ? (high > 0x7fff_ffff ? 2 ** 63 : 2 ** 53)
      : high * 0x1_0000_0000 + (readInt32(bytes, offset + 6) >>> 0);
    header.minimal = header.payloadLength > 0xffff;
  }
  header.maskingKey = masked ? readInt32(bytes, offset + keyOffset) : 0;
  return length;
}

/** Four octets in network order, as a masking key is held: signed. */
export function readInt32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) |
    bytes[offset + 3]!;
}

const reservedOpcode = protocolError("reserved-opcode", "Reserved opcode");
const reservedBits = protocolError(
  "reserved-bits",
  "Reserved bit set without an extension that uses it",
);
const fragmentedControl = protocolError("fragmented-control-frame", "Fragmented control frame");
const longControl = protocolError(
  "control-frame-too-long",
  "Control frame longer than 125 octets",
);
const notMinimal = protocolError("length-not-minimal", "Payload length not in its shortest form");
const negativeLength = protocolError("length-negative", "Payload length with its highest bit set");
const unsafeLength: Violation = {
  code: CloseCode.messageTooBig,
  kind: "length-too-large",
  reason: "Payload length above 2^53-1",
};
const unmaskedFrame = protocolError("unmasked-frame", "Unmasked frame from a client");
const maskedFrame = protocolError("masked-frame", "Masked frame from a server");
const missingStart = protocolError(
  "continuation-without-start",
  "Continuation frame without a message to continue",
);
const missingEnd = protocolError(
  "message-inside-message",
  "New message inside a fragmented message",
);

function protocolError(kind: ViolationCode, reason: string): Violation {
  return { code: CloseCode.protocolError, kind, reason };
}

/**
 * Whether the reserved bits of a header are allowed. RSV1 on the first frame of a message says that
 * an extension has transformed the message: it is not allowed on a continuation or a control frame
 * (RFC 7692 section 6). RSV2 and RSV3 have no meaning.
 */
function areReservedBitsAllowed({ reserved, opcode }: FrameHeader, transforms: boolean): boolean {
  if (reserved === 0) return true;
  return reserved === RSV1 && transforms && (opcode === Opcode.text || opcode === Opcode.binary);
}

/**
 * Judges a header by the rules of RFC 6455 section 5, in the order of its bits.
 *
 * @param role Which end reads it.
 * @param fragmented Whether a fragmented message is in progress.
 * @param transforms Whether an extension was negotiated that marks messages with RSV1, such as
 * permessage-deflate.
 * @returns What is wrong, or undefined.
 */
export function checkHeader(
  header: FrameHeader,
  role: Role,
  fragmented: boolean,
  transforms: boolean,
): Violation | undefined {
  const { opcode } = header;
  if (!areReservedBitsAllowed(header, transforms)) return reservedBits; // 5.2
  if (opcode >= 8) {
    if (opcode > Opcode.pong) return reservedOpcode; // 5.2
    if (!header.fin) return fragmentedControl; // 5.5
    if (header.payloadLength > MAX_CONTROL_LENGTH) return longControl; // 5.5
  } else if (opcode > Opcode.binary) {
    return reservedOpcode; // 5.2
  } else if (opcode === Opcode.continuation) {
    if (!fragmented) return missingStart; // 5.4
  } else if (fragmented) {
    return missingEnd; // 5.4
  }
  // 5.1
  if (header.masked !== (role === "server")) return role === "server" ? unmaskedFrame : maskedFrame;
  if (!header.minimal) return notMinimal; // 5.2
  if (header.payloadLength > Number.MAX_SAFE_INTEGER) {
    return header.payloadLength >= 2 ** 63 ? negativeLength : unsafeLength; // 5.2
  }
  return undefined;
}

/** The length of the header that a payload of `payloadLength` octets gets. */
export function headerLength(payloadLength: number, masked: boolean): number {
  const length = payloadLength < 126 ? 2 : payloadLength < 0x1_0000 ? 4 : 10;
  return masked ? length + 4 : length;
}

/**
 * Writes a header at `offset`, the length in its shortest form; returns the offset behind it.
 *
 * @param first The first octet: FIN, RSV bits and opcode.
 * @param maskingKey The masking key, or undefined for a frame that is not masked.
 */
export function writeHeader(
  target: Uint8Array,
  offset: number,
  first: number,
  payloadLength: number,
  maskingKey: number | undefined,
): number {
  const mask = maskingKey === undefined ? 0 : 0x80;
  target[offset++] = first;
  if (payloadLength < 126) {
    target[offset++] = mask | payloadLength;
  } else if (payloadLength < 0x1_0000) {
    target[offset++] = mask | 126;
    target[offset++] = payloadLength >>> 8;
    target[offset++] = payloadLength;
  } else {
    target[offset++] = mask | 127;
    offset = writeUint32(target, offset, Math.floor(payloadLength / 0x1_0000_0000));
    offset = writeUint32(target, offset, payloadLength >>> 0);
  }
  return maskingKey === undefined ? offset : writeUint32(target, offset, maskingKey);
}

function writeUint32(target: Uint8Array, offset: number, value: number): number {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
  return offset + 4;
}
