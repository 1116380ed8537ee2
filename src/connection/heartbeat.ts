// Whether a connection still lives: heartbeat, idle time, lifetime.
//
// 1. Any traffic is a sign of life, not only a Pong; so are bytes that leave towards a peer that
//    reads slowly. A peer whose messages wait for a consumer that is behind is not cut for its
//    silence. It still gets Pings: TCP tells when it is gone.
// 2. One timer looks after all connections: a message sets only a flag, and no timer. The timer
//    ticks four times in the shortest period asked for, at most once in a second.

import { EMPTY } from "../util/bytes.ts";
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

/**
 * Each connection knows its index here. On Bun, with 5,000 connections, a Set takes a hundred
 * octets for each, and this array takes twelve.
 */
const watched: Heartbeat[] = [];
let timer: ReturnType<typeof setInterval> | undefined;
/** How many of the connections let the process end. */
let unreferenced = 0;
let period = LONGEST_TICK;

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
  dispatcher.heartbeat = new Heartbeat(dispatcher, limits);
  if (unreferenced > 0) hold();
  const wanted = Math.max(SHORTEST_TICK, Math.min(LONGEST_TICK, shortest / 4));
  if (timer !== undefined && wanted >= period) return;
  clearInterval(timer);
  period = wanted;
  timer = setInterval(tick, period);
  hold();
}

/** Lets the timer keep the process alive while one of the connections does. */
function hold(): void {
  const { ref, unref } = Object(timer) as { ref?: () => void; unref?: () => void };
  (watched.length > unreferenced ? ref : unref)?.call(timer);
}

function tick(): void {
  // In whole milliseconds: V8 makes an object for a fraction that an object holds.
  const now = Math.trunc(performance.now());
  // From the last to the first: a connection that stops now is replaced by one that has been
  // checked.
  for (let i = watched.length - 1; i >= 0; i--) watched[i]?.check(now);
}

/** The messages of a connection that may not be idle for long. */
interface Activity {
  messages: number;
  lastMessage: number;
}

class Heartbeat {
  readonly #dispatcher: Dispatcher;
  readonly #limits: LifeLimits;
  readonly #dueAt: number;
  readonly #activity: Activity | undefined;
  #place = watched.length;
  #lastSign: number;
  #pinged = false;
  #bufferedAmount = 0;
  #unreferenced = false;

  constructor(dispatcher: Dispatcher, limits: LifeLimits) {
    this.#dispatcher = dispatcher;
    this.#limits = limits;
    const now = Math.trunc(performance.now());
    this.#lastSign = now;
    if (limits.idleTimeout !== Infinity) this.#activity = { messages: 0, lastMessage: now };
    this.#dueAt = limits.maxLifetime === Infinity
      ? Infinity
      : now + Math.trunc(limits.maxLifetime * (0.9 + Math.random() / 5));
    watched.push(this);
  }

  unref(): void {
    if (this.#unreferenced || watched[this.#place] !== this) return;
    this.#unreferenced = true;
    unreferenced++;
    hold();
  }

  stop(): void {
    if (watched[this.#place] !== this) return;
    if (this.#unreferenced) unreferenced--;
    const last = watched.pop()!;
    if (last !== this) {
      watched[this.#place] = last;
      last.#place = this.#place;
    }
    if (watched.length > 0) return unreferenced > 0 ? hold() : undefined;
    clearInterval(timer);
    timer = undefined;
    period = LONGEST_TICK;
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
