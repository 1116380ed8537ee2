// Any `{ readable, writable }` pair of byte streams as a Transport.
//
// 1. A chunk that was read belongs to its reader, as is usual among web streams. A chunk that is
//    written belongs to the sink: what the sink does with it is not known. A subclass such as
//    Buffer may lie in memory that others use too, and is copied, as shared memory is.
// 2. A read that was under way at `pause()` completes; its bytes, or the end, wait for `resume()`.
// 3. One write is under way at a time, and what comes meanwhile leaves together; `bufferedAmount`
//    counts what the writable has not confirmed. `write()` answers false only from 64 KiB on, since
//    every write is asynchronous.

import { isArrayBuffer, isUint8Array } from "../util/brands.ts";
import { ByteQueue } from "../util/byte_queue.ts";
import { checkOptions, type OptionTable, unjudged } from "../util/check_options.ts";
import type { Address, Transport, TransportSink } from "./transport.ts";
import { asError } from "../util/as_error.ts";

const HIGH_WATER_MARK = 65_536;

const unowned: TransportSink = { data() {}, end() {}, drain() {}, closed() {} };

/** A readable and a writable side, each of bytes. */
export interface ByteStreamPair {
  /** What the peer sends. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What the peer gets. */
  readonly writable: WritableStream<Uint8Array>;
}

/** What is known about the two ends of a {@linkcode ByteStreamPair}. */
export interface WebTransportAddresses {
  /** The peer's address. */
  readonly remoteAddress?: Address | undefined;
  /** This end's address. */
  readonly localAddress?: Address | undefined;
}

const ADDRESSES: OptionTable<WebTransportAddresses> = {
  remoteAddress: unjudged("an address"),
  localAddress: unjudged("an address"),
};

/**
 * Makes a {@linkcode Transport} of a pair of web streams, which it locks.
 *
 * @param pair The two byte streams.
 * @param addresses What is known about the two ends.
 * @returns The transport, paused.
 * @throws {TypeError} When one of the streams is locked, or an address has another name.
 *
 * @example
 * ```ts
 * import { webTransport } from "@sansocket/ws/web";
 *
 * const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
 * const loop = webTransport({ readable, writable });
 * loop.destroy();
 * ```
 */
export function webTransport(
  pair: ByteStreamPair,
  addresses: WebTransportAddresses = {},
): Transport {
  checkOptions("webTransport()", addresses, ADDRESSES);
  return new WebTransport(pair, addresses);
}

type Result = ReadableStreamReadResult<Uint8Array>;

class WebTransport implements Transport {
  sink: TransportSink = unowned;
  readonly remoteAddress: Address | undefined;
  readonly localAddress: Address | undefined;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #gone = false;
  /** Whether the streams ended before anything owned them, which its owner has to learn. */
  #unreported: { readonly error: Error | undefined } | undefined;
  /** Octets that were dropped with the streams. */
  #lost = 0;

  #paused = true;
  #reading = false;
  #peerEnded = false;
  /** The result of a read that has not been passed on yet. */
  #arrived: Result | undefined;

  readonly #queue = new ByteQueue();
  /** Octets of the write that is under way. */
  #writing = 0;
  #ended = false;
  #writeClosed = false;
  #awaitsDrain = false;

  readonly #onRead = (result: Result): void => {
    this.#reading = false;
    this.#arrived = result;
    this.#pump();
  };
  readonly #onWritten = (): void => this.#written();
  readonly #onError = (error: unknown): void => this.#close(asError(error));

  constructor(pair: ByteStreamPair, addresses: WebTransportAddresses) {
    this.remoteAddress = addresses.remoteAddress;
    this.localAddress = addresses.localAddress;
    this.#reader = pair.readable.getReader();
    this.#writer = pair.writable.getWriter();
    // An error of either stream ends both, even when no read or write is under way.
    this.#reader.closed.catch(this.#onError);
    this.#writer.closed.catch(this.#onError);
    this.#writer.ready.catch(() => {});
  }

  get bufferedAmount(): number {
    return this.#lost + this.#queue.size + this.#writing;
  }

  write(chunk: Uint8Array<ArrayBuffer>): boolean {
    if (this.#gone) this.#lost += chunk.length;
    if (this.#ended || this.#gone || chunk.length === 0) return true;
    if (this.#writing === 0) this.#write(chunk);
    else this.#queue.keep(chunk);
    if (this.bufferedAmount < HIGH_WATER_MARK) return true;
    this.#awaitsDrain = true;
    return false;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#unreported !== undefined) return this.#report(this.#unreported.error);
    if (this.#arrived === undefined) this.#read();
    else queueMicrotask(() => this.#pump());
  }

  end(): void {
    if (this.#ended || this.#gone) return;
    this.#ended = true;
    if (this.#writing === 0) this.#closeWrite();
  }

  destroy(): void {
    this.#close(undefined);
  }

  #pump(): void {
    if (this.#gone || this.#paused) return;
    const result = this.#arrived;
    this.#arrived = undefined;
    if (result?.done) {
      this.#peerEnded = true;
      this.sink.end();
      if (this.#writeClosed) this.#close(undefined);
      return;
    }
    if (result !== undefined) {
      const chunk = plain(result.value);
      if (chunk === undefined) return this.#close(new TypeError("Expected a stream of Uint8Array"));
      if (chunk.length > 0) this.sink.data(chunk);
    }
    this.#read();
  }

  #read(): void {
    if (this.#gone || this.#paused || this.#reading || this.#peerEnded) return;
    if (this.#arrived !== undefined) return;
    this.#reading = true;
    this.#reader.read().then(this.#onRead, this.#onError);
  }

  #write(chunk: Uint8Array<ArrayBuffer>): void {
    this.#writing = chunk.length;
    this.#writer.write(chunk).then(this.#onWritten, this.#onError);
  }

  #written(): void {
    if (this.#gone) return;
    this.#writing = 0;
    if (this.#queue.size > 0) return this.#write(this.#queue.takeOwn(Infinity));
    if (this.#awaitsDrain) {
      this.#awaitsDrain = false;
      this.sink.drain();
    }
    // The sink may have written again, ended or destroyed.
    if (this.#ended && this.#writing === 0) this.#closeWrite();
  }

  #closeWrite(): void {
    if (this.#gone || this.#writeClosed) return;
    this.#writer.close().then(() => {
      this.#writeClosed = true;
      if (this.#peerEnded) this.#close(undefined);
    }, this.#onError);
  }

  /** Reports once; what the closing itself makes reject finds `#gone` set. */
  #close(error: Error | undefined): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#lost = this.bufferedAmount;
    this.#queue.clear();
    this.#writing = 0;
    const reason = error ?? new Error("The transport was destroyed");
    this.#reader.cancel(reason).catch(() => {});
    this.#writer.abort(reason).catch(() => {});
    this.#report(error);
  }

  #report(error: Error | undefined): void {
    queueMicrotask(() => {
      this.#unreported = this.sink === unowned ? { error } : undefined;
      this.sink.closed(error);
    });
  }
}

function plain(chunk: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (!isUint8Array(chunk)) return undefined;
  const { buffer } = chunk;
  const isPlain = isArrayBuffer(buffer) && chunk.constructor === Uint8Array;
  return isPlain ? chunk as Uint8Array<ArrayBuffer> : new Uint8Array(chunk);
}
