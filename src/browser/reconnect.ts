// reconnect() of a browser.

import { abortReason } from "../util/abort.ts";
import type { Timers } from "../util/clock.ts";
import type { PerAttempt, ReconnectAttempt, ReconnectSettings } from "../reconnect/options.ts";
import {
  type ReconnectingConnection,
  startReconnecting,
} from "../reconnect/reconnecting_connection.ts";
import type { Outgoing } from "../reconnect/send_queue.ts";
import {
  type BrowserRule,
  type BrowserRules,
  checkBrowserOptions,
  COUNT,
  FLAG,
  TIME,
} from "./check_browser_options.ts";
import {
  BROWSER_OPTIONS,
  type BrowserConnect,
  type BrowserConnectOptions,
  withBrowserDefaults,
} from "./connect.ts";
import {
  type BrowserConnection,
  type BrowserSendOptions,
  RECEIVE_OPTIONS,
  takeMessage,
} from "./connection.ts";
import { pageClock } from "./page_clock.ts";
import { toSocketUrl } from "./url.ts";

/**
 * The options of `reconnect()` in a browser: those of `connect()` there for each attempt, and when
 * to try again.
 */
export interface BrowserReconnectOptions
  extends
    Omit<BrowserConnectOptions, "protocols" | "signal">,
    Omit<ReconnectSettings<BrowserConnection>, "resend"> {
  /**
   * Subprotocols as for `connect()`, or a function that gives them for each attempt. Default: none.
   */
  readonly protocols?: PerAttempt<string | readonly string[] | undefined>;
  /** Ends it when it fires before the first connection is open; no effect later. Default: none. */
  readonly signal?: AbortSignal;
  /** A browser has no Pings, which would confirm what has arrived. */
  readonly resend?: never;
}

const CALLBACK: BrowserRule = ["a function", isFunction];
const POLICIES: readonly unknown[] = ["wait", "drop-oldest", "drop-newest", "refuse"];
const [PROTOCOLS = "", isProtocols] = BROWSER_OPTIONS.protocols;

/** What each of these may be. */
export const BROWSER_RECONNECT_OPTIONS: BrowserRules<BrowserReconnectOptions> = {
  ...BROWSER_OPTIONS,
  protocols: [`${PROTOCOLS} or a function`, (value) => isFunction(value) || isProtocols!(value)],
  baseDelay: TIME,
  maxDelay: TIME,
  minUptime: ["milliseconds, 0 or more", (value) => typeof value === "number" && value >= 0],
  maxAttempts: COUNT,
  queue: [POLICIES.join(" or "), (value) => POLICIES.includes(value)],
  maxQueuedAmount: COUNT,
  resend: ["it has no Pings, which would confirm what has arrived"],
  lazy: FLAG,
  retry: CALLBACK,
  onopen: CALLBACK,
  onattempt: CALLBACK,
  onwait: CALLBACK,
};

/** `reconnect()` as a browser has it. */
export type BrowserReconnect = (
  url: PerAttempt<string | URL>,
  options?: BrowserReconnectOptions,
) => Promise<ReconnectingConnection<BrowserConnection>>;

/**
 * Makes `reconnect()` over a browser's `connect()`.
 *
 * @param connect The function.
 * @param clock What waits go by. Default: the browser's.
 * @returns The function that reconnects.
 */
export function createBrowserReconnect(
  connect: BrowserConnect,
  clock: Timers = pageClock,
): BrowserReconnect {
  return async (url, options = {}) => {
    checkBrowserOptions("reconnect()", options, BROWSER_RECONNECT_OPTIONS);
    if (!isFunction(url)) toSocketUrl(url as string);
    const { protocols, signal: caller } = options;
    if (caller?.aborted) throw abortReason(caller);
    const limits = withBrowserDefaults(options);
    return await startReconnecting<BrowserConnection>(
      {
        ...limits,
        clock,
        // No status is visible.
        renews: false,
        async prepare(attempt) {
          const target = await valueFor(url, attempt);
          const own = await valueFor(protocols, attempt);
          return (signal) => connect(target, { ...limits, signal, ...(own && { protocols: own }) });
        },
        checkReceive: (given) => checkBrowserOptions("receive()", given, RECEIVE_OPTIONS),
        take: (data, given) => take(data, given as BrowserSendOptions),
        watchNetwork,
        report: (error) => console.error(error),
      },
      options as ReconnectSettings<BrowserConnection>,
      caller,
    );
  };
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

function valueFor<Value>(
  value: PerAttempt<Value>,
  attempt: ReconnectAttempt,
): Value | Promise<Value> {
  return isFunction(value)
    ? (value as (attempt: ReconnectAttempt) => Value | Promise<Value>)(attempt)
    : value as Value;
}

/** Judges a message as `send()` does, and measures it. A text counts its code units. */
function take(given: unknown, options: BrowserSendOptions | undefined): Outgoing {
  const data = takeMessage(given, options);
  const { length, byteLength = length } = data as Partial<ArrayBuffer & string>;
  return { data, options: undefined, size: byteLength };
}

/** What says that there may be a network again, where it exists: a worker has one of them. */
interface Watched {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

/** Calls `now` when the browser is online again, and when the page is looked at again. */
function watchNetwork(now: () => void): () => void {
  const { document } = globalThis as { document?: Watched & { visibilityState?: string } };
  const seen = (): void => {
    if (document?.visibilityState === "visible") now();
  };
  const own = globalThis as Watched;
  own.addEventListener?.("online", now);
  document?.addEventListener?.("visibilitychange", seen);
  return () => {
    own.removeEventListener?.("online", now);
    document?.removeEventListener?.("visibilitychange", seen);
  };
}
