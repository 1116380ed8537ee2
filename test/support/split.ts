// Ways to cut bytes into chunks.
//
// Every chunk is a fresh copy: a decoder owns what it gets and unmasks it in place.

import type { Bytes } from "../../src/util/bytes.ts";

/**
 * Cuts a copy of `input`.
 *
 * @param input The bytes; unchanged.
 * @param points The offsets to cut at, in any order; equal ones give an empty chunk.
 * @returns One chunk more than there are points.
 */
export function cutAt(input: Uint8Array, points: readonly number[]): Bytes[] {
  const sorted = [...points].sort((a, b) => a - b);
  return [0, ...sorted].map((point, i) => input.slice(point, sorted[i] ?? input.length));
}

/**
 * All ways to cut that the tests use: whole, byte by byte, and every split in two, the empty chunks
 * at both ends included.
 *
 * @param input The bytes; unchanged.
 */
export function* cuts(input: Uint8Array): Generator<Bytes[]> {
  yield [input.slice()];
  yield Array.from(input, (octet) => Uint8Array.of(octet));
  for (let at = 0; at <= input.length; at++) yield cutAt(input, [at]);
}
