// Reads a transport by pull, for the part of a connection that is HTTP: one chunk for each
// `read()`.
//
// 1. Without a watcher the transport is paused while no `read()` is pending. The bytes behind a
//    handshake, and the end of the stream, then wait in the socket, and `release()` can hand the
//    transport over without losing any.
// 2. With a watcher the transport is read ahead, because a paused transport does not report that
//    the peer has gone. The reader holds what comes, up to a bound; beyond it the report comes
//    later.

import { type Bytes, concat, EMPTY } from "../util/bytes.ts";
import { type Clock, systemClock } from "../util/clock.ts";
import type { Transport, TransportSink } from "./transport.ts";

/** Octets that are read ahead, give or take a chunk. */
const MOST_HELD = 65_536;
/** What a chunk counts for besides its octets: small chunks must not cost more than large ones. */
const OVERHEAD = 256;

/** What `write()` waits for. */
const WRITING = "octets of HTTP to leave";

/** Why a read gave no chunk: the peer ended its side, the stream is gone, or the time was up. */
export type ReadFailure = "ended" | "closed" | "timeout";

/** Learns at once what becomes of a stream, even while it is not being read. */
export interface ReaderWatcher {
  /** The peer has ended its side. */
  peerEnded(): void;
  /** Bytes that were written have left. */
  progressed(): void;
  /** The stream is gone. */
  gone(): void;
}

/** Takes each chunk as it comes. */
export interface ChunkTaker {
  /**
   * A chunk, as `TransportSink.data()` gets it. True says that nothing of its memory was kept.
   */
  take(chunk: Bytes, lent: boolean): boolean;
}

/** Reads and writes a transport by promises. */
export class TransportReader implements TransportSink {
  /** The transport that is read. */
  readonly transport: Transport;

  readonly #watcher: ReaderWatcher | undefined;
  readonly #clock: Clock;
  /** The chunks that were put back, or have come before a `read()`, in order. */
  readonly #held: Bytes[] = [];
  #heldSize = 0;
  #ended = false;
  #closed = false;
  #reading: ((result: Bytes | ReadFailure) => void) | undefined;
  #writing: ((open: boolean) => void) | undefined;

  /** Takes the transport over. With a watcher it reads ahead from now on. */
  constructor(transport: Transport, watcher?: ReaderWatcher) {
    this.transport = transport;
    this.#clock = transport.clock ?? systemClock;
    this.#watcher = watcher;
    transport.sink = this;
    if (watcher !== undefined) transport.resume();
  }

  /** Called when the stream is gone, for an owner that waits for something else meanwhile. */
  onClosed: (() => void) | undefined;
  /** Gets what comes while it is set, in place of `read()`; nothing is held then. */
  taker: ChunkTaker | undefined;
  /** What ended the stream, if it was not an orderly end. */
  error: Error | undefined;

  /** Whether the stream is gone. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether the transport has reported that the peer ended its side. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Puts bytes back, to be read next. */
  unread(rest: Uint8Array): void {
    if (rest.length === 0) return;
    this.#held.unshift(rest as Bytes);
    this.#heldSize += rest.length + OVERHEAD;
  }

