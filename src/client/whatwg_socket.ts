// What the WHATWG's WebSocket does, over `connect()`; the interface in front of it is websocket.ts.
//
// 1. In browsers each event is a task, so code that awaits one event has run before the next. A
//    task would cost a timer here, so SETTLE_ROUNDS microtasks pass between two events instead.
//    They are fewer than turn.ts waits, or replies would not be batched.
// 2. One loop dispatches message, error and close, so their order is that of the wire.
// 3. While a Blob is read, everything sent behind it waits in `#queue`, the Close frame too. It
//    counts in bufferedAmount at once, and `overflow` decides about it as about what waits in the
//    connection.
// 4. bufferedAmount counts payloads without headers and does not fall while the code that calls
//    `send()` runs.

import { QUIET_ROUNDS } from "../connection/turn.ts";
import { isBlob } from "../util/brands.ts";
import { copyBytes } from "../util/bytes.ts";
import type { Connect, ConnectOptions } from "./connect.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import { type ResolvedLimits, resolveLimits } from "../connection/limits.ts";
import type { Message } from "../connection/message.ts";
import { tooMuchWaits } from "../connection/send_backpressure.ts";
import { createCloseEvent, createErrorEvent } from "./whatwg_events.ts";
import {
  type CloseArguments,
  closeStatus,
  connectChecked,
  sizeOf,
  toArrayBuffer,
} from "./whatwg_rules.ts";

/** The values of `readyState`. */
export const readyStates = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;

const { CONNECTING, OPEN, CLOSING, CLOSED } = readyStates;

/**
 * Awaiting a promise through a few nested functions takes up to this many microtasks. They are
 * fewer than those after which a turn is over, or replies would not leave in one write.
 */
const SETTLE_ROUNDS = QUIET_ROUNDS - 2;

/** A message that waits for a Blob, its own or one before it. */
interface Waiting {
  readonly size: number;
  /** Reads it; undefined once it has been dropped. */
  read: (() => Sent | Promise<ArrayBuffer>) | undefined;
}

type Sent = string | ArrayBuffer | ArrayBufferView;

/** What a message is sent from. */
export type Payload = string | Blob | ArrayBuffer | ArrayBufferView;

/** One WebSocket. What it is given has been checked. */
export class Socket {
  /** Where the connection goes. */
  readonly url: URL;
  /** The state of the connection. */
  readyState: 0 | 1 | 2 | 3 = CONNECTING;
  /** The type of binary messages. */
  binaryType: "blob" | "arraybuffer" = "blob";

  /** Where the events are dispatched. */
  readonly #target: EventTarget;
  readonly #handshake = new AbortController();
  #connection: WebSocketConnection<undefined> | undefined;
  readonly #limits: Pick<ResolvedLimits, "maxBufferedAmount" | "overflow">;
  /** The end of what waits for a Blob to be read. */
  #queue: Promise<void> | undefined;
  /** What waits there, in order. */
  readonly #waiting = new Set<Waiting>();
  /** Why this end has given the connection up. */
  #cause: Error | undefined;
  /** Octets given to the connection; `bufferedAmount` subtracts those that have left. */
  #pending = 0;
  /** Whether `#pending` must not fall, because the code that calls `send()` is still running. */
  #frozen = false;
  /** Octets that wait for a Blob, or will never be sent. */
  #unsent = 0;

