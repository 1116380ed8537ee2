// Where messages go: to a hook when there is one, or else to whoever waits in `receive()`.
//
// No message waits here: the endpoint keeps it until somebody asks for it. A message that is streamed is kept in the
// same way between two of its chunks.

import { abortReason, onAbort } from "../util/abort.ts";
import type { Bytes } from "../util/bytes.ts";
import { type CloseInfo, ConnectionClosed } from "../protocol/errors.ts";
import type { EndpointConsumer } from "./endpoint_consumer.ts";
import type { Endpoint } from "./endpoint.ts";
import { MessageStream, streamOf } from "./message_stream.ts";
import type { Outbox } from "./outbox.ts";
import { defer, type Deferred, handled } from "../util/promises.ts";

interface PendingPing {
  readonly payload: Uint8Array;
  readonly sentAt: number;
  readonly roundTrip: Deferred<number>;
}

/** Who takes the messages that no `receive()` waits for. */
export interface MessageTaker {
  /** Why `receive()` can take none, if it cannot. */
  readonly claim: string | undefined;
  /** Takes a message; false asks for no more until the endpoint's `proceed()`. */
  message(data: string | Bytes): boolean;
  /** Takes a message that is streamed; false asks for no more until the endpoint's `proceed()`. */
  stream(message: MessageStream): boolean;
  /** Whether it cannot take one now. */
  busy(): boolean;
}

/** What a handler wants to be told. */
export interface InboxHooks {
  /** A Ping has come. */
  ping?(payload: Bytes): void;
  /** A Pong has come. */
  pong?(payload: Bytes): void;
  /** All that had to wait has left. */
  drain?(): void;
  /** The connection has been failed for what its user did. */
  failed?(error: Error): void;
  /** The connection has ended and no more messages come; `error` is what was wrong with one that waited. */
  finished?(info: CloseInfo, error: Error | undefined): void;
}

/** Whoever opened the connection, and counts it out. */
export interface Owner {
  /** The connection has ended; whether messages wait that its handler has still to get. */
  closed(info: CloseInfo, draining: boolean): void;
  /** No message waits any more. */
  drained(): void;
  /** Told what goes wrong where no hook is. */
  report(error: unknown): void;
}

// Most connections never need one of these of their own.
const NO_HOOKS: InboxHooks = Object.freeze({});
const NO_RECEIVERS: Receiver[] = [];
const NO_PINGS: PendingPing[] = [];

/** Whoever waits for a message. */
interface Receiver {
  /** Whether as its chunks, or whole. */
  readonly streamed: boolean;
  readonly taken: Deferred<string | Bytes | MessageStream>;
}

/** The consumer of one endpoint. */
export class Inbox implements EndpointConsumer {
  /** What the handler wants to be told. */
  hooks: InboxHooks = NO_HOOKS;
  /** Who takes messages; without it they wait for `receive()`. */
  taker: MessageTaker | undefined;
  /** Messages of so many octets go to the taker in chunks. */
  takerStreamFrom: number = Infinity;
  /** Who looks after the connection until it has ended. */
  vitals: { stop(): void; unref(): void } | undefined;
  /** Who is told of the end before the handler is. */
  owner: Owner | undefined;
  /** What is sent, and waits; told of its chances. Made when something has to. */
  outbox: Outbox | undefined;
  /** The endpoint whose messages these are. */
  endpoint!: Endpoint;

  /** Made when somebody asks how the connection ended. */
  #closed: Deferred<CloseInfo> | undefined;
  #receivers = NO_RECEIVERS;
  #pings = NO_PINGS;
  /** The message whose chunks are coming in. */
  #stream: MessageStream | undefined;

  /** What sends; most connections never need an outbox. Here, for V8 calls a private getter by its runtime. */
  get sender(): Outbox | Endpoint {
    return this.outbox ?? this.endpoint;
  }

  /** Implements {@linkcode EndpointConsumer}. */
  get held(): number {
    return this.outbox?.held ?? 0;
  }

  /** Whether somebody has sent or asked for something, wants to know of the end, or has ended it. */
  get used(): boolean {
    return !this.endpoint.open || this.endpoint.messagesSent > 0 || this.#closed !== undefined ||
      this.#receivers !== NO_RECEIVERS || this.#pings !== NO_PINGS ||
      this.taker !== undefined || this.outbox !== undefined;
  }

  /** The connection no longer keeps the process alive. */
  unref(): void {
    this.endpoint.transport.unref?.();
    this.vitals?.unref();
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
    if (taker !== undefined && this.#receivers.length === 0) return taker.message(data);
    return this.#give(data);
  }

  /** Implements {@linkcode EndpointConsumer}. */
  chunk(data: string | Bytes, last: boolean): boolean {
    const stream = this.#stream;
    if (stream !== undefined) {
      if (last) this.#stream = undefined;
      stream.push(data, last);
      return last ? this.#wanted() : stream.wanted;
    }
    const begun = new MessageStream(typeof data === "string", () => this.endpoint.proceed());
    if (!last) this.#stream = begun;
    begun.push(data, last);
    const { taker } = this;
    const next = taker !== undefined && this.#receivers.length === 0
      ? taker.stream(begun)
      : this.#give(begun);
    return last ? next : begun.wanted;
  }

  /** Gives a message to whoever has waited longest; true when the next is wanted. */
  #give(message: string | Bytes | MessageStream): boolean {
    this.#receivers.shift()?.taken.resolve(message);
    this.aim();
    return this.#wanted();
  }

