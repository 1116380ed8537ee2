// A network in memory: byte streams joined end to end, for tests that need no port.
//
// It keeps the contract of transport.ts. Each end holds what the peer sent until it reads that.
// From 64 KiB on `write()` returns false, as it does on a socket whose
// buffers are full.

import { ByteQueue } from "../util/byte_queue.ts";
import type { Bytes } from "../util/bytes.ts";
import { DIALLING, failed, LISTENING } from "./network_error.ts";
import type { Address, Listener, Runtime, Transport, TransportSink } from "./transport.ts";

const CAPACITY = 65_536;

/** One end of a byte stream in memory. */
class MemoryTransport implements Transport {
  sink!: TransportSink;
  peer!: MemoryTransport;
  readonly localAddress: Address;
  readonly remoteAddress: Address;

  /** What the peer sent and this end has not read. */
  readonly #incoming = new ByteQueue();
  #paused = true;
  #scheduled = false;
  #peerEnded = false;
  #endTold = false;
  #ended = false;
  #awaitsDrain = false;
  #destroyed = false;
  /**
   * Octets that were dropped: those of this end when it was destroyed, and those that the peer does
   * not take any more.
   */
  #lost = 0;
  #closeTold = false;

  constructor(localAddress: Address, remoteAddress: Address) {
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
  }

  get bufferedAmount(): number {
    return this.#lost + Math.max(0, this.peer.#incoming.size - CAPACITY);
  }

  write(chunk: Bytes): boolean {
    if (this.#destroyed || this.peer.#destroyed) this.#lost += chunk.length;
    if (this.#ended || this.#destroyed || this.peer.#destroyed) return true;
    this.peer.#receive(chunk);
    if (this.bufferedAmount === 0) return true;
    this.#awaitsDrain = true;
    return false;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  end(): void {
    if (this.#ended || this.#destroyed) return;
    this.#ended = true;
    this.peer.#peerEnded = true;
    this.peer.#schedule();
    this.#schedule();
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    // The peer loses what it has not read. This end counts as unsent what exceeds the buffers
    // between them.
    this.peer.#lost = this.peer.bufferedAmount;
    this.#incoming.clear();
    this.#lost = this.bufferedAmount;
    const { peer } = this;
    if (peer.#incoming.size > CAPACITY) {
      const left = peer.#incoming.take(CAPACITY);
      peer.#incoming.clear();
      peer.#incoming.push(left);
    }
    peer.#peerEnded = true;
    this.#schedule();
    this.peer.#schedule();
  }

  #receive(chunk: Bytes): void {
    if (chunk.length === 0) return;
    // A copy: the reader unmasks in place.
    this.#incoming.push(chunk);
    this.#schedule();
  }

  /** No method calls the sink before it has returned. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    if (this.#closeTold) return;
    if (!this.#destroyed && !this.#paused) {
      if (this.#incoming.size > 0) {
        this.sink.data(this.#incoming.takeOwn(CAPACITY));
        this.peer.#drained();
        return this.#schedule();
      }
      if (this.#peerEnded && !this.#endTold) {
        this.#endTold = true;
        this.sink.end();
        return this.#schedule();
      }
    }
    const over = this.#ended && this.#endTold && this.#incoming.size === 0;
    if (this.#destroyed || over) {
      this.#closeTold = true;
      (this.sink as TransportSink | undefined)?.closed();
    }
  }

  #drained(): void {
    if (!this.#awaitsDrain || this.#destroyed || this.bufferedAmount > 0) return;
    this.#awaitsDrain = false;
    queueMicrotask(() => {
      if (!this.#closeTold) this.sink.drain();
    });
  }
}

/** Makes a network of its own: a listener on it can be dialled on it, and nowhere else. */
export function createMemoryRuntime(): Runtime {
  const listening = new Map<number, (transport: Transport) => void>();
  let nextPort = 49_152;
  return {
    listen({ hostname, port, path, tls }, accept): Promise<Listener> {
      if (path !== undefined || tls !== undefined) return Promise.reject(unsupported());
      const chosen = port === 0 ? nextPort++ : port;
      if (listening.has(chosen)) {
        return Promise.reject(
          failed(LISTENING, { hostname, port }, { code: "EADDRINUSE", said: "" }),
        );
      }
      listening.set(chosen, accept);
      return Promise.resolve({
        address: { hostname, port: chosen },
        close: () => {
          listening.delete(chosen);
          return Promise.resolve();
        },
      });
    },
    dial(address, { signal, path, tls }): Promise<Transport> {
      if (path !== undefined || tls !== undefined) return Promise.reject(unsupported());
      const accept = listening.get(address.port);
      if (signal?.aborted) return Promise.reject(signal.reason);
      if (accept === undefined) {
        return Promise.reject(failed(DIALLING, address, { code: "ECONNREFUSED", said: "" }));
      }
      const local: Address = { hostname: "127.0.0.1", port: nextPort++ };
      const client = new MemoryTransport(local, address);
      const server = new MemoryTransport(address, local);
      client.peer = server;
      server.peer = client;
      accept(server);
      return Promise.resolve(client);
    },
  };
}

/**
 * A network in memory has no TLS and no files. It refuses both, because a caller that asks for them
 * must not get a connection without.
 */
function unsupported(): TypeError {
  return new TypeError("Expected neither TLS nor a unix socket, the network in memory has none");
}
