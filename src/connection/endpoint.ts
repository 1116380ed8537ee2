// One end of an open connection: protocol + receiving half + transport + close timer + the rule of
// when to write.
//
// 1. All replies to one chunk leave in one write at its end. Everything else that is sent leaves at
//    the end of its turn, and what is published at the end of the event loop's (see turn.ts), or
//    at once when the batch has reached the high-water mark. One write for each message was 13 to
//    18 times slower.
// 2. The endpoint stops reading while a message has to wait for the consumer
//    (receive_backpressure.ts). Once this end has begun to close, the endpoint reads on and
//    discards messages.
// 3. The endpoint calls `closed()` of its consumer as soon as the byte stream ends, and
//    `finished()` when no message waits any more: messages that came before the peer's end are
//    still given out.
// 4. The promise of a message does not resolve while the endpoint may still read its octets. Small
//    messages are copied when they are encoded. Large ones are written from the caller's memory,
//    and have left by then.

import type { Bytes } from "../util/bytes.ts";
import { encodeCloseBody } from "../protocol/close_frame.ts";
import type { EndpointConsumer, EndpointLimits } from "./endpoint_consumer.ts";
import {
  HIGH_WATER_MARK,
  SendBackpressure,
  tooMuchWaits,
  UNCONGESTED,
} from "./send_backpressure.ts";
import { type CloseInfo, ConnectionClosed, ProtocolError } from "../protocol/errors.ts";
import { type FrameEncoder, lendBatches, REFERENCE_FROM } from "../protocol/frame_encoder.ts";
import type { ConnectionGuard } from "../guard/connection_guard.ts";
import { CloseTimer } from "./close_timer.ts";
import { ReceiveBackpressure } from "./receive_backpressure.ts";
import type { PreparedMessage } from "../protocol/prepared_message.ts";
import type { Sendable } from "../protocol/sendable.ts";
import { handled, RESOLVED } from "../util/promises.ts";
import type { Protocol } from "../protocol/protocol.ts";
import type { Transport, TransportSink } from "../transport/transport.ts";
import type { Tracer } from "./tracer.ts";
import { extendTurn, flushAtLoopEnd, flushAtTurnEnd } from "./turn.ts";

/** One end of an open connection. */
export class Endpoint implements TransportSink {
  // What each message touches stands first, and together: in a broadcast each receiver is outside
  // the caches. A delivery to 500 takes 0 to 5% less than in another order.
  readonly #protocol: Protocol;
  readonly #output: FrameEncoder;
  readonly #guard: ConnectionGuard | undefined;
  /** Its byte stream; others only read its properties. */
  readonly transport: Transport;
  #flushScheduled = false;
  #loopFlushScheduled = false;
  /** `inbound.yielding`, which would have to be fetched for each receiver of a broadcast. */
  #yields = false;
  /** Traces the connection. A tracer that is set later begins with the next frame. */
  tracer: Tracer | undefined;
  /** Messages sent. */
  messagesSent = 0;
  /** Its bounds. */
  readonly limits: EndpointLimits;
  /** Its receiving half. */
  readonly inbound: ReceiveBackpressure;

  /** How the connection ended, once it has. */
  info: CloseInfo | undefined;
  /** Each chunk that arrives sets it; the heartbeat clears it. */
  alive = true;
  /** The last round trip of a Ping, in milliseconds; the dispatcher sets it. */
  roundTrip: number | undefined;
  /** Whether all is over: the byte stream has ended, and no message waits any more. */
  finished = false;

  readonly #consumer: EndpointConsumer;
  /** Whether the transport reads; undefined until this end has first said so. */
  #reading: boolean | undefined;
  #ended = false;
  #peerEnded = false;
  #closeTimer: CloseTimer | undefined;
  #backpressure: SendBackpressure | undefined;

