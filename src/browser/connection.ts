// The connection of a page in a browser: the surface of WebSocketConnection over a native
// WebSocket.
//
// 1. A native WebSocket has no backpressure. What comes waits for `receive()` here, within a bound:
//    beyond it the connection is failed. What is sent waits in the browser, which says how much
//    that is, but not when it leaves: it is asked again and again while a sender waits.
// 2. A native WebSocket cannot be cut. A connection that this end gives up has ended here at once;
//    the browser ends its own part behind the scenes, and nothing of that is passed on.

import { abortReason } from "../util/abort.ts";
import type { Timers } from "../util/clock.ts";
import { brand, isBlob, isBytes, kindOf } from "../util/brands.ts";
import type { BinaryData, Bytes } from "../util/bytes.ts";
import { Deque } from "../util/deque.ts";
import type { AsyncDisposal } from "../util/platform.ts";
import { defer, type Deferred, handled, RESOLVED } from "../util/promises.ts";
import { checkStatus, CloseCode, type CloseStatus } from "../protocol/close_code.ts";
import {
  type CloseInfo,
  ConnectionClosed,
  type EndedBy,
  ProtocolError,
} from "../protocol/errors.ts";
import type { ConnectionState } from "../connection/connection.ts";
import type { Message, ReceiveOptions } from "../connection/message.ts";
import { iterateMessages, toResult } from "../connection/message_iterator.ts";
import { Receivers } from "../connection/receivers.ts";
import { HIGH_WATER_MARK } from "../connection/send_backpressure.ts";
import { WHY_NOT_OPEN } from "../connection/why_not_open.ts";
import { BrowserClose, toPageCode } from "./browser_close.ts";
import {
  type BrowserRules,
  checkBrowserOptions,
  FLAG,
  SIGNAL,
  TIME,
} from "./check_browser_options.ts";
import type { NativeClose, NativeMessage, NativeWebSocket } from "./native_socket.ts";

/** The most milliseconds between two looks at what waits to be sent. */
const LONGEST_POLL = 32;

/** What a message that waits counts besides its octets. */
const OVERHEAD = 16;

/** The limits of a connection in a browser. */
export interface BrowserLimits {
  /**
   * The most octets of a message; a larger one closes the connection with 4009. A browser hands a
   * message over when it is whole, so this bounds what the program gets, not the browser's memory.
   * Default: 1,048,576.
   */
  readonly maxMessageSize?: number;
  /**
   * Octets that may wait to be sent. A message that is sent while more wait ends the connection;
   * await `send()` to keep below. Default: 16,777,216.
   */
  readonly maxBufferedAmount?: number;
  /**
   * Octets of messages that may wait for `receive()`, each with 16 more; a text counts its UTF-16
   * code units. When more wait, the connection is closed with 4009: a page cannot slow the server
   * down. Default: 16,777,216.
   */
  readonly maxUnreadAmount?: number;
  /**
   * Milliseconds from `close()` to the end of the connection, which is then given up. Default:
   * 10,000.
   */
  readonly closeTimeout?: number;
}

/** How a browser sends a message. */
export interface BrowserSendOptions {
  /** Whether it is binary. Default: true for bytes and Blobs, false for a string. */
  readonly binary?: boolean;
  /** A browser decides itself what it compresses. */
  readonly compress?: never;
}

const SEND_OPTIONS: BrowserRules<BrowserSendOptions> = {
  binary: FLAG,
  compress: ["a browser decides itself what it compresses"],
};

export const RECEIVE_OPTIONS: BrowserRules<ReceiveOptions> = { signal: SIGNAL, timeout: TIME };

/**
 * An open WebSocket connection in a browser, with the surface of `WebSocketConnection` as
 * far as a browser can do it. What it cannot do is declared as undefined here: pings, headers,
 * addresses, messages in chunks.
 *
 * Messages wait for `receive()` or an iteration, up to `maxUnreadAmount`. A program that only sends
 * calls `ignoreMessages()`.
 *
 * @example
 * ```ts
 * import { serve } from "@sansocket/ws";
 * import { connect } from "@sansocket/ws/browser";
 *
 * await using server = await serve({
 *   port: 0,
 *   websocket: { message: (ws, data) => ws.send(data) },
 * });
 * if ("WebSocket" in globalThis) {
 *   const ws = await connect(server.url);
 *   await ws.send("hello");
 *   console.log(await ws.receive()); // hello
 *   await ws.close();
 * }
 * ```
 */
export class BrowserConnection implements AsyncIterable<Message> {
  static {
    brand(this, "BrowserConnection");
    Object.defineProperty(this.prototype, WHY_NOT_OPEN, {
      value(this: BrowserConnection): ConnectionClosed {
        return this.#whyNotOpen();
      },
    });
    // Not every browser has the symbol.
    Object.defineProperty(this.prototype, Symbol.asyncDispose ?? Symbol(), {
      async value(this: BrowserConnection): Promise<void> {
        await this.close();
      },
      writable: true,
      configurable: true,
    });
  }

