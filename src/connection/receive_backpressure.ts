// The receiving half of an endpoint: it gives the protocol's events to the consumer, and stops for
// a consumer that is behind.
//
// 1. A consumer that is behind has the rest of the turn to catch up: until then the chunk is left
//    alone (`yielding`).
// 2. Then messages are parsed ahead of the consumer, to a bound (read_ahead.ts). They wait in
//    order, also when the connection has ended meanwhile, unless this end ended it.
// 3. This end answers a Ping behind them at once, and a Close frame at the end of the turn in which
//    it was found.
// 4. `Endpoint.#read()` pauses the transport while `yielding` is set, or `Protocol.blocked` says
//    that a frame has to wait.
// 5. User code is called from `run()` only, between two events.

import { type Bytes, EMPTY, withOwnBuffer } from "../util/bytes.ts";
import type { EndpointConsumer } from "./endpoint_consumer.ts";
import type { ProtocolError } from "../protocol/errors.ts";
import type { ConnectionGuard } from "../guard/connection_guard.ts";
import { type CompressedMessage, isCompressed } from "../protocol/message_assembler.ts";
import type { Protocol } from "../protocol/protocol.ts";
import { FIRST_ALLOWANCE, ReadAhead } from "./read_ahead.ts";

/** Gives a consumer what one protocol parses. */
export class ReceiveBackpressure {
  /** Messages received. */
  messages = 0;
  /** Messages that were discarded because the program takes none. */
  ignored = 0;
  /** Why no more messages are given out: a compressed message is not valid. */
  error: ProtocolError | undefined;
  /** A consumer that is behind has the rest of this turn before the chunk is looked at again. */
  yielding = false;
  /**
   * Whether bytes were given away that may lie in the chunk at hand; to be cleared before `run()`.
   */
  kept = false;
  /** Whether `run()` is at work. */
  running = false;

  readonly #protocol: Protocol;
  readonly #consumer: EndpointConsumer;
  readonly #guard: ConnectionGuard | undefined;
  readonly #ownBuffers: boolean;
  /** What waits for a consumer that is behind, when something does. */
  #ahead: ReadAhead | undefined;
  #dropsExcess = false;
  /** Whether what comes of a message is dropped, up to its end. */
  #dropping = false;
  /** Whether the byte stream has ended: no more comes than what is at hand. */
  #unbounded = false;
  /** Whether the consumer has had the turn in which the peer's Close frame was found. */
  #closeSeen = false;

  /** Takes over a protocol. */
  constructor(
    protocol: Protocol,
    consumer: EndpointConsumer,
    guard: ConnectionGuard | undefined,
    ownBuffers: boolean,
  ) {
    this.#protocol = protocol;
    this.#consumer = consumer;
    this.#guard = guard;
    this.#ownBuffers = ownBuffers;
    protocol.holding = true;
    protocol.allowance = FIRST_ALLOWANCE;
    protocol.announcesClose = true;
  }

  /** Whether messages wait for the consumer. */
  get draining(): boolean {
    return this.#ahead !== undefined;
  }

  /** Messages that wait for the consumer, each whole. */
  get unread(): number {
    return this.#ahead?.messages ?? 0;
  }

  /**
   * Whether messages that exceed what may wait are dropped, and counted in `ignored`; else the
   * endpoint reads nothing then. Nothing is kept of a message that is dropped, except of a
   * compressed one that the next may refer to. That one is collected, within what `maxMessageSize`
   * lets a compressed message have, and inflated at its end, to at most `maxMessageSize`.
   */
  set dropsExcess(drops: boolean) {
    this.#dropsExcess = drops;
    this.#allow();
  }

  /** The consumer takes messages, or takes them again. */
  proceed(): void {
    this.#protocol.holding = false;
    this.yielding = false;
  }

