// The lease of this process: what it has put in the store counts while that lasts.
//
// 1. It is taken with the first member, and renewed every 10 s while there are members: one call,
//    however many there are. It ends after 30 s.
// 2. Where it had ended, because the process stood still or the store has lost its data, others may
//    have removed the members. So everything is written again, as it is after each outage, after
//    each renewal that has failed, and once an hour.
// 3. Nothing is written before it is taken: a reader would remove it.

import type { Clock } from "../util/clock.ts";
import type { StoreCalls } from "./store_calls.ts";
import type { PresencePeers } from "./presence_peers.ts";
import { LINGER } from "./presence_registry.ts";

/** Milliseconds between two renewals. */
const PERIOD = 10_000;
/** Milliseconds until a lease ends. */
const EXPIRY = 30_000;
/** Milliseconds after which a renewal that has failed is tried again. */
const RETRY = 1_000;
/** Renewals in an hour. */
const HOUR = 360;

/** What a lease needs. */
export interface PresenceLeaseOptions {
  /** The way to the store. */
  readonly peers: PresencePeers;
  /** Tells the time. */
  readonly clock: Clock;
  /** Calls the store. */
  readonly calls: StoreCalls;
  /** Whether there are members. */
  readonly needed: () => boolean;
  /** The lease was taken: everything has to be written. */
  readonly taken: () => void;
  /** Nothing may be written until it is taken again. */
  readonly lost: () => void;
}

/** The lease of one process. */
export class PresenceLease {
  readonly #options: PresenceLeaseOptions;
  #up = false;
  /** Counts outages. */
  #outages = 0;
  #held = false;
  #renewing = false;
  #renewals = 0;
  #ticker: unknown;
  #retry: unknown;

  /** No lease. */
  constructor(options: PresenceLeaseOptions) {
    this.#options = options;
  }

  /** There is a member. */
  want(): void {
    if (!this.#up || this.#ticker !== undefined) return;
    this.#ticker = this.#options.clock.setTicker(() => this.#tick(), PERIOD, "a lease of presence");
    this.#renew();
  }

  /** The broker is there. */
  up(): void {
    this.#up = true;
    if (this.#options.needed()) this.want();
  }

  /** It is away. */
  down(): void {
    this.#up = false;
    this.#stop();
  }

  /** Lets the lease end in 15 s, if there is one. */
  async close(): Promise<void> {
    const { peers, calls, needed } = this.#options;
    const held = this.#held && needed();
    this.down();
    if (held) await calls.run(() => peers.store.renew(peers.lease, LINGER));
  }

  #stop(): void {
    const { clock, lost } = this.#options;
    this.#outages++;
    clock.clearTimer(this.#ticker);
    clock.clearTimer(this.#retry);
    this.#ticker = this.#retry = undefined;
    this.#held = this.#renewing = false;
    lost();
  }

  #tick(): void {
    if (this.#options.needed()) this.#renew();
    else this.#stop();
  }

  #renew(): void {
    if (this.#renewing) return;
    this.#renewing = true;
    const { peers, clock, calls, taken, lost } = this.#options;
    const outages = this.#outages;
    calls.run(() => peers.store.renew(peers.lease, EXPIRY)).then((lasted) => {
      if (outages !== this.#outages) return;
      this.#renewing = false;
      const anew = !this.#held || !lasted || ++this.#renewals % HOUR === 0;
      this.#held = true;
      if (anew) taken();
    }, (error) => {
      if (outages !== this.#outages) return;
      this.#renewing = this.#held = false;
      lost();
      peers.refused(error);
      const again = (): void => {
        this.#retry = undefined;
        this.#renew();
      };
      this.#retry ??= clock.setTimer(again, RETRY, "a lease of presence");
    });
  }
}
