// The public object of a connection that comes back. What it does is in reconnector.ts.

import { brand } from "../util/brands.ts";
import type { AsyncDisposal } from "../util/platform.ts";
import { CloseCode } from "../protocol/close_code.ts";
import { type CloseInfo, ConnectionClosed } from "../protocol/errors.ts";
import type { SendOptions } from "../protocol/sendable.ts";
import type { Message, ReceiveOptions } from "../connection/message.ts";
import { iterateMessages, toResult } from "../connection/message_iterator.ts";
import { WHY_NOT_OPEN } from "../connection/why_not_open.ts";
import type { ClientConnection } from "./client_connection.ts";
import { withoutConnection } from "./failure.ts";
import type { ReconnectSettings } from "./options.ts";
import { type Opener, Reconnector, type ReconnectState } from "./reconnector.ts";

/**
 * A client's connection that comes back when it is lost, until it is closed or the server says that
 * there is no point in trying.
 *
 * Messages are sent at most once, in order. `sent`, `dropped`, `unconfirmed` and `refused` count
 * what became of them.
 *
 * @typeParam Link The connections that it is made of.
 *
 * @example
 * ```ts
 * import { reconnect, serve } from "@sansocket/ws";
 *
 * await using server = await serve({
 *   port: 0,
 *   websocket: { message: (ws, data) => ws.send(data) },
 * });
 * await using ws = await reconnect(server.url);
 * await ws.send("hello");
 * console.log(await ws.receive()); // hello
 * ```
 */
export class ReconnectingConnection<
  Link extends ClientConnection = ClientConnection,
