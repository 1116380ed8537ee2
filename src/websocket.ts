// The WHATWG's WebSocket over `connect()`: https://websockets.spec.whatwg.org/
//
// 1. There each event is a task, so what awaits one event has run before the next. A task costs a timer here, so
//    instead SETTLE_ROUNDS microtasks pass between two events; fewer than turn.ts waits, or replies would not be batched.
// 2. One loop dispatches message, error and close, so their order is that of the wire.
// 3. While a Blob is read, whatever is sent behind it waits in `#queue`, the Close frame too.
// 4. bufferedAmount counts payloads without headers and does not fall while the code that calls `send()` runs.

import { isBlob } from "./brands.ts";
import { copyBytes } from "./bytes.ts";
import { type Connect, CONNECT_OPTIONS, type ConnectOptions } from "./client.ts";
import type { Message, WebSocketConnection } from "./connection.ts";
import { checkOptions, type OptionTable } from "./options.ts";
import {
  createCloseEvent,
  createErrorEvent,
  defineEventHandlers,
  type WebSocketEventHandler,
  type WebSocketEventMap,
} from "./whatwg/events.ts";
import {
  checkClose,
  checkProtocols,
  closeStatus,
  connectChecked,
  isBufferSource,
  parseTarget,
  sizeOf,
  toArrayBuffer,
} from "./whatwg/rules.ts";

/** The options of `connect()` that `new WebSocket()` takes in place of the subprotocols. */
export type WebSocketOptions = Omit<ConnectOptions, "signal">;

/** What each of these may be. The signal is that of the class itself. */
const WEB_SOCKET_OPTIONS: OptionTable<WebSocketOptions> = (({ signal: _, ...options }) => options)(
  CONNECT_OPTIONS,
);

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/** Awaiting a promise in a few functions inside each other takes up to so many microtasks. */
const SETTLE_ROUNDS = 6;

/**
 * The WHATWG's WebSocket for any `connect()`; the `WebSocket` of the main entry point is this on the runtime at hand.
 *
 * @example
 * ```ts
 * import { WebSocketBase } from "@sansocket/ws";
 * import { createNetwork } from "@sansocket/ws/testing";
 *
 * const { serve, connect } = createNetwork();
 * class WebSocket extends WebSocketBase {
 *   constructor(url: string) {
 *     super(connect, url);
 *   }
 * }
 * const server = await serve({ websocket: (ws) => ws.send("no port was used") });
 * const ws = new WebSocket(server.url);
 * ws.onmessage = ({ data }) => console.log(data); // no port was used
 * ws.onclose = () => server.close();
 * ```
 */
export abstract class WebSocketBase extends EventTarget {
  /** The opening handshake is under way. */
  declare static readonly CONNECTING: 0;
  /** Messages can be sent. */
  declare static readonly OPEN: 1;
  /** The closing handshake is under way. */
  declare static readonly CLOSING: 2;
  /** The connection has ended, or could not be opened. */
  declare static readonly CLOSED: 3;
  /** The opening handshake is under way. */
  declare readonly CONNECTING: 0;
  /** Messages can be sent. */
  declare readonly OPEN: 1;
  /** The closing handshake is under way. */
  declare readonly CLOSING: 2;
  /** The connection has ended, or could not be opened. */
  declare readonly CLOSED: 3;

  /** Called when the opening handshake is complete. */
  declare onopen: WebSocketEventHandler<"open">;
  /** Called with each message. */
  declare onmessage: WebSocketEventHandler<"message">;
  /** Called when the connection failed, just before `onclose`. */
  declare onerror: WebSocketEventHandler<"error">;
  /** Called when the connection has ended. */
  declare onclose: WebSocketEventHandler<"close">;

