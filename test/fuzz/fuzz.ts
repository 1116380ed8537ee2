// Runs targets, and turns a failure into a unit test.
//
// fast-check finds a failing sample and shrinks it in terms of what the sample was made from. What is left is shrunk
// once more, as bytes, for most of a failing stream has nothing to do with the failure. Any failure counts as the same.

import { encodeHex } from "@std/encoding";
import fc from "fast-check";
import type { Bytes } from "../../src/util/bytes.ts";
import { concat } from "../../src/util/bytes.ts";
import type { Sample, Target } from "./target.ts";

/** A broken promise. */
export interface Failure {
  /** The smallest sample that was found. */
  readonly sample: Sample;
  /** What its check threw. */
  readonly error: Error;
}

/** How long to run. */
export interface RunOptions {
  /** Where the random numbers start. */
  readonly seed: number;
  /** How many samples. */
  readonly numRuns: number;
  /** Milliseconds after which no more samples are taken. */
  readonly timeLimit?: number;
}

/** Milliseconds for each of the two ways to shrink, which could otherwise go on for minutes. */
const SHRINKING = 10_000;

/** Runs a target on random samples; undefined when all is well. */
export async function fuzz(target: Target, options: RunOptions): Promise<Failure | undefined> {
  const { seed, numRuns, timeLimit } = options;
  let deadline = Infinity;
  const details = await fc.check(
    fc.asyncProperty(target.samples, async ({ bytes, cuts, options }) => {
      if (performance.now() > deadline) return;
      try {
        await target.check(bytes.slice(), cuts, options);
      } catch (error) {
        deadline = Math.min(deadline, performance.now() + SHRINKING);
        throw error;
      }
    }),
    timeLimit === undefined ? { seed, numRuns } : {
      seed,
      numRuns,
      interruptAfterTimeLimit: timeLimit,
    },
  );
  const [sample] = details.counterexample ?? [];
  return sample === undefined ? undefined : await minimise(target, sample);
}

/** The error of a sample's check, if it throws. */
async function failureOf(target: Target, sample: Sample): Promise<Failure | undefined> {
  try {
    await target.check(sample.bytes.slice(), sample.cuts, sample.options);
    return undefined;
  } catch (error) {
    return { sample, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** Shrinks a failing sample: no cuts, fewer cuts, fewer octets, octets of 0. */
export async function minimise(target: Target, sample: Sample): Promise<Failure> {
  let best = await failureOf(target, sample);
  if (best === undefined) throw new Error(`The failure of ${target.name} cannot be repeated`);
  const deadline = performance.now() + SHRINKING;
  const attempt = async (change: (sample: Sample) => Sample): Promise<boolean> => {
    if (performance.now() > deadline) return false;
    const found = await failureOf(target, change(best!.sample));
    best = found ?? best;
    return found !== undefined;
  };
  await attempt((sample) => ({ ...sample, cuts: [] }));
  for (let i = best.sample.cuts.length - 1; i >= 0; i--) {
    await attempt((sample) => ({ ...sample, cuts: sample.cuts.filter((_, at) => at !== i) }));
  }
  for (let size = best.sample.bytes.length; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.sample.bytes.length;) {
      if (!await attempt((sample) => without(sample, at, size))) at += size;
    }
  }
  for (let at = 0; at < best.sample.bytes.length; at++) {
    if (best.sample.bytes[at] === 0) continue;
    await attempt((sample) => ({ ...sample, bytes: zeroed(sample.bytes, at) }));
  }
  return best;
}

function without(sample: Sample, at: number, size: number): Sample {
  const { bytes, cuts } = sample;
  return {
    ...sample,
    bytes: concat([bytes.subarray(0, at), bytes.subarray(at + size)]),
    cuts: cuts.map((cut) => cut <= at ? cut : Math.max(at, cut - size)),
  };
}

function zeroed(bytes: Bytes, at: number): Bytes {
  const copy = bytes.slice();
  copy[at] = 0;
  return copy;
}

/** The failure as a test, ready to stand in `test/fuzz/`. */
export function asUnitTest(target: Target, { sample }: Failure): string {
  const { bytes, cuts, options } = sample;
  const { name, file, promise } = target;
  const hex = encodeHex(bytes);
  return `import { decodeHex } from "@std/encoding";
import { test } from "../support/test.ts";
import { ${name} } from "./targets/${file}";

test(${JSON.stringify(`${promise}: ${hex.slice(0, 16)}`)}, () =>
  ${name}.check(decodeHex("${hex}"), ${JSON.stringify(cuts)}, ${JSON.stringify(options)}));
`;
}
