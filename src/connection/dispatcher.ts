// Dispatches what has come on a connection: the endpoint gives it each message, control frame and
// the end, and it passes that on to the hook, the call or the stream that gets it.
//
// 1. A message goes to a hook when there is one, or else to the `receive()` that has waited
//    longest. No message waits here: the endpoint keeps it until the dispatcher asks for it, also
//    between two chunks of a message that is streamed.
// 2. The parts that most connections never need are made when they are needed: receivers, Pings, an
//    outbox.

import { abortReason } from "../util/abort.ts";
import type { Bytes } from "../util/bytes.ts";
import { systemClock } from "../util/clock.ts";
import { type CloseInfo, ConnectionClosed } from "../protocol/errors.ts";
import type { EndpointConsumer } from "./endpoint_consumer.ts";
import type { Endpoint } from "./endpoint.ts";
import {
  createStream,
  failStream,
  isWanted,
  MessageStream,
  pushChunk,
  streamOf,
} from "./message_stream.ts";
import { Ignorer, type MessageTaker } from "./message_taker.ts";
import { PendingPings } from "./pending_pings.ts";
import type { Message, ReceiveOptions } from "./message.ts";
import type { IterationEnd } from "./message_iterator.ts";
import { Receivers } from "./receivers.ts";
import type { Outbox } from "./outbox.ts";
import type { Subscriptions, TopicHub } from "./publishing.ts";
import { defer, type Deferred, handled } from "../util/promises.ts";

/** The calls that a handler gets, apart from messages. */
export interface DispatcherHooks {
  /** A Ping has come. */
  ping?(payload: Bytes): void;
  /** A Pong has come. */
  pong?(payload: Bytes): void;
  /** All that had to wait has left. */
  drain?(): void;
  /** The connection has been failed because of a mistake of the program. */
  failed?(error: Error): void;
  /**
   * The connection has ended and no more messages come; `error` says what was wrong with a message
   * that waited.
   */
  finished?(info: CloseInfo, error: Error | undefined): void;
}

/** The server or the client that opened the connection, and stops counting it when it ends. */
export interface Owner {
  /** The connection has ended; `draining` says whether messages still wait for its handler. */
  closed(info: CloseInfo, draining: boolean): void;
  /** No message waits any more. */
  drained(): void;
  /** Called with an error that no hook takes. */
  report(error: unknown): void;
}

const NO_HOOKS: DispatcherHooks = Object.freeze({});

/** The consumer of one endpoint. */
export class Dispatcher implements EndpointConsumer {
  /** The endpoint whose messages these are. */
  endpoint!: Endpoint;
  /** Holds messages that wait to be sent. Made when the first one has to wait. */
  outbox: Outbox | undefined;
  /** The calls that the handler gets. */
  hooks: DispatcherHooks = NO_HOOKS;
  /** Takes messages; without it they wait for `receive()`. */
  taker: MessageTaker | undefined;
  /** The size from which messages go to the taker in chunks. */
  takerStreamFrom: number = Infinity;
  /** The heartbeat and the timeouts of the connection, until it has ended. */
  heartbeat: { stop(): void; unref(): void } | undefined;
  /** The owner, which is called at the end before the handler is. */
  owner: Owner | undefined;
  /** The topics of its server, if it has some. */
  topics: TopicHub | undefined;
  /**
   * Called with each Ping that this end sends; what it returns is called when the Ping is answered.
   */
  marker: (() => () => void) | undefined;
  /** What it is subscribed to. Made by the first subscription. */
  subscriptions: Subscriptions | undefined;

  /** Made when the program asks how the connection ended. */
  #closed: Deferred<CloseInfo> | undefined;
  /** Made by the first `receive()`. */
  #receivers: Receivers | undefined;
  /** Made by the first Ping. */
  #pings: PendingPings | undefined;
  /** The message whose chunks are coming in. */
  #stream: MessageStream | undefined;

  /**
   * What sends; most connections never need an outbox. It is not private, because V8 calls a
   * private getter by its runtime.
   */
  get sender(): Outbox | Endpoint {
    return this.outbox ?? this.endpoint;
  }

  /** Implements {@linkcode EndpointConsumer}. */
  get held(): number {
    return this.outbox?.held ?? 0;
  }

