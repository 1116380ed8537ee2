// A codec of frames that shares nothing with src/: the plainest reading of RFC 6455 section 5.2, with BigInt
// lengths and one octet at a time. It writes whatever it is told to, right or wrong.

import type { Bytes } from "../../src/util/bytes.ts";

/** A frame as it is on the wire. */
export interface NaiveFrame {
  /** The opcode, 0 to 15. */
  readonly opcode: number;
  /** FIN; set unless told. */
  readonly fin?: boolean;
  /** RSV1 to RSV3 as one number: RSV1 is 4. */
  readonly reserved?: number;
  /** The payload before masking. */
  readonly payload: Uint8Array;
  /** The masking key's four octets; undefined when not masked. */
  readonly key?: Uint8Array | undefined;
}

/** Writes frames one behind the other. */
export function encodeFrames(...frames: readonly NaiveFrame[]): Bytes {
  return Uint8Array.from(frames.flatMap(encodeFrame));
}

function encodeFrame(frame: NaiveFrame): number[] {
  const { opcode, fin = true, reserved = 0, payload, key } = frame;
  const length = payload.length;
  const octets = [(fin ? 128 : 0) + reserved * 16 + opcode];
  const mask = key === undefined ? 0 : 128;
  if (length <= 125) octets.push(mask + length);
  else {
    const [form, count] = length <= 65535 ? [126, 2] : [127, 8];
    octets.push(mask + form);
    for (let i = count - 1; i >= 0; i--) {
      octets.push(Number((BigInt(length) >> BigInt(8 * i)) % 256n));
    }
  }
  if (key !== undefined) octets.push(...key);
  payload.forEach((octet, i) => octets.push(key === undefined ? octet : octet ^ key[i % 4]!));
  return octets;
}

/**
 * Reads whole frames.
 *
 * @throws {Error} When `bytes` does not end with a frame.
 */
export function decodeFrames(bytes: Uint8Array): NaiveFrame[] {
  const frames: NaiveFrame[] = [];
  let offset = 0;
  const next = (count: number): Uint8Array => {
    const part = bytes.slice(offset, offset += count);
    if (part.length !== count) throw new Error("Bytes end inside a frame");
    return part;
  };
  while (offset < bytes.length) {
    const [first = 0, second = 0] = next(2);
    let length = BigInt(second % 128);
    if (length > 125n) {
      const octets = next(length === 126n ? 2 : 8);
      length = octets.reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
    }
    const key = second >= 128 ? next(4) : undefined;
    const payload = next(Number(length));
    if (key !== undefined) payload.forEach((octet, i) => payload[i] = octet ^ key[i % 4]!);
    const reserved = (first >> 4) % 8;
    frames.push({ opcode: first % 16, fin: first >= 128, reserved, payload, key });
  }
  return frames;
}
