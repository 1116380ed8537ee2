// A transport read by pull, for the part of a connection that is HTTP: one chunk for each `read()`.
//
// 1. Without a watcher the transport is paused whenever nobody reads, so that the bytes behind a
//    handshake, and the end of the stream, wait in the socket: `release()` can hand the transport
//    over without losing any.
// 2. With one it is read ahead, for only who reads hears that the peer has gone. What comes is
//    held, up to a bound, behind which a peer that goes is heard of later.

import { type Bytes, concat, EMPTY } from "../util/bytes.ts";
import type { Transport, TransportSink } from "./transport.ts";

/** Octets that are read ahead, give or take a chunk. */
const MOST_HELD = 65_536;
/** What a chunk counts as besides its octets: small ones must not cost more than large ones. */
const OVERHEAD = 256;

/** Why a read gave no chunk: the peer ended its side, the stream is gone, or the time was up. */
export type ReadFailure = "ended" | "closed" | "timeout";

/** Who has to know at once what becomes of a stream, whether it is being read or not. */
export interface ReaderWatcher {
  /** The peer has ended its side. */
  peerEnded(): void;
  /** Bytes were written, and have left. */
  progressed(): void;
  /** The stream is gone. */
  gone(): void;
}

/** Reads and writes a transport by promises. */
export class TransportReader implements TransportSink {
  /** The transport that is read. */
  readonly transport: Transport;

  readonly #watcher: ReaderWatcher | undefined;
  /** What was put back or has come before anybody asked for it, in order. */
  readonly #held: Bytes[] = [];
  #heldSize = 0;
  #ended = false;
  #closed = false;
  #reading: ((result: Bytes | ReadFailure) => void) | undefined;
  #writing: ((open: boolean) => void) | undefined;

  /** Takes the transport over, and with a watcher reads ahead from now on. */
  constructor(transport: Transport, watcher?: ReaderWatcher) {
    this.transport = transport;
    this.#watcher = watcher;
    transport.sink = this;
    if (watcher !== undefined) transport.resume();
  }

  /** Called when the stream is gone, for who waits for something else meanwhile. */
  onClosed: (() => void) | undefined;
  /** What ended the stream, if it was not an orderly end. */
  error: Error | undefined;

  /** Whether the stream is gone. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether the peer has ended its side, and this was seen. */
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

  /** The next chunk, or why there is none. One read at a time. */
  async read(timeout: number): Promise<Bytes | ReadFailure> {
    const held = this.#held.shift();
    if (held !== undefined) {
      const full = this.#heldSize >= MOST_HELD;
      this.#heldSize -= held.length + OVERHEAD;
      if (full && this.#heldSize < MOST_HELD && this.#watcher !== undefined) {
        this.transport.resume();
      }
      return held;
    }
    if (this.#closed) return "closed";
    if (this.#ended) return "ended";
    if (timeout <= 0) return "timeout";
    return await this.#next(timeout);
  }

  async #next(timeout: number): Promise<Bytes | ReadFailure> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const result = await new Promise<Bytes | ReadFailure>((resolve) => {
      // Whoever read before waits no longer.
      this.#reading?.("timeout");
      this.#reading = resolve;
      timer = setTimeout(() => this.#resolve("timeout"), timeout);
      this.transport.resume();
    });
    clearTimeout(timer);
    return result;
  }

  /**
   * Writes, and waits until the bytes have left when they had to be buffered. False when the stream
   * is gone, or none of them left for `timeout` milliseconds: how long all of them take is the
   * peer's business.
   */
  async write(bytes: Bytes, timeout: number): Promise<boolean> {
    if (this.#closed) return false;
    const left = this.transport.write(bytes) || await this.#drained(timeout);
    if (left) this.#watcher?.progressed();
    return left;
  }

  async #drained(timeout: number): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const open = await new Promise<boolean>((resolve) => {
      this.#writing = resolve;
      let waiting = this.transport.bufferedAmount;
      let since = performance.now();
      const look = (): void => {
        const { bufferedAmount } = this.transport;
        const now = performance.now();
        if (bufferedAmount < waiting) since = now;
        waiting = bufferedAmount;
        if (now - since >= timeout) resolve(false);
        else timer = setTimeout(look, timeout / 4);
      };
      timer = setTimeout(look, timeout / 4);
    });
    clearTimeout(timer);
    return open;
  }

  /**
   * Ends the stream in order: our side first, then what still comes is dropped until the peer's
   * side has ended too, for `timeout` milliseconds at most. What still waits to leave is waited for
   * as by `write()`, with `patience`.
   *
   * @returns Whether all that was written has left, as far as this end can tell.
   */
  async finish(timeout: number, patience: number = timeout): Promise<boolean> {
    const { transport } = this;
    transport.end();
    let waiting = transport.bufferedAmount;
    let deadline = performance.now() + (waiting > 0 ? patience : timeout);
    for (;;) {
      let result = await this.read(deadline - performance.now());
      // Ended by both sides the stream goes by itself, once what was written has left.
      if (result === "ended" && !this.#closed) {
        result = await this.#next(deadline - performance.now());
      }
      if (this.#closed) return transport.bufferedAmount === 0;
      if (result !== "timeout") continue;
      if (transport.bufferedAmount >= waiting) break;
      waiting = transport.bufferedAmount;
      deadline = performance.now() + (waiting > 0 ? patience : timeout);
    }
    transport.destroy();
    return waiting === 0;
  }

  /** Implements {@linkcode TransportSink}. */
  get borrows(): boolean {
    return true;
  }

  /** Implements {@linkcode TransportSink}. */
  data(chunk: Bytes, lent = false): void {
    const kept = lent ? chunk.slice() : chunk;
    if (this.#reading !== undefined) return this.#resolve(kept);
    this.#held.push(kept);
    this.#heldSize += kept.length + OVERHEAD;
    if (this.#heldSize >= MOST_HELD) this.transport.pause();
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
