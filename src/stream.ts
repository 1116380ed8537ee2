// The WHATWG's WebSocketStream over `connect()`: https://github.com/ricea/websocketstream-explainer
//
// 1. Backpressure is real both ways: a message is received when it is read, not before (a high-water mark of 0), and
//    `write()` waits as `send()` does. So a Close frame behind a message that nobody reads is not noticed.
// 2. `connection.closed` alone ends both streams: a pull or a write that meets the end leaves it to that.
// 3. Closing or aborting the writable, cancelling the readable and `close()` all start the one closing handshake.

import { onAbort } from "./abort.ts";
import { brand, isError } from "./brands.ts";
import { type Connect, CONNECT_OPTIONS, type ConnectOptions } from "./client.ts";
import { CloseCode } from "./close.ts";
import type { Message, WebSocketConnection } from "./connection.ts";
import type { CloseInfo } from "./errors.ts";
import { checkOptions } from "./options.ts";
import { handled } from "./promises.ts";
import {
  checkClose,
  checkProtocols,
  closeStatus,
  connectChecked,
  isBufferSource,
  parseTarget,
} from "./whatwg/rules.ts";

/** What goes into a Close frame. */
export interface WebSocketCloseInfo {
  /** 1000 or 3000 to 4999 to send; 1005 when the peer sent none. Without it a reason goes with 1000. */
  readonly closeCode?: number;
  /** At most 123 octets of UTF-8. */
  readonly reason?: string;
}

/** What `opened` gives. */
export interface WebSocketOpenInfo {
  /** The messages that come: strings and bytes. Cancelling it closes the connection. */
  readonly readable: ReadableStream<Message>;
  /** Takes the messages to send: a string is sent as text, bytes as a binary message. */
  readonly writable: WritableStream<string | BufferSource>;
  /** The subprotocol that the server chose; empty when there is none. */
  readonly protocol: string;
  /** The extensions in use; empty when there are none. */
  readonly extensions: string;
}

/**
 * Why a WebSocketStream failed, or is to be closed: as the reason of `abort()` and `cancel()` it says what goes into
 * the Close frame.
 *
 * @example
 * ```ts
 * import { WebSocketError } from "@sansocket/ws";
 *
 * const error = new WebSocketError("no more", { closeCode: 4000, reason: "enough" });
 * console.log(error.name, error.closeCode, error.reason); // WebSocketError 4000 enough
 * ```
 */
export class WebSocketError extends DOMException {
  /** The close code; null when there is none, 1006 when the connection failed. */
  readonly closeCode: number | null;
  /** The reason that goes with the code; empty when there is none. */
  readonly reason: string;

  /**
   * Makes an error; a reason without a code gets 1000.
   *
   * @throws {DOMException} An InvalidAccessError when the code is neither 1000 nor 3000 to 4999, a SyntaxError when
   * the reason is longer than 123 octets of UTF-8.
   */
  constructor(message = "", init: WebSocketCloseInfo = {}) {
    super(message, "WebSocketError");
    const { code, reason } = checkClose(init.closeCode, init.reason);
    this.closeCode = code;
    this.reason = reason;
  }

  static {
    brand(this, "WebSocketError");
  }
}

/**
 * The WHATWG's WebSocketStream for any `connect()`; the `WebSocketStream` of the main entry point is this on the
 * runtime at hand.
 *
 * @example
 * ```ts
 * import { WebSocketStreamBase } from "@sansocket/ws";
 * import { createNetwork } from "@sansocket/ws/testing";
 *
 * const { serve, connect } = createNetwork();
 * class WebSocketStream extends WebSocketStreamBase {
 *   constructor(url: string) {
 *     super(connect, url);
 *   }
 * }
 * const server = await serve({ websocket: (ws) => ws.send("no port was used") });
 * const { readable } = await new WebSocketStream(server.url).opened;
 * for await (const message of readable) console.log(message); // no port was used
 * await server.close();
 * ```
 */
export abstract class WebSocketStreamBase {
  /** Where the connection goes, with `ws:` or `wss:`. */
  readonly url: string;
  /** Resolves when the opening handshake is complete. Rejects with the signal's reason or a WebSocketError. */
  readonly opened: Promise<WebSocketOpenInfo>;
  /**
   * Resolves with the peer's Close frame when the connection has ended with a closing handshake, and rejects with a
   * WebSocketError when it ended otherwise, or as `opened` does.
   */
  readonly closed: Promise<Required<WebSocketCloseInfo>>;

  readonly #handshake = new AbortController();
  #connection: WebSocketConnection<undefined> | undefined;
  #readable!: ReadableStreamDefaultController<Message>;
  #writable!: WritableStreamDefaultController;
  /** The message that the readable waits for. */
  #pull: Promise<void> | undefined;
  #cancelled = false;
  #writableClosing = false;

