// The limits of a connection, the same on both ends, and their defaults.

import type { EndpointLimits, Overflow } from "./consumer.ts";
import type { MessageLimits } from "./message.ts";
import type { VitalLimits } from "./vitals.ts";

/** What a timer can wait, in milliseconds; for more it would fire at once. */
export const LONGEST_TIMER: number = 2 ** 31 - 1;

/** The limits of a connection, and their defaults; each is an option. */
export interface ConnectionLimits {
  /** The most octets of a message; a larger one closes the connection with 1009. 1,048,576 unless told. */
  readonly maxMessageSize?: number;
  /** The most frames of one message, empty ones included. 131,072 unless told. */
  readonly maxFragments?: number;
  /** Octets that may wait to be sent; `overflow` says what happens to more. 16,777,216 unless told. */
  readonly maxBufferedAmount?: number;
  /**
   * What happens when more than `maxBufferedAmount` wait: "close" drops the connection; "drop-oldest" and
   * "drop-newest" drop whole messages that wait, and count them in `dropped`; "wait" trusts the sender to await
   * `send()`. "close" unless told.
   */
  readonly overflow?: Overflow;
  /**
   * Pings a connection from which nothing has come for `interval` milliseconds, and drops it when nothing comes for
   * `timeout` more; any traffic counts. `{ interval: 25_000, timeout: 20_000 }` unless told; false for none.
   */
  readonly heartbeat?: false | { readonly interval?: number; readonly timeout?: number };
  /** Milliseconds without a message in either direction after which the connection is closed with 1001. Off unless told. */
  readonly idleTimeout?: number;
  /**
   * Milliseconds after which a connection is closed with 1001, give or take a tenth, so that those that came together
   * do not come back together. Off unless told.
   */
  readonly maxLifetime?: number;
  /** Milliseconds for the opening handshake: to send a request's head on a server, for all of it on a client. 10,000 unless told. */
  readonly handshakeTimeout?: number;
  /** Milliseconds from the first Close frame to the end of the connection, which is then cut. 10,000 unless told. */
  readonly closeTimeout?: number;
}

/** `ConnectionLimits` with nothing missing. */
export interface ResolvedLimits extends MessageLimits, EndpointLimits, VitalLimits {
  /** See `ConnectionLimits`. */
  readonly handshakeTimeout: number;
}

/**
 * Fills in the defaults.
 *
 * @throws {RangeError} When a limit is not a number above 0.
 */
export function resolveLimits(options: ConnectionLimits): ResolvedLimits {
  const heartbeat = options.heartbeat === false
    ? { interval: Infinity, timeout: Infinity }
    : options.heartbeat ?? {};
  return {
    maxMessageSize: positive("maxMessageSize", options.maxMessageSize, 1_048_576),
    maxFragments: positive("maxFragments", options.maxFragments, 131_072),
    maxBufferedAmount: positive("maxBufferedAmount", options.maxBufferedAmount, 16_777_216),
    handshakeTimeout: timer("handshakeTimeout", options.handshakeTimeout),
    closeTimeout: timer("closeTimeout", options.closeTimeout),
    overflow: overflow(options.overflow ?? "close"),
    pingInterval: positive("heartbeat.interval", heartbeat.interval, 25_000),
    pingTimeout: positive("heartbeat.timeout", heartbeat.timeout, 20_000),
    idleTimeout: positive("idleTimeout", options.idleTimeout, Infinity),
    maxLifetime: positive("maxLifetime", options.maxLifetime, Infinity),
  };
}

function overflow(value: Overflow): Overflow {
  if (["close", "wait", "drop-oldest", "drop-newest"].includes(value)) return value;
  throw new RangeError(
    `Expected overflow to be close, wait, drop-oldest or drop-newest, got ${value}`,
  );
}

function timer(name: string, value: number | undefined): number {
  return Math.min(positive(name, value, 10_000), LONGEST_TIMER);
}

/** An option that must be a number above 0. */
export function positive(name: string, value: number | undefined, preset: number): number {
  if (value === undefined) return preset;
  if (!(value > 0)) throw new RangeError(`Expected ${name} to be above 0, got ${value}`);
  return value;
}
