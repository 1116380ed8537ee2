// The limits of a connection, the same on both ends, and their defaults.

import type { Overflow } from "./endpoint_consumer.ts";
import {
  flag,
  group,
  milliseconds,
  number,
  oneOf,
  type OptionTable,
  withDefaults,
} from "../util/check_options.ts";
import { LONGEST_TIMER } from "../util/clock.ts";
import { trace, type TraceFunction, type TraceOptions } from "./trace.ts";

/** The limits of a connection, and their defaults; each is an option. */
export interface ConnectionLimits {
  /**
   * The most octets of a message; a larger one closes the connection with 1009. Default: 1,048,576.
   */
  readonly maxMessageSize?: number;
  /** The most frames of one message, empty ones included. Default: 131,072. */
  readonly maxFragments?: number;
  /**
   * Octets that may wait to be sent; while more wait, `overflow` says what happens to the next
   * message. While no more wait, a message of any size is accepted, so at most this limit and one
   * message wait. Octets are counted as in `bufferedAmount`: a Blob and an array of chunks count
   * with their size, other sources of chunks with what they have given. Default: 16,777,216.
   */
  readonly maxBufferedAmount?: number;
  /**
   * What happens to a message that is sent while more than `maxBufferedAmount` octets wait. "close"
   * drops the connection. "drop-newest" drops the message. "drop-oldest" drops the messages that
   * have waited longest until no more than the limit wait, and always keeps the newest. Both drop
   * whole messages, and count them in `dropped`. A message that the transport already has cannot be
   * dropped. "wait" trusts the sender to await `send()`. Default: "close".
   */
  readonly overflow?: Overflow;
  /**
   * Sends a Ping when the peer has sent nothing for `interval` milliseconds, and drops the
   * connection when the peer sends nothing for `timeout` more; any traffic counts. False turns it
   * off. Default: `{ interval: 25_000, timeout: 20_000 }`.
   */
  readonly heartbeat?: false | HeartbeatOptions;
  /**
   * Milliseconds without a message in either direction after which the connection is closed with
   * 1001. Default: Infinity.
   */
  readonly idleTimeout?: number;
  /**
   * Milliseconds after which a connection is closed with 1001, give or take a tenth, so that
   * clients that connected together do not reconnect together. Default: Infinity.
   */
  readonly maxLifetime?: number;
  /**
   * Milliseconds for the opening handshake: on a server, for the client to send the head of its
   * request; on a client, for the whole handshake. Default: 10,000.
   */
  readonly handshakeTimeout?: number;
  /**
   * Milliseconds from the first Close frame to the end of the connection, which is then cut.
   * Default: 10,000.
   */
  readonly closeTimeout?: number;
  /**
   * Whether a Ping is answered with a Pong at once (RFC 6455 section 5.5.2). False leaves it to the
   * `ping` hook, which must call `pong()`: for tests of a peer, and for proxies that pass Pings on.
   * Default: true.
   */
  readonly autoPong?: boolean;
  /**
   * A function that is called with each frame, each state and the opening handshake of each
   * connection, or `{ event, preview }`; see {@linkcode TraceEvent}. For debugging: a trace copies
   * what passes. Default: none.
   */
  readonly trace?: TraceFunction | TraceOptions;
  /**
   * Whether each binary message has an ArrayBuffer of its own, which begins with it. The program
   * can then transfer it, or read it as `new Float32Array(data.buffer)`. This costs a copy of each
   * message that came in a chunk with others. Default: false.
   */
  readonly ownBuffers?: boolean;
}

/** When to send a Ping, and when to give the connection up. */
export interface HeartbeatOptions {
  /**
   * Milliseconds without anything from the peer after which this end sends a Ping. Default: 25,000.
   */
  readonly interval?: number;
  /** Milliseconds that the peer then has to send anything. Default: 20,000. */
  readonly timeout?: number;
}

const HEARTBEAT_OPTIONS: OptionTable<HeartbeatOptions> = {
  interval: milliseconds,
  timeout: milliseconds,
};

/** What each limit may be. */
export const CONNECTION_LIMITS: OptionTable<ConnectionLimits> = {
  maxMessageSize: number("octets"),
  maxFragments: number("frames"),
  maxBufferedAmount: number("octets"),
  overflow: oneOf("close", "drop-oldest", "drop-newest", "wait"),
  heartbeat: group(HEARTBEAT_OPTIONS, false),
  idleTimeout: milliseconds,
  maxLifetime: milliseconds,
  handshakeTimeout: milliseconds,
  closeTimeout: milliseconds,
  autoPong: flag,
  trace,
  ownBuffers: flag,
};

/** `ConnectionLimits` with nothing missing; Infinity where the heartbeat is off. */
export interface ResolvedLimits
  extends Required<Omit<ConnectionLimits, "heartbeat" | "trace">>, Pick<ConnectionLimits, "trace"> {
  /** See `ConnectionLimits`. */
  readonly heartbeat: Required<HeartbeatOptions>;
}

/** The defaults. */
export const CONNECTION_DEFAULTS: ResolvedLimits = {
  maxMessageSize: 1_048_576,
  maxFragments: 131_072,
  maxBufferedAmount: 16_777_216,
  overflow: "close",
  heartbeat: { interval: 25_000, timeout: 20_000 },
  idleTimeout: Infinity,
  maxLifetime: Infinity,
  handshakeTimeout: 10_000,
  closeTimeout: 10_000,
  autoPong: true,
  ownBuffers: false,
};

const NO_HEARTBEAT: Required<HeartbeatOptions> = { interval: Infinity, timeout: Infinity };

/** Fills in the defaults; the options have been checked by {@linkcode CONNECTION_LIMITS}. */
export function resolveLimits(options: ConnectionLimits): ResolvedLimits {
  const { heartbeat: pulse, ...defaults } = CONNECTION_DEFAULTS;
  const { heartbeat = {} } = options;
  const limits = withDefaults(options, defaults);
  return {
    ...limits,
    ...(options.trace && { trace: options.trace }),
    heartbeat: heartbeat === false ? NO_HEARTBEAT : withDefaults(heartbeat, pulse),
    handshakeTimeout: Math.min(limits.handshakeTimeout, LONGEST_TIMER),
    closeTimeout: Math.min(limits.closeTimeout, LONGEST_TIMER),
  };
}
