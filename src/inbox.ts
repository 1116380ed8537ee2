// Where messages go: to a hook when there is one, or else to `receive()`, one at a time.
//
// Without a hook one message at most waits here; nothing behind it is parsed or read until it is taken.
// So Pings and Close frames are answered while nobody receives, as long as no message stands before them.

import type { Bytes } from "./bytes.ts";
import { type CloseInfo, ConnectionClosed } from "./errors.ts";
import type { Endpoint, EndpointConsumer } from "./endpoint.ts";

interface Receiver {
  readonly resolve: (message: string | Bytes) => void;
  readonly reject: (error: Error) => void;
}

interface PendingPing {
  readonly payload: Uint8Array;
  readonly sentAt: number;
  readonly resolve: (milliseconds: number) => void;
  readonly reject: (error: Error) => void;
}

/** The consumer of one endpoint. */
export class Inbox implements EndpointConsumer {
  /** Takes each message; false asks for no more until the endpoint's `proceed()`. */
  onMessage: ((data: string | Bytes) => boolean) | undefined;
  /** The endpoint whose messages these are. */
  endpoint!: Endpoint;
  /** Resolves when the connection has ended; never rejects. */
  readonly whenClosed: Promise<CloseInfo>;

  #resolveClosed!: (info: CloseInfo) => void;
  #waiting: string | Bytes | undefined;
  #receivers: Receiver[] = [];
  #pings: PendingPing[] = [];

  /** An inbox whose endpoint is assigned next. */
  constructor() {
    this.whenClosed = new Promise((resolve) => this.#resolveClosed = resolve);
  }

  /** Implements {@linkcode EndpointConsumer}. */
  message(data: string | Bytes): boolean {
    if (this.onMessage !== undefined) return this.onMessage(data);
    const receiver = this.#receivers.shift();
    if (receiver !== undefined) {
      receiver.resolve(data);
      return true;
    }
    this.#waiting = data;
    return false;
  }

  /** The next message. */
  receive(): Promise<string | Bytes> {
    const message = this.#waiting;
    if (message !== undefined) {
      this.#waiting = undefined;
      this.endpoint.proceed();
      return Promise.resolve(message);
    }
    const { info } = this.endpoint;
    if (info !== undefined) return Promise.reject(new ConnectionClosed(info));
    return new Promise((resolve, reject) => this.#receivers.push({ resolve, reject }));
  }

  /** Sends a Ping and resolves with the round trip when its Pong comes. */
  ping(payload: Uint8Array): Promise<number> {
    this.endpoint.ping(payload);
    return new Promise((resolve, reject) => {
      this.#pings.push({ payload, sentAt: performance.now(), resolve, reject });
    });
  }

  /** Implements {@linkcode EndpointConsumer}. A Pong also answers every Ping sent before its own (section 5.5.3). */
  pong(payload: Bytes): void {
    const index = this.#pings.findIndex((ping) => equal(ping.payload, payload));
    const now = performance.now();
    for (const ping of this.#pings.splice(0, index + 1)) ping.resolve(now - ping.sentAt);
  }

  /** Implements {@linkcode EndpointConsumer}. */
  closed(info: CloseInfo): void {
    const error = new ConnectionClosed(info);
    for (const { reject } of this.#receivers.splice(0)) reject(error);
    for (const { reject } of this.#pings.splice(0)) reject(error);
    this.#resolveClosed(info);
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}
