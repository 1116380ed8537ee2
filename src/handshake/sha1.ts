// SHA-1 (RFC 3174), only for Sec-WebSocket-Accept, where it is not a protection, but a proof that
// the peer speaks WebSocket.
//
// Web Crypto has it too, but only with a promise. It costs 12 µs there on Node and 6 on Deno, and
// 1.2 to 1.7 here. Without the promise the server answers a handshake within the chunk that brings
// it. The tests compare the two.

const words = new Int32Array(80);
const state = new Int32Array(5);

/**
 * The digest of a text of octets (no code unit is above 255), in five words that the next call
 * writes over.
 */
export function sha1(text: string): Int32Array {
  const { length } = text;
  state[0] = 0x67452301;
  state[1] = 0xefcdab89;
  state[2] = 0x98badcfe;
  state[3] = 0x10325476;
  state[4] = 0xc3d2e1f0;
  for (let at = 0; at < length + 9; at += 64) {
    for (let t = 0, i = at; t < 16; t++, i += 4) {
      words[t] = (octet(text, i) << 24) | (octet(text, i + 1) << 16) | (octet(text, i + 2) << 8) |
        octet(text, i + 3);
    }
    if (at + 64 >= length + 9) words[15] = length << 3;
    addBlock();
  }
  return state;
}

/**
 * An octet of the padded text: a bit that is set follows the text, then zeros (RFC 3174 section 4).
 */
function octet(text: string, index: number): number {
  return index < text.length ? text.charCodeAt(index) : index === text.length ? 0x80 : 0;
}

/** Adds the block whose octets are the first sixteen of `words` to `state`. */
function addBlock(): void {
  for (let t = 16; t < 80; t++) {
    words[t] = rotate(words[t - 3]! ^ words[t - 8]! ^ words[t - 14]! ^ words[t - 16]!, 1);
  }
  let a = state[0]!, b = state[1]!, c = state[2]!, d = state[3]!, e = state[4]!;
  for (let t = 0; t < 80; t++) {
    // The functions and constants of RFC 3174 section 5
    const mix = t < 20
      ? ((b & c) | (~b & d)) + 0x5a827999
      : t < 40
      ? (b ^ c ^ d) + 0x6ed9eba1
      : t < 60
      ? ((b & c) | (b & d) | (c & d)) - 0x70e44324
      : (b ^ c ^ d) - 0x359d3e2a;
    const next = (rotate(a, 5) + mix + e + words[t]!) | 0;
    e = d;
    d = c;
    c = rotate(b, 30);
    b = a;
    a = next;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
  state[4]! += e;
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
