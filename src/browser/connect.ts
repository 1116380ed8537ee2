// connect() of a browser, over its native WebSocket class.

import { abortReason, onAbort } from "../util/abort.ts";
import { LONGEST_TIMER, type Timers } from "../util/clock.ts";
import { codeOf, HandshakeError } from "../protocol/errors.ts";
import {
  type BrowserRule,
  type BrowserRules,
  checkBrowserOptions,
  COUNT,
  SIGNAL,
  TIME,
} from "./check_browser_options.ts";
import {
  type BrowserConnection,
  type BrowserLimits,
  createBrowserConnection,
} from "./connection.ts";
import type { NativeError, NativeWebSocket, NativeWebSocketClass } from "./native_socket.ts";
import { pageClock } from "./page_clock.ts";
import { toSocketUrl } from "./url.ts";

/** The options of `connect()` in a browser. Those of other runtimes are refused. */
export interface BrowserConnectOptions extends BrowserLimits, UnavailableOptions {
  /**
   * The subprotocol to offer, or several, the preferred one first (RFC 6455 section 1.9). A browser
   * fails the connection when the server chooses none. Default: none.
   */
  readonly protocols?: string | readonly string[];
  /** Milliseconds for the opening handshake. Default: 10,000. */
  readonly handshakeTimeout?: number;
  /**
   * Ends the attempt when it fires; it has no effect on a connection that is open. Default: none.
   */
  readonly signal?: AbortSignal;
}

/** The code of a failure of which the browser does not say what it was. */
const UNKNOWN = "EHANDSHAKE";
const NOT_SAID = "a browser does not say why, its console may";

/** What a browser does itself, or does not do. */
export interface UnavailableOptions {
  /** A page sets no header fields. */
  readonly headers?: never;
  /** A browser sends its own cookies. */
  readonly cookies?: never;
  /** A browser decides about compression. */
  readonly compression?: never;
  /** A browser has its own trust. */
  readonly tls?: never;
  /** A browser follows no redirection here. */
  readonly maxRedirects?: never;
  /** A page sends no Pings. */
  readonly heartbeat?: never;
  /** A browser answers Pings. */
  readonly autoPong?: never;
  /** A browser hands over whole messages. */
  readonly maxFragments?: never;
  /** What was sent cannot be dropped. */
  readonly overflow?: never;
  /** A page has its own timers. */
  readonly idleTimeout?: never;
  /** A page has its own timers. */
  readonly maxLifetime?: never;
  /** `send()` and `closed` say what hooks would. */
  readonly hooks?: never;
  /** A page sees no frames. */
  readonly trace?: never;
  /** Each message has a buffer of its own here. */
  readonly ownBuffers?: never;
  /** A browser goes through its own proxies. */
  readonly proxy?: never;
  /** A browser dials itself. */
  readonly dial?: never;
  /** A browser chooses its address. */
  readonly localAddress?: never;
  /** A browser chooses between IPv4 and IPv6. */
  readonly family?: never;
  /** A browser looks names up itself. */
  readonly lookup?: never;
}

/** What an option that is left out stands for. */
export const BROWSER_DEFAULTS: Required<BrowserLimits> & { handshakeTimeout: number } = {
  maxMessageSize: 1_048_576,
  maxBufferedAmount: 16_777_216,
  maxUnreadAmount: 16_777_216,
  closeTimeout: 10_000,
  handshakeTimeout: 10_000,
};

/** Fills in the defaults. Other options are left out. */
export function withBrowserDefaults(
  options: Partial<Record<keyof typeof BROWSER_DEFAULTS, number>>,
): typeof BROWSER_DEFAULTS {
  const limits = { ...BROWSER_DEFAULTS };
  for (const name of Object.keys(limits) as (keyof typeof limits)[]) {
    limits[name] = options[name] ?? limits[name];
  }
  return limits;
}

const ITSELF: BrowserRule = ["it decides that itself; leave it out"];
const PINGS: BrowserRule = ["it answers Pings itself and sends none; the server's heartbeat does"];
const TIMER: BrowserRule = ["set a timer that calls close()"];

const isString = (value: unknown): boolean => typeof value === "string";