  /** Takes over a transport. `rest` is what came behind the handshake. */
  constructor(
    protocol: Protocol,
    transport: Transport,
    rest: Bytes,
    consumer: EndpointConsumer,
    limits: EndpointLimits,
    guard?: ConnectionGuard,
    tracer?: Tracer,
  ) {
    this.tracer = tracer;
    this.#protocol = protocol;
    this.#output = protocol.output;
    this.transport = transport;
    this.#consumer = consumer;
    this.limits = limits;
    this.#guard = guard;
    this.inbound = new ReceiveBackpressure(protocol, consumer, guard, limits.ownBuffers ?? false);
    protocol.answersPings = limits.autoPong ?? true;
    if (transport.borrows) lendBatches(protocol.output);
    if (rest.length > 0) this.#receive(rest);
    transport.sink = this;
  }

  /** Octets that wait to be sent. */
  get bufferedAmount(): number {
    if (this.info !== undefined) return 0; // What is lost does not wait.
    return this.#output.byteLength + this.transport.bufferedAmount;
  }
  /** Whether the transport takes nothing more for now. */
  get congested(): boolean {
    return this.#protocol.congested;
  }
  /** Whether reading has stopped because the consumer is behind. */
  get blocked(): boolean {
    return this.#protocol.blocked;
  }
  /** Messages sent and received. */
  get messages(): number {
    return this.messagesSent + this.inbound.messages;
  }
  /** Whether messages wait for the consumer. */
  get draining(): boolean {
    return this.inbound.draining;
  }
  /** Whether messages can be sent. */
  get open(): boolean {
    return this.#protocol.state === "open";
  }
  /** The state, as the user of the connection sees it. */
  get state(): "open" | "closing" | "closed" {
    return this.open ? "open" : this.info === undefined ? "closing" : "closed";
  }
  /** The size from which messages are given to the consumer in chunks. */
  set streamFrom(size: number) {
    this.#protocol.streamFrom = size;
  }

  /** Begins to read, or parses on. The consumer gets its first message after `proceed()`. */
  start(): void {
    this.#pump();
  }

  /** The consumer takes messages, or takes them again. */
  proceed(): void {
    this.inbound.proceed();
    this.#pump();
  }

  /** The consumer takes no more messages for now. */
  hold(): void {
    this.#protocol.holding = true;
  }

  /** Sends a fragment of a message; see `Protocol.sendFragment()`. */
  sendFragment(data: string | Uint8Array, first: boolean, fin: boolean): Promise<void> {
    if (!this.open) return this.#rejected();
    this.#protocol.sendFragment(data, first, fin);
    if (fin) this.#sent();
    this.#written();
    return this.#left(data);
  }

