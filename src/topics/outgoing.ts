// What this process publishes to the broker, until the broker has taken it.
//
// 1. It leaves in the order in which it was published. While something is held, the rest waits
//    behind it.
// 2. There is one bound, 1 MiB, for what the broker has not taken: because it is slow, or with
//    `outage: "hold"` because it is away. A message that finds it reached is not taken, and
//    counted. With `outage: "drop"` nothing waits while the broker is away, but at the
//    start, when it has not come yet.
// 3. What was under way when the broker went away may have arrived or not. With "hold" it is sent
//    again, and receivers drop what they have by its number. With "drop" it counts as not taken.
//    So it does with `order: "broker"`, and on topics with history: sent again, it would have
//    another place for those that did not get it the first time.

import { brand } from "../util/brands.ts";
import { withRow } from "../util/error_row.ts";
import type { Bytes } from "../util/bytes.ts";
import type { Clock } from "../util/clock.ts";
import { defer, type Deferred } from "../util/promises.ts";
import type { Backplane, Retention, StoreReceipt } from "./backplane.ts";
import type { Counter } from "./counters.ts";

/** The most octets that the broker may not have taken. */
const BOUND = 1_048_576;
/**
 * Milliseconds after which what is held leaves, once the broker is up: other processes have lost
 * it, too, and join again meanwhile. A message that was refused is sent once more after this time.
 */
const RETRY = 1_000;

/**
 * `flush()` of topics: the broker has not taken everything. Subscribers in this process got all of
 * it.
 */
export class FlushError extends Error {
  /** The class's name. */
  override readonly name = "FlushError";
  /** How many messages it has not taken since the last `flush()`, with those that are held. */
  readonly count: number;

  /**
   * Made by the library.
   *
   * @param count How many messages.
   * @param cause Why, where that is known.
   */
  constructor(count: number, cause: unknown) {
    const what = count === 1 ? "1 message" : `${count} messages`;
    super(
      withRow(
        `The broker has not taken ${what}: see the cause, and onState for when it is back`,
        "FlushError",
      ),
      cause === undefined ? undefined : { cause },
    );
    this.count = count;
  }

  static {
    brand(this, "FlushError");
  }
}

/** A message on its way. */
interface Entry {
  readonly channel: string;
  readonly bytes: Bytes;
  /** Undefined for what has no number of its own: repetitions and probes. */
  readonly counter: Counter | undefined;
  readonly sequence: number;
  /** Its number among all that was published here. */
  readonly serial: number;
  /** Whether it may be sent a second time. */
  readonly again: boolean;
  /** How much of its topic is kept; undefined without history. */
  readonly retention: Retention | undefined;
  state: "held" | "sent" | "done";
  /** How often the broker has refused it while it was up. */
  refusals: number;
}

/** What the broker has not taken. */
export class Outgoing {
  /** Messages that it has taken. */
  taken = 0;
  /** Messages that it has not taken, and that are not held. */
  notTaken = 0;
  /** Messages that wait for it: held, or under way. */
  waiting = 0;
  /** Octets of all that waits. */
  octets = 0;
  readonly #driver: Pick<Backplane, "publish" | "history">;
  readonly #clock: Clock;
  readonly #hold: boolean;
  /** Called with what the driver rejects with while it is up, once until it takes something. */
  readonly #refused: (error: unknown) => void;
  /** Called with what the broker says of the last message of a counter, if it says something. */
  readonly #received: (counter: Counter, receipt: number | StoreReceipt) => void;
  #state: "starting" | "up" | "down" = "starting";
  #outages = 0;
  /** In the order of publishing. Those that are done leave from the front. */
  #queue: Entry[] = [];
  #first = 0;
  /** How many of them are not done. */
  #live = 0;
  /** How many of them are held. */
  #held = 0;
  #serial = 0;
  /** What a `flush()` tells: not taken since the last one. */
  #untold = 0;
  #cause: unknown;
  /** Calls of `flush()`, and the last message that each waits for. */
  #flushes: [serial: number, flushed: Deferred<void>][] = [];
  #retryTimer: unknown;

  /**
   * Nothing.
   *
   * @param driver Publishes.
   * @param clock Tells the time.
   * @param hold Whether to keep what is published while the broker is away.
   * @param refused Called with what the driver rejects with while it is up.
   * @param received Called with what the broker says of the last message of a counter.
   */
  constructor(
    driver: Pick<Backplane, "publish" | "history">,
    clock: Clock,
    hold: boolean,
    refused: (error: unknown) => void,
    received: (counter: Counter, receipt: number | StoreReceipt) => void,
  ) {
    this.#driver = driver;
    this.#clock = clock;
    this.#hold = hold;
    this.#refused = refused;
    this.#received = received;
  }

