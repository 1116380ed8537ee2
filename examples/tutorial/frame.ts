// One frame by hand: a masked one from a client is unpacked, and the answer is packed.

import { decodeFrame, encodeFrame } from "@sansocket/ws/core";

const masked = Uint8Array.from(
  [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58],
);
const text = new TextDecoder().decode(decodeFrame(masked)?.payload);
console.log(text); // Hello
console.log(encodeFrame({ payload: text }).join(" ")); // 129 5 72 101 108 108 111
