// The suite's own framing (RFC 6455 section 5.2), for any frame that can be written, right or wrong.
//
// 1. Nothing of src/ is used here: a codec that is judged by itself would find itself right.
// 2. Writing obeys the caller in everything; reading reports what was there and judges nothing.

import { Buffer } from "node:buffer";
import { randomFillSync } from "node:crypto";

/** The opcodes of section 11.8. */
export const Opcode = {
  continuation: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
} as const;

/** A frame to be sent. What is left out is as the RFC wants it. */
export interface FrameSpec {
  /** 0 to 15. */
  readonly opcode: number;
  /** True unless told. */
  readonly fin?: boolean;
  /** The reserved bits as a number: RSV1 is 4, RSV2 is 2, RSV3 is 1. */
  readonly rsv?: number;
  /** Text is sent as UTF-8. */
  readonly payload?: Uint8Array | string;
  /** To mask, or not, against the role. */
  readonly masked?: boolean;
  /** The masking key; random unless told. */
  readonly key?: Uint8Array;
  /** The bits of the length field: 7, 16 or 64; the shortest that will do unless told. */
  readonly lengthBits?: 7 | 16 | 64;
  /** A length to declare in place of the payload's, in 64 bits. */
  readonly declared?: bigint;
}

/** A frame that came. */
export interface Frame {
  readonly fin: boolean;
  readonly rsv: number;
  readonly opcode: number;
  /** The masking key; undefined when the frame was not masked. */
  readonly key: Buffer | undefined;
  /** Unmasked. */
  readonly payload: Buffer;
  /** Whether the length had its shortest form. */
  readonly minimal: boolean;
}

/** Text as UTF-8, bytes as they are. */
export function bytesOf(payload: Uint8Array | string = ""): Buffer {
  if (typeof payload === "string") return Buffer.from(payload, "utf8");
  return Buffer.isBuffer(payload) ? payload : Buffer.from(payload);
}

/** Bytes from hexadecimal digits; spaces are left out. */
export function hex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(" ", ""), "hex");
}

/**
 * Writes a frame.
 *
 * @param spec What to write.
 * @param masked Whether the sender is a client (section 5.3).
 */
export function encodeFrame(spec: FrameSpec, masked: boolean): Buffer {
  const payload = bytesOf(spec.payload);
  const mask = spec.masked ?? masked;
  const shortest = payload.length < 126 ? 7 : payload.length < 65_536 ? 16 : 64;
  const bits = spec.declared === undefined ? spec.lengthBits ?? shortest : 64;
  const head = Buffer.alloc(2 + (bits === 7 ? 0 : bits / 8) + (mask ? 4 : 0));
  head[0] = ((spec.fin ?? true) ? 0x80 : 0) | ((spec.rsv ?? 0) << 4) | spec.opcode;
  head[1] = (mask ? 0x80 : 0) | (bits === 7 ? payload.length : bits === 16 ? 126 : 127);
  if (bits === 16) head.writeUInt16BE(payload.length, 2);
  if (bits === 64) head.writeBigUInt64BE(spec.declared ?? BigInt(payload.length), 2);
  if (!mask) return Buffer.concat([head, payload]);
  const key = bytesOf(spec.key ?? randomKey());
  head.set(key, head.length - 4);
  const frame = Buffer.concat([head, payload]);
  applyMask(frame, head.length, key);
  return frame;
}

/** Octets for keys: one call for many keys takes a twentieth of the time. */
const pool = Buffer.alloc(4_096);
let poolUsed = pool.length;

function randomKey(): Buffer {
  if (poolUsed === pool.length) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  return Buffer.from(pool.subarray(poolUsed, poolUsed += 4));
}

/** Masks, or unmasks, in place from `start` on (section 5.3). */
function applyMask(bytes: Buffer, start: number, key: Buffer): void {
  for (let index = start; index < bytes.length; index++) {
    bytes[index] = bytes[index]! ^ key[(index - start) & 3]!;
  }
}

/** Reads frames from chunks of any size. */
export class FrameReader {
  readonly #chunks: Buffer[] = [];
  #length = 0;

  /** Adds a chunk. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** The next frame that is complete. */
  next(): Frame | undefined {
    if (this.#length < 2) return undefined;
    const head = this.#peek(Math.min(14, this.#length));
    const code = head[1]! & 0x7f;
    const masked = (head[1]! & 0x80) !== 0;
    const lengthOctets = code === 126 ? 2 : code === 127 ? 8 : 0;
    const headLength = 2 + lengthOctets + (masked ? 4 : 0);
    if (head.length < headLength) return undefined;
    const length = lengthOctets === 2
      ? head.readUInt16BE(2)
      : lengthOctets === 8
      ? Number(head.readBigUInt64BE(2))
      : code;
    if (this.#length < headLength + length) return undefined;
    this.#take(headLength);
    const key = masked ? Buffer.from(head.subarray(headLength - 4, headLength)) : undefined;
    let payload = this.#take(length);
    if (key !== undefined) {
      payload = Buffer.from(payload);
      applyMask(payload, 0, key);
    }
    return {
      fin: (head[0]! & 0x80) !== 0,
      rsv: (head[0]! >> 4) & 7,
      opcode: head[0]! & 15,
      key,
      payload,
      minimal: lengthOctets === 0 || length >= (lengthOctets === 2 ? 126 : 65_536),
    };
  }

  /** The first `count` octets, which stay. */
  #peek(count: number): Buffer {
    const first = this.#chunks[0]!;
    return first.length >= count
      ? first.subarray(0, count)
      : Buffer.concat(this.#chunks.slice(0, 14)).subarray(0, count);
  }

  /** The first `count` octets, which go. */
  #take(count: number): Buffer {
    this.#length -= count;
    const pieces: Buffer[] = [];
    let missing = count;
    while (missing > 0) {
      const first = this.#chunks[0]!;
      if (first.length > missing) {
        pieces.push(first.subarray(0, missing));
        this.#chunks[0] = first.subarray(missing);
        break;
      }
      pieces.push(first);
      missing -= first.length;
      this.#chunks.shift();
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }
}
