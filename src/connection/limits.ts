// The limits of a connection, the same on both ends, and their defaults.

import type { EndpointLimits, Overflow } from "./endpoint_consumer.ts";
import type { MessageLimits } from "../protocol/message_assembler.ts";
import {
  flag,
  group,
  milliseconds,
  number,
  oneOf,
  type OptionTable,
} from "../util/check_options.ts";
import { trace, type TraceFunction, type TraceOptions } from "./trace.ts";
import type { VitalLimits } from "./heartbeat.ts";

/** What a timer can wait, in milliseconds; for more it would fire at once. */
export const LONGEST_TIMER: number = 2 ** 31 - 1;

/** The limits of a connection, and their defaults; each is an option. */
export interface ConnectionLimits {
  /** The most octets of a message; a larger one closes the connection with 1009. 1,048,576 unless told. */
  readonly maxMessageSize?: number;
  /** The most frames of one message, empty ones included. 131,072 unless told. */
  readonly maxFragments?: number;
  /**
   * Octets that may wait to be sent before one more message is: `overflow` says what happens to a message that comes while
   * more do, whatever its size. So at most these and one message wait. 16,777,216 unless told.
   */
  readonly maxBufferedAmount?: number;
  /**
   * What happens to a message that is sent while more than `maxBufferedAmount` octets wait. "close" drops the connection.
   * "drop-newest" drops the message; "drop-oldest" drops those that have waited longest until no more than the limit
   * wait, and always keeps the newest; both drop whole messages, and count them in `dropped`. What the transport was given
   * before it had to wait cannot be dropped. "wait" trusts the sender to await `send()`. "close" unless told.
   */
  readonly overflow?: Overflow;
  /**
   * Pings a connection from which nothing has come for `interval` milliseconds, and drops it when nothing comes for
   * `timeout` more; any traffic counts. `{ interval: 25_000, timeout: 20_000 }` unless told; false for none.
   */
  readonly heartbeat?: false | HeartbeatOptions;
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
  /**
   * Whether a Ping is answered with a Pong at once (RFC 6455 section 5.5.2). False leaves it to the `ping` hook, which
   * must call `pong()`: for tests of a peer, and proxies that hand Pings on. Default: true.
   */
  readonly autoPong?: boolean;
  /**
   * Told of each frame, each state and the opening handshake of each connection, or `{ event, preview }`; see
   * {@linkcode TraceEvent}. For looking at what happens: it copies what passes. None by default.
   */
  readonly trace?: TraceFunction | TraceOptions;
  /**
   * Whether each binary message has an ArrayBuffer of its own, which begins with it: to be transferred, or to be read as
   * `new Float32Array(data.buffer)`. It costs a copy of each message that came in a chunk with others. Default: false.
   */
  readonly ownBuffers?: boolean;
}

/** When a connection is pinged, and when it is given up. */
export interface HeartbeatOptions {
  /** Milliseconds without anything from the peer after which it is pinged. Default: 25,000. */
  readonly interval?: number;
  /** Milliseconds for it to send anything then. Default: 20,000. */
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

/** `ConnectionLimits` with nothing missing. */
export interface ResolvedLimits extends MessageLimits, EndpointLimits, VitalLimits {
  /** See `ConnectionLimits`. */
  readonly handshakeTimeout: number;
  /** See `ConnectionLimits`. */
  readonly trace?: TraceFunction | TraceOptions;
}

/** Fills in the defaults; the options have been checked by {@linkcode CONNECTION_LIMITS}. */
export function resolveLimits(options: ConnectionLimits): ResolvedLimits {
  const heartbeat = options.heartbeat === false
    ? { interval: Infinity, timeout: Infinity }
    : options.heartbeat ?? {};
  return {
    maxMessageSize: options.maxMessageSize ?? 1_048_576,
    maxFragments: options.maxFragments ?? 131_072,
    maxBufferedAmount: options.maxBufferedAmount ?? 16_777_216,
    handshakeTimeout: timer(options.handshakeTimeout),
    closeTimeout: timer(options.closeTimeout),
    overflow: options.overflow ?? "close",
    autoPong: options.autoPong ?? true,
    ...(options.trace && { trace: options.trace }),
    ownBuffers: options.ownBuffers ?? false,
    pingInterval: heartbeat.interval ?? 25_000,
    pingTimeout: heartbeat.timeout ?? 20_000,
    idleTimeout: options.idleTimeout ?? Infinity,
    maxLifetime: options.maxLifetime ?? Infinity,
  };
}

function timer(value = 10_000): number {
  return Math.min(value, LONGEST_TIMER);
}
