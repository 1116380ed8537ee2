// What is sent, in order: messages, streams of fragments, and what waits behind them.
//
// 1. The fragments of two messages must not mix (RFC 6455 section 5.4): while a stream is being
//    sent, other messages wait for its end. Control frames do not pass through here, and go between
//    the fragments.
// 2. Where messages may be dropped they wait here (backlog.ts), not yet encoded, while the
//    transport is congested: an encoded message is part of a compression context and cannot be
//    taken back.
// 3. The option `overflow` applies to the sum of what waits here and in the transport. What the
//    transport has cannot be dropped any more, so with "drop-oldest" the newest message waits
//    behind it, however much that is.
// 4. A message in chunks counts with the octets that are known to be still to come, while it waits
//    and while it is being sent: all of a Blob or an array. The chunks that a generator will make
//    are not known, and do not exist yet.
// 5. A Close frame does not wait: a message in chunks that is not complete is given up, with what
//    waits behind it, and their promises reject. Whole messages before it are sent first
//    (`refill()`).
// 6. A published message that another may replace (topics/deliver.ts) waits here in the same way,
//    with any `overflow`: from the first one on, this outbox holds messages back while the
//    transport is congested.
// 7. Small messages that wait share a promise, as those in the transport do: a promise for each
//    would be most of what they cost.

import { Backlog } from "./backlog.ts";
import { Deque } from "../util/deque.ts";
import { type BinaryData, toBytes } from "../util/bytes.ts";
import { chunkSize } from "./message_source.ts";
import { CloseCode } from "../protocol/close_frame.ts";
import type { EndpointLimits } from "./endpoint_consumer.ts";
import type { Endpoint } from "./endpoint.ts";
import { type CloseInfo, ConnectionClosed } from "../protocol/errors.ts";
import type { Sendable } from "../protocol/sendable.ts";
import { defer, type Deferred, RESOLVED } from "../util/promises.ts";

/** A message in chunks that waits, or is being sent. */
interface WaitingStream {
  readonly kind: "stream";
  /** Octets that are known to be still to come from its source. */
  size: number;
  readonly chunks: Chunks;
  readonly sent: Deferred<void>;
}

type Chunks = AsyncIterator<string | BinaryData> | Iterator<string | BinaryData>;

/** Chunks of one message to send: all strings, or all bytes. */
export type MessageSource =
  | AsyncIterable<string | BinaryData>
  | Iterable<string | BinaryData>;

/**
 * The promise of messages that wait, which is settled when the last of them has been sent or
 * dropped.
 */
interface Waiters {
  /** How many of them wait. */
  count: number;
  /** Octets of all that have waited. */
  size: number;
  readonly sent: Deferred<void>;
}

/** The octets of messages that share a promise, which itself takes some 400. */
const SHARED = 4_096;

/** Whether messages may be dropped, and therefore wait here. */
export function mayDrop({ overflow }: EndpointLimits): boolean {
  return overflow === "drop-oldest" || overflow === "drop-newest";
}

/**
 * The sender of one endpoint, where messages may be dropped or one in chunks is sent; else
 * `Endpoint.send()` does.
 */
export class Outbox {
  /** Messages that were dropped. */
  dropped = 0;

  readonly #endpoint: Endpoint;
  /** Whether messages wait here while the transport is congested. */
  holds: boolean;
  /** What waits. */
  readonly backlog: Backlog<WaitingStream> = new Backlog();
  /** The promises of the messages that wait, in order. */
  readonly #waiters = new Deque<Waiters>();
  #stream: WaitingStream | undefined;
  /**
   * Octets that waited behind a message in chunks when the connection began to close, and will not
   * be sent.
   */
  #lost = 0;

