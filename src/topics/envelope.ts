// What a message is wrapped in between processes.
//
//     octet  0      version: 1
//     octet  1      kind in bits 0 and 1; text 0x04, droppable 0x08, compress: false 0x10, key 0x20
//     octets 2–9    origin: random, from when the topics of a process were made
//     octets 10–13  generation of the counter
//     octets 14–19  sequence number: of the origin on the channel, from 1
//     octet  20     length of the key, if it has one, and the key in UTF-8
//     the rest      the payload, untouched
//
// All numbers are big-endian. Bits that have no meaning are 0.

import type { Bytes } from "../util/bytes.ts";
import { decodeUtf8, encodeUtf8 } from "../util/utf8.ts";

/** The version that this code writes, and the only one that it reads. */
export const VERSION = 1;
/** Octets before the key or the payload. */
export const HEADER = 20;
/** The most octets before the payload: with the longest key. */
export const LONGEST_HEADER: number = HEADER + 1 + 255;

/** What an envelope is for. */
export const Kind = {
  /** A message for all subscribers of a topic. */
  message: 0,
  /** No message: repeats the last number of a publisher that is quiet. */
  repeat: 1,
  /** No message: comes back to the process that has sent it. */
  probe: 2,
  /** A message for one connection, which the key names. */
  direct: 3,
} as const;

const TEXT = 0x04;
const DROPPABLE = 0x08;
const PLAIN = 0x10;
const KEY = 0x20;
const KNOWN = 0x3f;

/** An envelope, opened. */
export interface Envelope {
  /** One of `Kind`. */
  kind: number;
  /** Whether the payload is text. */
  text: boolean;
  /** Whether it is dropped where a subscriber is behind. */
  droppable: boolean;
  /** Whether it may be compressed. */
  compress: boolean;
  /** The origin. */
  origin: number;
  /** The generation of the counter. */
  generation: number;
  /** The sequence number. */
  sequence: number;
  /** The key, if it has one. */
  key: string | undefined;
  /** The payload. */
  payload: Uint8Array;
}

/** Makes an origin: a number of 53 random bits, which the 8 octets of an envelope hold. */
export function createOrigin(): number {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return (high & 0x1f_ffff) * 2 ** 32 + low;
}

/** An origin as a program sees it: 16 hexadecimal digits. */
export function formatOrigin(origin: number): string {
  return origin.toString(16).padStart(16, "0");
}

/** Writes an envelope. */
export function encodeEnvelope(envelope: Envelope): Bytes {
  const { kind, text, droppable, compress, origin, generation, sequence, key, payload } = envelope;
  const name = key === undefined ? undefined : encodeUtf8(key);
  const start = HEADER + (name === undefined ? 0 : 1 + name.length);
  const bytes = new Uint8Array(start + payload.length);
  bytes[0] = VERSION;
  bytes[1] = kind | (text ? TEXT : 0) | (droppable ? DROPPABLE : 0) | (compress ? 0 : PLAIN) |
    (name === undefined ? 0 : KEY);
  write(bytes, 2, 4, Math.floor(origin / 2 ** 32));
  write(bytes, 6, 4, origin % 2 ** 32);
  write(bytes, 10, 4, generation);
  write(bytes, 14, 2, Math.floor(sequence / 2 ** 32));
  write(bytes, 16, 4, sequence % 2 ** 32);
  if (name !== undefined) {
    bytes[HEADER] = name.length;
    bytes.set(name, HEADER + 1);
  }
  bytes.set(payload, start);
  return bytes;
}

/**
 * Reads an envelope.
 *
 * @returns The envelope, whose payload is a view; the version, if it is another one; undefined if
 * it is malformed.
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope | number | undefined {
  const version = bytes[0];
  if (version !== VERSION) return version === 0 ? undefined : version;
  const flags = bytes[1] ?? 0;
  if (bytes.length < HEADER || flags > KNOWN) return undefined;
  const high = read(bytes, 2, 4);
  const sequence = read(bytes, 14, 2) * 2 ** 32 + read(bytes, 16, 4);
  if (high > 0x1f_ffff || sequence === 0) return undefined;
  let key: string | undefined;
  let start = HEADER;
  if ((flags & KEY) !== 0) {
    const length = bytes[HEADER] ?? 0;
    start += 1 + length;
    if (length === 0 || start > bytes.length) return undefined;
    key = decodeUtf8(bytes, HEADER + 1, start);
    if (key === undefined) return undefined;
  }
  const kind = flags & 0x03;
  if (kind === Kind.direct && key === undefined) return undefined;
  return {
    kind,
    text: (flags & TEXT) !== 0,
    droppable: (flags & DROPPABLE) !== 0,
    compress: (flags & PLAIN) === 0,
    origin: high * 2 ** 32 + read(bytes, 6, 4),
    generation: read(bytes, 10, 4),
    sequence,
    key,
    payload: bytes.subarray(start),
  };
}

function write(bytes: Bytes, at: number, count: number, value: number): void {
  for (let i = at + count - 1; i >= at; i--) {
    bytes[i] = value & 0xff;
    value >>>= 8;
  }
}

function read(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i++) value = value * 256 + bytes[i]!;
  return value;
}