> implements AsyncIterable<Message> {
  static {
    brand(this, "ReconnectingConnection");
    Object.defineProperty(this.prototype, WHY_NOT_OPEN, {
      value(this: ReconnectingConnection): ConnectionClosed {
        return new ConnectionClosed(this.#reconnector.info ?? withoutConnection(undefined, true));
      },
    });
    // Declared by AsyncDisposal below, because the types of a program need not know the symbol. Not
    // every browser has it.
    Object.defineProperty(this.prototype, Symbol.asyncDispose ?? Symbol(), {
      async value(this: ReconnectingConnection): Promise<void> {
        await this.close();
      },
      writable: true,
      configurable: true,
    });
  }

  /** Without its type, so that what is made of any connections is a ReconnectingConnection. */
  readonly #reconnector: Reconnector<ClientConnection>;

  /** Made by `reconnect()`. */
  private constructor(reconnector: Reconnector<Link>) {
    this.#reconnector = reconnector as unknown as Reconnector<ClientConnection>;
  }

  /** What it does now. */
  get state(): ReconnectState {
    return this.#reconnector.state;
  }

  /** The connection of now; undefined while there is none. */
  get connection(): Link | undefined {
    return this.#reconnector.link as Link | undefined;
  }

  /** The subprotocol of the connection of now; empty when there is none. */
  get protocol(): string {
    return this.#reconnector.link?.protocol ?? "";
  }

  /** The extensions of the connection of now; empty when there are none. */
  get extensions(): string {
    return this.#reconnector.link?.extensions ?? "";
  }

  /**
   * How it ended for good. Resolves in every case, and never rejects. When the last attempt failed,
   * the code is 1006 and `cause` is what it failed with.
   */
  get closed(): Promise<CloseInfo> {
    return this.#reconnector.closed.promise;
  }

  /** Octets that wait: for a connection, and on the one of now for the network. */
  get bufferedAmount(): number {
    return this.#reconnector.queue.size + (this.#reconnector.link?.bufferedAmount ?? 0);
  }

  /** Messages that a connection got. */
  get sent(): number {
    return this.#reconnector.queue.sent;
  }

  /** Messages that were taken and never sent: dropped by `queue`, or because the end came first. */
  get dropped(): number {
    return this.#reconnector.queue.dropped;
  }

  /**
   * Those of `sent` that may not have been read: of each connection that ended other than by an
   * answer to this end's Close frame, what it got after its last Ping that was answered. A Ping
   * follows within a second. In a browser, which has no Pings, it is all that such a connection
   * got: an upper bound. With `resend` these messages are sent again, and count here only when the
   * end, or `queue`, comes first.
   */
  get unconfirmed(): number {
    return this.#reconnector.queue.unconfirmed;
  }

  /** Messages that were not taken: the promise of `send()` has rejected. */
  get refused(): number {
    return this.#reconnector.queue.refused;
  }

  /**
   * Messages that have come and wait for `receive()` or an iteration: of this connection, and of
   * those that have ended.
   */
  get unread(): number {
    return this.#reconnector.inbox.unread;
  }

  /**
   * Messages that came and were discarded: when more than 1 MiB waits of connections that have
   * ended.
   */
  get ignored(): number {
    return this.#reconnector.inbox.discarded;
  }

  /**
   * Sends a message, now or when there is a connection again; the option `queue` decides.
   *
   * @param data The message. A Blob and chunks are only taken while there is a connection, and not
   * with `resend`.
   * @param options Whether to compress the message, and whether it is text or binary.
   * @returns A promise that resolves when the sender may go on: at once while little waits, else
   * when less does. That does not say that the message has arrived: see `unconfirmed`. It rejects
   * with {@linkcode MessageRefused} when the message is not taken, and with {@linkcode
   * ConnectionClosed} after the end; a rejection that the caller does not await is silent.
   * @throws {TypeError} When `data` cannot be sent, or an option is unknown or of the wrong kind.
   */
  send(data: Parameters<Link["send"]>[0], options?: SendOptions): Promise<void> {
    return this.#reconnector.send(data, options);
  }

  /**
   * Takes the next message, of any of its connections.
   *
   * @param options What ends the wait: a signal, or a time. The message is then left for the next
   * call.
   * @returns The message; undefined when none came within `timeout`. Rejects with {@linkcode
   * ConnectionClosed} after the end, once no message is left, with the signal's reason when the
   * signal fires first, and with a TypeError after `ignoreMessages()`.
   * @throws {TypeError} When an option is unknown or of the wrong kind.
   * @throws {RangeError} When `timeout` is less than 1.
   */
  receive(options?: { readonly signal?: AbortSignal; readonly timeout?: never }): Promise<Message>;
  /** Takes the next message, or gives up after `timeout`. */
  receive(options: ReceiveOptions | undefined): Promise<Message | undefined>;
  receive(options?: ReceiveOptions): Promise<Message | undefined> {
    return this.#reconnector.receive(options);
  }

  /**
   * Discards all messages from now on, on each connection: for a client that only sends. Without
   * it, messages that the program does not take hold up what comes behind them.
   */
  ignoreMessages(): void {
    this.#reconnector.ignoreMessages();
  }

  /**
   * Ends a wait between two attempts: for a button, or when the program learns that the network is
   * back. In a browser the events `online` and `visibilitychange` do the same.
   */
  reconnectNow(): void {
    this.#reconnector.reconnectNow();
  }

  /**
   * Ends it. With an open connection, what waits is sent first, for at most `closeTimeout`, and
   * then the closing handshake follows. Without one, what waits is dropped, and counted.
   *
   * @param code 1000 to 1003, 1007 to 1014 or 3000 to 4999; null for none. Default: 1000.
   * @param reason At most 123 octets of UTF-8.
   * @returns How it ended: the same as `closed`.
   * @throws {RangeError} When the code may not be sent or the reason is too long.
   */
  close(code: number | null = CloseCode.normal, reason = ""): Promise<CloseInfo> {
    return this.#reconnector.close(code, reason);
  }

  /** Ends it now, without a closing handshake. What waits is dropped, and counted. */
  terminate(): void {
    this.#reconnector.terminate();
  }

  /**
   * Takes messages until the end. The iteration goes on over all connections. It ends normally
   * after `close()`, and when a connection ended with 1000 or without a code; it throws {@linkcode
   * ConnectionClosed} after any other end.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return iterateMessages({
      next: (failed) => this.receive().then(toResult, failed),
      beginIteration() {},
      endIteration() {},
    });
  }
}

/** The constructor. A static block that gave it away would keep the class in every bundle. */
const Constructor = ReconnectingConnection as unknown as new <Link extends ClientConnection>(
  reconnector: Reconnector<Link>,
) => ReconnectingConnection<Link>;

/** Makes the object, which begins at once. */
export async function startReconnecting<Link extends ClientConnection>(
  opener: Opener<Link>,
  settings: ReconnectSettings<Link>,
  signal: AbortSignal | undefined,
): Promise<ReconnectingConnection<Link>> {
  const reconnector = new Reconnector(opener, settings, signal);
  if (!settings.lazy) await reconnector.opened.promise;
  return new Constructor(reconnector);
}

/** `await using` closes it with 1000. */
export interface ReconnectingConnection<
  Link extends ClientConnection = ClientConnection,
> extends AsyncDisposal {}