  /** The sender for one endpoint. */
  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.holds = mayDrop(endpoint.limits);
  }

  /**
   * Octets that wait here, or waited here when the connection began to close; each message counts
   * some more.
   */
  get held(): number {
    return this.#lost + this.backlog.size;
  }

  /** Octets that wait here and in the transport. */
  get bufferedAmount(): number {
    return this.#waiting + this.#endpoint.bufferedAmount;
  }

  /** Octets that wait here. */
  get #waiting(): number {
    return this.backlog.size + (this.#stream?.size ?? 0);
  }

  /** Sends a message. */
  send(data: Sendable, compress: boolean): Promise<void> {
    const endpoint = this.#endpoint;
    if (!endpoint.open) return endpoint.send(data, compress);
    const refused = this.refuse();
    if (refused !== undefined) return refused;
    if (this.ready) return endpoint.transmit(data, compress);
    const { size } = this.backlog;
    this.backlog.push(data, compress);
    return this.wait(this.backlog.size - size);
  }

  /**
   * Sends a message from its chunks, as fragments, at the pace of the peer.
   *
   * @param size Octets of all of them, as far as that is known.
   */
  sendStream(source: MessageSource, size: number): Promise<void> {
    if (!this.#endpoint.open) return this.#endpoint.writable();
    const chunks = Symbol.asyncIterator in source
      ? source[Symbol.asyncIterator]()
      : source[Symbol.iterator]();
    const refused = this.refuse();
    if (refused !== undefined) {
      release(chunks);
      return refused;
    }
    const stream: WaitingStream = { kind: "stream", size, chunks, sent: defer() };
    this.backlog.keep(stream);
    this.refill(false);
    return stream.sent.promise;
  }

  /** Whether nothing has to leave before what comes. */
  get ready(): boolean {
    return this.#stream === undefined && this.backlog.count === 0 &&
      !(this.holds && this.#endpoint.congested);
  }

  /**
   * Sends what waits, as far as it need not wait any more.
   *
   * @param all Whether to send messages even if the transport is congested: before a Close frame.
   */
  refill(all: boolean): void {
    while (this.#stream === undefined) {
      if (!all && this.holds && this.#endpoint.congested) return;
      const { size } = this.backlog;
      const next = this.backlog.shift();
      if (next === undefined) return;
      if (next.kind === "stream") {
        this.#stream = next;
        this.#sendFragments(next).then(next.sent.resolve, next.sent.reject).then(() => {
          this.#stream = undefined;
          this.refill(false);
        });
      } else if (this.#endpoint.open) {
        const { data, compress, text } = next;
        this.#passed(this.#endpoint.transmit(data, compress, text));
      } else {
        this.#lost += size - this.backlog.size;
        this.#passed(this.#endpoint.writable());
      }
    }
  }

  /** The connection has ended: nothing that waits will be sent. */
  closed(info: CloseInfo): void {
    const stream = this.#stream;
    if (stream === undefined && this.backlog.count === 0) return;
    const error = new ConnectionClosed(info);
    if (stream !== undefined) stream.size = 0;
    while (this.#waiters.count > 0) this.#waiters.shift()!.sent.reject(error);
    while (this.backlog.count > 0) this.#giveUp(this.backlog.drop(), error);
    // The source may never give its next chunk.
    this.#giveUp(stream, error);
  }

  /**
   * Applies the option `overflow` before a message is added.
   *
   * @returns The promise for a message that is not accepted because too much waits.
   */
  refuse(): Promise<void> | undefined {
    const { limits } = this.#endpoint;
    if (limits.overflow === "wait" || !this.#endpoint.full(this.#waiting)) return undefined;
    if (limits.overflow === "close") return this.#endpoint.overflow(this.#waiting);
    if (limits.overflow === "drop-oldest") {
      const most = limits.maxBufferedAmount - this.#endpoint.bufferedAmount;
      while (this.#waiting > most && this.backlog.count > 0) this.#dropOldest();
      return undefined;
    }
    this.dropped++;
    return RESOLVED;
  }

  #dropOldest(): void {
    const stream = this.backlog.drop();
    this.dropped++;
    if (stream === undefined) return this.#passed(RESOLVED);
    stream.sent.resolve();
    release(stream.chunks);
  }

  /** The promise of a message that has just begun to wait. */
  wait(size: number): Promise<void> {
    let waiters = this.#waiters.last;
    if (waiters === undefined || waiters.size >= SHARED) {
      waiters = { count: 0, size: 0, sent: defer() };
      this.#waiters.push(waiters);
    }
    waiters.count++;
    waiters.size += size;
    return waiters.sent.promise;
  }

  /** The first message does not wait here any more. */
  #passed(left: Promise<void>): void {
    const { first: waiters } = this.#waiters;
    if (waiters === undefined || --waiters.count > 0) return;
    this.#waiters.shift();
    left.then(waiters.sent.resolve, waiters.sent.reject);
  }

  #giveUp(stream: WaitingStream | undefined, error: Error): void {
    if (stream === undefined) return;
    stream.sent.reject(error);
    release(stream.chunks);
  }

  async #sendFragments(stream: WaitingStream): Promise<void> {
    const endpoint = this.#endpoint;
    const { chunks } = stream;
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
        if (stream.size > 0) stream.size = Math.max(stream.size - chunkSize(value), 0);
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

/** Releases a source that is not read to its end. */
function release(chunks: Chunks): void {
  try {
    Promise.resolve(chunks.return?.()).catch(() => {});
  } catch {
    // The message has failed already, and its first error counts.
  }
}
