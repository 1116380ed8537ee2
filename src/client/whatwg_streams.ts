// What the WHATWG's WebSocketStream does, over `connect()`; the interface in front of it is
// websocket_stream.ts.
//
// 1. Backpressure is real both ways: a message is received when it is read, not before (a
//    high-water mark of 0), and `write()` waits as `send()` does. A Close frame behind a few
//    messages that are not read is noticed all the same.
// 2. Only `connection.closed` ends both streams, the readable behind the messages that came before.
//    A pull or a write that meets the end of the connection does not end its stream itself.
// 3. Closing or aborting the writable, cancelling the readable and `close()` all start the same
//    closing handshake.
// 4. A server that closes while a write is under way fails the stream: it discards what comes
//    behind its Close frame (RFC 6455 section 1.4), even if all of that still leaves.

import { abortReason, onAbort } from "../util/abort.ts";
import { isError } from "../util/brands.ts";
import type { Connect, ConnectOptions } from "./connect.ts";
import { CloseCode } from "../protocol/close_frame.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import type { Message } from "../connection/message.ts";
import type { CloseInfo } from "../protocol/errors.ts";
import { handled } from "../util/promises.ts";
import { createStreamError, type WebSocketCloseInfo, WebSocketError } from "./whatwg_error.ts";
import { checkMemory, isBufferSource } from "./web_idl.ts";
import { type CloseArguments, closeStatus, connectChecked } from "./whatwg_rules.ts";

/** What `opened` gives. */
export interface WebSocketOpenInfo {
  /** The messages that come: strings and bytes. Cancelling it closes the connection. */
  readonly readable: ReadableStream<Message>;
  /** Takes the messages to send: a string is sent as text, bytes as a binary message. */
  readonly writable: WritableStream<string | ArrayBuffer | ArrayBufferView>;
  /** The subprotocol that the server chose; empty when there is none. */
  readonly protocol: string;
  /** The extensions in use; empty when there are none. */
  readonly extensions: string;
}

/** One WebSocketStream. What it is given has been checked. */
export class Streams {
  /** Where the connection goes. */
  readonly url: URL;
  /** Resolves when the opening handshake is complete. */
  readonly opened: Promise<WebSocketOpenInfo>;
  /** Settles when the connection has ended. */
  readonly closed: Promise<Required<WebSocketCloseInfo>>;

  readonly #handshake = new AbortController();
  #connection: WebSocketConnection<undefined> | undefined;
  #readable!: ReadableStreamDefaultController<Message>;
  #writable!: WritableStreamDefaultController;
  /** The message that the readable waits for. */
  #pull: Promise<void> | undefined;
  /** Why the connection failed, and what came before that has not been read. */
  #failure: { readonly error: WebSocketError; readonly rest: Message[] } | undefined;
  #cancelled = false;
  #writableClosing = false;
  /** Whether this end has begun to close. */
  #closing = false;
  /** Whether something that was written before that has not been sent yet. */
  #sending = false;

