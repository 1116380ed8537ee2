// A `Bun.Socket` as a Transport, with TLS or without.
//
// 1. `write()` hands a part to the kernel at once; the rest waits here for Bun's `drain` hook.
// 2. `shutdown()` is the half-close and keeps reading; Bun's `end()` closes both sides.
// 3. Bun calls the `close` hook inside `close()`, so `closed()` always goes through a microtask.
// 4. Once we have half-closed, Bun reports the peer's end as `close` alone: the `end()` is added
//    here.
// 5. Bun sets TCP_NODELAY itself, on what it accepts and on what it dials.
// 6. Bytes that still come in while the socket is paused are held, and so is an orderly `close`
//    behind them.

import { ByteQueue } from "../../src/util/byte_queue.ts";
import { giveBack, isLent } from "../../src/util/slab.ts";
import type { Address, Transport, TransportSink } from "../../src/transport/transport.ts";
import type { TlsInfo } from "../../src/transport/tls.ts";
import { brokenBy } from "../shared/system_error.ts";
import type { BunSocket } from "./namespace.ts";

/** What most transports hold. */
const NOTHING: Uint8Array<ArrayBuffer>[] = [];

const unowned: TransportSink = { data() {}, end() {}, drain() {}, closed() {} };

/** A {@linkcode BunSocket} as a {@linkcode Transport}. */
export class BunTransport implements Transport {
  sink: TransportSink = unowned;
  readonly remoteAddress: Address | undefined;
  readonly tls: TlsInfo | undefined;
  readonly borrows = true;
  readonly #socket: BunSocket<unknown>;
  /** What waits; made when something has to. */
  #queue: ByteQueue | undefined;
  /** Octets that were dropped with the socket. */
  #lost = 0;
  #gone = false;
  #ended = false;

  #paused = true;
  /** Whether the socket itself is paused. */
  #stopped = false;
  #held = NOTHING;
  #peerEnded = false;
  #endReported = false;
  /** How the socket has closed, until that is reported. */
  #close: { readonly error: Error | undefined } | undefined;

  /**
   * @param socket The open socket, whose hooks lead here; it belongs to the transport from now on.
   * @param tls What is known of its TLS, if it has any.
   */
  constructor(socket: BunSocket<unknown>, tls?: TlsInfo) {
    this.#socket = socket;
    this.tls = tls;
    this.remoteAddress = addressOf(socket.remoteAddress, socket.remotePort);
  }

  /**
   * The end of Bun's `open` hook, before which no bytes can come. A transport that is resumed by
   * then spares the socket two calls.
   */
  opened(): void {
    if (this.#paused && !this.#gone) this.#stop();
  }

  #stop(): void {
    this.#stopped = true;
    this.#socket.pause();
  }