  /** Whether the next message would be taken. */
  #wanted(): boolean {
    return this.#receivers.length > 0 || this.taker?.busy() === false;
  }

  /** The next message comes as whoever gets it wants it. */
  aim(): void {
    const [next] = this.#receivers;
    this.endpoint.streamFrom = next === undefined
      ? this.takerStreamFrom
      : next.streamed
      ? 0
      : Infinity;
  }

  /** From now on all messages are discarded, behind one that is being read in chunks. */
  ignore(): void {
    const claim =
      "Expected no messages to be asked for after ignoreMessages(), which discards them";
    this.taker = new Ignorer(claim, this.endpoint);
    // Their octets are not even collected.
    this.takerStreamFrom = 0;
    const error = new Error(claim);
    for (const { taken } of this.#receivers.splice(0)) taken.reject(error);
    this.aim();
    this.endpoint.intake.dropsExcess = false;
    this.endpoint.proceed();
  }

  /** The next message. */
  receive(signal?: AbortSignal): Promise<string | Bytes> {
    return this.#receive(false, signal) as Promise<string | Bytes>;
  }

  /** The next message, as its chunks. */
  async receiveStream(signal?: AbortSignal): Promise<MessageStream> {
    const message = await this.#receive(true, signal);
    // A compressed message comes whole.
    return message instanceof MessageStream ? message : streamOf(message);
  }

  #receive(
    streamed: boolean,
    signal: AbortSignal | undefined,
  ): Promise<string | Bytes | MessageStream> {
    const { endpoint } = this;
    const claim = this.taker?.claim;
    if (claim !== undefined) return handled(Promise.reject(new TypeError(claim)));
    if (endpoint.finished) return handled(Promise.reject(endpoint.whyNotOpen()));
    if (signal?.aborted) return handled(Promise.reject(abortReason(signal)));
    const receiver: Receiver = { streamed, taken: defer() };
    if (this.#receivers === NO_RECEIVERS) this.#receivers = [];
    if (this.#receivers.push(receiver) === 1) this.aim();
    if (signal !== undefined) this.#forgetOn(signal, receiver);
    // Whoever has asked once takes all that comes.
    this.endpoint.intake.dropsExcess = false;
    this.endpoint.proceed();
    return receiver.taken.promise;
  }

  /** Takes a receiver out when its signal fires: the message that it waited for is the next one's. */
  #forgetOn(signal: AbortSignal, receiver: Receiver): void {
    const forget = (): void => {
      const index = this.#receivers.indexOf(receiver);
      if (index < 0) return;
      this.#receivers.splice(index, 1);
      this.aim();
      if (!this.#wanted() && !this.#stream?.wanted) this.endpoint.hold();
      receiver.taken.reject(abortReason(signal) as Error);
    };
    const done = onAbort(signal, forget);
    receiver.taken.promise.then(done, done);
  }

  /** Sends a Ping and resolves with the round trip when its Pong comes. */
  sendPing(payload: Uint8Array): Promise<number> {
    if (!this.endpoint.open) {
      return handled(Promise.reject(this.endpoint.whyNotOpen()));
    }
    this.endpoint.control("ping", payload);
    const roundTrip = defer<number>();
    if (this.#pings === NO_PINGS) this.#pings = [];
    this.#pings.push({ payload, sentAt: performance.now(), roundTrip });
    return roundTrip.promise;
  }

  /** Implements {@linkcode EndpointConsumer}. */
  ping(payload: Bytes): void {
    this.hooks.ping?.(payload);
  }

  /** Implements {@linkcode EndpointConsumer}. A Pong also answers every Ping sent before its own (section 5.5.3). */
  pong(payload: Bytes): void {
    const index = this.#pings.findIndex((ping) => equal(ping.payload, payload));
    const now = performance.now();
    for (const { sentAt, roundTrip } of this.#pings.splice(0, index + 1)) {
      this.endpoint.roundTrip = now - sentAt;
      roundTrip.resolve(now - sentAt);
    }
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
    if (this.#pings.length > 0) {
      const error = new ConnectionClosed(info);
      for (const { roundTrip } of this.#pings.splice(0)) roundTrip.reject(error);
    }
    this.outbox?.closed(info);
    this.#closed?.resolve(info);
    this.vitals?.stop();
    this.owner?.closed(info, this.endpoint.draining);
    // Where no hook takes messages, those that wait may never be asked for.
    if (this.taker === undefined) this.#tellFinished(info, undefined);
  }

  /** Implements {@linkcode EndpointConsumer}. */
  finished(info: CloseInfo, error: Error | undefined): void {
    if (this.#receivers.length > 0 || this.#stream !== undefined) {
      const reason = error ?? new ConnectionClosed(info);
      for (const { taken } of this.#receivers.splice(0)) taken.reject(reason);
      this.#stream?.fail(reason);
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

/** Discards messages, and counts them. */
class Ignorer implements MessageTaker {
  readonly claim: string;
  readonly #endpoint: Endpoint;

  constructor(claim: string, endpoint: Endpoint) {
    this.claim = claim;
    this.#endpoint = endpoint;
  }

  message(): boolean {
    this.#endpoint.intake.ignored++;
    return true;
  }

  stream(message: MessageStream): boolean {
    message.discard();
    return this.message();
  }

  busy(): boolean {
    return false;
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}