  /** The subprotocol that was chosen; empty when there is none (RFC 6455 section 1.9). */
  readonly protocol: string;
  /** The extensions in use, in the form of Sec-WebSocket-Extensions; empty when there are none. */
  readonly extensions: string;

  readonly #socket: NativeWebSocket;
  readonly #limits: Required<BrowserLimits>;
  readonly #clock: Timers;
  readonly #close = new BrowserClose();
  readonly #closed: Deferred<CloseInfo> = defer();
  /** How it ended, once it has. */
  #info: CloseInfo | undefined;
  #closeTimer: unknown;
  readonly #receivers = new Receivers(() => {});
  /** The messages that wait, and what they count. */
  #unread = new Deque<Message>();
  #unreadAmount = 0;
  #ignored: number | undefined;
  /** Settles when all has left. */
  #drained: Deferred<void> | undefined;
  #poll: unknown;

  /** Made by `connect()`. */
  private constructor(
    socket: NativeWebSocket,
    limits: Required<BrowserLimits>,
    clock: Timers,
  ) {
    this.#socket = socket;
    this.#limits = limits;
    this.#clock = clock;
    this.protocol = socket.protocol;
    this.extensions = socket.extensions;
    socket.addEventListener("message", (event) => this.#take((event as NativeMessage).data));
    socket.addEventListener("close", (event) => this.#end(event as NativeClose));
  }

  /**
   * The state of the connection now. Messages can be sent while it is "open"; `closed` tells how it
   * ended.
   */
  get state(): ConnectionState {
    if (this.#info !== undefined) return "closed";
    return this.#close.sent === undefined && this.#socket.readyState === 1 ? "open" : "closing";
  }

  /** How the connection ended. Resolves in every case, and never rejects. */
  get closed(): Promise<CloseInfo> {
    return this.#closed.promise;
  }

  /**
   * Octets of messages that were sent and still wait in the browser, as it counts them. The value
   * is 0 once the connection has ended; `CloseInfo.unsent` says what was lost.
   */
  get bufferedAmount(): number {
    return this.#info === undefined ? this.#socket.bufferedAmount : 0;
  }

  /** Messages that have come and wait for `receive()` or an iteration. */
  get unread(): number {
    return this.#unread.count;
  }

  /** Messages that were discarded after `ignoreMessages()`. */
  get ignored(): number {
    return this.#ignored ?? 0;
  }

  /**
   * Sends a message (RFC 6455 section 6.1): a string as text, bytes or a Blob as a binary message.
   *
   * @param data The message. The browser copies its bytes before the call returns.
   * @param options Whether to send it as text or binary.
   * @returns A promise. While less than 64 KiB wait it is resolved already; else it resolves when
   * all has left. It rejects with {@linkcode ConnectionClosed} when the connection is not open, or
   * ends before. A rejection that the caller does not await is silent.
   * @throws {TypeError} When `data` is none of these, such as the chunks of a message, which a
   * browser cannot send, or memory that threads share; when bytes are to be sent as text and are
   * not UTF-8; when an option is unknown or of the wrong kind.
   */
  send(data: string | BinaryData | Blob, options?: BrowserSendOptions): Promise<void> {
    const message = takeMessage(data, options);
    const socket = this.#socket;
    const { maxBufferedAmount } = this.#limits;
    if (this.state === "open" && socket.bufferedAmount > maxBufferedAmount) {
      this.#fail(
        tooMuch(maxBufferedAmount, "maxBufferedAmount", "to be sent; await send()"),
        "local",
      );
    }
    if (this.state !== "open") return handled(Promise.reject(this.#whyNotOpen()));
    socket.send(message as never);
    if (socket.bufferedAmount < HIGH_WATER_MARK) return RESOLVED;
    if (this.#drained === undefined) {
      this.#drained = defer();
      this.#look(1);
    }
    return this.#drained.promise;
  }

  /**
   * Starts the closing handshake (RFC 6455 section 7.1.2). Messages that were sent before still
   * leave. Messages that wait, or come from now on, are discarded. A call does nothing when the
   * connection is closing already.
   *
   * @param code 1000 to 1003, 1007 to 1014 or 3000 to 4999; null for a Close frame without a code.
   * A page may send only 1000 and 3000 to 4999. For another code it sends that and 3000 more, such
   * as 4011 for 1011. Default: 1000.
   * @param reason At most 123 octets of UTF-8.
   * @returns How the connection ended: the same as `closed`.
   * @throws {RangeError} When the code may not be sent or the reason is too long.
   * @throws {TypeError} When there is a reason and the code is null.
   */
  close(code: number | null = CloseCode.normal, reason = ""): Promise<CloseInfo> {
    checkStatus(code ?? undefined, reason);
    const own = code === null ? undefined : toPageCode(code);
    if (this.state === "open") {
      const { closeTimeout } = this.#limits;
      this.#close.sent = { code: own ?? CloseCode.noStatus, reason };
      this.#forget();
      this.#closeNative(own, reason);
      this.#closeTimer = this.#clock.setTimer(
        () => {
          const text = `The connection did not close within ${closeTimeout} ms`;
          this.#fail(new Error(text), "timeout");
        },
        closeTimeout,
        "the end of a connection that is closing",
      );
    }
    return this.closed;
  }

  /**
   * Gives the connection up now. What waits to be sent counts as lost; the browser may still send
   * it, since a page cannot cut a connection.
   */
  terminate(): void {
    this.#fail(new Error("The connection was terminated"), "local");
  }

  /**
   * Discards all messages from now on, and counts them in `ignored`: for a connection that only
   * sends. It cannot be undone: `receive()` and iteration reject afterwards.
   */
  ignoreMessages(): void {
    this.#ignored ??= this.#unread.count;
    this.#forget();
    this.#receivers.reject(new TypeError(IGNORING));
  }

  /**
   * Takes the next message. It still gives out messages that came before the connection ended,
   * unless this end closed it.
   *
   * @param options What ends the wait: a signal, or a time. The message is then left for the next
   * call.
   * @returns The message; undefined when none came within `timeout`. Rejects with {@linkcode
   * ConnectionClosed} when the connection has ended and no message is left, with the signal's
   * reason when the signal fires first, and with a TypeError after `ignoreMessages()`.
   * @throws {TypeError} When an option is unknown or of the wrong kind.
   * @throws {RangeError} When `timeout` is less than 1.
   */
  receive(options?: { readonly signal?: AbortSignal; readonly timeout?: never }): Promise<Message>;
  /** Takes the next message, or gives up after `timeout`. */
  receive(options: ReceiveOptions | undefined): Promise<Message | undefined>;
  receive(options?: ReceiveOptions): Promise<Message | undefined> {
    checkBrowserOptions("receive()", options, RECEIVE_OPTIONS);
    const { signal } = options ?? {};
    if (signal?.aborted) return handled(Promise.reject(abortReason(signal)));
    if (this.#ignored !== undefined) return handled(Promise.reject(new TypeError(IGNORING)));
    const message = this.#unread.shift();
    if (message !== undefined) {
      this.#unreadAmount -= amountOf(message);
      return Promise.resolve(message);
    }
    if (this.#info !== undefined) return handled(Promise.reject(this.#whyNotOpen()));
    return this.#receivers.add(false, options, this.#clock) as Promise<Message | undefined>;
  }

  /**
   * Takes messages until the connection ends and none is left. The iteration ends normally after a
   * clean close that this end began, or that has the code 1000, 1001 or none. It throws
   * {@linkcode ConnectionClosed} after any other end. Leaving the loop early does not close the
   * connection.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return iterateMessages({
      next: (failed) => this.receive().then(toResult, failed),
      beginIteration() {},
      endIteration() {},
    });
  }

  #take(data: unknown): void {
    if (this.#close.sent !== undefined || this.#info !== undefined) return;
    const message = typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer);
    const { maxMessageSize, maxUnreadAmount } = this.#limits;
    if (exceeds(message, maxMessageSize)) {
      const text = `Message of more than ${maxMessageSize} octets`;
      const error = new ProtocolError(TOO_BIG.code, text, "message-too-big");
      return this.#fail(error, "violation", TOO_BIG);
    }
    if (this.#ignored !== undefined) return void this.#ignored++;
    if (this.#receivers.count > 0) return this.#receivers.give(message as string | Bytes);
    this.#unread.push(message);
    this.#unreadAmount += amountOf(message);
    if (this.#unreadAmount <= maxUnreadAmount) return;
    const advice = "for receive(); receive faster, or call ignoreMessages()";
    this.#fail(tooMuch(maxUnreadAmount, "maxUnreadAmount", advice), "local", TOO_BIG);
  }

  /** This end gives the connection up. */
  #fail(cause: Error, endedBy: EndedBy, failure?: CloseStatus): void {
    if (this.#info !== undefined) return;
    this.#close.fail(cause, endedBy, failure);
    this.#forget();
    this.#closeNative(failure?.code, failure?.reason);
    this.#end(undefined);
  }

  /** A reason without a code is none. */
  #closeNative(code: number | undefined, reason = ""): void {
    if (code === undefined) this.#socket.close();
    else this.#socket.close(code, reason);
  }

  #end(event: NativeClose | undefined): void {
    if (this.#info !== undefined) return;
    const info = this.#close.toInfo(event, this.#socket.bufferedAmount, true);
    this.#info = info;
    this.#clock.clearTimer(this.#closeTimer);
    this.#clock.clearTimer(this.#poll);
    const closed = new ConnectionClosed(info);
    this.#drained?.reject(closed);
    this.#receivers.reject(closed);
    this.#closed.resolve(info);
  }

  /** Discards the messages that wait. */
  #forget(): void {
    this.#unread = new Deque();
    this.#unreadAmount = 0;
  }

  /** Looks whether all has left, after so many milliseconds. */
  #look(delay: number): void {
    const look = (): void => {
      if (this.#socket.bufferedAmount > 0) return this.#look(Math.min(2 * delay, LONGEST_POLL));
      const drained = this.#drained;
      this.#drained = undefined;
      drained?.resolve();
    };
    this.#poll = this.#clock.setTimer(look, delay, "messages that wait to be sent");
  }

  #whyNotOpen(): ConnectionClosed {
    return new ConnectionClosed(this.#info ?? this.#close.toInfo(undefined, 0, false));
  }
}

/** The constructor. A static block that gave it away would keep the class in every bundle. */
const Constructor = BrowserConnection as unknown as new (
  socket: NativeWebSocket,
  limits: Required<BrowserLimits>,
  clock: Timers,
) => BrowserConnection;

/** Makes the connection of a native WebSocket that is open. */
export function createBrowserConnection(
  socket: NativeWebSocket,
  limits: Required<BrowserLimits>,
  clock: Timers,
): BrowserConnection {
  return new Constructor(socket, limits, clock);
}

/** `await using` closes the connection with 1000. What a browser cannot do is undefined. */
export interface BrowserConnection extends AsyncDisposal {
  /** A browser sends no Ping for a page; the server's heartbeat finds connections that are lost. */
  readonly ping?: undefined;
  /** A browser answers Pings itself. */
  readonly pong?: undefined;
  /** A browser hands over whole messages only. */
  readonly receiveStream?: undefined;
  /** Topics belong to a server. */
  readonly subscribe?: undefined;
  /** Topics belong to a server. */
  readonly unsubscribe?: undefined;
  /** Topics belong to a server. */
  readonly subscriptions?: undefined;
  /** Topics belong to a server. */
  readonly publish?: undefined;
  /** The developer tools of a browser show its frames. */
  readonly trace?: undefined;
  /** A page has no process to hold open. */
  readonly unref?: undefined;
  /** A browser measures no round trip. */
  readonly roundTrip?: undefined;
  /** A browser does not show its request. */
  readonly request?: undefined;
  /** A browser does not show the server's answer. */
  readonly response?: undefined;
  /** A browser does not tell its address. */
  readonly localAddress?: undefined;
  /** A browser does not tell the server's address. */
  readonly remoteAddress?: undefined;
  /** A browser does not tell what it knows about TLS. */
  readonly tls?: undefined;
  /** A browser drops no message: what is beyond `maxBufferedAmount` ends the connection. */
  readonly dropped?: undefined;
  /** A connection has no name here. */
  readonly id?: undefined;
  /** `ReadableStream.from(ws)` makes one, where the browser has that. */
  readonly readable?: undefined;
  /** Await `send()` in the `write()` of a stream of your own. */
  readonly writable?: undefined;
}

const IGNORING = "Expected no messages to be asked for after ignoreMessages()";

/** 1009, as a page can send it. */
const TOO_BIG: CloseStatus = { code: 4_009, reason: "Too much came" };

/**
 * Judges what is to be sent.
 *
 * @param data The message.
 * @param options See `send()`.
 * @returns What the native WebSocket gets.
 * @throws {TypeError} As `send()` does.
 */
export function takeMessage(
  data: unknown,
  options: BrowserSendOptions | undefined,
): string | BinaryData | Blob {
  checkBrowserOptions("send()", options, SEND_OPTIONS);
  const { binary } = options ?? {};
  if (typeof data === "string") return binary ? new TextEncoder().encode(data) : data;
  if (isBytes(data)) {
    return binary === false
      ? new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data as ArrayBuffer)
      : data;
  }
  if (isBlob(data)) return data;
  throw new TypeError(
    `Expected a string, bytes or a Blob, got ${kindOf(data)}; sendJson() sends it as JSON`,
  );
}

function tooMuch(most: number, option: string, why: string): Error {
  return new Error(`More than ${most} octets (${option}) waited ${why}`);
}

/** What a message that waits counts. */
function amountOf(message: Message): number {
  return message.length + OVERHEAD;
}

/** Whether a message has more octets than that. A code unit of a text has one to three. */
function exceeds(message: Message, most: number): boolean {
  if (message.length > most) return true;
  if (typeof message !== "string" || 3 * message.length <= most) return false;
  return new TextEncoder().encode(message).length > most;
}
