// A transport read by pull, for the part of a connection that is HTTP: one chunk for each `read()`, nothing in between.
//
// The transport is paused whenever nobody reads, so the bytes behind a handshake wait in the socket and
// `release()` can hand the transport over without losing any.

import { type Bytes, EMPTY } from "./bytes.ts";
import type { Transport, TransportSink } from "./transport.ts";

/** Why a read gave no chunk: the peer ended its side, the stream is gone, or the time was up. */
export type ReadFailure = "ended" | "closed" | "timeout";

/** Reads and writes a transport by promises. */
export class TransportReader implements TransportSink {
  /** The transport that is read. */
  readonly transport: Transport;

  #rest: Bytes = EMPTY;
  #ended = false;
  #closed = false;
  #reading: ((result: Bytes | ReadFailure) => void) | undefined;
  #writing: ((open: boolean) => void) | undefined;

  /** Takes the transport over. */
  constructor(transport: Transport) {
    this.transport = transport;
    transport.sink = this;
  }

  /** What ended the stream, if it was not an orderly end. */
  error: Error | undefined;

  /** Whether the stream is gone. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Puts bytes back, to be read next. */
  unread(rest: Uint8Array): void {
    this.#rest = rest as Bytes;
  }

  /** Takes the bytes that were put back, and stops watching the transport: its next owner sets the sink. */
  release(): Bytes {
    const rest = this.#rest;
    this.#rest = EMPTY;
    return rest;
  }

  /** The next chunk, or why there is none. One read at a time. */
  async read(timeout: number): Promise<Bytes | ReadFailure> {
    if (this.#rest.length > 0) return this.release();
    if (this.#closed) return "closed";
    if (this.#ended) return "ended";
    if (timeout <= 0) return "timeout";
    return await this.#next(timeout);
  }

  async #next(timeout: number): Promise<Bytes | ReadFailure> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const result = await new Promise<Bytes | ReadFailure>((resolve) => {
      this.#reading = resolve;
      timer = setTimeout(() => this.#resolve("timeout"), timeout);
      this.transport.resume();
    });
    clearTimeout(timer);
    return result;
  }

  /** Writes, and waits until the bytes have left when they had to be buffered; false when that did not happen in time. */
  async write(bytes: Bytes, timeout: number): Promise<boolean> {
    if (this.#closed) return false;
    if (this.transport.write(bytes)) return true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const open = await new Promise<boolean>((resolve) => {
      this.#writing = resolve;
      timer = setTimeout(() => resolve(false), timeout);
    });
    clearTimeout(timer);
    return open;
  }

  /** Ends the stream in order: our side first, then what still comes is dropped until the peer's side has ended too. */
  async finish(timeout: number): Promise<void> {
    this.transport.end();
    const deadline = performance.now() + timeout;
    let result: Bytes | ReadFailure = EMPTY;
    while (typeof result !== "string") result = await this.read(deadline - performance.now());
    // Ended by both sides the stream goes by itself, once what was written has left; one that does not must go too.
    if (!this.#closed && result === "ended") await this.#next(deadline - performance.now());
    if (!this.#closed) this.transport.destroy();
  }

  /** Implements {@linkcode TransportSink}. */
  data(chunk: Bytes, lent = false): void {
    const kept = lent ? chunk.slice() : chunk;
    if (this.#reading === undefined) this.#rest = kept;
    else this.#resolve(kept);
  }

  /** Implements {@linkcode TransportSink}. */
  end(): void {
    this.#ended = true;
    this.#resolve("ended");
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
  }

  #resolve(result: Bytes | ReadFailure): void {
    this.transport.pause();
    this.#reading?.(result);
    this.#reading = undefined;
  }
}
