// Mutations of valid streams: bit flips, octets and numbers with a meaning, truncation, removal, duplication, splices.
//
// A stream knows where its units begin (its marks). Half of all mutations aim behind one, for that is where lengths,
// opcodes and separators stand; a position anywhere mostly hits payload.

import fc from "fast-check";
import type { Bytes } from "../../src/util/bytes.ts";
import { concat } from "../../src/util/bytes.ts";

/** Valid bytes, and where their units begin: frames, lines, members of a list. */
export interface Stream {
  /** The bytes. */
  readonly bytes: Bytes;
  /** Offsets into them. */
  readonly marks: readonly number[];
}

/** Joins units, and marks where each begins. */
export function streamOf(units: readonly Uint8Array[]): Stream {
  const marks: number[] = [];
  let offset = 0;
  for (const unit of units) {
    marks.push(offset);
    offset += unit.length;
  }
  return { bytes: concat(units), marks };
}

/** Octets at the borders of what some grammar allows. */
const OCTETS = [
  ...[0x00, 0x01, 0x7d, 0x7e, 0x7f, 0x80, 0xff],
  ...[0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xf5, 0xbf],
  ...[0x09, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x3a, 0x3b, 0x3d, 0x5c],
];

/** Lengths at the borders of a form or a limit. */
const NUMBERS = [0n, 1n, 4n, 9n, 125n, 126n, 127n, 128n, 200n, 0xffffn, 0x1_0000n]
  .concat([2n ** 31n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]);

const KINDS = [
  "flip",
  "octet",
  "number",
  "truncate",
  "remove",
  "duplicate",
  "splice",
  "insert",
] as const;

interface Mutation {
  readonly kind: typeof KINDS[number];
  readonly near: boolean;
  readonly at: number;
  readonly from: number;
  readonly delta: number;
  readonly length: number;
  readonly value: number;
  readonly inserted: Uint8Array;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom(...KINDS),
  near: fc.boolean(),
  at: fc.nat(65_535),
  from: fc.nat(65_535),
  delta: fc.nat(13),
  length: fc.integer({ min: 1, max: 24 }),
  value: fc.nat(255),
  inserted: fc.uint8Array({ minLength: 1, maxLength: 6 }),
});

/** The bytes of a stream with up to four mutations; one in five stays valid. */
export function mutated(stream: fc.Arbitrary<Stream>): fc.Arbitrary<Bytes> {
  const mutations = fc.oneof(
    { weight: 1, arbitrary: fc.constant<Mutation[]>([]) },
    { weight: 4, arbitrary: fc.array(mutation, { minLength: 1, maxLength: 4 }) },
  );
  return fc.tuple(stream, mutations).map(([{ bytes, marks }, mutations]) =>
    mutations.reduce((bytes, mutation) => mutate(bytes, marks, mutation), bytes.slice())
  );
}

function mutate(bytes: Bytes, marks: readonly number[], mutation: Mutation): Bytes {
  const { kind, near, delta, length, value, inserted } = mutation;
  const place = (pick: number): number => {
    const mark = marks[pick % marks.length];
    const offset = near && mark !== undefined ? mark + delta : pick % (bytes.length + 1);
    return Math.min(offset, bytes.length);
  };
  const at = place(mutation.at);
  const from = place(mutation.from);
  const before = bytes.subarray(0, at);
  switch (kind) {
    case "flip":
      if (at < bytes.length) bytes[at]! ^= 1 << (value & 7);
      return bytes;
    case "octet":
      if (at < bytes.length) bytes[at] = OCTETS[value % OCTETS.length]!;
      return bytes;
    case "number":
      return overwrite(bytes, at, NUMBERS[value % NUMBERS.length]!, [1, 2, 8][length % 3]!);
    case "truncate":
      return before.slice();
    case "remove":
      return concat([before, bytes.subarray(at + length)]);
    case "duplicate":
      return concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
    case "splice":
      return concat([before, bytes.subarray(from, from + length), bytes.subarray(at)]);
    case "insert":
      return concat([before, inserted, bytes.subarray(at)]);
  }
}

/** Writes a number in network order over what is there. */
function overwrite(bytes: Bytes, at: number, number: bigint, count: number): Bytes {
  for (let i = 0; i < count && at + i < bytes.length; i++) {
    bytes[at + i] = Number((number >> BigInt(8 * (count - 1 - i))) & 255n);
  }
  return bytes;
}