  /**
   * Whether the program has sent a message or a Ping, has asked for a message or for the end, has
   * subscribed the connection to a topic, or has ended it.
   */
  get used(): boolean {
    return !this.endpoint.open || this.endpoint.messagesSent > 0 || this.#closed !== undefined ||
      this.#receivers !== undefined || this.#pings !== undefined ||
      this.taker !== undefined || this.outbox !== undefined || this.subscriptions !== undefined;
  }

  /** The connection no longer keeps the process alive. */
  unref(): void {
    this.endpoint.transport.unref?.();
    this.heartbeat?.unref();
  }

  /** Resolves when the connection has ended; never rejects. */
  get whenClosed(): Promise<CloseInfo> {
    this.#closed ??= defer<CloseInfo>();
    if (this.endpoint.info !== undefined) this.#closed.resolve(this.endpoint.info);
    return this.#closed.promise;
  }

  /** Implements {@linkcode EndpointConsumer}. */
  message(data: string | Bytes): boolean {
    const { taker } = this;
    if (taker !== undefined && !this.receiving) return taker.message(data);
    return this.#give(data);
  }

  /** Implements {@linkcode EndpointConsumer}. */
  chunk(data: string | Bytes, last: boolean): boolean {
    const stream = this.#stream;
    if (stream !== undefined) {
      if (last) this.#stream = undefined;
      pushChunk(stream, data, last);
      return last ? this.#wanted() : isWanted(stream);
    }
    const begun = createStream(typeof data === "string", () => this.endpoint.proceed());
    if (!last) this.#stream = begun;
    pushChunk(begun, data, last);
    const { taker } = this;
    const next = taker !== undefined && !this.receiving ? taker.stream(begun) : this.#give(begun);
    return last ? next : isWanted(begun);
  }