  /**
   * Publishes a message.
   *
   * @param channel Where.
   * @param bytes What.
   * @param counter Its counter; undefined for what is no message.
   * @param once Whether it must not be sent a second time.
   * @param retention How much of its topic is kept; undefined without history.
   * @returns Whether it leaves, now or later.
   */
  push(
    channel: string,
    bytes: Bytes,
    counter: Counter | undefined,
    once: boolean,
    retention?: Retention,
  ): boolean {
    const full = this.octets > 0 && this.octets + bytes.length > BOUND;
    const holds = this.#hold || this.#state !== "down";
    if (full || (this.#state !== "up" && (!holds || counter === undefined))) {
      if (counter !== undefined) this.#lose(1);
      return false;
    }
    const sequence = counter === undefined ? 0 : counter.sequence;
    const serial = ++this.#serial;
    const again = this.#hold && counter !== undefined && !once;
    const entry: Entry = {
      channel,
      bytes,
      counter,
      sequence,
      serial,
      again,
      retention,
      state: "held",
      refusals: 0,
    };
    this.#queue.push(entry);
    this.#live++;
    this.octets += bytes.length;
    if (counter !== undefined) this.waiting++;
    this.#held++;
    if (this.#state === "up" && this.#held === 1) this.#send(entry);
    return true;
  }

  /** The driver is up. */
  up(): void {
    const begins = this.#state === "starting";
    this.#state = "up";
    if (begins) this.#drain();
    else if (this.#held > 0) this.#later();
  }

  /** It is down. */
  down(reason: unknown): void {
    this.#state = "down";
    this.#outages++;
    this.#cause = reason;
    this.#clock.clearTimer(this.#retryTimer);
    this.#retryTimer = undefined;
    for (let i = this.#first; i < this.#queue.length; i++) {
      const entry = this.#queue[i]!;
      if (entry.state === "done" || (entry.state === "held" && this.#hold)) continue;
      if (entry.state === "held") this.#held--;
      if (entry.again) this.#holdAgain(entry);
      else this.#done(entry, false);
    }
    this.#trim();
    this.#settle();
  }

  /** Ends all of it: what is held is lost. */
  close(): void {
    if (this.waiting > 0) this.#lose(this.waiting);
    this.#queue = [];
    this.#first =
      this.#live =
      this.#held =
      this.waiting =
      this.octets =
        0;
    this.down(this.#cause);
  }

  /**
   * Resolves once nothing waits.
   *
   * @throws {FlushError} When the broker has not taken all since the last call, or is away.
   */
  flush(): Promise<void> {
    const flushed = defer<void>();
    this.#flushes.push([this.#serial, flushed]);
    this.#settle();
    return flushed.promise;
  }

  #send(entry: Entry): void {
    entry.state = "sent";
    this.#held--;
    const outages = this.#outages;
    const refused = (error: unknown): void => {
      if (outages === this.#outages) this.#refuse(entry, error);
    };
    let published: Promise<number | StoreReceipt | undefined>;
    const { channel, bytes, retention } = entry;
    try {
      // A driver that is not typed may return no promise.
      published = Promise.resolve(
        retention === undefined
          ? this.#driver.publish(channel, bytes)
          : this.#driver.history!.publish(channel, bytes, retention),
      );
    } catch (error) {
      published = Promise.reject(error);
    }
    published.then((receipt) => {
      if (outages === this.#outages) this.#take(entry, receipt);
    }, refused);
  }

  #take(entry: Entry, receipt: number | StoreReceipt | undefined): void {
    const { counter, sequence } = entry;
    this.#done(entry, true);
    if (counter !== undefined && receipt !== undefined && counter.sequence === sequence) {
      this.#received(counter, receipt);
    }
    this.#trim();
    this.#settle();
  }

  /** The driver is up, and has rejected a message. */
  #refuse(entry: Entry, error: unknown): void {
    this.#cause = error;
    this.#refused(error);
    if (entry.again && entry.refusals++ === 0) {
      // It may be the first that hears of an outage.
      this.#holdAgain(entry);
      return this.#later();
    }
    this.#done(entry, false);
    this.#trim();
    this.#settle();
  }

  /** Sends what is held, in a while. */
  #later(): void {
    this.#retryTimer ??= this.#clock.setTimer(
      () => {
        this.#retryTimer = undefined;
        this.#drain();
      },
      RETRY,
      "messages for the broker",
    );
  }

  #drain(): void {
    // A driver may call back at once, and change the queue.
    for (
      let i = this.#first;
      this.#state === "up" && this.#held > 0 && i < this.#queue.length;
      i++
    ) {
      const entry = this.#queue[i]!;
      if (entry.state === "held") this.#send(entry);
    }
  }

  #holdAgain(entry: Entry): void {
    entry.state = "held";
    this.#held++;
  }

  #done(entry: Entry, taken: boolean): void {
    entry.state = "done";
    this.#live--;
    this.octets -= entry.bytes.length;
    if (entry.counter === undefined) return;
    this.waiting--;
    if (taken) this.taken++;
    else this.#lose(1);
  }

  #lose(count: number): void {
    this.notTaken += count;
    this.#untold += count;
  }

  /** Takes what is done from the front, and from everywhere once that is most of it. */
  #trim(): void {
    const queue = this.#queue;
    while (this.#first < queue.length && queue[this.#first]!.state === "done") this.#first++;
    if (queue.length < 2 * this.#live + 1_000 && this.#first < queue.length) return;
    this.#queue = queue.filter(({ state }) => state !== "done");
    this.#first = 0;
  }

  /** Ends the calls of `flush()` that have nothing to wait for. */
  #settle(): void {
    if (this.#flushes.length === 0) return;
    const away = this.#state === "down";
    const first = away ? Infinity : this.#queue[this.#first]?.serial ?? Infinity;
    const still = this.#flushes.filter(([serial]) => serial >= first);
    if (still.length === this.#flushes.length) return;
    const count = this.#untold + (away ? this.waiting : 0);
    const error = count === 0 ? undefined : new FlushError(count, this.#cause);
    this.#untold = 0;
    for (const [serial, { resolve, reject }] of this.#flushes) {
      if (serial >= first) continue;
      if (error === undefined) resolve(undefined);
      else reject(error);
    }
    this.#flushes = still;
  }
}
