// What was heard of other publishers, and what was missed.
//
// 1. A publisher numbers what it publishes on a channel from 1, whether the broker takes it or not.
//    The first number that is heard of it is the base. From then on every hole is a loss.
// 2. A number that is not higher than the last one came already, or comes late and was counted as
//    missed: it is dropped.
// 3. A counter that is made anew has a higher generation and begins at 1 again. Of a publisher that
//    was heard before, the numbers before the first one of a generation are therefore a loss, too.
// 4. A publisher that is silent for 10 minutes is forgotten. Its table is bounded besides, and what
//    had to go for that is counted: the next number of such a publisher is a base.

import { type Envelope, Kind } from "./envelope.ts";

/** The most publishers of all channels that are remembered: 100 octets each. */
const MOST = 1_000_000;
/** After so many rounds of `sweep()` without a word a publisher is forgotten. */
const ROUNDS = 10;

/** What was heard of one publisher on one channel. */
interface Publisher {
  readonly origin: number;
  readonly channel: Publishers;
  generation: number;
  /** The highest number. */
  last: number;
  /** The round in which it was heard last. */
  round: number;
}

/** The publishers of one channel, by origin. */
export type Publishers = Map<number, Publisher>;

/** The publishers of all channels. */
export class Heard {
  /** Those that had to be forgotten, because there were too many. */
  evicted = 0;
  readonly #most: number;
  readonly #all = new Set<Publisher>();
  #round = 0;

  /** No publishers; at most so many are remembered. */
  constructor(most: number = MOST) {
    this.#most = most;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#all.size;
  }

  /**
   * Notes the number of a message, or of a repetition.
   *
   * @returns How many messages were missed before it; -1 when it came already, or comes late.
   */
  note(channel: Publishers, { kind, origin, generation, sequence }: Envelope): number {
    const before = kind === Kind.repeat ? 0 : 1;
    const publisher = channel.get(origin);
    if (publisher === undefined) {
      this.#add(channel, origin, generation, sequence);
      return 0;
    }
    publisher.round = this.#round;
    if (generation < publisher.generation) return -1;
    const last = generation === publisher.generation ? publisher.last : 0;
    if (sequence < last + before) return -1;
    publisher.generation = generation;
    publisher.last = sequence;
    return sequence - last - before;
  }

  /** Forgets those of a channel. */
  forget(channel: Publishers): void {
    for (const publisher of channel.values()) this.#all.delete(publisher);
    channel.clear();
  }

  /** Forgets those that were silent; called once a minute. */
  sweep(): void {
    this.#round++;
    for (const publisher of this.#all) {
      if (this.#round - publisher.round > ROUNDS) this.#drop(publisher);
    }
  }

  #add(channel: Publishers, origin: number, generation: number, last: number): void {
    if (this.#all.size >= this.#most) {
      for (const oldest of this.#all) {
        this.#drop(oldest);
        this.evicted++;
        break;
      }
    }
    const publisher = { origin, channel, generation, last, round: this.#round };
    this.#all.add(publisher);
    channel.set(origin, publisher);
  }

  #drop(publisher: Publisher): void {
    this.#all.delete(publisher);
    publisher.channel.delete(publisher.origin);
  }
}