/** What each of these may be. */
export const BROWSER_OPTIONS: BrowserRules<BrowserConnectOptions> = {
  maxMessageSize: COUNT,
  maxBufferedAmount: COUNT,
  maxUnreadAmount: COUNT,
  closeTimeout: TIME,
  protocols: [
    "a string or a list of strings",
    (value) => isString(value) || (Array.isArray(value) && value.every(isString)),
  ],
  handshakeTimeout: TIME,
  signal: SIGNAL,
  headers: ["send a token in a cookie, the URL, a subprotocol or the first message"],
  cookies: ITSELF,
  compression: ITSELF,
  tls: ITSELF,
  maxRedirects: ["it follows none; give the URL that it leads to"],
  heartbeat: PINGS,
  autoPong: PINGS,
  maxFragments: ["it hands over whole messages; use maxMessageSize"],
  overflow: ["what was sent cannot be taken back; await send()"],
  idleTimeout: TIMER,
  maxLifetime: TIMER,
  hooks: ["await closed, and send()"],
  trace: ["its developer tools show the messages"],
  ownBuffers: ["each message has a buffer of its own"],
  proxy: ITSELF,
  dial: ITSELF,
  localAddress: ITSELF,
  family: ITSELF,
  lookup: ITSELF,
};

/** `connect()` as a browser has it. */
export type BrowserConnect = (
  url: string | URL,
  options?: BrowserConnectOptions,
) => Promise<BrowserConnection>;

/**
 * Makes `connect()` over a WebSocket class with the interface of a browser's.
 *
 * @param Native The class, such as `globalThis.WebSocket`.
 * @param clock What waits go by. Default: the browser's.
 * @returns The function.
 */
export function createBrowserConnect(
  Native: NativeWebSocketClass,
  clock: Timers = pageClock,
): BrowserConnect {
  return async (target, options = {}) => {
    checkBrowserOptions("connect()", options, BROWSER_OPTIONS);
    const url = toSocketUrl(target);
    const { protocols = [], signal } = options;
    const limits = withBrowserDefaults(options);
    if (signal?.aborted) throw abortReason(signal);
    const socket = start(Native, url, typeof protocols === "string" ? [protocols] : [...protocols]);
    return await new Promise((resolve, reject) => {
      let over = false;
      /** The attempt has ended, unless it has before. */
      const settle = (end: () => void): void => {
        if (over) return;
        over = true;
        clock.clearTimer(timer);
        stop?.();
        end();
      };
      const giveUp = (error: unknown): void =>
        settle(() => {
          reject(error);
          socket.close();
        });
      const { handshakeTimeout } = limits;
      const timer = clock.setTimer(
        () => {
          const message = `The opening handshake took more than ${handshakeTimeout} ms`;
          giveUp(new HandshakeError(message, { code: "ETIMEDOUT" }));
        },
        Math.min(handshakeTimeout, LONGEST_TIMER),
        "the opening handshake of connect()",
      );
      const stop = signal && onAbort(signal, () => giveUp(abortReason(signal)));
      /** undici has no close event here. */
      const fail = (event: object): void =>
        settle(() => {
          // Other platforms than a browser say what went wrong.
          const { error, message } = event as NativeError;
          const why = (error as Error | undefined)?.message || message || NOT_SAID;
          const text = `The opening handshake with ${url} failed: ${why}`;
          reject(new HandshakeError(text, { cause: error, code: codeOf(error) ?? UNKNOWN }));
        });
      socket.addEventListener("error", fail);
      socket.addEventListener("close", fail);
      socket.addEventListener(
        "open",
        () => settle(() => resolve(createBrowserConnection(socket, limits, clock))),
      );
    });
  };
}

/** Starts an attempt. */
function start(Native: NativeWebSocketClass, url: string, protocols: string[]): NativeWebSocket {
  try {
    const socket = new Native(url, protocols);
    socket.binaryType = "arraybuffer";
    return socket;
  } catch (cause) {
    const { name, message } = cause as Error;
    // The caller's mistake, as on the other runtimes: a URL or a subprotocol.
    if (name === "SyntaxError") throw new SyntaxError(message, { cause });
    // Such as `ws:` on a page with `https:`.
    throw new HandshakeError(message, { cause, code: UNKNOWN });
  }
}
