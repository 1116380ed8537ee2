// What a fuzz target is: a source of samples and a check that holds for every one of them.
//
// A sample is bytes, the places to cut them at, and options that JSON can hold, so that any failure can be written
// down as a unit test of one line. A check knows nothing of how its sample was made: it throws, or all is well.

import fc from "fast-check";
import type { Bytes } from "../../src/util/bytes.ts";
import { cutAt } from "../support/split.ts";

/** One input of a target. */
export interface Sample<Options = unknown> {
  /** The bytes that the peer sends. */
  readonly bytes: Bytes;
  /** The offsets at which the bytes are cut into chunks. */
  readonly cuts: readonly number[];
  /** What else the check needs. */
  readonly options: Options;
}

/** A fuzz target. */
export interface Target<Options = unknown> {
  /** Its name for `--target`, and that of the constant which holds it. */
  readonly name: string;
  /** What holds for every sample. */
  readonly promise: string;
  /** Its file in `test/fuzz/targets/`. */
  readonly file: string;
  /** Where samples come from. */
  readonly samples: fc.Arbitrary<Sample<Options>>;
  /** Throws when the promise is broken. */
  check(bytes: Bytes, cuts: readonly number[], options: Options): void | Promise<void>;
}

/** Samples of `bytes`, cut anywhere. */
export function samplesOf<Options>(
  bytes: fc.Arbitrary<Bytes>,
  options: fc.Arbitrary<Options>,
): fc.Arbitrary<Sample<Options>> {
  const parts = fc.array(fc.nat(1000), { maxLength: 6 });
  return fc.tuple(bytes, parts, options).map(([bytes, parts, options]) => ({
    bytes,
    cuts: parts.map((part) => Math.floor(part * bytes.length / 1000)).sort((a, b) => a - b),
    options,
  }));
}

/** The ways in which a check cuts its bytes: whole, as the sample says, and octet by octet. */
export function chunkings(bytes: Bytes, cuts: readonly number[]): Bytes[][] {
  return [[bytes.slice()], cutAt(bytes, cuts), octets(bytes)];
}

/** Octet by octet; of long bytes only the first ones, which is quicker and still cuts the longest header. */
export function octets(bytes: Bytes): Bytes[] {
  const count = bytes.length > 400 ? 20 : bytes.length;
  return cutAt(bytes, Array.from({ length: count }, (_, i) => i + 1));
}
