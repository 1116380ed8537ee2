// reconnect(), for any runtime that has connect().

import { abortReason } from "../util/abort.ts";
import { isBlob, isBytes } from "../util/brands.ts";
import { type BinaryData, toBytes } from "../util/bytes.ts";
import {
  checkOptions,
  type OptionRule,
  type OptionTable,
  textOrTexts,
  unjudged,
  without,
} from "../util/check_options.ts";
import { type Clock, systemClock } from "../util/clock.ts";
import type { HeadersSource } from "../util/platform.ts";
import { encodeUtf8, utf8Length } from "../util/utf8.ts";
import { checkSendOptions, contentOf, isPrepared, type SendOptions } from "../protocol/sendable.ts";
import { parseTarget } from "../handshake/unix_url.ts";
import { dispatcherOf, RECEIVE_OPTIONS } from "../connection/connection.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import { resolveLimits } from "../connection/limits.ts";
import { checkSource } from "../connection/message_source.ts";
import { type Connect, CONNECT_OPTIONS, type ConnectOptions } from "../client/connect.ts";
import { type PerAttempt, RECONNECT_SETTINGS, type ReconnectAttempt } from "./options.ts";
import type { ReconnectSettings } from "./options.ts";
import { type ReconnectingConnection, startReconnecting } from "./reconnecting_connection.ts";
import type { Outgoing } from "./send_queue.ts";

/** The options of `reconnect()`: those of `connect()` for each attempt, and when to try again. */
export interface ReconnectOptions
  extends
    Omit<ConnectOptions, "headers" | "protocols" | "overflow" | "signal">,
    ReconnectSettings<WebSocketConnection<undefined>> {
  /**
   * Header fields as for `connect()`, or a function that gives them for each attempt: for a token
   * that expires. Default: none.
   */
  readonly headers?: PerAttempt<HeadersSource | undefined>;
  /**
   * Subprotocols as for `connect()`, or a function that gives them for each attempt. Default: none.
   */
  readonly protocols?: PerAttempt<string | readonly string[] | undefined>;
  /** Ends it when it fires before the first connection is open; no effect later. Default: none. */
  readonly signal?: AbortSignal;
}

/** What each of these may be. */
export const RECONNECT_OPTIONS: OptionTable<ReconnectOptions> = {
  ...without(CONNECT_OPTIONS, "overflow"),
  ...RECONNECT_SETTINGS,
  headers: orFunction(unjudged("header fields")),
  protocols: orFunction(textOrTexts),
};

function orFunction(rule: OptionRule): OptionRule {
  return {
    expected: `${rule.expected} or a function`,
    check(name, value, scope) {
      if (typeof value !== "function") rule.check(name, value, scope);
    },
  };
}

/** `reconnect()` as each runtime has it. */
export type Reconnect = (
  url: PerAttempt<string | URL>,
  options?: ReconnectOptions,
) => Promise<ReconnectingConnection<WebSocketConnection<undefined>>>;

/**
 * Makes the `reconnect()` of a runtime.
 *
 * @param connect Its `connect()`.
 * @param clock The clock by which it waits. Default: the system's.
 */
export function createReconnect(connect: Connect, clock: Clock = systemClock): Reconnect {
  return async (url, options = {}) => {
    checkOptions("reconnect()", options, RECONNECT_OPTIONS);
    if (typeof url !== "function") parseTarget(url);
    const { headers, protocols, signal: caller } = options;
    const connectOptions: Record<string, unknown> = {};
    for (const name of Object.keys(CONNECT_OPTIONS)) {
      connectOptions[name] = options[name as keyof ReconnectOptions];
    }
    if (caller?.aborted) throw abortReason(caller);
    const { handshakeTimeout, closeTimeout } = resolveLimits(options);
    return await startReconnecting(
      {
        clock,
        handshakeTimeout,
        closeTimeout,
        renews: [url, headers, protocols].some((one) => typeof one === "function"),
        async prepare(attempt) {
          const target = await valueFor(url, attempt);
          const own = {
            headers: await valueFor(headers, attempt),
            protocols: await valueFor(protocols, attempt),
          };
          return (signal) =>
            connect(target, { ...connectOptions, ...own, signal } as ConnectOptions);
        },
        checkReceive(options) {
          if (options !== undefined) checkOptions("receive()", options, RECEIVE_OPTIONS);
        },
        take,
        watchPings: (link, mark) => dispatcherOf(link).marker = mark,
        report: (error) => console.error(error),
      },
      options,
      caller,
    );
  };
}

function valueFor<Value>(
  value: PerAttempt<Value>,
  attempt: ReconnectAttempt,
): Value | Promise<Value> {
  if (typeof value !== "function") return value;
  return (value as (attempt: ReconnectAttempt) => Value | Promise<Value>)(attempt);
}

const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Judges a message as `send()` does, and measures it. */
function take(data: unknown, options: SendOptions | undefined): Outgoing {
  if (options !== undefined) checkSendOptions("send()", options);
  const { binary, ...rest } = options ?? {};
  if (typeof data === "string") {
    if (binary === true) return whole(encodeUtf8(data), rest);
    return { data, options, size: utf8Length(data) };
  }
  if (isBytes(data)) {
    const bytes = toBytes(data as BinaryData);
    return binary === false
      ? { data: strictDecoder.decode(bytes), options: rest, size: bytes.length }
      : whole(bytes, rest);
  }
  if (isPrepared(data)) return { data, options, size: contentOf(data)[0].length };
  return { data: isBlob(data) ? data : checkSource(data), options, size: undefined };
}

function whole(data: Uint8Array, options: SendOptions): Outgoing {
  return { data, options, size: data.length };
}
