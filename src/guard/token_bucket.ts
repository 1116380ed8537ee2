// A token bucket without a timer. It does not read the clock while it holds tokens.
//
// 1. It is filled only when it has run out, for the time since it was last filled, and up to one
//    second's worth. So it lets through at most two seconds' worth at once (a full bucket, and the
//    refill behind it), and never more than that above its rate over any time.
// 2. Integers only: a fraction of a token stays in the clock. A bucket that is off is an integer
//    too.

/**
 * The largest small integer of every engine: an endless bucket counts down from here, again and
 * again.
 */
const ENDLESS = 0x3fff_ffff;

/** Lets through a limited number each second. */
export class TokenBucket {
  readonly #rate: number;
  readonly #now: () => number;
  #tokens: number;
  #filledAt: number;

  /** A full bucket for `rate` a second; `Infinity` makes it endless. `now` returns milliseconds. */
  constructor(rate: number, now: () => number) {
    this.#rate = Math.min(Math.floor(rate), ENDLESS);
    this.#now = now;
    this.#tokens = this.#rate;
    // All connections share an endless bucket, which never reads the clock.
    this.#filledAt = this.#rate === ENDLESS ? 0 : now();
  }

  /** Takes tokens; false when there are not enough, and then it takes none. */
  take(count: number): boolean {
    if (count <= this.#tokens) {
      this.#tokens -= count;
      return true;
    }
    return this.#refill(count);
  }

  #refill(count: number): boolean {
    if (this.#rate === ENDLESS) {
      this.#tokens = ENDLESS;
      return true;
    }
    const now = this.#now();
    const earned = Math.floor((now - this.#filledAt) * this.#rate / 1000);
    if (earned > 0) {
      this.#filledAt = now;
      this.#tokens = Math.min(this.#rate, this.#tokens + earned);
    }
    if (count > this.#tokens) return false;
    this.#tokens -= count;
    return true;
  }
}