  /**
   * Opens a connection.
   *
   * @param connect Makes the connection.
   * @param url Where to: `ws:`, or `http:`, which means the same.
   * @param options The subprotocols to offer, a signal that ends the attempt, and whatever else `connect()` takes.
   * @throws {DOMException} A SyntaxError when the URL cannot be that of a WebSocket or has a fragment, or when a
   * subprotocol is not a token or is there twice.
   * @throws {TypeError} When an option is unknown or of the wrong kind.
   */
  constructor(connect: Connect, url: string | URL, options: ConnectOptions = {}) {
    const target = parseTarget(url);
    checkOptions("new WebSocketStream()", options, CONNECT_OPTIONS);
    checkProtocols(options.protocols ?? []);
    this.url = target.href;
    const connection = this.#connect(connect, target, options);
    // Whoever looks at one promise need not look at the other.
    this.opened = handled(connection.then((connection) => this.#open(connection)));
    this.closed = handled(connection.then((connection) => this.#finish(connection)));
  }

  /**
   * Starts the closing handshake, or gives up the opening handshake. Does nothing when either was done before.
   *
   * @param info What goes into the Close frame; it says nothing without a code and a reason.
   * @throws {DOMException} An InvalidAccessError when the code is neither 1000 nor 3000 to 4999, a SyntaxError when
   * the reason is longer than 123 octets of UTF-8.
   */
  close(info: WebSocketCloseInfo = {}): void {
    const { code, reason } = checkClose(info.closeCode, info.reason);
    if (this.#connection !== undefined) this.#connection.close(code, reason);
    else this.#handshake.abort(createError("The connection was closed before it was open"));
  }

  async #connect(
    connect: Connect,
    target: URL,
    options: ConnectOptions,
  ): Promise<WebSocketConnection<undefined>> {
    const { signal } = this.#handshake;
    const abort = (): void => this.#handshake.abort(options.signal?.reason);
    if (options.signal?.aborted) abort();
    const stopWaiting = options.signal && onAbort(options.signal, abort);
    try {
      const connection = await connectChecked(connect, target, { ...options, signal });
      if (signal.aborted) connection.terminate();
      else return this.#connection = connection;
    } catch (error) {
      if (!signal.aborted) throw createError(messageOf(error), undefined, error);
    } finally {
      stopWaiting?.();
    }
    throw signal.reason;
  }

  #open(connection: WebSocketConnection<undefined>): WebSocketOpenInfo {
    const readable = new ReadableStream<Message>({
      start: (controller) => {
        this.#readable = controller;
      },
      pull: (controller) => {
        const enqueue = (message: Message): void => controller.enqueue(message);
        return this.#pull = connection.receive().then(enqueue).catch(() => {});
      },
      cancel: (reason) => {
        this.#cancelled = true;
        this.#closeFor(reason);
      },
    }, { highWaterMark: 0 });
    const writable = new WritableStream<string | BufferSource>({
      start: (controller) => {
        this.#writable = controller;
        // Not `abort()` of the sink, which is called only after the write in progress: the peer may never let it end.
        controller.signal.addEventListener("abort", () => this.#closeFor(controller.signal.reason));
      },
      write: async (chunk) => {
        const data = isBufferSource(chunk) ? chunk : `${chunk}`;
        await connection.send(data).catch(() => this.#rejectAsClosed());
      },
      close: async () => {
        this.#writableClosing = true;
        this.close();
        await this.closed;
      },
    });
    const { protocol, extensions } = connection;
    return { readable, writable, protocol, extensions };
  }

  #closeFor(reason: unknown): void {
    const { closeCode, reason: text } = reason instanceof WebSocketError
      ? reason
      : { closeCode: null, reason: "" };
    // An error of ours that is passed on may carry a code that cannot be sent.
    const sendable = closeCode !== null && (closeCode === 1000 || closeCode >= 3000);
    this.#connection?.close(sendable ? closeCode : null, sendable ? text : "");
  }

  /** Waits for the end and rejects with what it was. */
  async #rejectAsClosed(): Promise<never> {
    await this.closed;
    throw createClosedError();
  }

  async #finish(
    connection: WebSocketConnection<undefined>,
  ): Promise<Required<WebSocketCloseInfo>> {
    const info = await connection.closed;
    const { code, reason } = closeStatus(info);
    if (!info.wasClean) {
      const error = createError(describe(info), { code, reason }, info.cause);
      this.#readable.error(error);
      this.#writable.error(error);
      throw error;
    }
    await this.#pull;
    if (!this.#cancelled) this.#readable.close();
    if (!this.#writableClosing) this.#writable.error(createClosedError());
    return { closeCode: code, reason };
  }
}

/** An error that says how a connection failed, with codes that no caller may use. */
function createError(
  message: string,
  status: { code: number; reason: string } = { code: CloseCode.abnormal, reason: "" },
  cause?: unknown,
): WebSocketError {
  const { code: closeCode, reason } = status;
  return Object.assign(new WebSocketError(message), { closeCode, reason, cause });
}

function createClosedError(): DOMException {
  return new DOMException("The connection was closed", "InvalidStateError");
}

function describe({ cause }: CloseInfo): string {
  return cause?.message ?? "The connection ended without a closing handshake";
}

function messageOf(error: unknown): string {
  return isError(error) ? error.message : String(error);
}