  /**
   * Parses and gives out as far as it may; false when the consumer calls it from within a call of
   * this.
   */
  run(): boolean {
    if (this.running) return false;
    this.running = true;
    const protocol = this.#protocol;
    if (protocol.input.dropTransferred()) this.#failTransferred();
    while (!this.yielding) {
      if (this.#ahead !== undefined && !protocol.holding) {
        this.#giveWaiting(this.#ahead);
        continue;
      }
      const message = protocol.nextMessage();
      if (message !== undefined) {
        this.#receiveNext(message);
        continue;
      }
      const event = protocol.nextOther();
      if (event === undefined) break;
      if (event === "closing") {
        this.#meetClose();
        continue;
      }
      const { data } = protocol;
      const violation = this.#guard?.judge(event, protocol.last);
      if (violation !== undefined) protocol.fail(violation);
      else if (event === "message") this.#receive(data, undefined);
      else if (event === "chunk") this.#receive(data, protocol.last);
      else if (event === "compressed") this.#wait(protocol.compressed!, undefined);
      else if (event !== "close") this.#consumer[event](data as Bytes);
    }
    this.running = false;
    protocol.data = EMPTY;
    if (this.#ahead !== undefined && protocol.violated) this.discard();
    return true;
  }

  /**
   * Parses what is left of the chunk at hand and `rest`, whether it fits or not: it came before the
   * byte stream ended.
   */
  runToEnd(rest: Bytes = EMPTY): void {
    const protocol = this.#protocol;
    if (protocol.state !== "open" || (protocol.input.empty && rest.length === 0)) return;
    this.#unbounded = true;
    this.#allow();
    this.yielding = false;
    this.#closeSeen = true;
    this.run();
    if (rest.length === 0) return;
    protocol.receive(rest);
    this.run();
  }

  /** Discards what waits for the consumer. */
  discard(): void {
    this.#ahead = undefined;
    this.#allow();
  }

  /**
   * The peer's Close frame comes next. The messages that wait and this turn's replies leave before
   * the answer.
   */
  #meetClose(): void {
    if (this.#protocol.holding && !this.#closeSeen) {
      this.#closeSeen = true;
      this.yielding = true;
    } else {
      this.#consumer.refill(true);
      this.#protocol.announcesClose = false;
    }
  }

  /**
   * The same as `#receive()` for a message of `nextMessage()`, which never has to wait or be
   * dropped. Through `nextOther()` each of 32 pipelined echoes of 20 octets cost Bun 15% more.
   */
  #receiveNext(message: string | Bytes): void {
    const violation = this.#guard?.message();
    if (violation !== undefined) return void this.#protocol.fail(violation);
    this.messages++;
    this.#give(message, undefined);
  }

  /** `last` is that of `Waiting`. */
  #receive(data: string | Bytes, last: boolean | undefined): void {
    if (this.#dropping || (last !== undefined && this.#protocol.holding && this.#dropsExcess)) {
      this.#dropping = last === false;
      if (!this.#dropping) this.#dropped();
      return;
    }
    if (this.#protocol.holding) return this.#wait(data, last);
    if (last !== false) this.messages++;
    this.#give(data, last);
  }

  /** A message that no `receive()` asked for, and that may not wait, has ended. */
  #dropped(): void {
    this.messages++;
    this.ignored++;
  }

  #wait(data: string | Bytes | CompressedMessage, last: boolean | undefined): void {
    const protocol = this.#protocol;
    const { input, declared } = protocol;
    protocol.compressed = undefined;
    if (last !== false) this.messages++;
    const size = last === undefined ? declared : input.end - input.start;
    const ahead = this.#ahead ??= new ReadAhead(protocol);
    if (this.#dropsExcess && size > ahead.allowance) this.ignored += ahead.drop(data);
    else if (isCompressed(data)) ahead.push({ data, size, last: undefined });
    else ahead.push({ data, size, last });
    this.#settle(ahead);
  }

  #give(data: string | Bytes, last: boolean | undefined): void {
    if (typeof data === "string") {
      if (!this.#take(data, last)) this.#hold();
      return;
    }
    this.kept = true;
    if (!this.#take(this.#ownBuffers ? withOwnBuffer(data) : data, last)) this.#hold();
    if (this.#protocol.input.dropTransferred()) this.#failTransferred();
  }

  #take(data: string | Bytes, last: boolean | undefined): boolean {
    return last === undefined ? this.#consumer.message(data) : this.#consumer.chunk(data, last);
  }

  /** Gives the consumer what has waited longest. */
  #giveWaiting(ahead: ReadAhead): void {
    const waiting = ahead.take();
    this.#settle(ahead);
    if (waiting === undefined) return;
    const { data, size, last } = waiting;
    this.#give(data, last ?? (size >= this.#protocol.streamFrom ? true : undefined));
  }

  /** What waits has changed. */
  #settle(ahead: ReadAhead): void {
    this.error ??= ahead.error;
    if (ahead.empty) this.discard();
    else this.#allow();
  }

  #allow(): void {
    this.#protocol.excessFrom = this.#dropsExcess
      ? Math.max(this.#ahead?.allowance ?? FIRST_ALLOWANCE, 0) + 1
      : Infinity;
    this.#protocol.allowance = this.#dropsExcess || this.#unbounded
      ? Infinity
      : this.#ahead?.allowance ?? FIRST_ALLOWANCE;
  }

  #hold(): void {
    const { input, state } = this.#protocol;
    this.#protocol.holding = true;
    this.yielding = !input.empty && state === "open";
  }

  /**
   * The program has transferred the memory of a message, with other messages in it that have not
   * been read: they are lost.
   */
  #failTransferred(): void {
    const error = new Error(
      "The memory of a message was transferred with messages in it that had not been read: " +
        "transfer a slice(), or set ownBuffers",
    );
    this.#protocol.fail(error);
    this.#consumer.failed(error);
  }
}
