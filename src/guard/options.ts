// The limits against abuse: what each is, its default, and why some are off.
//
// 1. A limit on the time or memory that one peer can take has a default, if no honest peer comes
//    near it.
// 2. A limit that only the application can know (how many messages are many?) is off: `Infinity`,
//    as for every limit.

import { milliseconds, number, type OptionTable, withDefaults } from "../util/check_options.ts";

/** Limits against abuse; each is a number, and `Infinity` turns it off. */
export interface GuardOptions {
  /**
   * The most connections in total, including those that speak plain HTTP or have a TLS handshake
   * under way. The server answers the next one with 503 and Retry-After; with `tls` it cuts it
   * before its handshake, to avoid that work. Default: 65,536. Raise it, and the process's limit of
   * file descriptors, for more.
   */
  readonly maxConnections?: number;
  /**
   * The most connections of one address (of one /64 for IPv6); the server answers the next one with
   * 429, or with `tls` cuts it before its handshake. Default: Infinity, because all clients behind
   * one proxy or NAT share an address. Set it on a server that faces the internet, and with
   * `trustProxy` behind a proxy, where it counts WebSocket connections.
   */
  readonly maxConnectionsPerAddress?: number;
  /**
   * WebSocket handshakes in one second; the server answers the next one with 503 and Retry-After
   * before it calls `fetch`. Default: Infinity. Set it to what the handlers can take when all
   * clients reconnect at once.
   */
  readonly handshakesPerSecond?: number;
  /**
   * WebSocket handshakes of one address in one second; the server answers the next one with 429.
   * Default: Infinity, as for `maxConnectionsPerAddress`.
   */
  readonly handshakesPerSecondPerAddress?: number;
  /**
   * Messages in one second on one connection; more close it with 1008. Default: Infinity, because a
   * consumer that is behind already slows its peer down. Set it where each message costs something
   * elsewhere, as in a broadcast.
   */
  readonly messagesPerSecond?: number;
  /**
   * Octets in one second on one connection, as received; more close it with 1008. Default:
   * Infinity, as for `messagesPerSecond`.
   */
  readonly bytesPerSecond?: number;
  /**
   * Pings and Pongs in one second on one connection; more close it with 1008. Default: 1,000, more
   * than an honest peer needs.
   */
  readonly controlFramesPerSecond?: number;
  /**
   * Fragments of fewer than 128 octets in one second on one connection; more close it with 1008.
   * Default: 131,072, as many as one message may have by default. Lower it where no client
   * fragments, as browsers do not.
   */
  readonly tinyFragmentsPerSecond?: number;
  /**
   * Milliseconds in which a message that has begun must make progress: end, begin its next frame,
   * or grow by 1,024 octets; otherwise the connection is closed with 1008. Default: 30,000. Raise
   * it for clients that pause within a message.
   */
  readonly frameTimeout?: number;
  /**
   * Milliseconds for which a peer may take nothing of what waits for it, messages or a response;
   * then the connection is cut, and for a response `error` is called. Default: 60,000. Raise it for
   * links so slow that the buffers of the system take longer to empty.
   */
  readonly stallTimeout?: number;
  /**
   * How many times its compressed size a message of more than 4,096 octets may have; a larger one
   * closes the connection with 1009. Default: Infinity, because `maxMessageSize` bounds what is
   * inflated, and honest text can shrink to a hundredth. Set it with a large `maxMessageSize`.
   */
  readonly maxInflateRatio?: number;
}

/** `GuardOptions` with nothing missing. */
export type ResolvedGuard = Readonly<Required<GuardOptions>>;

/** The name of one limit. */
export type GuardName = keyof GuardOptions;

/** The defaults. */
export const GUARD_DEFAULTS: ResolvedGuard = {
  maxConnections: 65_536,
  maxConnectionsPerAddress: Infinity,
  handshakesPerSecond: Infinity,
  handshakesPerSecondPerAddress: Infinity,
  messagesPerSecond: Infinity,
  bytesPerSecond: Infinity,
  controlFramesPerSecond: 1_000,
  tinyFragmentsPerSecond: 131_072,
  frameTimeout: 30_000,
  stallTimeout: 60_000,
  maxInflateRatio: Infinity,
};

/** What each limit may be. */
export const GUARD_OPTIONS: OptionTable<GuardOptions> = {
  maxConnections: number("connections"),
  maxConnectionsPerAddress: number("connections"),
  handshakesPerSecond: number("handshakes"),
  handshakesPerSecondPerAddress: number("handshakes"),
  messagesPerSecond: number("messages"),
  bytesPerSecond: number("octets"),
  controlFramesPerSecond: number("frames"),
  tinyFragmentsPerSecond: number("fragments"),
  frameTimeout: milliseconds,
  stallTimeout: milliseconds,
  maxInflateRatio: number("", { parts: true }),
};

/**
 * Fills in the defaults.
 *
 * @param options The limits that were given, which have been checked by {@linkcode GUARD_OPTIONS}.
 * @returns All limits.
 */
export function resolveGuard(options: GuardOptions = {}): ResolvedGuard {
  return withDefaults(options, GUARD_DEFAULTS);
}
