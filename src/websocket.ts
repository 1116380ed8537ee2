// The WHATWG's WebSocket over `connect()`: https://websockets.spec.whatwg.org/
//
// 1. There each event is a task, so what awaits one event has run before the next. A task costs a timer here, so
//    instead SETTLE_ROUNDS microtasks pass between two events; fewer than turn.ts waits, or replies would not be batched.
// 2. One loop dispatches message, error and close, so their order is that of the wire.
// 3. While a Blob is read, whatever is sent behind it waits in `#queue`, the Close frame too.
// 4. bufferedAmount counts payloads without headers and does not fall while the code that calls `send()` runs.

import { CloseCode, MAX_REASON_LENGTH } from "./close.ts";
import type { Connect, ConnectOptions } from "./client.ts";
import type { Message, WebSocketConnection } from "./connection.ts";
import { HandshakeError } from "./errors.ts";
import { parseUrl } from "./handshake/client.ts";
import { isToken } from "./http/fields.ts";
import { encodeUtf8 } from "./utf8.ts";

/** The options of `connect()` that `new WebSocket()` takes in place of the subprotocols. */
export type WebSocketOptions = Omit<ConnectOptions, "signal">;

/** A message has come. */
export interface WebSocketMessageEvent extends Event {
  /** A string, or for a binary message what `binaryType` says. */
  readonly data: string | Blob | ArrayBuffer;
  /** The origin of the server's URL. */
  readonly origin: string;
}

/** The connection failed; a close event follows. */
export interface WebSocketErrorEvent extends Event {
  /** What went wrong. The standard's event does not tell. */
  readonly error: unknown;
}

/** The connection has ended. */
export interface WebSocketCloseEvent extends Event {
  /** The peer's close code; 1005 when its Close frame had none, 1006 when there was no such frame. */
  readonly code: number;
  /** The peer's reason. */
  readonly reason: string;
  /** Whether both Close frames were exchanged. */
  readonly wasClean: boolean;
}

/** The events of a WebSocket by type. */
export interface WebSocketEventMap {
  /** The opening handshake is complete. */
  readonly open: Event;
  /** A message has come. */
  readonly message: WebSocketMessageEvent;
  /** The connection failed. */
  readonly error: WebSocketErrorEvent;
  /** The connection has ended. */
  readonly close: WebSocketCloseEvent;
}

type AddOptions = Parameters<EventTarget["addEventListener"]>[2];
type Handler<Type extends keyof WebSocketEventMap> =
  | ((event: WebSocketEventMap[Type]) => unknown)
  | null;

interface HandlerEntry {
  handler: (event: Event) => unknown;
  readonly listener: (event: Event) => void;
}

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/** Awaiting a promise in a few functions inside each other takes up to so many microtasks. */
const SETTLE_ROUNDS = 6;

