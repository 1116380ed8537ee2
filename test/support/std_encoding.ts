// `@std/encoding` by the same names over `node:buffer`, for places that cannot reach JSR.

import { Buffer } from "node:buffer";

/** Encodes bytes as lower-case hex. */
export function encodeHex(source: string | Uint8Array | ArrayBuffer): string {
  return toBuffer(source).toString("hex");
}

/** Decodes hex. */
export function decodeHex(source: string): Uint8Array<ArrayBuffer> {
  if (source.length % 2 !== 0 || /[^0-9a-f]/i.test(source)) {
    throw new TypeError(`Expected hex, got ${JSON.stringify(source)}`);
  }
  return new Uint8Array(Buffer.from(source, "hex"));
}

/** Encodes bytes as base64. */
export function encodeBase64(source: string | Uint8Array | ArrayBuffer): string {
  return toBuffer(source).toString("base64");
}

/** Decodes base64. */
export function decodeBase64(source: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(source, "base64"));
}

function toBuffer(source: string | Uint8Array | ArrayBuffer): Buffer {
  if (typeof source === "string") return Buffer.from(source);
  return source instanceof ArrayBuffer
    ? Buffer.from(source)
    : Buffer.from(source.buffer, source.byteOffset, source.byteLength);
}
