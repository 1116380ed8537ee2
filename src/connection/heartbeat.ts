// Whether a connection still lives: heartbeat, idle time, lifetime.
//
// 1. Any traffic is a sign of life, not only a Pong; so are bytes that leave towards a peer that
//    reads slowly. A peer whose messages wait for a consumer that is behind is not cut for its
//    silence. It still gets Pings: TCP tells when it is gone.
// 2. One timer of a clock looks after all its connections: a message sets only a flag, and no
//    timer. The timer ticks four times in the shortest period asked for, at most once in a second.

import { EMPTY } from "../util/bytes.ts";
import { type Clock, systemClock } from "../util/clock.ts";
import { CloseCode } from "../protocol/close_frame.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { ResolvedLimits } from "./limits.ts";

/**
 * The times after which a connection counts as dead, idle or old, in milliseconds; Infinity for
 * never.
 */
export type LifeLimits = Pick<ResolvedLimits, "heartbeat" | "idleTimeout" | "maxLifetime">;

const LONGEST_TICK = 1000;
const SHORTEST_TICK = 5;

/** The connections of each clock. */
const watches = new WeakMap<Clock, Watch>();

/**
 * Watches a connection until it has ended. `patience` is the time within which its peer has to make
 * progress.
 */
export function watch(
  dispatcher: Dispatcher,
  limits: LifeLimits,
  patience: number = Infinity,
): void {
  const shortest = Math.min(
    limits.heartbeat.interval,
    limits.heartbeat.timeout,
    limits.idleTimeout,
    limits.maxLifetime,
    patience,
  );
  if (shortest === Infinity) return;
  const { clock = systemClock } = dispatcher.endpoint.transport;
  let watch = watches.get(clock);
  if (watch === undefined) watches.set(clock, watch = new Watch(clock));
  watch.add(dispatcher, limits, shortest);
}

/** All connections of one clock, on one timer. */
class Watch {
  readonly clock: Clock;
  /**
   * Each connection knows its index here. On Bun, with 5,000 connections, a Set takes a hundred
   * octets for each, and this array takes twelve.
   */
  readonly #hearts: Heartbeat[] = [];
  #timer: unknown;
  /** How many of the connections let the process end. */
  #unreferenced = 0;
  #period = LONGEST_TICK;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  add(dispatcher: Dispatcher, limits: LifeLimits, shortest: number): void {
    const heart = new Heartbeat(this, this.#hearts.length, dispatcher, limits);
    this.#hearts.push(heart);
    dispatcher.heartbeat = heart;
    if (this.#unreferenced > 0) this.#hold();
    const wanted = Math.max(SHORTEST_TICK, Math.min(LONGEST_TICK, shortest / 4));
    if (this.#timer !== undefined && wanted >= this.#period) return;
    this.clock.clearTimer(this.#timer);
    this.#period = wanted;
    this.#timer = this.clock.setTicker(() => this.#tick(), wanted, "the heartbeat");
    this.#hold();
  }

  has(heart: Heartbeat): boolean {
    return this.#hearts[heart.place] === heart;
  }

  unref(): void {
    this.#unreferenced++;
    this.#hold();
  }

  remove({ place, unreferenced }: Heartbeat): void {
    const hearts = this.#hearts;
    if (unreferenced) this.#unreferenced--;
    const last = hearts.pop()!;
    if (last.place !== place) {
      hearts[place] = last;
      last.place = place;
    }
    if (hearts.length > 0) return this.#unreferenced > 0 ? this.#hold() : undefined;
    this.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#period = LONGEST_TICK;
  }

  /** Lets the timer keep the process alive while one of the connections does. */
  #hold(): void {
    const { ref, unref } = Object(this.#timer) as { ref?: () => void; unref?: () => void };
    (this.#hearts.length > this.#unreferenced ? ref : unref)?.call(this.#timer);
  }

  #tick(): void {
    // In whole milliseconds: V8 makes an object for a fraction that an object holds.
    const now = Math.trunc(this.clock.now());
    // From the last to the first: a connection that stops now is replaced by one that has been
    // checked.
    for (let i = this.#hearts.length - 1; i >= 0; i--) this.#hearts[i]?.check(now);
  }
}

/** The messages of a connection that may not be idle for long. */
interface Activity {
  messages: number;
  lastMessage: number;
}

class Heartbeat {
  /** Its index among the connections of its clock. */
  place: number;
  /** Whether it lets the process end. */
  unreferenced = false;
  readonly #watch: Watch;
  readonly #dispatcher: Dispatcher;
  readonly #limits: LifeLimits;
  readonly #dueAt: number;
  readonly #activity: Activity | undefined;
  #lastSign: number;
  #pinged = false;
  #bufferedAmount = 0;

  constructor(watch: Watch, place: number, dispatcher: Dispatcher, limits: LifeLimits) {
    this.place = place;
    this.#watch = watch;
    this.#dispatcher = dispatcher;
    this.#limits = limits;
    const now = Math.trunc(watch.clock.now());
    this.#lastSign = now;
    if (limits.idleTimeout !== Infinity) this.#activity = { messages: 0, lastMessage: now };
    this.#dueAt = limits.maxLifetime === Infinity
      ? Infinity
      : now + Math.trunc(limits.maxLifetime * (0.9 + Math.random() / 5));
  }

  unref(): void {
    if (this.unreferenced || !this.#watch.has(this)) return;
    this.unreferenced = true;
    this.#watch.unref();
  }

  stop(): void {
    if (this.#watch.has(this)) this.#watch.remove(this);
  }

  check(now: number): void {
    const { endpoint } = this.#dispatcher;
    endpoint.checkProgress();
    if (!endpoint.open) return;
    const { interval, timeout } = this.#limits.heartbeat;
    if (now >= this.#dueAt) return endpoint.close(CloseCode.goingAway, "Lifetime is over");
    if (this.#isIdle(now)) return endpoint.close(CloseCode.goingAway, "Idle for too long");

    if (this.#showsLife()) {
      this.#lastSign = now;
      this.#pinged = false;
    } else if (endpoint.blocked) {
      // The peer seems silent because this end does not read. A Ping that cannot be delivered shows
      // that the peer is gone.
      if (now - this.#lastSign < interval) return;
      this.#lastSign = now;
      endpoint.control("ping", EMPTY);
    } else if (this.#pinged) {
      if (now - this.#lastSign < interval + timeout) return;
      endpoint.lose(new Error(`Nothing came within ${timeout} ms of a Ping`));
    } else if (now - this.#lastSign >= interval) {
      this.#pinged = true;
      this.#dispatcher.sendPing(crypto.getRandomValues(new Uint8Array(8)));
    }
  }

  #isIdle(now: number): boolean {
    const activity = this.#activity;
    if (activity === undefined) return false;
    const { messages, draining } = this.#dispatcher.endpoint;
    // The peer is not idle while its messages wait for their consumer.
    if (messages === activity.messages && !draining) {
      return now - activity.lastMessage >= this.#limits.idleTimeout;
    }
    activity.messages = messages;
    activity.lastMessage = now;
    return false;
  }

  #showsLife(): boolean {
    const { endpoint } = this.#dispatcher;
    const { alive, bufferedAmount } = endpoint;
    const leaving = bufferedAmount < this.#bufferedAmount;
    endpoint.alive = false;
    this.#bufferedAmount = bufferedAmount;
    return alive || leaving;
  }
}
