// Client-to-server masking, RFC 6455 section 5.3.
//
// A masking key is held as one 32-bit integer in network order: its first octet is the highest.
// Masking is XOR, so the same function masks and unmasks, in place.
// Trap: words are XORed in the machine's byte order, so the key goes through memory once to match it.

/** Below this many bytes a byte loop is faster than making a view of words. */
const WORDS_FROM = 96;

/** Keys drawn at once: `getRandomValues` for each key costs 1,400 ns on Node, from a pool 5 ns. */
const pool = new Uint32Array(2048);
let unused = 0;

const keyOctets = new Uint8Array(4);
const keyWord = new Uint32Array(keyOctets.buffer);

/** A fresh masking key from Web Crypto's random numbers (RFC 6455 section 5.3: unpredictable, new for each frame). */
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
    for (; ((bytes.byteOffset + i) & 3) !== 0; i++) {
      bytes[i]! ^= key >>> 24;
      key = rotate(key, 1);
    }
    keyOctets[0] = key >>> 24;
    keyOctets[1] = key >>> 16;
    keyOctets[2] = key >>> 8;
    keyOctets[3] = key;
    const word = keyWord[0]!;
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + i, (end - i) >>> 2);
    for (let w = 0; w < words.length; w++) words[w]! ^= word;
    i += words.length << 2;
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

/** The key as the octet `octets` further on sees it. */
function rotate(key: number, octets: number): number {
  const bits = (octets & 3) << 3;
  return bits === 0 ? key : (key << bits) | (key >>> (32 - bits));
}
