// Where messages go: to a hook when there is one, or else to whoever waits in `receive()`.
//
// No message waits here: the endpoint holds back its bytes until somebody asks for it.

import type { Bytes } from "./bytes.ts";
import { type CloseInfo, ConnectionClosed } from "./errors.ts";
import type { Endpoint, EndpointConsumer } from "./endpoint.ts";
import { defer, type Deferred, handled } from "./promises.ts";

interface PendingPing {
  readonly payload: Uint8Array;
  readonly sentAt: number;
  readonly roundTrip: Deferred<number>;
}

/** The consumer of one endpoint. */
export class Inbox implements EndpointConsumer {
  /** Takes each message; false asks for no more until the endpoint's `proceed()`. */
  onMessage: ((data: string | Bytes) => boolean) | undefined;
  /** The endpoint whose messages these are. */
  endpoint!: Endpoint;
  /** Resolves when the connection has ended; never rejects. */
  get whenClosed(): Promise<CloseInfo> {
    return this.#closed.promise;
  }

  readonly #closed = defer<CloseInfo>();
  #receivers: Deferred<string | Bytes>[] = [];
  #pings: PendingPing[] = [];

  /** Implements {@linkcode EndpointConsumer}. */
  message(data: string | Bytes): boolean {
    if (this.onMessage !== undefined) return this.onMessage(data);
    this.#receivers.shift()?.resolve(data);
    return this.#receivers.length > 0;
  }

  /** The next message. */
  receive(): Promise<string | Bytes> {
    const { info } = this.endpoint;
    if (info !== undefined) return handled(Promise.reject(new ConnectionClosed(info)));
    const receiver = defer<string | Bytes>();
    this.#receivers.push(receiver);
    this.endpoint.proceed();
    return receiver.promise;
  }

  /** Sends a Ping and resolves with the round trip when its Pong comes. */
  ping(payload: Uint8Array): Promise<number> {
    if (!this.endpoint.open) {
      return handled(Promise.reject(new ConnectionClosed(this.endpoint.info)));
    }
    this.endpoint.ping(payload);
    const roundTrip = defer<number>();
    this.#pings.push({ payload, sentAt: performance.now(), roundTrip });
    return roundTrip.promise;
  }

  /** Implements {@linkcode EndpointConsumer}. A Pong also answers every Ping sent before its own (section 5.5.3). */
  pong(payload: Bytes): void {
    const index = this.#pings.findIndex((ping) => equal(ping.payload, payload));
    const now = performance.now();
    for (const { sentAt, roundTrip } of this.#pings.splice(0, index + 1)) {
      roundTrip.resolve(now - sentAt);
    }
  }

  /** Implements {@linkcode EndpointConsumer}. */
  closed(info: CloseInfo): void {
    const error = new ConnectionClosed(info);
    for (const receiver of this.#receivers.splice(0)) receiver.reject(error);
    for (const { roundTrip } of this.#pings.splice(0)) roundTrip.reject(error);
    this.#closed.resolve(info);
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}
