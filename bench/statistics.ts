// The figures that a report is made of: medians, ratios within a round, and latencies.

/** The middle value, or the mean of the two in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * The median of `numerator / denominator`, round by round: what slows a whole round down, such as another program or a
 * cooler clock, is in both and cancels out. Undefined when no round has both.
 */
export function medianRatio(
  numerator: ReadonlyMap<number, number>,
  denominator: ReadonlyMap<number, number>,
): number | undefined {
  const ratios: number[] = [];
  for (const [round, value] of numerator) {
    const other = denominator.get(round);
    if (other !== undefined && other > 0) ratios.push(value / other);
  }
  return ratios.length === 0 ? undefined : median(ratios);
}

/** Steps to each power of two: a value is kept to within 1.6%. */
const STEPS = 64;

/** Latencies in logarithmic buckets: memory that does not grow, and no sorting at the end. */
export class Histogram {
  readonly #buckets: Float64Array = new Float64Array(STEPS * 28);
  /** How many values were added. */
  count = 0;

  /** Adds `count` times the same latency, in milliseconds. */
  add(milliseconds: number, count = 1): void {
    this.#buckets[bucketOf(milliseconds)]! += count;
    this.count += count;
  }

  /** Forgets everything. */
  reset(): void {
    this.#buckets.fill(0);
    this.count = 0;
  }

  /** The latency that the share `fraction` of all does not exceed, in microseconds; 0 of nothing. */
  quantile(fraction: number): number {
    let left = fraction * this.count;
    for (let i = 0; i < this.#buckets.length; i++) {
      left -= this.#buckets[i]!;
      if (left <= 0 && this.#buckets[i]! > 0) return valueOf(i) / 10;
    }
    return 0;
  }
}

/** In units of 100 ns, of which 32 bits hold seven minutes. */
function bucketOf(milliseconds: number): number {
  const value = Math.min(Math.max(Math.round(milliseconds * 10_000), 0), 0xffff_ffff) >>> 0;
  if (value < STEPS) return value;
  const shift = 25 - Math.clz32(value);
  return shift * STEPS + (value >>> shift);
}

/** The middle of a bucket. */
function valueOf(bucket: number): number {
  if (bucket < 2 * STEPS) return bucket;
  const shift = Math.floor(bucket / STEPS) - 1;
  return (bucket - shift * STEPS + 0.5) * 2 ** shift;
}
