// The options that reconnecting adds to those of one connection, and their defaults.

import {
  callback,
  flag,
  milliseconds,
  number,
  oneOf,
  type OptionTable,
} from "../util/check_options.ts";
import type { ClientConnection } from "./client_connection.ts";
import type { ReconnectFailure } from "./failure.ts";
import type { QueuePolicy } from "./send_queue.ts";

/** An attempt to connect. */
export interface ReconnectAttempt {
  /** Its number, counted from 1 since the last connection that lasted. */
  readonly attempt: number;
  /** Whether there has been a connection before. */
  readonly wasConnected: boolean;
  /** Why this attempt is made; undefined for the very first. */
  readonly failure: ReconnectFailure | undefined;
}

/** A wait before the next attempt. */
export interface ReconnectWait {
  /** Milliseconds until the next attempt, unless `reconnectNow()` ends the wait. */
  readonly delay: number;
  /** Why there is no connection. */
  readonly failure: ReconnectFailure;
}

/** A value, or a function that gives the one for an attempt. */
export type PerAttempt<Value> = Value | ((attempt: ReconnectAttempt) => Value | Promise<Value>);

/** What `reconnect()` takes besides the options of `connect()`. */
export interface ReconnectSettings<Link extends ClientConnection> {
  /**
   * The longest delay before the first new attempt, in milliseconds. Each further failure doubles
   * it, and the delay is a random part of that. After 1001, 1012 and 1013, when all clients of a
   * server come back together, the first delay is up to four times as long. Default: 1,000.
   */
  readonly baseDelay?: number;
  /** The longest delay of all, in milliseconds. Default: 30,000. */
  readonly maxDelay?: number;
  /**
   * Milliseconds for which a connection has to last so that the delays, and the count of attempts,
   * begin anew. Default: 5,000.
   */
  readonly minUptime?: number;
  /**
   * The most attempts in a row, the first one included, without a connection that lasts for
   * `minUptime`. Default: Infinity.
   */
  readonly maxAttempts?: number;
  /**
   * What happens to a message that cannot be sent now. "wait" keeps it; `send()` resolves once no
   * more than `maxQueuedAmount` octets wait up to it, and rejects at twice as many. "drop-oldest"
   * and "drop-newest" drop whole messages, and count them in `dropped`. "refuse" rejects while
   * there is no connection. Default: "wait".
   */
  readonly queue?: QueuePolicy;
  /** Octets that may wait; each message counts 16 more. Default: 1,048,576. */
  readonly maxQueuedAmount?: number;
  /**
   * Whether messages that a lost connection may not have delivered are sent again on the next one.
   * Copies are kept until the peer has answered a Ping behind them, and count as waiting. The peer
   * may get a message twice. Not in a browser, which has no Pings. Default: false.
   */
  readonly resend?: boolean;
  /**
   * Whether the promise of `reconnect()` resolves at once, in place of with the first connection.
   * Default: false.
   */
  readonly lazy?: boolean;
  /**
   * Decides whether to try again: true and false decide, undefined leaves it to
   * `failure.fatal`. Default: as `failure.fatal` says.
   */
  readonly retry?: (
    failure: ReconnectFailure,
  ) => boolean | undefined | Promise<boolean | undefined>;
  /**
   * Called with each new connection, before what waits is sent: to log in and to subscribe again.
   * It sends and receives on the connection that it is given. What waits is sent once it has
   * settled; messages that it does not take wait meanwhile. When it throws, the attempt has failed.
   * Default: none.
   */
  readonly onopen?: (connection: Link, attempt: ReconnectAttempt) => unknown;
  /** Called when an attempt begins. Default: none. */
  readonly onattempt?: (attempt: ReconnectAttempt) => unknown;
  /** Called when a wait begins: to tell the user when the next attempt is due. Default: none. */
  readonly onwait?: (wait: ReconnectWait) => unknown;
}

/** What each of these may be. */
export const RECONNECT_SETTINGS: OptionTable<ReconnectSettings<ClientConnection>> = {
  baseDelay: milliseconds,
  maxDelay: milliseconds,
  minUptime: number("milliseconds", { least: 0, parts: true }),
  maxAttempts: number("attempts"),
  queue: oneOf("wait", "drop-oldest", "drop-newest", "refuse"),
  maxQueuedAmount: number("octets"),
  resend: flag,
  lazy: flag,
  retry: callback,
  onopen: callback,
  onattempt: callback,
  onwait: callback,
};

/** The defaults. */
export const RECONNECT_DEFAULTS: Required<
  Omit<ReconnectSettings<never>, "retry" | "onopen" | "onattempt" | "onwait">
> = {
  baseDelay: 1_000,
  maxDelay: 30_000,
  minUptime: 5_000,
  maxAttempts: Infinity,
  queue: "wait",
  maxQueuedAmount: 1_048_576,
  resend: false,
  lazy: false,
};