  /** Sends a message; see `WebSocketConnection.send()`. */
  send(data: Sendable, compress = true): Promise<void> {
    if (this.#protocol.state !== "open") return this.#rejected();
    if (this.limits.overflow === "close" && this.full()) return this.overflow();
    return this.transmit(data, compress);
  }

  /** Sends a message, however much waits; as octets when it is a text that was encoded before. */
  transmit(data: Sendable, compress: boolean, text?: boolean): Promise<void> {
    const protocol = this.#protocol;
    protocol.send(data, compress, text);
    this.#sent();
    this.#written();
    return protocol.congested ? this.#left(data) : RESOLVED;
  }

  /**
   * Sends a published message to a connection that keeps up, with the turn of the event loop. False
   * when the connection is not open, is behind, or has a small `maxBufferedAmount`: then it is for
   * the outbox or `send()`.
   */
  publish(message: PreparedMessage): boolean {
    const protocol = this.#protocol;
    const mayHoldMuch = this.limits.maxBufferedAmount >= UNCONGESTED;
    if (!mayHoldMuch || protocol.congested || protocol.state !== "open") return false;
    protocol.sendPrepared(message);
    this.#sent();
    if (this.#output.byteLength >= HIGH_WATER_MARK) this.flush();
    else if (!this.#loopFlushScheduled) {
      this.#loopFlushScheduled = true;
      flushAtLoopEnd(this);
    }
    return true;
  }

  #sent(): void {
    this.messagesSent++;
    this.#guard?.sending();
  }

  /**
   * Whether more than `maxBufferedAmount` waits, with the `held` octets that wait elsewhere to be
   * sent.
   */
  full(held = 0): boolean {
    const { maxBufferedAmount } = this.limits;
    if (held === 0 && !this.#protocol.congested && maxBufferedAmount >= UNCONGESTED) return false;
    if (held + this.bufferedAmount <= maxBufferedAmount) return false;
    // What only waits for the end of the turn can be written now.
    this.flush();
    return held + this.bufferedAmount > maxBufferedAmount;
  }

  /** Sends a Ping or a Pong; `maxBufferedAmount` holds for these too. */
  control(kind: "ping" | "pong", payload: Uint8Array): Promise<void> {
    if (!this.open) return this.#rejected();
    if (this.limits.overflow === "close" && this.full()) return this.overflow();
    this.#protocol[kind](payload);
    this.#written();
    return this.writable();
  }

  /** Starts the closing handshake. */
  close(code: number | undefined, reason: string): void {
    encodeCloseBody(code, reason);
    if (this.open) this.#consumer.refill(true);
    this.inbound.discard();
    this.#protocol.close(code, reason);
    this.#pump();
  }

  /** Drops the connection, without a closing handshake, and what waits for the consumer. */
  terminate(cause: Error): void {
    this.inbound.discard();
    this.lose(cause, "local");
    this.#finish();
  }

  /** Gives the connection up; what has come is still given to the consumer. */
  lose(cause: Error, endedBy: "local" | "timeout" = "timeout"): void {
    this.#protocol.abort(cause, endedBy);
    this.transport.destroy();
  }

  /** Writes what waits. */
  flush(): void {
    this.#flushScheduled = this.#loopFlushScheduled = false;
    let taken = true;
    for (let chunk = this.#output.take(); chunk !== undefined; chunk = this.#output.take()) {
      this.#guard?.sent(chunk.length);
      this.tracer?.sent(chunk);
      taken = this.transport.write(chunk);
    }
    if (!taken) this.#protocol.congested = true;
    if (!this.#yields) return;
    this.#yields = this.inbound.yielding = false;
    this.#pump();
  }

  /** Implements {@linkcode TransportSink}. */
  get borrows(): boolean {
    return true;
  }
  /** Implements {@linkcode TransportSink}. */
  get room(): Bytes | undefined {
    return this.#protocol.room;
  }
  /** Implements {@linkcode TransportSink}. */
  data(chunk: Bytes, lent = false): boolean {
    this.alive = true;
    this.#receive(chunk, lent);
    this.inbound.kept = false;
    this.#pump(true);
    if (lent) this.#protocol.input.own();
    return !this.inbound.kept && this.#protocol.input.empty;
  }

  /** Implements {@linkcode TransportSink}. */
  end(): void {
    this.#peerEnded = true;
    this.#protocol.receiveEnd();
    this.#pump();
    this.#endTransport();
  }

  /** Implements {@linkcode TransportSink}. */
  drain(): void {
    this.#protocol.congested = false;
    this.#protocol.flushPong();
    if (this.#output.byteLength > 0) this.flush();
    if (this.#protocol.congested) return;
    this.#consumer.refill(false);
    if (this.#protocol.congested) return;
    this.#backpressure?.drained();
    this.#consumer.drain();
  }

  /** Implements {@linkcode TransportSink}. */
  closed(error?: Error, rest?: Bytes): void {
    const { answersClose = false } = this.transport;
    const before = this.#consumer.held + this.bufferedAmount;
    this.inbound.runToEnd(rest);
    this.#closeTimer?.stop();
    // Replies since then have not left either, unless the engine below has sent them.
    const unsent = answersClose ? before : this.#consumer.held + this.bufferedAmount;
    const closeLeft = answersClose || this.bufferedAmount === 0;
    // After the peer's orderly end an error only says that the peer takes nothing more.
    const cause = this.#peerEnded ? undefined : error;
    this.info = this.#protocol.end(cause, unsent, closeLeft, this.roundTrip);
    this.#backpressure?.closed(this.info);
    this.tracer?.turned("closed");
    this.#consumer.closed(this.info);
    this.#finish();
  }

  /**
   * Tells the consumer that the connection has ended, if the byte stream has and no message waits.
   */
  #finish(): void {
    const { info } = this;
    if (info === undefined || this.finished || this.inbound.draining) return;
    this.finished = true;
    this.#protocol.dispose();
    // What was wrong with a message that waited is known already, unless the connection had ended
    // by then.
    this.#consumer.finished(info, this.#protocol.violated ? undefined : this.inbound.error);
  }

  #receive(chunk: Bytes, lent = false): void {
    if (this.tracer?.joins(this.#protocol.input)) this.tracer.received(chunk);
    const violation = this.#guard?.received(chunk.length);
    this.#protocol.receive(chunk, lent);
    if (violation !== undefined) this.#protocol.fail(violation);
  }

  /** Fails a peer that makes no progress; see `ConnectionGuard.check()`. */
  checkProgress(): void {
    const waiting = this.transport.bufferedAmount;
    const violation = this.#guard?.check(!!this.#reading && this.#protocol.receiving, waiting);
    if (violation === undefined) return;
    // While nothing leaves, a Close frame cannot leave either.
    if (waiting > 0) {
      const { code, reason, kind } = violation;
      return this.terminate(new ProtocolError(code, reason, kind));
    }
    this.#protocol.fail(violation);
    this.#pump();
  }

  /**
   * Parses as far as it may. `atOnce` writes the replies now, when the whole chunk has been parsed.
   */
  #pump(atOnce = false): void {
    if (!this.inbound.run()) return;
    const protocol = this.#protocol;
    const yielding = this.#yields = this.inbound.yielding;
    if (yielding) this.#flushLater();
    else if (atOnce) this.flush();
    else if (this.#output.byteLength > 0) this.#written();
    if (this.info !== undefined) return this.#finish();
    this.#read();
    if (protocol.closeTimerDue) this.#endSoon();
    this.tracer?.turned(this.state);
  }

  /**
   * Reads on when the chunk is used up; stops reading when a message has to wait for the consumer.
   */
  #read(): void {
    const reading = !this.#protocol.blocked && !this.inbound.yielding;
    if (reading === this.#reading) return;
    this.#reading = reading;
    if (reading) this.transport.resume();
    else this.transport.pause();
  }

  #endSoon(): void {
    if (this.info !== undefined) return;
    this.flush();
    if (this.#protocol.endDue) this.#endTransport();
    this.#closeTimer ??= new CloseTimer(this, this.limits.closeTimeout, this.transport.clock);
  }

  #endTransport(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.transport.end();
  }

  /** Ensures that what was encoded is written in time. */
  #written(): void {
    if (this.#output.byteLength >= HIGH_WATER_MARK) this.flush();
    else if (!this.inbound.running) this.#flushLater();
  }

  #flushLater(): void {
    if (this.#flushScheduled) return extendTurn();
    this.#flushScheduled = true;
    flushAtTurnEnd(this);
  }

  /**
   * Drops the connection because too much waits to be sent, with the `held` octets that wait
   * elsewhere.
   */
  overflow(held = 0): Promise<never> {
    this.terminate(tooMuchWaits(this.limits.maxBufferedAmount, held + this.bufferedAmount));
    return this.#rejected();
  }

  /** Resolves when more may be sent; rejects when nothing can be. */
  writable(): Promise<void> {
    if (!this.open) return this.#rejected();
    if (!this.#protocol.congested || this.bufferedAmount < HIGH_WATER_MARK) return RESOLVED;
    return this.#wait();
  }

  /**
   * Resolves when more may be sent, and the endpoint does not read the octets of `data` any more.
   */
  #left(data: Sendable): Promise<void> {
    if (typeof data === "string" || data.length < REFERENCE_FROM) return this.writable();
    if (!this.#protocol.congested) return RESOLVED;
    return this.#wait();
  }

  #wait(): Promise<void> {
    this.#backpressure ??= new SendBackpressure();
    return this.#backpressure.wait();
  }

  #rejected(): Promise<never> {
    return handled(Promise.reject(this.whyNotOpen()));
  }

  /** Why nothing can be sent: how the connection has ended, or what is known of its end so far. */
  whyNotOpen(): ConnectionClosed {
    return new ConnectionClosed(this.info ?? this.#protocol.known);
  }
}