  /**
   * Takes the bytes that were put back or read ahead, and stops watching the transport: its next
   * owner sets the sink.
   */
  release(): Bytes {
    if (this.#watcher !== undefined) this.transport.pause();
    if (this.#held.length === 0) return EMPTY;
    const held = this.#held.splice(0);
    this.#heldSize = 0;
    return held.length > 1 ? concat(held) : held[0] ?? EMPTY;
  }

  /** The next chunk that is held, if one is. */
  takeHeld(): Bytes | undefined {
    const held = this.#held.shift();
    if (held === undefined) return undefined;
    const full = this.#heldSize >= MOST_HELD;
    this.#heldSize -= held.length + OVERHEAD;
    if (full && this.#heldSize < MOST_HELD && this.#watcher !== undefined) {
      this.transport.resume();
    }
    return held;
  }

  /** The next chunk, or why there is none. One read at a time. */
  async read(timeout: number): Promise<Bytes | ReadFailure> {
    const held = this.takeHeld();
    if (held !== undefined) return held;
    if (this.#closed) return "closed";
    if (this.#ended) return "ended";
    if (timeout <= 0) return "timeout";
    return await this.next(timeout);
  }

  /** What comes next, also after the end of the peer's side. */
  async next(timeout: number): Promise<Bytes | ReadFailure> {
    let timer: unknown;
    const result = await new Promise<Bytes | ReadFailure>((resolve) => {
      // An earlier read waits no longer.
      this.#reading?.("timeout");
      this.#reading = resolve;
      timer = this.#clock.setTimer(() => this.#resolve("timeout"), timeout, "more octets of HTTP");
      this.transport.resume();
    });
    this.#clock.clearTimer(timer);
    return result;
  }

  /**
   * Writes, and waits until the bytes have left when the transport had to buffer them. Resolves to
   * false when the stream is gone, or none of them left for `timeout` milliseconds. All of them
   * together may take any time.
   */
  async write(bytes: Bytes, timeout: number): Promise<boolean> {
    return await this.writeNow(bytes, timeout);
  }

  /** As `write()`; true at once when no bytes have to wait. */
  writeNow(bytes: Bytes, timeout: number): boolean | Promise<boolean> {
    if (this.#closed) return false;
    if (!this.transport.write(bytes)) return this.#drained(timeout);
    this.#watcher?.progressed();
    return true;
  }

  async #drained(timeout: number): Promise<boolean> {
    let timer: unknown;
    const open = await new Promise<boolean>((resolve) => {
      this.#writing = resolve;
      let waiting = this.transport.bufferedAmount;
      let since = this.#clock.now();
      const look = (): void => {
        const { bufferedAmount } = this.transport;
        const now = this.#clock.now();
        if (bufferedAmount < waiting) since = now;
        waiting = bufferedAmount;
        if (now - since >= timeout) resolve(false);
        else timer = this.#clock.setTimer(look, timeout / 4, WRITING);
      };
      timer = this.#clock.setTimer(look, timeout / 4, WRITING);
    });
    this.#clock.clearTimer(timer);
    if (open) this.#watcher?.progressed();
    return open;
  }

  /** Implements {@linkcode TransportSink}. */
  get borrows(): boolean {
    return true;
  }

  /** Implements {@linkcode TransportSink}. */
  data(chunk: Bytes, lent = false): boolean {
    if (this.taker !== undefined) return this.taker.take(chunk, lent);
    const kept = lent ? chunk.slice() : chunk;
    if (this.#reading !== undefined) {
      this.#resolve(kept);
      return lent;
    }
    this.#held.push(kept);
    this.#heldSize += kept.length + OVERHEAD;
    if (this.#heldSize >= MOST_HELD) this.transport.pause();
    return lent;
  }

  /** Implements {@linkcode TransportSink}. */
  end(): void {
    this.#ended = true;
    this.#resolve("ended");
    this.#watcher?.peerEnded();
  }

  /** Implements {@linkcode TransportSink}. */
  drain(): void {
    this.#writing?.(true);
    this.#writing = undefined;
  }

  /** Implements {@linkcode TransportSink}. */
  closed(error?: Error): void {
    this.#closed = true;
    this.error = error;
    this.#resolve("closed");
    this.#writing?.(false);
    this.#writing = undefined;
    this.#watcher?.gone();
    this.onClosed?.();
  }

  #resolve(result: Bytes | ReadFailure): void {
    if (this.#watcher === undefined) this.transport.pause();
    this.#reading?.(result);
    this.#reading = undefined;
  }
}

/**
 * Ends the stream of a reader in order. It ends our side first, then drops what still comes until
 * the peer's side has ended too, for `timeout` milliseconds at most. It waits for bytes that have
 * not left as `write()` does, with `patience` as the timeout.
 *
 * @returns Whether all that was written has left, as far as this end can tell.
 */
export async function finish(
  reader: TransportReader,
  timeout: number,
  patience: number = timeout,
): Promise<boolean> {
  const { transport } = reader;
  const { clock = systemClock } = transport;
  transport.end();
  let waiting = transport.bufferedAmount;
  let deadline = clock.now() + (waiting > 0 ? patience : timeout);
  for (;;) {
    let result = await reader.read(deadline - clock.now());
    // When both sides have ended the stream, it closes by itself once all that was written has
    // left.
    if (result === "ended" && !reader.isClosed) {
      result = await reader.next(deadline - clock.now());
    }
    if (reader.isClosed) return transport.bufferedAmount === 0;
    if (result !== "timeout") continue;
    if (transport.bufferedAmount >= waiting) break;
    waiting = transport.bufferedAmount;
    deadline = clock.now() + (waiting > 0 ? patience : timeout);
  }
  transport.destroy();
  return waiting === 0;
}
