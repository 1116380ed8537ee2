// Pings that have been sent and not been answered (RFC 6455 section 5.5.2).

import { type CloseInfo, ConnectionClosed } from "../protocol/errors.ts";
import type { Clock } from "../util/clock.ts";
import { defer, type Deferred } from "../util/promises.ts";

interface PendingPing {
  readonly payload: Uint8Array;
  readonly sentAt: number;
  readonly roundTrip: Deferred<number>;
  readonly answered: (() => void) | undefined;
}

/** The Pings of one connection that wait for their Pong. */
export class PendingPings {
  readonly #clock: Clock;
  #pings: PendingPing[] = [];

  /** Measures round trips with `clock`. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Adds a Ping that has been sent. Resolves with its round trip in milliseconds; `answered` is
   * called as soon as its Pong has come.
   */
  add(payload: Uint8Array, answered?: () => void): Promise<number> {
    const roundTrip = defer<number>();
    this.#pings.push({ payload, sentAt: this.#clock.now(), roundTrip, answered });
    return roundTrip.promise;
  }

  /**
   * A Pong has come. It also answers every Ping that was sent before its own (section 5.5.3).
   *
   * @returns The round trip of its own Ping; undefined when it answers none.
   */
  answer(payload: Uint8Array): number | undefined {
    const index = this.#pings.findIndex((ping) => equal(ping.payload, payload));
    const now = this.#clock.now();
    let last: number | undefined;
    for (const { sentAt, roundTrip, answered } of this.#pings.splice(0, index + 1)) {
      last = now - sentAt;
      answered?.();
      roundTrip.resolve(last);
    }
    return last;
  }

  /** No Pong comes any more. */
  closed(info: CloseInfo): void {
    // An error costs more than the end of a connection on which no Ping waits.
    if (this.#pings.length === 0) return;
    const error = new ConnectionClosed(info);
    for (const { roundTrip } of this.#pings.splice(0)) roundTrip.reject(error);
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}
