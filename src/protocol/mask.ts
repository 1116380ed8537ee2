// Client-to-server masking, RFC 6455 section 5.3.
//
// A masking key is held as one 32-bit integer in network order: its first octet is the highest. It
// is signed, because V8 makes an object of each unsigned one in the upper half. Masking is XOR, so
// the same function masks and unmasks, in place or while it copies. Trap: words are XORed in the
// machine's byte order, so the key goes through memory once to match it.

import { JSC, LARGE } from "../util/bytes.ts";

/** Below this many octets, a loop over octets is faster than one over words. */
const WORDS_FROM = 48;
/** From this many octets on, words of 64 bits are faster, where the engine has them as integers. */
const WIDE_FROM = 256;

/**
 * Whether 64-bit words are XORed as integers: V8 does, in half the time of 32-bit ones (64 KiB: 3
 * to 6 µs against 6 to 11); JavaScriptCore makes an object of each, and takes 50 times as long.
 */
const WIDE = !JSC;

/**
 * Keys drawn at once: a call of `getRandomValues` for each key costs 1,400 ns on Node, a key from a
 * pool 5 ns.
 */
const pool = new Int32Array(2048);
let unused = 0;

const keyOctets = new Uint8Array(8);
const keyWord = new Int32Array(keyOctets.buffer);
const keyWide = new BigInt64Array(keyOctets.buffer);

/**
 * The memory masked last, as words: frames that came in one chunk share the view (20 to 50 ns
 * each). Large messages have memory of their own, which is not kept here.
 */
let viewed: ArrayBufferLike = keyOctets.buffer;
let words: Int32Array = keyWord;
let wideViewed: ArrayBufferLike = keyOctets.buffer;
let wide: BigInt64Array = keyWide;

/**
 * A fresh masking key from Web Crypto's random numbers (RFC 6455 section 5.3: unpredictable, new
 * for each frame).
 */
export function createMaskingKey(): number {
  if (unused === 0) {
    crypto.getRandomValues(pool);
    unused = pool.length;
  }
  const key = pool[--unused]!;
  pool[unused] = 0;
  return key;
}

/**
 * Masks or unmasks `bytes` from `start` to `end` in place.
 *
 * @param phase How many octets of the same payload went before.
 */
export function applyMask(
  bytes: Uint8Array,
  start: number,
  end: number,
  maskingKey: number,
  phase = 0,
): void {
  let key = rotate(maskingKey, phase);
  let i = start;
  if (end - start >= WORDS_FROM) {
    const { byteOffset, buffer } = bytes;
    for (; ((byteOffset + i) & 3) !== 0; i++) {
      bytes[i]! ^= key >>> 24;
      key = rotate(key, 1);
    }
    keyOctets[0] = keyOctets[4] = key >>> 24;
    keyOctets[1] = keyOctets[5] = key >>> 16;
    keyOctets[2] = keyOctets[6] = key >>> 8;
    keyOctets[3] = keyOctets[7] = key;
    const mask = WIDE && end - i >= WIDE_FROM ? maskWide : maskWords;
    i += mask(buffer, byteOffset + i, end - i);
  }
  const k0 = key >>> 24, k1 = (key >>> 16) & 255, k2 = (key >>> 8) & 255, k3 = key & 255;
  for (; i + 3 < end; i += 4) {
    bytes[i]! ^= k0;
    bytes[i + 1]! ^= k1;
    bytes[i + 2]! ^= k2;
    bytes[i + 3]! ^= k3;
  }
  if (i < end) bytes[i]! ^= k0;
  if (i + 1 < end) bytes[i + 1]! ^= k1;
  if (i + 2 < end) bytes[i + 2]! ^= k2;
}

/**
 * XORs whole words from an offset where a word starts. Returns the number of octets done. The loop
 * takes eight words a turn, which is up to 1.5 times as fast.
 */
function maskWords(buffer: ArrayBufferLike, offset: number, length: number): number {
  const view = wordsOf(buffer);
  const word = keyWord[0]!;
  let w = offset >> 2;
  const end = w + (length >> 2);
  for (; w + 7 < end; w += 8) {
    view[w]! ^= word;
    view[w + 1]! ^= word;
    view[w + 2]! ^= word;
    view[w + 3]! ^= word;
    view[w + 4]! ^= word;
    view[w + 5]! ^= word;
    view[w + 6]! ^= word;
    view[w + 7]! ^= word;
  }
  for (; w < end; w++) view[w]! ^= word;
  return length & ~3;
}

/**
 * The same with 64-bit words; the octets before the first of them are half a word. The loop takes
 * four words a turn, up to an end that is known. One word a turn, or eight, takes two to three
 * times as long; a loop up to the length of a view made for it takes five times as long.
 */
function maskWide(buffer: ArrayBufferLike, offset: number, length: number): number {
  const view = wideOf(buffer);
  const word = keyWide[0]!;
  const half = offset & 4;
  if (half > 0) maskWords(buffer, offset, half);
  let w = (offset + half) >> 3;
  const end = w + ((length - half) >> 3);
  const done = (end << 3) - offset;
  for (; w + 3 < end; w += 4) {
    view[w]! ^= word;
    view[w + 1]! ^= word;
    view[w + 2]! ^= word;
    view[w + 3]! ^= word;
  }
  for (; w < end; w++) view[w]! ^= word;
  return done;
}

function wordsOf(buffer: ArrayBufferLike): Int32Array {
  if (buffer === viewed) return words;
  const view = new Int32Array(buffer, 0, buffer.byteLength >> 2);
  if (buffer.byteLength > LARGE) return view;
  viewed = buffer;
  return words = view;
}

function wideOf(buffer: ArrayBufferLike): BigInt64Array {
  if (buffer === wideViewed) return wide;
  const view = new BigInt64Array(buffer, 0, buffer.byteLength >> 3);
  if (buffer.byteLength > LARGE) return view;
  wideViewed = buffer;
  return wide = view;
}

/** The key, turned to start with the octet that is `octets` further on. */
function rotate(key: number, octets: number): number {
  const bits = (octets & 3) << 3;
  return bits === 0 ? key : (key << bits) | (key >>> (32 - bits));
}
