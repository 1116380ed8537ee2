// What the tests of permessage-deflate share: data to compress, and both ways to reach zlib.

import type { DeflateBackend } from "../../src/deflate/backend.ts";
import { handleBackend } from "../../runtimes/shared/zlib.ts";
import { publicBackend } from "../../runtimes/shared/zlib_public.ts";
import { createMemoryRuntime } from "@sansocket/ws/testing";
import type { Network } from "./connections.ts";
import { createConnect } from "../../src/client/connect.ts";
import { createServe } from "../../src/server/serve.ts";
import type { Runtime } from "../../src/transport/transport.ts";

/** Both ways to reach zlib, by name. */
export const backends: Readonly<Record<"handle" | "public", DeflateBackend>> = {
  handle: handleBackend,
  public: publicBackend,
};

/** Octets that cannot be compressed: xorshift32, the same for the same seed. */
export function noise(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state;
  }
  return bytes;
}

/** Text like that of an API: objects of the same keys and other values. */
export function json(length: number, seed = 1): string {
  const values = noise(length, seed);
  let text = "";
  for (let i = 0; text.length < length; i += 3) {
    text += `{"id":${i},"name":"user ${values[i]}","active":${values[i + 1]! > 127},` +
      `"score":${values[i + 2]! / 7}},`;
  }
  return text.slice(0, length);
}

/** A network in memory that compresses. */
export function createCompressingNetwork(deflate: DeflateBackend): Network {
  const runtime: Runtime = { ...createMemoryRuntime(), deflate };
  return { serve: createServe(runtime), connect: createConnect(runtime) };
}

/** Where the distance codes begin (RFC 1951 section 3.2.5). */
const DISTANCES = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769]
  .concat([1025, 1537, 2049, 3073, 4097, 6145, 8193, 12_289, 16_385, 24_577]);

/** A message by hand: one match of 3 to 10 octets, `distance` octets back. */
export function reference(length: number, distance: number): Uint8Array<ArrayBuffer> {
  const code = DISTANCES.filter((base) => base <= distance).length - 1;
  const bits: number[] = [];
  const push = (value: number, count: number): void => {
    for (let i = 0; i < count; i++) bits.push((value >> i) & 1);
  };
  const pushCode = (value: number, count: number): void => {
    for (let i = count - 1; i >= 0; i--) bits.push((value >> i) & 1);
  };
  push(0b010, 3); // BFINAL 0, BTYPE 01: fixed codes
  pushCode(length - 2, 7);
  pushCode(code, 5);
  push(distance - DISTANCES[code]!, code < 2 ? 0 : (code >> 1) - 1);
  pushCode(0, 7); // the end of the block
  push(0, 3); // the empty block of the sync flush
  const bytes = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => bytes[i >> 3]! |= bit << (i & 7));
  return bytes;
}