  static {
    for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSING, CLOSED })) {
      Object.defineProperty(this, name, { value, enumerable: true });
      Object.defineProperty(this.prototype, name, { value, enumerable: true });
    }
    defineEventHandlers(this.prototype, ["open", "message", "error", "close"]);
  }

  readonly #url: URL;
  readonly #handshake = new AbortController();
  #readyState: 0 | 1 | 2 | 3 = CONNECTING;
  #binaryType: "blob" | "arraybuffer" = "blob";
  #connection: WebSocketConnection<undefined> | undefined;
  /** The end of what waits for a Blob to be read. */
  #queue: Promise<void> | undefined;
  /** Octets given to the connection; `bufferedAmount` takes off what has left. */
  #pending = 0;
  /** Whether `#pending` must not fall: somebody who sends is running. */
  #frozen = false;
  /** Octets that wait for a Blob, or will never be sent. */
  #unsent = 0;

  /**
   * Opens a connection.
   *
   * @param connect Makes the connection.
   * @param url Where to: `ws:`, or `http:`, which means the same.
   * @param protocols The subprotocols to offer, or one, or options of `connect()`.
   * @throws {DOMException} A SyntaxError when the URL cannot be that of a WebSocket or has a fragment, or when a
   * subprotocol is not a token or is there twice.
   * @throws {TypeError} When an option is unknown or of the wrong kind.
   */
  constructor(
    connect: Connect,
    url: string | URL,
    protocols: string | readonly string[] | WebSocketOptions = [],
  ) {
    super();
    this.#url = parseTarget(url);
    const options = toOptions(protocols);
    checkOptions("new WebSocket()", options, WEB_SOCKET_OPTIONS);
    checkProtocols(options.protocols ?? []);
    connectChecked(connect, this.#url, { ...options, signal: this.#handshake.signal })
      .then((connection) => this.#run(connection), (error) => this.#fail(error));
  }

  /** Where the connection goes, with `ws:` or `wss:`. */
  get url(): string {
    return this.#url.href;
  }

  /** Where the connection stands: CONNECTING, OPEN, CLOSING or CLOSED. */
  get readyState(): 0 | 1 | 2 | 3 {
    return this.#readyState;
  }

  /** The subprotocol that the server chose; empty when there is none. */
  get protocol(): string {
    return this.#connection?.protocol ?? "";
  }

  /** The extensions in use; empty when there are none. */
  get extensions(): string {
    return this.#connection?.extensions ?? "";
  }

  /** What binary messages are given as. */
  get binaryType(): "blob" | "arraybuffer" {
    return this.#binaryType;
  }
  set binaryType(value: "blob" | "arraybuffer") {
    // Web IDL: anything else is ignored.
    if (value === "blob" || value === "arraybuffer") this.#binaryType = value;
  }

  /** Octets given to `send()`, without headers, that have not left. Does not fall to 0 when the connection ends. */
  get bufferedAmount(): number {
    if (!this.#frozen && this.#readyState !== CLOSED) {
      this.#pending = Math.min(this.#pending, this.#connection?.bufferedAmount ?? 0);
    }
    return this.#unsent + this.#pending;
  }

  /**
   * Sends a message: a string as text, bytes as a binary message. When the connection is closing or has ended it
   * is not sent, and only counted in `bufferedAmount`.
   *
   * @throws {DOMException} An InvalidStateError when the connection is not open yet.
   */
  send(data: string | Blob | BufferSource): void {
    // Web IDL: whatever is none of these is converted to a string.
    const payload = isBlob(data) || isBufferSource(data) ? data : `${data}`;
    if (this.#readyState === CONNECTING) {
      throw new DOMException("Expected an open connection, got CONNECTING", "InvalidStateError");
    }
    const size = sizeOf(payload);
    if (this.#readyState !== OPEN) this.#unsent += size;
    else if (isBlob(payload)) this.#enqueue(() => payload.arrayBuffer(), size);
    else if (this.#queue === undefined) this.#transmit(payload, size);
    else {
      const copy = typeof payload === "string" ? payload : copyBytes(payload);
      this.#enqueue(() => copy, size);
    }
  }

  /**
   * Starts the closing handshake, or gives up the opening handshake. Does nothing when either was done before.
   *
   * @param code 1000 or 3000 to 4999. Without it the Close frame says nothing, unless there is a reason.
   * @param reason At most 123 octets of UTF-8.
   * @throws {DOMException} An InvalidAccessError for another code, a SyntaxError for a longer reason.
   */
  close(code?: number, reason?: string): void {
    const status = checkClose(code, reason);
    if (this.#readyState === CONNECTING) {
      this.#readyState = CLOSING;
      this.#handshake.abort(closedBeforeOpen());
    } else if (this.#readyState === OPEN) {
      this.#readyState = CLOSING;
      const start = (): unknown => this.#connection?.close(status.code, status.reason);
      if (this.#queue === undefined) start();
      else this.#queue.then(start);
    }
  }

  /** Adds a listener for events of a type. */
  override addEventListener<Type extends keyof WebSocketEventMap>(
    type: Type,
    listener: WebSocketEventHandler<Type>,
    options?: Parameters<EventTarget["addEventListener"]>[2],
  ): void;
  /** Adds a listener for events of a type. */
  override addEventListener(...listener: Parameters<EventTarget["addEventListener"]>): void;
  override addEventListener(...listener: unknown[]): void {
    super.addEventListener(...listener as Parameters<EventTarget["addEventListener"]>);
  }

  async #run(connection: WebSocketConnection<undefined>): Promise<void> {
    if (this.#readyState !== CONNECTING) {
      connection.terminate();
      return this.#fail(closedBeforeOpen());
    }
    this.#connection = connection;
    this.#readyState = OPEN;
    this.dispatchEvent(new Event("open"));
    for (;;) {
      await settle();
      const message = await connection.receive().catch(() => undefined);
      if (message === undefined) break;
      if (this.#readyState === OPEN) this.#deliver(message);
    }
    const info = await connection.closed;
    this.#finish(info.cause, { ...closeStatus(info), wasClean: info.wasClean });
  }

  #deliver(message: Message): void {
    const data = typeof message === "string"
      ? message
      : this.#binaryType === "blob"
      ? new Blob([message])
      : toArrayBuffer(message);
    this.dispatchEvent(new MessageEvent("message", { data, origin: this.#url.origin }));
  }

  /** The opening handshake failed: both events, whatever the reason. */
  #fail(error: unknown): void {
    this.#finish(error, { code: 1006, reason: "", wasClean: false });
  }

  /** RFC 6455 section 7.2.1: a connection that is lost has failed too, so it has an error event. */
  #finish(error: unknown, init: { code: number; reason: string; wasClean: boolean }): void {
    this.#pending = this.bufferedAmount - this.#unsent;
    this.#readyState = CLOSED;
    if (error !== undefined) this.dispatchEvent(createErrorEvent(error));
    this.dispatchEvent(createCloseEvent(init));
  }

  #transmit(payload: string | BufferSource, size: number): void {
    this.#pending = this.bufferedAmount - this.#unsent + size;
    // The encoder of a client has copied the bytes when this returns: it masks them.
    this.#connection?.send(payload);
    if (this.#frozen) return;
    this.#frozen = true;
    queueMicrotask(() => this.#frozen = false);
  }

  #enqueue(read: () => string | BufferSource | Promise<ArrayBuffer>, size: number): void {
    this.#unsent += size;
    const queue = (this.#queue ?? Promise.resolve()).then(read).then((payload) => {
      if (this.#readyState === CLOSED) return;
      this.#unsent -= size;
      this.#transmit(payload, size);
    }).catch(() => this.#connection?.terminate()).then(() => {
      if (this.#queue === queue) this.#queue = undefined;
    });
    this.#queue = queue;
  }
}

function toOptions(protocols: string | readonly string[] | WebSocketOptions): WebSocketOptions {
  if (typeof protocols === "string") return { protocols: [protocols] };
  return Symbol.iterator in protocols ? { protocols: [...protocols].map(String) } : protocols;
}

function closedBeforeOpen(): DOMException {
  return new DOMException("The connection was closed before it was open", "AbortError");
}

/** Lets what awaits an event run before the next one; see rule 1. */
async function settle(): Promise<void> {
  for (let i = 0; i < SETTLE_ROUNDS; i++) await undefined;
}