  get localAddress(): Address | undefined {
    return addressOf(this.#socket.localAddress, this.#socket.localPort);
  }

  get bufferedAmount(): number {
    return this.#lost + (this.#queue?.size ?? 0);
  }

  write(chunk: Uint8Array<ArrayBuffer>): boolean {
    if (this.#ended || this.#gone || chunk.length === 0) {
      if (this.#gone) this.#lost += chunk.length;
      giveBack(chunk);
      return true;
    }
    if (this.bufferedAmount > 0) return this.#enqueue(chunk, 0);
    const count = this.#socket.write(chunk);
    if (this.#gone || count < 0) {
      this.#lost += chunk.length - Math.max(count, 0);
      giveBack(chunk);
      if (this.#gone) return true;
      this.#break();
      return false;
    }
    if (count !== chunk.length) return this.#enqueue(chunk, count);
    giveBack(chunk);
    return true;
  }

  /** Queues a chunk, of which `count` octets have left. */
  #enqueue(chunk: Uint8Array<ArrayBuffer>, count: number): boolean {
    const queue = this.#queue ??= new ByteQueue();
    const rest = chunk.subarray(count);
    if (isLent(chunk)) {
      queue.push(rest);
      giveBack(chunk);
    } else queue.keep(rest);
    return false;
  }

  pause(): void {
    this.#paused = true;
    if (!this.#gone && !this.#stopped) this.#stop();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (!this.#gone && this.#stopped) {
      this.#stopped = false;
      this.#socket.resume();
    }
    if (this.#peerEnded || this.#held.length > 0) queueMicrotask(() => this.#release());
  }

  end(): void {
    if (this.#ended || this.#gone) return;
    this.#ended = true;
    if (this.bufferedAmount === 0) this.#socket.shutdown();
  }

  unref(): void {
    this.#socket.unref();
  }

  destroy(): void {
    if (this.#gone) {
      if (this.#close !== undefined) this.#reportClosed();
      return;
    }
    this.#drop(undefined);
  }

  #drop(error: Error | undefined): void {
    this.#go();
    this.#close = { error };
    this.#socket.close();
    this.#reportClosed();
  }

  /** Nothing that waits will leave any more. */
  #go(): void {
    this.#gone = true;
    this.#lost = this.bufferedAmount;
    this.#queue = undefined;
  }

  /** Bun's `data` hook. */
  received(chunk: Uint8Array<ArrayBuffer>): void {
    if (this.#gone) return;
    if (!this.#paused && this.#held.length === 0) {
      this.sink.data(chunk);
      return;
    }
    if (this.#held === NOTHING) this.#held = [];
    this.#held.push(chunk);
  }

  /** Bun's `drain` hook, which also comes when nothing waits. */
  writable(): void {
    if (this.#gone) return;
    const queue = this.#queue;
    if (queue === undefined) return;
    while (queue.size > 0) {
      let chunk: Uint8Array<ArrayBuffer>;
      try {
        chunk = queue.next(Infinity)!;
      } catch (error) {
        return this.#drop(brokenBy(error));
      }
      const count = this.#socket.write(chunk);
      if (this.#gone) return;
      if (count < 0) return this.#break();
      queue.drop(count);
      if (count < chunk.length) return;
    }
    this.#queue = undefined;
    if (this.#ended) this.#socket.shutdown();
    this.sink.drain();
  }

  /** Bun's `end` hook. */
  peerEnded(): void {
    if (this.#gone) return;
    this.#peerEnded = true;
    this.#release();
  }

  /** Bun's `close` hook. */
  socketClosed(error: Error | undefined): void {
    if (this.#gone) return;
    this.#go();
    this.#close = { error: brokenBy(error) };
    this.#peerEnded = true;
    if (error) {
      this.#held = NOTHING;
      this.#endReported = true;
    }
    if (error && this.sink !== unowned) this.#reportClosed();
    else this.#release();
  }

  #release(): void {
    while (!this.#paused) {
      const chunk = this.#held.shift();
      if (chunk === undefined) break;
      this.sink.data(chunk);
    }
    if (this.#paused) return;
    if (this.#peerEnded && !this.#endReported) {
      this.#endReported = true;
      this.sink.end();
    }
    if (this.#close !== undefined) this.#reportClosed();
  }

  /**
   * The stream is broken, and nothing will be written any more. Bun may never say so, or say that
   * it ended in order.
   */
  #break(): void {
    const reset = Object.assign(new Error("write ECONNRESET"), { code: "ECONNRESET" });
    this.socketClosed(reset);
    this.#socket.close();
  }

  #reportClosed(): void {
    const error = this.#close?.error;
    this.#close = undefined;
    this.#held = NOTHING;
    this.#endReported = true;
    queueMicrotask(() => this.sink.closed(error));
  }
}

/** An address, when the socket has both of its parts. */
export function addressOf(
  hostname: string | undefined,
  port: number | undefined,
): Address | undefined {
  return hostname === undefined || port === undefined ? undefined : { hostname, port };
}
