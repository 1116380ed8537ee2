// Sec-WebSocket-Key and Sec-WebSocket-Accept (RFC 6455 section 1.3, 4.1, 4.2.2). They prove that
// the peer speaks WebSocket and that no cache answered in its place; they do not authenticate
// anyone.
//
// The key is hashed as the text that was sent, never decoded first (4.2.2 item 5.4).

import { sha1 } from "./sha1.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // 1.3
const KEY_BYTES = 16;
const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The length of a `Sec-WebSocket-Accept`: 20 octets in base64. */
export const ACCEPT_LENGTH = 28;

/**
 * Creates a value for `Sec-WebSocket-Key`: 16 random bytes in base64, fresh for each connection
 * (RFC 6455 section 4.1, item 7 of the request).
 *
 * @returns 24 characters.
 *
 * @example
 * ```ts
 * import { createKey } from "@sansocket/ws/core";
 *
 * createKey().length; // 24
 * ```
 */
export function createKey(): string {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(KEY_BYTES))));
}

/**
 * Says whether a value of `Sec-WebSocket-Key` decodes to exactly 16 bytes (RFC 6455 section 4.2.1
 * item 5): 22 digits of base64 and the padding. The last digit carries two bits; its other four may
 * be anything, as in the example of RFC 6455 section 4.1, "AQIDBAUGBwgJCgsMDQ4PEC==".
 *
 * @param value The field value.
 * @returns Whether it is a key.
 *
 * @example
 * ```ts
 * import { isKey } from "@sansocket/ws/core";
 *
 * isKey("dGhlIHNhbXBsZSBub25jZQ=="); // true
 * ```
 */
export function isKey(value: string): boolean {
  return /^[A-Za-z\d+/]{22}==$/.test(value);
}

/**
 * Computes the `Sec-WebSocket-Accept` that answers a key: base64 of the SHA-1 of the key followed
 * by the protocol's GUID (RFC 6455 section 4.2.2 item 5.4).
 *
 * @param key The value of `Sec-WebSocket-Key` as it was sent.
 * @returns 28 characters.
 *
 * @example
 * ```ts
 * import { computeAccept } from "@sansocket/ws/core";
 *
 * computeAccept("dGhlIHNhbXBsZSBub25jZQ=="); // "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
 * ```
 */
export function computeAccept(key: string): string {
  const accept = new Uint8Array(ACCEPT_LENGTH);
  writeAccept(key, accept, 0);
  return String.fromCharCode(...accept);
}

/** Writes what {@linkcode computeAccept} returns into `target` at `offset`; it makes no object. */
export function writeAccept(key: string, target: Uint8Array, offset: number): void {
  const digest = sha1(key + GUID);
  // 160 bits are 26 digits, and 4 bits that two zeros fill up.
  for (let i = 0; i < ACCEPT_LENGTH - 1; i++) {
    const word = (6 * i) >> 5;
    const left = 26 - ((6 * i) & 31);
    const bits = left >= 0
      ? digest[word]! >>> left
      : (digest[word]! << -left) | (word < 4 ? digest[word + 1]! >>> (32 + left) : 0);
    target[offset + i] = BASE64.charCodeAt(bits & 63);
  }
  target[offset + ACCEPT_LENGTH - 1] = 0x3d; // "="
}