  /** Opens a connection. */
  constructor(connect: Connect, url: URL, options: ConnectOptions) {
    this.url = url;
    const connection = this.#connect(connect, url, options);
    // A program that awaits one promise need not await the other.
    this.opened = handled(connection.then((connection) => this.#open(connection)));
    this.closed = handled(connection.then((connection) => this.#finish(connection)));
  }

  /** Starts the closing handshake, or gives up the opening handshake. */
  close({ code, reason }: CloseArguments): void {
    if (this.#connection !== undefined) this.#close(code, reason);
    else this.#handshake.abort(createError("The connection was closed before it was open"));
  }

  async #connect(
    connect: Connect,
    target: URL,
    options: ConnectOptions,
  ): Promise<WebSocketConnection<undefined>> {
    const { signal } = this.#handshake;
    const { signal: given } = options;
    const abort = (): void => this.#handshake.abort(given && abortReason(given));
    if (given?.aborted) abort();
    const stopWaiting = given && onAbort(given, abort);
    try {
      const connection = await connectChecked(connect, target, { ...options, signal });
      if (signal.aborted) connection.terminate();
      else return this.#connection = connection;
    } catch (error) {
      if (!signal.aborted) throw createError(messageOf(error), error);
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
        if (this.#failure !== undefined) return this.#pullRest(controller, this.#failure);
        const enqueue = (message: Message): void => controller.enqueue(message);
        return this.#pull = connection.receive().then(enqueue).catch(() => {});
      },
      cancel: (reason) => {
        this.#cancelled = true;
        this.#closeFor(reason);
      },
    }, { highWaterMark: 0 });
    const writable = new WritableStream<string | ArrayBuffer | ArrayBufferView>({
      start: (controller) => {
        this.#writable = controller;
        // `abort()` of the sink is not enough: it is called after the write in progress, which the
        // peer may never let end.
        controller.signal.addEventListener("abort", () => this.#closeFor(controller.signal.reason));
      },
      write: async (chunk) => {
        if (isBufferSource(chunk)) checkMemory(chunk);
        const data = isBufferSource(chunk) ? chunk : `${chunk}`;
        this.#sending = !this.#closing;
        await connection.send(data).catch(() => this.#rejectAsClosed());
        // See rule 4.
        if (!this.#closing && connection.state !== "open") await this.#rejectAsClosed();
        this.#sending = false;
      },
      close: async () => {
        this.#writableClosing = true;
        this.#close(null);
        await this.closed;
      },
    });
    const { protocol, extensions } = connection;
    return { readable, writable, protocol, extensions };
  }

  /** Gives out what came before the failure, then fails. */
  #pullRest(
    controller: ReadableStreamDefaultController<Message>,
    { rest, error }: { readonly rest: Message[]; readonly error: WebSocketError },
  ): void {
    const message = rest.shift();
    if (message === undefined) controller.error(error);
    else controller.enqueue(message);
  }

  #closeFor(reason: unknown): void {
    const { closeCode, reason: text } = reason instanceof WebSocketError
      ? reason
      : { closeCode: null, reason: "" };
    // A WebSocketError that came from a connection may have a code that cannot be sent.
    const sendable = closeCode !== null && (closeCode === 1000 || closeCode >= 3000);
    this.#close(sendable ? closeCode : null, sendable ? text : "");
  }

  #close(code: number | null, reason?: string): void {
    this.#closing = true;
    this.#connection?.close(code, reason);
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
    const status = closeStatus(info);
    const lost = this.#sending;
    await this.#pull;
    const rest = await takeRest(connection);
    if (!info.wasClean || lost) {
      const error = createStreamError(describe(info), status, info.cause);
      this.#failure = { error, rest };
      if (rest.length === 0) this.#readable.error(error);
      this.#writable.error(error);
      throw error;
    }
    if (!this.#cancelled) {
      for (const message of rest) this.#readable.enqueue(message);
      this.#readable.close();
    }
    if (!this.#writableClosing) this.#writable.error(createClosedError());
    return { closeCode: status.code, reason: status.reason };
  }
}

/** The messages that came before the connection ended and have not been taken. */
async function takeRest(connection: WebSocketConnection<undefined>): Promise<Message[]> {
  const rest: Message[] = [];
  for (;;) {
    const message = await connection.receive().catch(() => undefined);
    if (message === undefined) return rest;
    rest.push(message);
  }
}

/** The error of a connection that could not be opened. */
function createError(message: string, cause?: unknown): WebSocketError {
  return createStreamError(message, { code: CloseCode.abnormal, reason: "" }, cause);
}

function createClosedError(): DOMException {
  return new DOMException("The connection was closed", "InvalidStateError");
}

function describe({ cause, wasClean }: CloseInfo): string {
  if (wasClean) return "The server closed the connection before all that was written had been sent";
  return cause?.message ?? "The connection ended without a closing handshake";
}

function messageOf(error: unknown): string {
  return isError(error) ? error.message : String(error);
}
