// SHA-1 (RFC 3174), for Sec-WebSocket-Accept alone, where it is no protection but a proof that the peer speaks WebSocket.
//
// Web Crypto has it too, but only behind a promise, where it costs 12 µs on Node and 6 on Deno against 1.2 to 1.7 here;
// and without the promise a handshake is answered within the chunk that brings it. The tests compare the two.

const words = new Int32Array(80);

/** The digest of a text of octets: no code unit is above 255. */
export function sha1(text: string): Uint8Array<ArrayBuffer> {
  const { length } = text;
  const padded = new Uint8Array(((length + 8) >> 6) + 1 << 6);
  for (let i = 0; i < length; i++) padded[i] = text.charCodeAt(i);
  padded[length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 4, length << 3);
  const state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
  for (let at = 0; at < padded.length; at += 64) addBlock(state, view, at);
  const digest = new DataView(new ArrayBuffer(20));
  for (let i = 0; i < 5; i++) digest.setInt32(4 * i, state[i]!);
  return new Uint8Array(digest.buffer);
}

function addBlock(state: Int32Array, block: DataView, at: number): void {
  for (let t = 0; t < 16; t++) words[t] = block.getInt32(at + 4 * t);
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
