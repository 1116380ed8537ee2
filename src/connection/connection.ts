// The public object of a connection, the same class on both ends. What it does is in endpoint.ts
// and dispatcher.ts.

import { brand, isBlob, isBytes, isOwnUint8Array } from "../util/brands.ts";
import { type BinaryData, copyBytes, toBytes } from "../util/bytes.ts";
import { CloseCode } from "../protocol/close_frame.ts";
import type { Message, ReceiveOptions } from "./message.ts";
import { iterateMessages } from "./message_iterator.ts";
import type { MessageStream } from "./message_stream.ts";
import { mayDrop, type MessageSource, Outbox } from "./outbox.ts";
import { checkOptions, milliseconds, type OptionTable, signal } from "../util/check_options.ts";
import type { PreparedMessage } from "../protocol/prepared_message.ts";
import { checkSendOptions, isPrepared, type SendOptions } from "../protocol/sendable.ts";
import { checkSource, chunksOf, knownSize } from "./message_source.ts";
import {
  type Publishable,
  type PublishOptions,
  type PublishResult,
  type SubscribeOptions,
  type SubscribeResult,
  topicsOf,
} from "./publishing.ts";
import { trace, type TraceFunction, type TraceOptions } from "./trace.ts";
import { Tracer } from "./tracer.ts";
import { createReadable, createWritable } from "./web_streams.ts";
import { WHY_NOT_OPEN } from "./why_not_open.ts";
import type { CloseInfo, ConnectionClosed } from "../protocol/errors.ts";
import {
  type HandshakeResponse,
  type HandshakeResult,
  type LateRequest,
  requestOf,
} from "./handshake_result.ts";
import type { ResponseHead } from "../http/head.ts";
import { nextId } from "./id.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { TlsInfo } from "../transport/tls.ts";
import type { Address } from "../transport/transport.ts";
import type { AsyncDisposal } from "../util/platform.ts";

const encoder = new TextEncoder();
/** The BOM is part of a message. */
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The state of a connection. A Close frame, or an end without one, changes it from "open" to
 * "closing".
 */
export type ConnectionState = "open" | "closing" | "closed";

/** Makes the public object of a connection. */
export let createConnection: <Data>(
  dispatcher: Dispatcher,
  result: HandshakeResult,
  data: Data,
) => WebSocketConnection<Data>;

/** The dispatcher of a connection. */
export let dispatcherOf: (connection: WebSocketConnection) => Dispatcher;

/**
 * An open WebSocket connection, of a server or a client.
 *
 * A `message` hook, `receive()` or an iteration takes its messages. While that consumer is behind,
 * up to 16 messages wait, of 65,536 octets together. Then the connection reads nothing more, and
 * TCP slows the peer down. The connection answers Pings and a Close frame behind messages that
 * wait, and still gives out the messages, in order. A program that only sends calls
 * `ignoreMessages()`.
 *
 * @typeParam Data What the server attached to the connection with `upgrade(handler, { data })`.
 *
 * @example
 * ```ts
 * import { connect, serve } from "@sansocket/ws";
 *
 * await using server = await serve({
 *   port: 0,
 *   websocket: async (ws) => {
 *     for await (const message of ws) await ws.send(message);
 *   },
 * });
 * const ws = await connect(server.url);
 * await ws.send("hello");
 * console.log(await ws.receive()); // hello
 * const { code, wasClean } = await ws.close();
 * console.log(code, wasClean); // 1000 true
 * ```
 */