/**
 * The WHATWG's WebSocket for any `connect()`; the main entry point's `WebSocket` is this on the runtime at hand.
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
  declare onopen: Handler<"open">;
  /** Called with each message. */
  declare onmessage: Handler<"message">;
  /** Called when the connection failed, just before `onclose`. */
  declare onerror: Handler<"error">;
  /** Called when the connection has ended. */
  declare onclose: Handler<"close">;

  readonly #url: URL;
  readonly #handshake = new AbortController();
  readonly #handlers = new Map<string, HandlerEntry>();
  #readyState: 0 | 1 | 2 | 3 = CONNECTING;
  #binaryType: "blob" | "arraybuffer" = "blob";
  #connection: WebSocketConnection<undefined> | undefined;
  /** The end of what waits for a Blob to be read. */
  #queue: Promise<void> | undefined;
  /** Octets handed to the connection that it may not have sent, since it last had nothing to send. */
  #pending = 0;
  /** Whether `#pending` must not fall: somebody who sends is running. */
  #frozen = false;
  /** Octets that wait for a Blob, or will never be sent. */
  #unsent = 0;

  static {
    const constants = Object.entries({ CONNECTING, OPEN, CLOSING, CLOSED });
    for (const [name, value] of constants) {
      Object.defineProperty(this, name, { value, enumerable: true });
      Object.defineProperty(this.prototype, name, { value, enumerable: true });
    }
    for (const type of ["open", "message", "error", "close"]) {
      Object.defineProperty(this.prototype, `on${type}`, {
        get(this: WebSocketBase) {
          return this.#handlers.get(type)?.handler ?? null;
        },
        set(this: WebSocketBase, value: unknown) {
          this.#handle(type, typeof value === "function" ? value as (e: Event) => unknown : null);
        },
        enumerable: true,
        configurable: true,
      });
    }
  }

  /**
   * Opens a connection.
   *
   * @param connect Makes the connection.
   * @param url Where to: `ws:`, or `http:`, which means the same.
   * @param protocols The subprotocols to offer, or one, or options of `connect()`.
   * @throws {DOMException} A SyntaxError when the URL cannot be that of a WebSocket or has a fragment, or when a
   * subprotocol is not a token or is there twice.
   */
  constructor(
    connect: Connect,
    url: string | URL,
    protocols: string | readonly string[] | WebSocketOptions = [],
  ) {
    super();
    this.#url = parseTarget(url);
    const options = toOptions(protocols);
    checkProtocols(options.protocols ?? []);
    const { signal } = this.#handshake;
    establish(connect, this.#url, { ...options, signal })
      .then((connection) => this.#run(connection))
      .catch((error) => this.#close(CloseCode.abnormal, "", false, error));
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
    if (value === "blob" || value === "arraybuffer") this.#binaryType = value;
  }

  /** Octets of payload that were given to `send()` and have not left; does not fall to 0 when the connection ends. */
  get bufferedAmount(): number {
    if (!this.#frozen && this.#readyState !== CLOSED) {
      this.#pending = Math.min(this.#pending, this.#connection?.bufferedAmount ?? 0);
    }
    return this.#unsent + this.#pending;
  }

  /**
   * Sends a message: a string as text, anything of bytes as a binary message. Does nothing, except for
   * `bufferedAmount`, once the connection is closing.
   *
   * @throws {DOMException} An InvalidStateError when the connection is not open yet.
   */
  send(data: string | Blob | BufferSource): void {
    const payload = data instanceof Blob || isBufferSource(data) ? data : `${data}`;
    if (this.#readyState === CONNECTING) {
      throw new DOMException("Expected an open connection, got CONNECTING", "InvalidStateError");
    }
    const size = sizeOf(payload);
    if (this.#readyState !== OPEN) this.#unsent += size;
    else if (payload instanceof Blob) this.#enqueue(() => payload.arrayBuffer(), size);
    else if (this.#queue === undefined) this.#transmit(payload, size);
    else {
      const copy = typeof payload === "string" ? payload : copyOf(payload);
      this.#enqueue(() => copy, size);
    }
  }

  /**
   * Starts the closing handshake, or gives the opening handshake up. Does nothing when it was called before.
   *
   * @param code 1000 or 3000 to 4999. When neither it nor a reason is given the Close frame says nothing.
   * @param reason At most 123 octets of UTF-8.
   * @throws {DOMException} An InvalidAccessError for another code, a SyntaxError for a longer reason.
   */
  close(code?: number, reason?: string): void {
    const status = checkClose(code, reason);
    if (this.#readyState === CONNECTING) {
      this.#readyState = CLOSING;
      this.#handshake.abort(new DOMException("Closed before it was open", "AbortError"));
    } else if (this.#readyState === OPEN) {
      this.#readyState = CLOSING;
      const start = (): unknown => this.#connection?.close(status.code, status.reason);
      if (this.#queue === undefined) start();
      else this.#queue.then(start);
    }
  }
