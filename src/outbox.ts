// What is sent, in order: messages, streams of fragments, and what waits behind them.
//
// 1. The fragments of two messages must not mix (RFC 6455 section 5.4): while a stream is being sent, whatever else is
//    sent waits for its end. Control frames do not pass through here, and go between.
// 2. Where messages may be dropped they wait here, not yet encoded, while the transport is congested: what is encoded
//    counts in a compression context and cannot be taken back.
// 3. What waits here counts: `overflow` is applied to it and to what waits in the transport as one.

import { type BinaryData, toBytes } from "./bytes.ts";
import { CloseCode } from "./close.ts";
import type { EndpointLimits } from "./consumer.ts";
import type { Endpoint } from "./endpoint.ts";
import { type CloseInfo, ConnectionClosed } from "./errors.ts";
import type { Sendable } from "./prepared.ts";
import { defer, type Deferred, RESOLVED } from "./promises.ts";

/** A message that waits. */
interface WaitingMessage {
  readonly kind: "message";
  readonly data: Sendable;
  readonly compress: boolean;
  readonly sent: Deferred<void>;
}

/** A message in chunks that waits, or is being sent. */
interface WaitingStream {
  readonly kind: "stream";
  readonly chunks: Chunks;
  readonly sent: Deferred<void>;
}

type Chunks = AsyncIterator<string | BinaryData> | Iterator<string | BinaryData>;

/** Chunks of one message to send: all strings, or all bytes. */
export type MessageSource =
  | AsyncIterable<string | BinaryData>
  | Iterable<string | BinaryData>;

/** What waits on most connections. */
const NOTHING: (WaitingMessage | WaitingStream)[] = [];

/** Whether messages may be dropped, and so wait where they still can be. */
export function mayDrop({ overflow }: EndpointLimits): boolean {
  return overflow === "drop-oldest" || overflow === "drop-newest";
}

/** The sender of one endpoint, where messages may be dropped or one in chunks is sent; else `Endpoint.send()` does. */
export class Outbox {
  /** Messages that were dropped. */
  dropped = 0;

  readonly #endpoint: Endpoint;
  readonly #mayDrop: boolean;
  #waiting = NOTHING;
  /** Octets of the messages that wait; UTF-16 code units of texts. */
  #waitingSize = 0;
  #stream: WaitingStream | undefined;

  /** The sender for one endpoint. */
  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.#mayDrop = mayDrop(endpoint.limits);
  }

  /** Octets that wait here and in the transport. */
  get bufferedAmount(): number {
    return this.#waitingSize + this.#endpoint.bufferedAmount;
  }

  /** Sends a message. */
  send(data: Sendable, compress: boolean): Promise<void> {
    const endpoint = this.#endpoint;
    const ready = this.#stream === undefined && !(this.#mayDrop && endpoint.congested);
    if (ready || !endpoint.open) return endpoint.send(data, compress);
    return this.#wait({ kind: "message", data, compress, sent: defer() });
  }

  /** Sends a message from its chunks, as fragments, at the pace of the peer. */
  sendStream(source: MessageSource): Promise<void> {
    if (!this.#endpoint.open) return this.#endpoint.writable();
    const chunks = Symbol.asyncIterator in source
      ? source[Symbol.asyncIterator]()
      : source[Symbol.iterator]();
    const stream: WaitingStream = { kind: "stream", chunks, sent: defer() };
    this.#push(stream);
    this.refill(false);
    return stream.sent.promise;
  }

  /**
   * Sends what waits, as far as it need not wait any more.
   *
   * @param all Sends messages though the transport is congested: before a Close frame.
   */
  refill(all: boolean): void {
    while (this.#stream === undefined && this.#waiting.length > 0) {
      if (!all && this.#mayDrop && this.#endpoint.congested) return;
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (next.kind === "stream") {
        this.#stream = next;
        this.#sendFragments(next).then(next.sent.resolve, next.sent.reject).then(() => {
          this.#stream = undefined;
          this.refill(false);
        });
      } else {
        this.#waitingSize -= next.data.length;
        this.#endpoint.send(next.data, next.compress).then(next.sent.resolve, next.sent.reject);
      }
    }
  }

  /** The connection has ended: nothing that waits will be sent. */
  closed(info: CloseInfo): void {
    const stream = this.#stream;
    if (stream === undefined && this.#waiting.length === 0) return;
    const error = new ConnectionClosed(info);
    this.#waitingSize = 0;
    for (const { sent } of this.#waiting.splice(0)) sent.reject(error);
    if (stream === undefined) return;
    // The source may never come to its next chunk.
    stream.sent.reject(error);
    release(stream.chunks);
  }

  #wait(message: WaitingMessage): Promise<void> {
    const { maxBufferedAmount, overflow } = this.#endpoint.limits;
    const { length } = message.data;
    const fits = (): boolean => this.bufferedAmount + length <= maxBufferedAmount;
    if (overflow === "drop-oldest" && this.#endpoint.bufferedAmount + length <= maxBufferedAmount) {
      while (!fits() && this.#dropOldest());
    }
    if (!fits() && overflow !== "wait") {
      if (overflow === "close") {
        this.#endpoint.overflow();
        return this.#endpoint.writable();
      }
      this.dropped++;
      return RESOLVED;
    }
    this.#push(message);
    this.#waitingSize += length;
    return message.sent.promise;
  }

  #push(waiting: WaitingMessage | WaitingStream): void {
    if (this.#waiting === NOTHING) this.#waiting = [];
    this.#waiting.push(waiting);
  }

  #dropOldest(): boolean {
    const index = this.#waiting.findIndex(({ kind }) => kind === "message");
    const [message] = index < 0 ? [] : this.#waiting.splice(index, 1);
    if (message?.kind !== "message") return false;
    this.#waitingSize -= message.data.length;
    this.dropped++;
    message.sent.resolve();
    return true;
  }

  async #sendFragments({ chunks }: WaitingStream): Promise<void> {
    const endpoint = this.#endpoint;
    let kind: "string" | "object" | undefined;
    let first = true;
    /** A high surrogate whose other half is in the next chunk. */
    let half = "";
    let failedItself = false;
    try {
      for (;;) {
        // The source is not asked for more than the peer takes.
        await endpoint.writable();
        failedItself = true;
        const { done, value } = await chunks.next();
        failedItself = false;
        if (!endpoint.open) return await endpoint.writable();
        if (done) break;
        const type = typeof value === "string" ? "string" : "object";
        if (kind !== undefined && type !== kind) {
          throw new TypeError("Expected the chunks of a message to be all strings or all bytes");
        }
        kind = type;
        let data = typeof value === "string" ? half + value : toBytes(value);
        half = "";
        if (typeof data === "string" && /[\ud800-\udbff]$/.test(data)) {
          half = data.slice(-1);
          data = data.slice(0, -1);
        }
        if (data.length === 0) continue;
        await endpoint.sendFragment(data, first, false);
        first = false;
      }
    } catch (error) {
      if (!failedItself) release(chunks);
      // Half a message cannot be taken back.
      if (endpoint.open && !first) endpoint.close(CloseCode.internalError, "");
      throw error;
    }
    await endpoint.sendFragment(kind === "string" ? half : new Uint8Array(0), first, true);
  }
}

/** Lets go of a source that is not read to its end. */
function release(chunks: Chunks): void {
  try {
    Promise.resolve(chunks.return?.()).catch(() => {});
  } catch {
    // The message has failed already, with what comes first.
  }
}
