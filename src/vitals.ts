// Whether a connection still lives: heartbeat, idle time, lifetime.
//
// 1. Any traffic is a sign of life, not only a Pong; so are bytes that leave towards a peer that reads slowly. Nothing is
//    held against a peer whose messages wait for a consumer that is behind, but it is pinged: TCP tells when it is gone.
// 2. One timer looks after all connections: nothing is set or cleared for a message, only a flag.
//    It ticks four times in the shortest period asked for, at most once in a second.

import { EMPTY } from "./bytes.ts";
import { CloseCode } from "./close.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Inbox } from "./inbox.ts";

/** When a connection counts as dead, idle or old, in milliseconds; Infinity for never. */
export interface VitalLimits {
  /** Silence before a Ping. */
  readonly pingInterval: number;
  /** Silence after it before the connection is dropped. */
  readonly pingTimeout: number;
  /** Time without a message. */
  readonly idleTimeout: number;
  /** Time since the connection opened, give or take a tenth. */
  readonly maxLifetime: number;
}

const LONGEST_TICK = 1000;
const SHORTEST_TICK = 5;

const watched = new Set<Vitals>();
let timer: ReturnType<typeof setInterval> | undefined;
let period = LONGEST_TICK;

/** Looks after a connection until it has ended; `patience` is the time within which its peer has to get on. */
export function watch(
  endpoint: Endpoint,
  inbox: Inbox,
  limits: VitalLimits,
  patience: number = Infinity,
): void {
  const shortest = Math.min(
    limits.pingInterval,
    limits.pingTimeout,
    limits.idleTimeout,
    limits.maxLifetime,
    patience,
  );
  if (shortest === Infinity) return;
  const vitals = new Vitals(endpoint, inbox, limits);
  watched.add(vitals);
  inbox.vitals = vitals;
  const wanted = Math.max(SHORTEST_TICK, Math.min(LONGEST_TICK, shortest / 4));
  if (timer !== undefined && wanted >= period) return;
  clearInterval(timer);
  period = wanted;
  timer = setInterval(tick, period);
}

function tick(): void {
  // In whole milliseconds: V8 makes an object of each other number that an object holds.
  const now = Math.trunc(performance.now());
  for (const vitals of watched) vitals.check(now);
}

class Vitals {
  readonly #endpoint: Endpoint;
  readonly #inbox: Inbox;
  readonly #limits: VitalLimits;
  readonly #dueAt: number;
  #lastSign: number;
  #pinged = false;
  #bufferedAmount = 0;
  #messages = 0;
  #lastMessage: number;

  constructor(endpoint: Endpoint, inbox: Inbox, limits: VitalLimits) {
    this.#endpoint = endpoint;
    this.#inbox = inbox;
    this.#limits = limits;
    this.#lastSign = this.#lastMessage = Math.trunc(performance.now());
    this.#dueAt = limits.maxLifetime === Infinity
      ? Infinity
      : this.#lastSign + Math.trunc(limits.maxLifetime * (0.9 + Math.random() / 5));
  }

  stop(): void {
    watched.delete(this);
    if (watched.size > 0) return;
    clearInterval(timer);
    timer = undefined;
    period = LONGEST_TICK;
  }

  check(now: number): void {
    const endpoint = this.#endpoint;
    endpoint.checkProgress();
    if (!endpoint.open) return;
    const { pingInterval, pingTimeout, idleTimeout } = this.#limits;
    if (now >= this.#dueAt) return endpoint.close(CloseCode.goingAway, "Lifetime is over");

    if (endpoint.messages !== this.#messages) {
      this.#messages = endpoint.messages;
      this.#lastMessage = now;
    } else if (now - this.#lastMessage >= idleTimeout) {
      return endpoint.close(CloseCode.goingAway, "Idle for too long");
    }

    if (this.#showsLife()) {
      this.#lastSign = now;
      this.#pinged = false;
    } else if (endpoint.blocked) {
      // Its silence is ours: nothing is read. But what cannot be delivered shows that it is gone.
      if (now - this.#lastSign < pingInterval) return;
      this.#lastSign = now;
      endpoint.ping(EMPTY);
    } else if (this.#pinged) {
      if (now - this.#lastSign < pingInterval + pingTimeout) return;
      endpoint.terminate(new Error(`Nothing came within ${pingTimeout} ms of a Ping`));
    } else if (now - this.#lastSign >= pingInterval) {
      this.#pinged = true;
      this.#inbox.sendPing(crypto.getRandomValues(new Uint8Array(8)));
    }
  }

  #showsLife(): boolean {
    const endpoint = this.#endpoint;
    const { alive, bufferedAmount } = endpoint;
    const leaving = bufferedAmount < this.#bufferedAmount;
    endpoint.alive = false;
    this.#bufferedAmount = bufferedAmount;
    return alive || leaving;
  }
}