export class WebSocketConnection<Data = unknown> implements AsyncIterable<Message> {
  static {
    brand(this, "WebSocketConnection");
    Object.defineProperty(this.prototype, WHY_NOT_OPEN, {
      value(this: WebSocketConnection): ConnectionClosed {
        return this.#dispatcher.endpoint.whyNotOpen();
      },
    });
    createConnection = (dispatcher, result, data) =>
      new WebSocketConnection(dispatcher, result, data);
    dispatcherOf = (connection) => connection.#dispatcher;
    // Declared by AsyncDisposal below, because the types of a program need not know the symbol.
    Object.defineProperty(this.prototype, Symbol.asyncDispose, {
      async value(this: WebSocketConnection): Promise<void> {
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
  /** The peer's address; undefined when the byte stream has none. */
  readonly remoteAddress: Address | undefined;
  /** For the program's own use. On a server, it begins as the `data` that `upgrade()` was given. */
  data: Data;

  readonly #dispatcher: Dispatcher;
  #id: string | undefined;
  #request: Request | LateRequest;
  #response: HandshakeResponse | ResponseHead | undefined;
  #readable: ReadableStream<Message> | undefined;
  #writable: WritableStream<string | BinaryData> | undefined;

  /** Made by `serve()`, `connect()` and `pair()`. */
  private constructor(dispatcher: Dispatcher, result: HandshakeResult, data: Data) {
    this.#dispatcher = dispatcher;
    if (mayDrop(dispatcher.endpoint.limits)) this.#makeOutbox();
    this.#request = result.request;
    this.#response = result.response;
    this.protocol = result.protocol;
    this.extensions = result.extensions;
    this.remoteAddress = result.remoteAddress;
    this.data = data;
  }

  /** The request that opened the connection. */
  get request(): Request {
    return this.#request = requestOf(this.#request);
  }

  /** The server's answer that opened the connection, on a client; undefined on a server. */
  get response(): HandshakeResponse | undefined {
    const response = this.#response;
    if (response === undefined || !("version" in response)) return response;
    const { status, statusText, headers } = response;
    return this.#response = { status, statusText, headers: headers.toHeaders() };
  }

  /**
   * A name that no other connection has, in this process or another. It is made when it is first
   * read.
   */
  get id(): string {
    return this.#id ??= this.#dispatcher.endpoint.tracer?.connection ?? nextId();
  }

  /**
   * The state of the connection now. Messages can be sent while it is "open"; `closed` tells how it
   * ended.
   */
  get state(): ConnectionState {
    return this.#dispatcher.endpoint.state;
  }

  /**
   * What is known about the connection's TLS. Undefined when it has none, and with `adopt()`, where
   * only the runtime's own engine knows it.
   */
  get tls(): TlsInfo | undefined {
    return this.#dispatcher.endpoint.transport.tls;
  }

  /**
   * This end's address. Undefined when the byte stream has none, and with `adopt()`, where only the
   * runtime's own engine knows it. Some runtimes forget it when the connection ends.
   */
  get localAddress(): Address | undefined {
    return this.#dispatcher.endpoint.transport.localAddress;
  }

  /** How the connection ended. Resolves in every case, and never rejects. */
  get closed(): Promise<CloseInfo> {
    return this.#dispatcher.whenClosed;
  }

  /**
   * Octets that were sent and still wait for the network, frame headers included. A message that
   * can still be dropped, or that waits behind one in chunks, counts 16 more; a message in chunks,
   * a large PreparedMessage that waits so, or a published message that can still be replaced counts
   * 528 more. A Blob and an array count all that is
   * still to come of them, texts as UTF-8; a generator counts only what it has given. The value is
   * 0 once the connection has ended; `CloseInfo.unsent` says what was lost.
   */
  get bufferedAmount(): number {
    return this.#dispatcher.sender.bufferedAmount;
  }

  /** Messages that were dropped, where the option `overflow` allows that. */
  get dropped(): number {
    return this.#dispatcher.outbox?.dropped ?? 0;
  }

  /**
   * Messages that were discarded: after `ignoreMessages()`, or because the handler's hooks take
   * none.
   */
  get ignored(): number {
    return this.#dispatcher.endpoint.inbound.ignored;
  }

  /**
   * Messages that have come and wait for `receive()`, an iteration or a `message` hook that is
   * busy: 16 at most, because the connection then reads nothing more. With one of them `receive()`
   * does not wait.
   */
  get unread(): number {
    return this.#dispatcher.unread;
  }

  /**
   * The round trip of the last Ping that was answered, the heartbeat's included, in milliseconds.
   */
  get roundTrip(): number | undefined {
    return this.#dispatcher.endpoint.roundTrip;
  }

  /**
   * The messages as a stream, which takes messages no faster than its reader reads them. Cancelling
   * it closes the connection.
   */
  get readable(): ReadableStream<Message> {
    return this.#readable ??= createReadable(this);
  }

  /**
   * A stream whose chunks are sent as messages, at the pace of the peer. Closing it closes the
   * connection.
   */
  get writable(): WritableStream<string | BinaryData> {
    return this.#writable ??= createWritable(this);
  }

  /**
   * Sends a message (RFC 6455 section 6.1): a string as text, bytes or a Blob as a binary message.
   *
   * A sender that awaits the promise keeps pace with a slow peer. A sender need not await it, and
   * nothing is dropped in silence: a message of any size is accepted while no more than
   * `maxBufferedAmount` octets wait. While more wait, the option `overflow` decides about the
   * message. By default the connection is cut, and the promises of what waits reject with the
   * reason.
   *
   * @param data The message. The connection does not read its bytes any more once the promise has
   * settled: from then on they may change, and their buffer may be transferred or resized. A
   * message in chunks, all strings or all bytes, is sent as fragments as the chunks come, not
   * compressed; other messages wait for its end. The connection does not read a chunk any more when
   * it asks for the next one. When the source throws half-way, the connection is closed with 1011,
   * and the promise rejects with what was thrown. A Blob is also sent in chunks. A Blob and an
   * array count against `maxBufferedAmount` with their whole size, a generator only with what it
   * has given. To send one message to many connections, give a {@linkcode PreparedMessage}; a short
   * string that goes to one connection after another is encoded once anyway.
   * @param options Whether to compress the message, and whether it is text or binary; for messages
   * that are not in chunks. The options of a PreparedMessage itself take precedence.
   * @returns A promise. While less than 64 KiB wait it is resolved already; else it resolves when
   * all has left. For bytes of 64 KiB or more it never resolves before they have left. It resolves
   * for a message that is dropped, too. It rejects with {@linkcode ConnectionClosed}, which says
   * how the connection ended, or what is known of that while it is closing. A rejection that the
   * caller does not await is silent: it is not reported, and it does not end the process.
   * @throws {TypeError} When `data` is none of these; when it is an array that is empty or has
   * chunks of both kinds; when it is to be sent as text and is not UTF-8; when an option is unknown
   * or neither true nor false. {@linkcode sendJson} sends an object or an array.
   *
   * @example
   * ```ts
   * import { connect, serve } from "@sansocket/ws";
   *
   * await using server = await serve({
   *   port: 0,
   *   websocket: { message: (ws, data) => ws.send(data) },
   * });
   * const ws = await connect(server.url);
   * await ws.send(new Uint8Array([1, 2, 3]));
   * console.log(await ws.receive()); // Uint8Array [ 1, 2, 3 ]
   * await ws.close();
   * ```
   */
  send(
    data: string | BinaryData | Blob | MessageSource | PreparedMessage,
    options?: SendOptions,
  ): Promise<void> {
    if (options !== undefined) checkSendOptions("send()", options);
    const compress = options?.compress ?? true;
    const binary = options?.binary;
    if (binary === undefined && (typeof data === "string" || isOwnUint8Array(data))) {
      return this.#dispatcher.sender.send(data, compress);
    }
    // Before `isBytes()`, which throws and catches an error for what is no memory: with that, a
    // delivery of a broadcast took 32 µs of CPU time on Node instead of 10.
    if (isPrepared(data)) return this.#dispatcher.sender.send(data, compress);
    if (typeof data === "string") {
      return this.#dispatcher.sender.send(binary === true ? encoder.encode(data) : data, compress);
    }
    if (isBytes(data)) {
      const bytes = toBytes(data);
      const message = binary === false ? strictDecoder.decode(bytes) : bytes;
      return this.#dispatcher.sender.send(message, compress);
    }
    const outbox = this.#makeOutbox();
    if (isBlob(data)) return outbox.sendStream(chunksOf(data), data.size);
    return outbox.sendStream(checkSource(data), knownSize(data));
  }

  /**
   * Subscribes the connection to a topic: what is published there is sent to it, in order with what
   * `send()` sends. It gets messages from this call on, until `unsubscribe()` or its end. A second
   * subscription to a topic is the same as the first.
   *
   * @param topic Its name: 1 to 255 octets of UTF-8, of which none has a special meaning.
   * @param options What to send of the history of the topic first.
   * @returns Resolves once the subscription is in place, and what was asked for of the history is
   * sent. Rejects with {@linkcode ConnectionClosed} when the connection is not open; a rejection
   * that the caller does not await is silent.
   * @throws {TypeError} On a connection of `connect()`, when the name is no well-formed string, an
   * option is unknown or of the wrong kind, or the topic has no history and `since` is given.
   * @throws {RangeError} When the name is empty or too long.
   * @throws {Error} When `since` is given and the connection is subscribed already.
   *
   * @example
   * ```ts
   * import { connect, serve } from "@sansocket/ws";
   *
   * await using server = await serve({
   *   port: 0,
   *   websocket: {
   *     open: (ws) => ws.subscribe("news"),
   *     message: (ws, data) => ws.publish("news", data),
   *   },
   * });
   * const [anna, ben] = [await connect(server.url), await connect(server.url)];
   * await anna.send("hello");
   * console.log(await ben.receive()); // hello
   * await Promise.all([anna.close(), ben.close()]);
   * ```
   */
  subscribe(topic: string, options?: SubscribeOptions): Promise<SubscribeResult> {
    return topicsOf(this.#dispatcher).join(this.#dispatcher, topic, options);
  }

  /**
   * Ends a subscription.
   *
   * @param topic The name of the topic.
   * @returns Whether there was one.
   * @throws {TypeError} On a connection of `connect()`.
   */
  unsubscribe(topic: string): boolean {
    return topicsOf(this.#dispatcher).leave(this.#dispatcher, topic);
  }

  /**
   * The topics that the connection is subscribed to now; none once it has ended. It throws a
   * TypeError on a connection of `connect()`.
   */
  get subscriptions(): ReadonlySet<string> {
    return topicsOf(this.#dispatcher).names(this.#dispatcher);
  }

  /**
   * Publishes a message to all subscribers of a topic except this connection, which need not be
   * subscribed itself; see {@linkcode Topics.publish}.
   *
   * @param topic The name of the topic.
   * @param data The message, which is encoded once for all.
   * @param options How to send it, and what may happen to it where a subscriber is behind.
   * @returns What became of it, by number of subscribers.
   * @throws {TypeError} On a connection of `connect()`, and when
   * `data`, an option or the name is of the wrong kind.
   * @throws {RangeError} When the name or the key is empty or too long.
   */
  publish(topic: string, data: Publishable, options?: PublishOptions): PublishResult {
    return topicsOf(this.#dispatcher).publish(topic, data, options, this.#dispatcher);
  }

  #makeOutbox(): Outbox {
    return this.#dispatcher.outbox ??= new Outbox(this.#dispatcher.endpoint);
  }

  /**
   * Sends a Ping (RFC 6455 section 5.5.2).
   *
   * @param data The payload, at most 125 octets (as UTF-8 when it is a string). Default: eight
   * random octets.
   * @returns The round trip in milliseconds, once the Pong has come. Rejects with
   * {@linkcode ConnectionClosed} when the connection ends first.
   * @throws {RangeError} When the payload is too long.
   */
  ping(data?: string | BinaryData): Promise<number> {
    return this.#dispatcher.sendPing(
      data === undefined ? crypto.getRandomValues(new Uint8Array(8)) : toPayload(data),
    );
  }

  /**
   * Sends a Pong (RFC 6455 section 5.5.3): the answer to a Ping where `autoPong` is off, or an
   * unsolicited Pong. On a connection of `adopt()` the engine answers each Ping itself. Deno's
   * engine can send no other Pong, so this sends none there.
   *
   * @param data The payload, at most 125 octets (as UTF-8 when it is a string). Default: empty.
   * @returns As {@linkcode WebSocketConnection.send}.
   * @throws {RangeError} When the payload is too long.
   */
  pong(data: string | BinaryData = ""): Promise<void> {
    return this.#dispatcher.endpoint.control("pong", toPayload(data));
  }

  /**
   * Starts the closing handshake (RFC 6455 section 7.1.2). Messages that were sent before still
   * leave, except a message in chunks that is not complete and what waits behind it: their promises
   * reject. This end discards messages that come from now on. A call does nothing when the
   * connection is closing already.
   *
   * @param code 1000 to 1003, 1007 to 1014 or 3000 to 4999; null for a Close frame without a code,
   * which the peer sees as 1005. Default: 1000.
   * @param reason At most 123 octets of UTF-8.
   * @returns How the connection ended: the same as `closed`.
   * @throws {RangeError} When the code may not be sent or the reason is too long.
   * @throws {TypeError} When there is a reason and the code is null.
   */
  close(code: number | null = CloseCode.normal, reason = ""): Promise<CloseInfo> {
    this.#dispatcher.endpoint.close(code ?? undefined, reason);
    return this.closed;
  }

  /**
   * Lets the process end while the connection is open, as `unref()` of a socket does; the
   * connection is then cut. For a client that only listens. It has no effect where the byte stream
   * has no `unref()`: in memory, and with `adopt()`.
   */
  unref(): void {
    this.#dispatcher.unref();
  }

  /** Drops the connection now, without a closing handshake; what waits to be sent is lost. */
  terminate(): void {
    this.#dispatcher.endpoint.terminate(new Error("The connection was terminated"));
  }

  /**
   * Traces the connection from the next frame on, and replaces a trace that was set before; see the
   * option `trace`. Unlike that one, it does not know the size of compressed messages before
   * compression.
   *
   * @param to The function that is called with each event, or options; undefined ends the trace.
   * @throws {TypeError} When it is neither a function nor options.
   */
  trace(to: TraceFunction | TraceOptions | undefined): void {
    if (to !== undefined) checkOptions("trace()", { trace: to }, TRACE_ARGUMENT);
    const { endpoint } = this.#dispatcher;
    endpoint.tracer?.stop();
    endpoint.tracer = to === undefined
      ? undefined
      : new Tracer(this.id, to, endpoint.transport.clock, true);
  }

  /**
   * Discards all messages from now on, and counts them in `ignored`: for a connection that only
   * sends. It cannot be undone: `receive()` and iteration reject afterwards, and the `message` hook
   * is not called any more.
   *
   * @example
   * ```ts
   * import { connect, serve } from "@sansocket/ws";
   *
   * await using server = await serve({
   *   port: 0,
   *   websocket: async (ws) => {
   *     ws.ignoreMessages();
   *     await ws.send("tick");
   *     await ws.closed;
   *   },
   * });
   * const ws = await connect(server.url);
   * await ws.send("this is ignored");
   * console.log(await ws.receive()); // tick
   * await ws.close();
   * ```
   */
  ignoreMessages(): void {
    this.#dispatcher.ignore();
  }

  /**
   * Takes the next message. Not for a connection whose handler has a `message` hook.
   *
   * It still gives out messages that came before the connection ended, unless this end closed or
   * dropped the connection.
   *
   * @param options What ends the wait: a signal, or a time. The message is then left for the next
   * call.
   * @returns The message; undefined when none came within `timeout`. Rejects with {@linkcode
   * ConnectionClosed} when the connection has ended and no message is left, with the signal's
   * reason when the signal fires first, and with a TypeError when a `message` hook or
   * `ignoreMessages()` takes the messages.
   * @throws {TypeError} When an option is unknown or of the wrong kind.
   * @throws {RangeError} When `timeout` is less than 1.
   *
   * @example
   * ```ts
   * import { connect, serve } from "@sansocket/ws";
   *
   * await using server = await serve({ port: 0, websocket: (ws) => ws.closed });
   * const ws = await connect(server.url);
   * console.log(await ws.receive({ timeout: 10 })); // undefined
   * await ws.close();
   * ```
   */
  receive(options?: { readonly signal?: AbortSignal; readonly timeout?: never }): Promise<Message>;
  /** Takes the next message, or gives up after `timeout`. */
  receive(options: ReceiveOptions | undefined): Promise<Message | undefined>;
  receive(options?: ReceiveOptions): Promise<Message | undefined> {
    if (options !== undefined) checkOptions("receive()", options, RECEIVE_OPTIONS);
    return this.#dispatcher.receive(options);
  }

  /**
   * Takes the next message as its chunks, as soon as its first frame begins. No more than a chunk
   * of it is in memory, however large it is. Iterate it to its end before the next `receive()`.
   *
   * @param options What ends the wait for the first frame: a signal, or a time.
   * @returns The message; undefined when none began within `timeout`. Rejects as `receive()` does.
   * @throws {TypeError} When an option is unknown or of the wrong kind.
   * @throws {RangeError} When `timeout` is less than 1.
   */
  receiveStream(
    options?: { readonly signal?: AbortSignal; readonly timeout?: never },
  ): Promise<MessageStream>;
  /** Takes the next message as its chunks, or gives up after `timeout`. */
  receiveStream(options: ReceiveOptions | undefined): Promise<MessageStream | undefined>;
  receiveStream(options?: ReceiveOptions): Promise<MessageStream | undefined> {
    if (options !== undefined) checkOptions("receiveStream()", options, RECEIVE_OPTIONS);
    return this.#dispatcher.receiveStream(options);
  }

  /**
   * Takes messages until the connection ends and none is left. The iteration ends normally after a
   * clean close that this end began, or that has the code 1000, 1001 or none. It throws
   * {@linkcode ConnectionClosed} after any other end. Leaving the loop early does not close the
   * connection.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message> {
    return iterateMessages(this.#dispatcher);
  }
}

/** `await using` closes the connection with 1000. */
export interface WebSocketConnection<Data = unknown> extends AsyncDisposal {}

function toPayload(data: string | BinaryData): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : copyBytes(data);
}

const TRACE_ARGUMENT: OptionTable<{ trace: TraceFunction | TraceOptions }> = { trace };

/** What each option of `receive()` may be. */
export const RECEIVE_OPTIONS: OptionTable<ReceiveOptions> = { signal, timeout: milliseconds };