  /** Gives a message to the call that has waited longest; true when the next one is wanted. */
  #give(message: string | Bytes | MessageStream): boolean {
    this.#receivers?.give(message);
    this.aim();
    return this.#wanted();
  }

  /** Whether the next message would be taken. */
  #wanted(): boolean {
    return !!this.receiving || this.taker?.busy() === false;
  }

  /** Messages that wait, those of the chunk at hand included. */
  get unread(): number {
    const { endpoint } = this;
    const { inbound } = endpoint;
    // The program asks, so the rest of the chunk is not left alone until the turn ends.
    if (inbound.yielding && !inbound.running) {
      inbound.yielding = false;
      endpoint.start();
    }
    return inbound.unread;
  }

  /** How many calls of `receive()` wait; undefined before the first one. */
  get receiving(): number | undefined {
    return this.#receivers?.count;
  }

  /** Iterations that have begun and not ended. */
  get iterating(): number {
    return this.#receivers?.iterations ?? 0;
  }

  /** An iteration takes the messages from now on. */
  beginIteration(): void {
    const receivers = this.#receivers ??= this.#createReceivers();
    receivers.iterations++;
    for (const begun of receivers.watchers ?? []) begun();
  }

  /** An iteration has ended. */
  endIteration(): void {
    if (this.#receivers !== undefined) this.#receivers.iterations--;
  }

  /** Calls `begun` when an iteration begins, until the function that is returned is called. */
  watchIterations(begun: () => void): () => void {
    const receivers = this.#receivers ??= this.#createReceivers();
    const watchers = receivers.watchers ??= new Set();
    watchers.add(begun);
    return () => watchers.delete(begun);
  }

  /** Sets whether the next message comes whole or in chunks, as its receiver wants it. */
  aim(): void {
    const streamed = this.#receivers?.streamed;
    this.endpoint.streamFrom = streamed === undefined
      ? this.takerStreamFrom
      : streamed
      ? 0
      : Infinity;
  }

  /** Discards all messages from now on, after one that is being read in chunks. */
  ignore(): void {
    const ignorer = new Ignorer(this.endpoint.inbound);
    this.taker = ignorer;
    // Their octets are not even collected.
    this.takerStreamFrom = 0;
    this.#receivers?.reject(new Error(ignorer.claim));
    this.aim();
    this.endpoint.inbound.dropsExcess = false;
    this.endpoint.proceed();
  }

  /** The next message. */
  receive(): Promise<string | Bytes>;
  receive(options: ReceiveOptions | undefined): Promise<string | Bytes | undefined>;
  receive(options?: ReceiveOptions): Promise<string | Bytes | undefined> {
    return this.#receive(false, options) as Promise<string | Bytes | undefined>;
  }

  /** The next message, as its chunks. */
  receiveStream(): Promise<MessageStream>;
  receiveStream(options: ReceiveOptions | undefined): Promise<MessageStream | undefined>;
  async receiveStream(options?: ReceiveOptions): Promise<MessageStream | undefined> {
    const message = await this.#receive(true, options);
    // A compressed message comes whole.
    return message === undefined || message instanceof MessageStream ? message : streamOf(message);
  }

  /** The next message of an iteration. */
  next(failed: IterationEnd): Promise<IteratorResult<Message>> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return handled(Promise.reject(refusal).catch(failed));
    const taken = this.#collecting().next(failed);
    this.#asked();
    return taken;
  }

  #receive(
    streamed: boolean,
    options: ReceiveOptions | undefined,
  ): Promise<string | Bytes | MessageStream | undefined> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return handled(Promise.reject(refusal));
    const receivers = this.#collecting();
    const signal = options?.signal;
    if (signal?.aborted) return handled(Promise.reject(abortReason(signal)));
    const clock = this.endpoint.transport.clock ?? systemClock;
    const taken = receivers.add(streamed, options, clock);
    this.#asked();
    return taken;
  }

  /** Why a call gets no message. */
  #refusal(): Error | undefined {
    const claim = this.taker?.claim;
    if (claim !== undefined) return new TypeError(claim);
    return this.endpoint.finished ? this.endpoint.whyNotOpen() : undefined;
  }

  /**
   * The calls that wait. A program that has called `receive()` once gets all messages, though that
   * call may take none.
   */
  #collecting(): Receivers {
    this.endpoint.inbound.dropsExcess = false;
    return this.#receivers ??= this.#createReceivers();
  }

  /** A call has begun to wait. */
  #asked(): void {
    this.aim();
    this.endpoint.proceed();
  }

  #createReceivers(): Receivers {
    return new Receivers(() => this.#unasked());
  }

  /** A call that waited has been given up. */
  #unasked(): void {
    this.aim();
    if (this.#wanted() || (this.#stream !== undefined && isWanted(this.#stream))) return;
    this.endpoint.hold();
  }

  /** Sends a Ping and resolves with the round trip when its Pong comes. */
  sendPing(payload: Uint8Array): Promise<number> {
    if (!this.endpoint.open) {
      return handled(Promise.reject(this.endpoint.whyNotOpen()));
    }
    const answered = this.marker?.();
    this.endpoint.control("ping", payload);
    this.#pings ??= new PendingPings(this.endpoint.transport.clock ?? systemClock);
    return this.#pings.add(payload, answered);
  }

  /** Implements {@linkcode EndpointConsumer}. */
  ping(payload: Bytes): void {
    this.hooks.ping?.(payload);
  }

  /** Implements {@linkcode EndpointConsumer}. */
  pong(payload: Bytes): void {
    const roundTrip = this.#pings?.answer(payload);
    if (roundTrip !== undefined) this.endpoint.roundTrip = roundTrip;
    this.hooks.pong?.(payload);
  }

  /** Implements {@linkcode EndpointConsumer}. */
  refill(all: boolean): void {
    this.outbox?.refill(all);
  }

  /** Implements {@linkcode EndpointConsumer}. */
  drain(): void {
    this.hooks.drain?.();
  }

  /** Implements {@linkcode EndpointConsumer}. */
  failed(error: Error): void {
    if (this.hooks.failed !== undefined) this.hooks.failed(error);
    else this.owner?.report(error);
  }

  /** Implements {@linkcode EndpointConsumer}. */
  closed(info: CloseInfo): void {
    this.#pings?.closed(info);
    this.outbox?.closed(info);
    this.subscriptions?.end();
    this.#closed?.resolve(info);
    this.heartbeat?.stop();
    this.owner?.closed(info, this.endpoint.draining);
    // Where no hook takes messages, the program may never ask for those that wait.
    if (this.taker === undefined) this.#tellFinished(info, undefined);
  }

  /** Implements {@linkcode EndpointConsumer}. */
  finished(info: CloseInfo, error: Error | undefined): void {
    if (this.receiving || this.#stream !== undefined) {
      const reason = error ?? new ConnectionClosed(info);
      this.#receivers?.reject(reason);
      if (this.#stream !== undefined) failStream(this.#stream, reason);
    }
    this.owner?.drained();
    this.#tellFinished(info, error);
  }

  #tellFinished(info: CloseInfo, error: Error | undefined): void {
    const { hooks } = this;
    this.hooks = NO_HOOKS;
    hooks.finished?.(info, error);
  }
}