  /** Opens a connection, and dispatches its events on `target`. */
  constructor(target: EventTarget, connect: Connect, url: URL, options: ConnectOptions) {
    this.#target = target;
    this.url = url;
    this.#limits = resolveLimits(options);
    connectChecked(connect, url, { ...options, signal: this.#handshake.signal })
      .then((connection) => this.#run(connection), (error) => this.#fail(error));
  }

  /** The subprotocol that the server chose. */
  get protocol(): string {
    return this.#connection?.protocol ?? "";
  }

  /** The extensions in use. */
  get extensions(): string {
    return this.#connection?.extensions ?? "";
  }

  /** Octets that have not left. */
  get bufferedAmount(): number {
    const connection = this.#connection;
    // After the end of the connection the value stays at what had not left.
    if (!this.#frozen && connection !== undefined && connection.state !== "closed") {
      this.#pending = Math.min(this.#pending, connection.bufferedAmount);
    }
    return this.#unsent + this.#pending;
  }

  /**
   * Sends a message.
   *
   * @throws {DOMException} An InvalidStateError when the connection is not open yet.
   */
  send(payload: Payload): void {
    if (this.readyState === CONNECTING) {
      throw new DOMException("Expected an open connection, got CONNECTING", "InvalidStateError");
    }
    const size = sizeOf(payload);
    if (this.readyState !== OPEN) this.#unsent += size;
    else if ((isBlob(payload) || this.#queue !== undefined) && this.#refuses()) return;
    else if (isBlob(payload)) this.#enqueue(() => payload.arrayBuffer(), size);
    else if (this.#queue === undefined) this.#transmit(payload, size);
    else {
      const copy = typeof payload === "string" ? payload : copyBytes(payload);
      this.#enqueue(() => copy, size);
    }
  }

  /** Starts the closing handshake, or gives up the opening handshake. */
  close({ code, reason }: CloseArguments): void {
    if (this.readyState === CONNECTING) {
      this.readyState = CLOSING;
      this.#handshake.abort(closedBeforeOpen());
    } else if (this.readyState === OPEN) {
      this.readyState = CLOSING;
      const start = (): unknown => this.#connection?.close(code, reason);
      if (this.#queue === undefined) start();
      else this.#queue.then(start);
    }
  }

  async #run(connection: WebSocketConnection<undefined>): Promise<void> {
    if (this.readyState !== CONNECTING) {
      connection.terminate();
      return this.#fail(closedBeforeOpen());
    }
    this.#connection = connection;
    this.readyState = OPEN;
    this.#target.dispatchEvent(new Event("open"));
    for (;;) {
      await settle();
      const message = await connection.receive().catch(() => undefined);
      if (message === undefined) break;
      if (this.readyState === OPEN) this.#deliver(message);
    }
    const info = await connection.closed;
    // `unsent` includes frame headers, so it is never less than what is counted here.
    this.#pending = Math.min(this.#pending, info.unsent);
    this.#finish(this.#cause ?? info.cause, { ...closeStatus(info), wasClean: info.wasClean });
  }

  #deliver(message: Message): void {
    const data = typeof message === "string"
      ? message
      : this.binaryType === "blob"
      ? new Blob([message])
      : toArrayBuffer(message);
    const { origin } = this.url;
    this.#target.dispatchEvent(new MessageEvent("message", { data, origin }));
  }

  /** The opening handshake failed: both events, for any reason. */
  #fail(error: unknown): void {
    this.#finish(error, { code: 1006, reason: "", wasClean: false });
  }

  /** RFC 6455 section 7.2.1: a connection that is lost has failed too, so it has an error event. */
  #finish(error: unknown, init: { code: number; reason: string; wasClean: boolean }): void {
    this.readyState = CLOSED;
    if (error !== undefined) this.#target.dispatchEvent(createErrorEvent(error));
    this.#target.dispatchEvent(createCloseEvent(init));
  }

  #transmit(payload: Sent, size: number): void {
    this.#pending = this.bufferedAmount - this.#unsent + size;
    // The encoder of a client has copied the bytes when this returns: it masks them.
    this.#connection?.send(payload);
    if (this.#frozen) return;
    this.#frozen = true;
    queueMicrotask(() => this.#frozen = false);
  }

  /** Whether one more message may not wait for a Blob, because too much waits. */
  #refuses(): boolean {
    const { maxBufferedAmount, overflow } = this.#limits;
    if (overflow === "wait" || this.bufferedAmount <= maxBufferedAmount) return false;
    if (overflow === "drop-oldest") {
      for (const waiting of this.#waiting) {
        if (this.bufferedAmount <= maxBufferedAmount) break;
        this.#waiting.delete(waiting);
        waiting.read = undefined;
        this.#unsent -= waiting.size;
      }
      return false;
    }
    if (overflow === "close") {
      this.#cause ??= tooMuchWaits(maxBufferedAmount, this.bufferedAmount);
      this.#connection?.terminate();
    }
    return true;
  }

  #enqueue(read: NonNullable<Waiting["read"]>, size: number): void {
    this.#unsent += size;
    const waiting: Waiting = { size, read };
    this.#waiting.add(waiting);
    const queue = (this.#queue ?? Promise.resolve()).then(() => waiting.read?.()).then((data) => {
      if (this.readyState === CLOSED || waiting.read === undefined) return;
      this.#waiting.delete(waiting);
      this.#unsent -= size;
      this.#transmit(data!, size);
    }).catch(() => this.#connection?.terminate()).then(() => {
      if (this.#queue === queue) this.#queue = undefined;
    });
    this.#queue = queue;
  }
}

function closedBeforeOpen(): DOMException {
  return new DOMException("The connection was closed before it was open", "AbortError");
}

/** Lets code that awaits an event run before the next one; see rule 1. */
async function settle(): Promise<void> {
  for (let i = 0; i < SETTLE_ROUNDS; i++) await undefined;
}
