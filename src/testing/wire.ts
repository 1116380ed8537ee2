// One direction of a link with faults: it holds octets back, delays them, lets them through slowly,
// and divides them.

import { ByteQueue } from "../util/byte_queue.ts";
import { type Bytes, EMPTY } from "../util/bytes.ts";
import { type Clock, systemClock } from "../util/clock.ts";

/** Where what has passed the wire arrives. */
export interface WireEnd {
  /** Octets have come. */
  arrive(chunk: Bytes): void;
  /** The end of the stream has come. */
  arriveEnd(): void;
}

/** A part of what is under way: octets, or the end of the stream. */
interface Parcel {
  octets: number;
  readonly sentAt: number;
}

/** How often octets pass a slow wire, in milliseconds. */
const STEP = 10;

/** One direction of a link. */
export class Wire {
  /** Milliseconds that everything takes. */
  delay = 0;
  /** Octets a second. */
  rate: number = Infinity;
  /** Called with the number of octets before they arrive; returns how many of them may. */
  limit: ((octets: number) => number) | undefined;

  readonly #end: WireEnd;
  readonly #clock: Clock;
  readonly #octets = new ByteQueue();
  readonly #parcels: Parcel[] = [];
  #held = false;
  #ended = false;
  #timer: unknown;
  /** Since when octets pass a slow wire without a pause, moved on by those that have. */
  #slowSince: number | undefined;
  /** The sizes into which what arrives is divided, in turn. */
  #sizes: readonly number[] = [];
  #next = 0;

  /** Leads to `end`. */
  constructor(end: WireEnd, clock: Clock = systemClock) {
    this.#end = end;
    this.#clock = clock;
  }

  /** Octets under way. */
  get size(): number {
    return this.#octets.size;
  }

  /** Whether nothing arrives. */
  get held(): boolean {
    return this.#held;
  }

  set held(held: boolean) {
    this.#held = held;
    if (held) this.#stop();
    else this.pass();
  }

  /** Divides what arrives, over and over; an empty list no longer does. */
  split(sizes: readonly number[]): void {
    this.#sizes = sizes;
    this.#next = 0;
  }

  /** How many octets arrive together next; undefined for as many as there are. */
  nextSize(): number | undefined {
    return this.#sizes.length === 0 ? undefined : this.#sizes[this.#next++ % this.#sizes.length];
  }

  /** Sends octets. */
  push(chunk: Bytes): void {
    if (this.#ended || chunk.length === 0) return;
    this.#octets.push(chunk);
    this.#parcels.push({ octets: chunk.length, sentAt: this.#clock.now() });
    if (this.#timer === undefined) this.pass();
  }

  /** Sends the end of the stream. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#parcels.push({ octets: 0, sentAt: this.#clock.now() });
    if (this.#timer === undefined) this.pass();
  }

  /** Drops all but the first octets; the end of the stream stays. */
  cutTo(octets: number): void {
    let left = octets;
    for (const parcel of this.#parcels) left -= parcel.octets = Math.min(parcel.octets, left);
    const kept = Math.min(octets, this.#octets.size);
    const bytes = kept > 0 ? this.#octets.take(kept).slice() : EMPTY;
    this.#octets.clear();
    this.#octets.push(bytes);
  }

  /** Drops all that is under way. */
  clear(): void {
    this.#stop();
    this.#octets.clear();
    this.#parcels.length = 0;
  }

  /** Lets through what is due. */
  pass(): void {
    this.#stop();
    while (!this.#held) {
      const parcel = this.#parcels[0];
      if (parcel === undefined) {
        this.#slowSince = undefined;
        return;
      }
      const wait = parcel.sentAt + this.delay - this.#clock.now();
      if (wait > 0) return this.#later(() => this.pass(), wait, "octets that are delayed");
      if (parcel.octets === 0) {
        this.#parcels.shift();
        if (this.#ended && this.#parcels.length === 0) this.#end.arriveEnd();
        continue;
      }
      if (this.rate === Infinity) {
        this.#arrive(parcel, parcel.octets);
        continue;
      }
      const now = this.#clock.now();
      const since = this.#slowSince ??= now;
      // A little more, because a fraction of an octet may be lost in rounding.
      const earned = Math.floor((now - since) * this.rate / 1000 + 1e-6);
      if (earned > 0) {
        const octets = Math.min(earned, parcel.octets);
        this.#slowSince = since + octets * 1000 / this.rate;
        this.#arrive(parcel, octets);
        continue;
      }
      const next = Math.min(this.size, Math.max(1, Math.floor(this.rate * STEP / 1000)));
      const takes = next * 1000 / this.rate - (now - since);
      return this.#later(() => this.pass(), takes, "octets on a slow link");
    }
  }

  #arrive(parcel: Parcel, octets: number): void {
    const most = Math.min(octets, parcel.octets);
    const few = this.limit?.(most) ?? most;
    parcel.octets -= few;
    if (parcel.octets === 0) this.#parcels.shift();
    if (few > 0) this.#end.arrive(this.#octets.take(few));
    if (few < most) this.#held = true;
  }

  #later(call: () => void, milliseconds: number, waits: string): void {
    this.#timer = this.#clock.setTimer(
      () => {
        this.#timer = undefined;
        call();
      },
      milliseconds,
      waits,
    );
  }

  #stop(): void {
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}
