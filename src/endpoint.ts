// One end of an open connection: protocol + transport + close timer + the rule of when to write.
//
// 1. All replies to one chunk leave in one write at its end; whatever else is sent leaves at the end of its turn
//    (see turn.ts), or at once when the batch has reached the high-water mark. One write each was 13 to 18 times slower.
// 2. While the consumer is behind, parsing and reading stop at the next data frame: one chunk is held, no message is
//    put together. Control frames that stand before it are answered. Once the closing handshake has begun messages
//    are discarded, so reading goes on.
// 3. User code is called from `#pump()` only, between two events.

import type { Bytes } from "./bytes.ts";
import { type CloseInfo, ConnectionClosed } from "./errors.ts";
import { defer, type Deferred, handled } from "./promises.ts";
import type { Protocol } from "./protocol.ts";
import type { Transport, TransportSink } from "./transport.ts";
import { extendTurn, flushAtTurnEnd } from "./turn.ts";

/** Octets that may wait to be sent before `send()` makes its caller wait. */
export const HIGH_WATER_MARK = 65_536;

/** Resolved, and shared by all that need not wait. */
export const RESOLVED: Promise<void> = Promise.resolve();

/** Who takes what arrives. */
export interface EndpointConsumer {
  /** Takes a message; false asks for no more until `proceed()`. */
  message(data: string | Bytes): boolean;
  /** Takes the payload of a Pong. */
  pong(payload: Bytes): void;
  /** Told last, and once. */
  closed(info: CloseInfo): void;
}

/** The bounds of one end; see the options of `serve()`. */
export interface EndpointLimits {
  /** Milliseconds from the first Close frame to the end of the byte stream. */
  readonly closeTimeout: number;
  /** Octets that may wait to be sent before the connection is given up. */
  readonly maxBufferedAmount: number;
}

/** One end of an open connection. */
export class Endpoint implements TransportSink {
  /** How the connection ended, once it has. */
  info: CloseInfo | undefined;

  readonly #protocol: Protocol;
  readonly #transport: Transport;
  readonly #consumer: EndpointConsumer;
  readonly #limits: EndpointLimits;
  #reading = false;
  #pumping = false;
  #flushScheduled = false;
  #ended = false;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #drained: Deferred<void> | undefined;

  /** Takes a transport over. `rest` is what came behind the handshake. */
  constructor(
    protocol: Protocol,
    transport: Transport,
    rest: Bytes,
    consumer: EndpointConsumer,
    limits: EndpointLimits,
  ) {
    this.#protocol = protocol;
    this.#transport = transport;
    this.#consumer = consumer;
    this.#limits = limits;
    if (rest.length > 0) protocol.receive(rest);
    transport.sink = this;
    transport.pause();
  }

  /** Octets that wait to be sent. */
  get bufferedAmount(): number {
    return this.#protocol.output.byteLength + this.#transport.bufferedAmount;
  }

  /** Whether messages can be sent. */
  get open(): boolean {
    return this.#protocol.state === "open";
  }

  /** Begins to read. The consumer gets its first message after `proceed()`. */
  start(): void {
    this.#pump();
  }

  /** The consumer takes messages, or takes them again. */
  proceed(): void {
    this.#protocol.holding = false;
    this.#pump();
  }

  /** Sends a message; see `WebSocketConnection.send()`. */
  send(data: string | Uint8Array, compress = true): Promise<void> {
    if (this.#protocol.state !== "open") return this.#rejected();
    this.#protocol.send(data, compress);
    this.#written();
    return this.#writable();
  }

  /** Sends a Ping. The connection must be open. */
  ping(payload: Uint8Array): void {
    this.#protocol.ping(payload);
    this.#written();
  }

  /** Starts the closing handshake. */
  close(code: number | undefined, reason: string): void {
    this.#protocol.close(code, reason);
    this.#pump();
  }

  /** Drops the connection, without a closing handshake. */
  terminate(cause: Error): void {
    this.#protocol.abort(cause, "local");
    this.#transport.destroy();
  }

  /** Writes what waits. */
  flush(): void {
    this.#flushScheduled = false;
    const { output } = this.#protocol;
    let taken = true;
    for (let chunk = output.take(); chunk !== undefined; chunk = output.take()) {
      taken = this.#transport.write(chunk);
    }
    if (!taken) this.#congested();
  }

  /** Implements {@linkcode TransportSink}. */
  data(chunk: Bytes): void {
    this.#protocol.receive(chunk);
    this.#pump();
    if (this.#protocol.output.byteLength > 0) this.flush();
  }

  /** Implements {@linkcode TransportSink}. */
  end(): void {
    this.#protocol.receiveEnd();
    this.#pump();
    this.#endTransport();
  }

  /** Implements {@linkcode TransportSink}. */
  drain(): void {
    this.#protocol.congested = false;
    this.#protocol.flushPong();
    if (this.#protocol.output.byteLength > 0) this.flush();
    if (this.#protocol.congested) return;
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  /** Implements {@linkcode TransportSink}. */
  closed(error?: Error): void {
    clearTimeout(this.#closeTimer);
    this.info = this.#protocol.end(error);
    this.#drained?.reject(new ConnectionClosed(this.info));
    this.#drained = undefined;
    this.#consumer.closed(this.info);
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const protocol = this.#protocol;
    for (;;) {
      const event = protocol.nextEvent();
      if (event === undefined) break;
      if (event === "message") {
        if (!this.#consumer.message(protocol.data)) protocol.holding = true;
      } else if (event === "pong") {
        this.#consumer.pong(protocol.data as Bytes);
      }
    }
    this.#pumping = false;
    if (protocol.output.byteLength > 0) this.#written();
    this.#read();
    if (protocol.closeTimerDue) this.#closing();
  }

  /** Reads on when the chunk is used up; stops reading when a message waits for the consumer. */
  #read(): void {
    const reading = !this.#protocol.blocked;
    if (reading === this.#reading) return;
    this.#reading = reading;
    if (reading) this.#transport.resume();
    else this.#transport.pause();
  }

  #closing(): void {
    if (this.info !== undefined) return;
    this.flush();
    if (this.#protocol.endDue) this.#endTransport();
    this.#closeTimer ??= setTimeout(() => {
      const { closeTimeout } = this.#limits;
      this.terminate(new Error(`The connection did not close within ${closeTimeout} ms`));
    }, this.#limits.closeTimeout);
  }

  #endTransport(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#transport.end();
  }

  /** Sees to it that what was encoded is written in time. */
  #written(): void {
    if (this.#protocol.output.byteLength >= HIGH_WATER_MARK) this.flush();
    else if (this.#pumping) return;
    else if (this.#flushScheduled) extendTurn();
    else {
      this.#flushScheduled = true;
      flushAtTurnEnd(this);
    }
  }

  #congested(): void {
    this.#protocol.congested = true;
    const { maxBufferedAmount } = this.#limits;
    if (this.bufferedAmount <= maxBufferedAmount) return;
    this.terminate(
      new Error(`More than ${maxBufferedAmount} octets (maxBufferedAmount) waited to be sent`),
    );
  }

  #writable(): Promise<void> {
    if (!this.#protocol.congested) return RESOLVED;
    if (!this.open) return this.#rejected();
    if (this.bufferedAmount < HIGH_WATER_MARK) return RESOLVED;
    this.#drained ??= defer<void>();
    return this.#drained.promise;
  }

  #rejected(): Promise<never> {
    return handled(Promise.reject(new ConnectionClosed(this.info)));
  }
}
