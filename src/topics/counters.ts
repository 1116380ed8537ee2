// The numbers of what this process publishes, one counter for each channel.
//
// 1. A publisher that has been quiet for 1 s repeats its last number once: so the loss of its last
//    message shows. One timer does that for all channels, with at most 1,000 repetitions a second,
//    only while the broker is up, and not where the broker knows that no other process heard.
// 2. A counter is forgotten 60 s after that. The next one of the channel has a higher generation.
// 3. There is a bound. Where it is reached, the oldest counter goes, and repeats its number first.

import type { TopicPosition } from "../connection/publishing.ts";
import type { Clock } from "../util/clock.ts";

/** The most channels that have a counter: 150 octets each. */
const MOST = 100_000;
/** Milliseconds without a message after which a number is repeated. */
const QUIET = 1_000;
/** Milliseconds after which a counter is forgotten. */
const KEPT = 60_000;
/** Milliseconds between two looks. */
const PERIOD = 250;
/** The most repetitions in one look: 1,000 a second. */
const BURST = 250;

/** The numbers of one channel. */
export class Counter {
  /** The channel. */
  readonly channel: string;
  /** Higher than that of each counter before it. */
  readonly generation: number;
  /** The last number. */
  sequence = 0;
  /** When that was published. */
  at = 0;
  /** Whether the broker knows that no other process heard it. */
  alone = false;
  /** Whether the number is still to be repeated. */
  pending = false;
  /** Where a store has put the last message of a topic with history. */
  stored: TopicPosition | undefined;

  /** A counter at 0. */
  constructor(channel: string, generation: number) {
    this.channel = channel;
    this.generation = generation;
  }
}

/** The counters of all channels. */
export class Counters {
  /** Those that had to go, because there were too many. */
  evicted = 0;
  readonly #most: number;
  readonly #clock: Clock;
  readonly #repeat: (counter: Counter) => void;
  readonly #counters = new Map<string, Counter>();
  /** Those with a number to repeat. */
  #pending: Counter[] = [];
  /** Those without one, and when they may be forgotten: the earliest first. */
  #kept: [counter: Counter, until: number][] = [];
  #generation = 0;
  #running = false;
  #timer: unknown;

  /**
   * No counters.
   *
   * @param clock Tells the time.
   * @param repeat Publishes the last number of a counter.
   * @param most The most channels.
   */
  constructor(clock: Clock, repeat: (counter: Counter) => void, most: number = MOST) {
    this.#most = most;
    this.#clock = clock;
    this.#repeat = repeat;
  }

  /** How many there are. */
  get size(): number {
    return this.#counters.size;
  }

  /** The counter of a channel, one number further. */
  next(channel: string): Counter {
    let counter = this.#counters.get(channel);
    if (counter === undefined) {
      if (this.#counters.size >= this.#most) this.#evict();
      counter = new Counter(channel, ++this.#generation);
      this.#counters.set(channel, counter);
    }
    counter.sequence++;
    counter.at = this.#clock.now();
    counter.alone = false;
    if (!counter.pending) {
      counter.pending = true;
      // While the broker is down nothing is repeated, and counters that had to go stay in the list.
      if (this.#pending.length >= 2 * this.#most) this.#pending = this.#pending.filter(isPending);
      this.#pending.push(counter);
      this.#schedule();
    }
    return counter;
  }

  /** The broker is up: numbers may be repeated. */
  start(): void {
    this.#running = true;
    this.#schedule();
  }

  /** It is not. */
  stop(): void {
    this.#running = false;
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #schedule(): void {
    if (!this.#running || this.#timer !== undefined) return;
    const until = this.#kept[0]?.[1];
    if (this.#pending.length === 0 && until === undefined) return;
    const delay = this.#pending.length > 0 ? PERIOD : Math.max(1, until! - this.#clock.now());
    this.#timer = this.#clock.setTimer(() => this.#look(), delay, "the last number of topics");
  }

  #look(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    let repeated = 0;
    this.#pending = this.#pending.filter((counter) => {
      if (!counter.pending) return false;
      if (now - counter.at < QUIET) return true;
      if (!counter.alone) {
        if (repeated === BURST) return true;
        repeated++;
        this.#repeat(counter);
      }
      counter.pending = false;
      this.#kept.push([counter, now + KEPT]);
      return false;
    });
    let due = 0;
    while (due < this.#kept.length && this.#kept[due]![1] <= now) {
      const [counter, until] = this.#kept[due++]!;
      // One that was used since is kept from its next repetition on.
      if (!counter.pending && counter.at + KEPT <= until) this.#forget(counter);
    }
    if (due > 0) this.#kept = this.#kept.slice(due);
    this.#schedule();
  }

  #evict(): void {
    for (const oldest of this.#counters.values()) {
      if (oldest.pending && this.#running) this.#repeat(oldest);
      oldest.pending = false;
      this.#forget(oldest);
      this.evicted++;
      return;
    }
  }

  #forget(counter: Counter): void {
    if (this.#counters.get(counter.channel) === counter) this.#counters.delete(counter.channel);
  }
}

function isPending({ pending }: Counter): boolean {
  return pending;
}
