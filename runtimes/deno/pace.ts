// Limits how many operations start at once, because Deno's event loop gets slow with thousands.
//
// Deno runs on Tokio, which lets a task complete 128 operations in a row (its "budget"). The task
// then yields, and Deno polls every ready operation again. With n ready operations, each one is
// polled n / 128 times. A poll takes about 0.6 µs when there are thousands.
//
// 1. Writes. A write within the budget completes inside the call. So 128 writes start at once, and
//    the rest start in the next round of the event loop. A delivery of a broadcast to 500
//    connections takes 4.2 µs in place of 4.6; with 8 broadcasts in flight, 0.75 in place of 1.31.
//    In a broadcast to 5,000 it takes 9.2 in place of 14.0.
// 2. Reads. Each open connection has a pending read. When thousands of connections have bytes, a
//    connection that has been served does not read again at once. Its next read waits until all
//    others have been served. Then the waiting reads start in small groups, and each finds its
//    bytes inside the call. With 10,000 connections and a message in flight on each, a message
//    costs 12.4 µs in place of 70, and all connections wait about equally long.

import { setImmediate, setTimeout } from "node:timers";

/** Starts an operation. */
export type Begin = () => void;

const BUDGET = 128;
/**
 * Up to this many connections, polling costs less than holding reads back: 13.2 against 14.9 µs
 * with 1,200 connections. With 2,000 it costs more: 18.6 against 15.8 µs.
 */
const FEW_CONNECTIONS = 1_500;
/** Half the budget: as a rule a write follows a read that finds bytes, and both count. */
const READS_AT_ONCE = BUDGET / 2;

/** A queue of operations, first in, first out. */
class Line {
  #entering: Begin[] = [];
  /** In reverse order: the oldest is the last element. */
  #leaving: Begin[] = [];

  get size(): number {
    return this.#entering.length + this.#leaving.length;
  }

  /** Adds an operation. Returns how many wait now. */
  add(begin: Begin): number {
    this.#entering.push(begin);
    return this.size;
  }

  /** Starts up to `most` operations, the oldest first. Returns how many it has started. */
  begin(most: number): number {
    let count = 0;
    while (count < most && this.size > 0) {
      if (this.#leaving.length === 0) {
        this.#leaving = this.#entering.reverse();
        this.#entering = [];
      }
      count++;
      this.#leaving.pop()!();
    }
    return count;
  }
}

/**
 * What happens to the next read:
 *
 * - `"free"`: it starts at once.
 * - `"watched"`: it starts at once. Until a timer fires, reads that find bytes are counted.
 * - `"draining"`: it waits. This lasts until few reads find bytes between two timers.
 * - `"settling"`: it waits for one more timer. Few reads have found bytes, but the timer may have
 *   fired after a poll and before its results.
 * - `"releasing"`: it waits behind the others, which start in groups.
 */
type Reads = "free" | "watched" | "draining" | "settling" | "releasing";

/** Decides when the operations of all connections start. */
export class Pace {
  readonly #writes = new Line();
  #writesLeft = BUDGET;

  readonly #reads = new Line();
  #state: Reads = "free";
  #connections = 0;
  /** Reads that have found bytes since the last look. */
  #brought = 0;
  /** Reads that were started by the last release. */
  #released = 0;

  /** Counts one connection more. */
  opened(): void {
    this.#connections++;
  }

  /** Counts one connection less. */
  closed(): void {
    this.#connections--;
  }

  /** Whether a write may start now. If so, it counts as started. */
  mayWrite(): boolean {
    if (this.#writesLeft === 0) return false;
    this.#writesLeft--;
    return true;
  }

  /** Starts a write in the next round of the event loop. */
  writeLater(begin: Begin): void {
    if (this.#writes.add(begin) === 1) setImmediate(this.#writeOn);
  }

  readonly #writeOn = (): void => {
    this.#writesLeft = BUDGET - this.#writes.begin(BUDGET);
    if (this.#writes.size > 0) setImmediate(this.#writeOn);
  };

  /** Whether the next read may start now. */
  mayRead(): boolean {
    return this.#state === "free" || this.#state === "watched";
  }

  /** Starts a read later, after the reads that wait already. */
  readLater(begin: Begin): void {
    this.#reads.add(begin);
  }

  /** Notes that a read has found bytes. */
  hasRead(): void {
    if (this.#connections <= FEW_CONNECTIONS) return;
    this.#brought++;
    if (this.#state === "free") this.#lookLater("watched");
  }

  #lookLater(state: Reads): void {
    this.#state = state;
    setTimeout(this.#look, 0);
  }

  /**
   * The timer fires after a millisecond, or later, when a poll of all ready operations takes
   * longer. With thousands it takes some milliseconds.
   */
  readonly #look = (): void => {
    const state = this.#state;
    const crowded = this.#brought >= (state === "watched" ? BUDGET : READS_AT_ONCE);
    this.#brought = 0;
    if (crowded) this.#lookLater("draining");
    else if (state === "watched") this.#state = "free";
    else if (state === "draining") this.#lookLater("settling");
    else this.#release();
  };

  readonly #release = (): void => {
    // The released reads count themselves when they find bytes. Only reads of other connections
    // show that the loop is crowded again.
    const others = this.#brought - this.#released;
    this.#brought = this.#released = 0;
    if (others >= READS_AT_ONCE) return this.#lookLater("draining");
    this.#state = "releasing";
    this.#released = this.#reads.begin(READS_AT_ONCE);
    if (this.#released > 0) setImmediate(this.#release);
    else this.#state = "free";
  };
}

/** The pace of all connections. */
export const pace: Pace = new Pace();
