// Limits on connections and on handshakes, in total and for each address.
//
// 1. A total limit refuses with 503, a limit for one address with 429; both say when to try again.
// 2. The memory for addresses is bounded: an entry for each address with an open connection, and
//    the handshakes of one second.
// 3. An IPv6 peer controls a whole /64, so the /64 is its address here.

import { addressKey } from "../util/ip_address.ts";
import type { HandshakeRefusal, RefusalCause } from "../handshake/refusal.ts";
import { TokenBucket } from "./token_bucket.ts";
import type { GuardSettings } from "./connection_guard.ts";

/** The key of all clients without an address: those of a UNIX socket. */
const NO_ADDRESS = "";

/** Admits connections and handshakes to one server. */
export class Admission {
  readonly #settings: GuardSettings;
  readonly #handshakes: TokenBucket;
  /** Open connections by address. */
  readonly #connections = new Map<string, number>();
  /** Handshakes by address in the second that began at `#second`. */
  readonly #recent = new Map<string, number>();
  #second = -Infinity;
  /** Connections that have ended, whose messages still wait for their handlers. */
  draining = 0;

  /** Admission within the limits of a server. */
  constructor(settings: GuardSettings) {
    this.#settings = settings;
    this.#handshakes = new TokenBucket(settings.limits.handshakesPerSecond, settings.now);
  }

  /** Counts one more connection; `disconnect()` must follow when it is not refused. */
  connect(): HandshakeRefusal | undefined {
    const { limits: { maxConnections }, counters } = this.#settings;
    if (counters.sockets + this.draining >= maxConnections) {
      return this.#refuse("maxConnections", 503, 10, `${maxConnections} connections`);
    }
    counters.sockets++;
    return undefined;
  }

  /** Counts one connection less. */
  disconnect(): void {
    this.#settings.counters.sockets--;
  }

  /** Counts one more connection of an address; `leave()` must follow when it is not refused. */
  enter(hostname: string | undefined): HandshakeRefusal | undefined {
    const { maxConnectionsPerAddress } = this.#settings.limits;
    if (maxConnectionsPerAddress === Infinity) return undefined;
    const address = keyOf(hostname);
    const count = this.#connections.get(address) ?? 0;
    if (count >= maxConnectionsPerAddress) {
      const what = `${maxConnectionsPerAddress} connections of one address`;
      return this.#refuse("maxConnectionsPerAddress", 429, 10, what);
    }
    this.#connections.set(address, count + 1);
    return undefined;
  }

  /** Counts one connection of an address less. */
  leave(hostname: string | undefined): void {
    if (this.#settings.limits.maxConnectionsPerAddress === Infinity) return;
    const address = keyOf(hostname);
    const count = this.#connections.get(address) ?? 0;
    if (count > 1) this.#connections.set(address, count - 1);
    else this.#connections.delete(address);
  }

  /** Counts a handshake. */
  handshake(hostname: string | undefined): HandshakeRefusal | undefined {
    const { limits: { handshakesPerSecond, handshakesPerSecondPerAddress } } = this.#settings;
    if (handshakesPerSecondPerAddress !== Infinity) {
      const address = keyOf(hostname);
      const count = this.#countRecent(address);
      if (count > handshakesPerSecondPerAddress) {
        const what = `${handshakesPerSecondPerAddress} handshakes of one address in a second`;
        return this.#refuse("handshakesPerSecondPerAddress", 429, 1, what);
      }
    }
    if (this.#handshakes.take(1)) return undefined;
    const what = `${handshakesPerSecond} handshakes in a second`;
    return this.#refuse("handshakesPerSecond", 503, 1, what);
  }

  #countRecent(address: string): number {
    const now = this.#settings.now();
    if (now - this.#second >= 1000) {
      this.#second = now;
      this.#recent.clear();
    }
    const count = (this.#recent.get(address) ?? 0) + 1;
    this.#recent.set(address, count);
    return count;
  }

  #refuse(cause: RefusalCause, status: number, seconds: number, what: string): HandshakeRefusal {
    return {
      cause,
      status,
      reason: `Expected at most ${what} (guard.${cause})`,
      headers: [["Retry-After", String(seconds)]],
    };
  }
}

function keyOf(hostname: string | undefined): string {
  return hostname === undefined ? NO_ADDRESS : addressKey(hostname);
}
