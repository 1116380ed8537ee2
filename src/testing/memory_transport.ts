// Byte streams in memory, joined end to end, for tests that need no port.
//
// They keep the contract of transport.ts. Each end holds what the peer sent until it reads that.
// From 64 KiB on `write()` returns false, as it does on a socket whose buffers are full. What is
// sent arrives at once, unless a link has put a wire with faults between (wire.ts).

import { ByteQueue } from "../util/byte_queue.ts";
import type { Bytes } from "../util/bytes.ts";
import type { Clock } from "../util/clock.ts";
import type { TlsInfo } from "../transport/tls.ts";
import type { Address, Transport, TransportSink } from "../transport/transport.ts";
import { nextTurn } from "./clock.ts";
import { Wire, type WireEnd } from "./wire.ts";

const CAPACITY = 65_536;
/** Deliveries to one end within a turn of the event loop. */
const MOST_IN_A_TURN = 1_000;

/** What both ends know of each other. */
export interface Ends {
  /** The address of the end that connects. */
  readonly client: Address;
  /** The address of the end that listens. */
  readonly server: Address;
  /** What each end reports of TLS. */
  readonly tls?: TlsInfo | undefined;
  /** The clock of the network. */
  readonly clock?: Clock | undefined;
}

/** One end of a byte stream in memory. */
export class MemoryTransport implements Transport, WireEnd {
  /** Implements {@linkcode Transport}. */
  sink!: TransportSink;
  /** The other end. */
  peer!: MemoryTransport;
  /** Implements {@linkcode Transport}. */
  readonly localAddress: Address;
  /** Implements {@linkcode Transport}. */
  readonly remoteAddress: Address;
  /** Implements {@linkcode Transport}. */
  readonly tls: TlsInfo | undefined;
  /** Called when the stream is gone for this end, before its owner learns it. */
  onGone: (() => void) | undefined;
  /** Implements {@linkcode Transport}. */
  readonly clock: Clock | undefined;

  /** What the peer sent and this end has not read. */
  readonly #incoming = new ByteQueue();
  /** What lies between the peer and this end, where a link has faults. */
  #wire: Wire | undefined;
  #deliveries = 0;
  #paused = true;
  #scheduled = false;
  #peerEnded = false;
  #endTold = false;
  #ended = false;
  #awaitsDrain = false;
  #destroyed = false;
  /** Whether the network carries nothing more to the peer. */
  #severed = false;
  #error: Error | undefined;
  /** Resets the connection once this end has read what has come. */
  #resetLater: (() => void) | undefined;
  /**
   * Octets that were dropped: those of this end when it was destroyed, and those that the peer does
   * not take any more.
   */
  #lost = 0;
  #closeTold = false;

  private constructor(local: Address, remote: Address, { tls, clock }: Ends) {
    this.localAddress = local;
    this.remoteAddress = remote;
    this.tls = tls;
    this.clock = clock;
  }

  /** Makes both ends of a stream. */
  static pair(ends: Ends): [client: MemoryTransport, server: MemoryTransport] {
    const client = new MemoryTransport(ends.client, ends.server, ends);
    const server = new MemoryTransport(ends.server, ends.client, ends);
    client.peer = server;
    server.peer = client;
    return [client, server];
  }

  /** Whether the stream is gone for this end, and its owner has been told. */
  get gone(): boolean {
    return this.#closeTold;
  }

  /** The wire that what comes has to pass; made when it is first asked for. */
  get wire(): Wire {
    return this.#wire ??= new Wire(this, this.clock);
  }

  /** Implements {@linkcode Transport}. */
  get bufferedAmount(): number {
    return this.#lost + Math.max(0, this.peer.#coming - CAPACITY);
  }

  /** Octets that are under way to this end, or wait here. */
  get #coming(): number {
    return this.#incoming.size + (this.#wire?.size ?? 0);
  }

  /** Implements {@linkcode Transport}. */
  write(chunk: Bytes): boolean {
    const { peer } = this;
    // An end that is gone is not known to be, while nothing arrives.
    const taken = !this.#destroyed && !this.#severed && (!peer.#destroyed || peer.#wire?.held);
    if (!taken) this.#lost += chunk.length;
    if (this.#ended || !taken) return true;
    this.clock?.happened?.(true);
    if (peer.#wire !== undefined) peer.#wire.push(chunk);
    else peer.arrive(chunk);
    if (this.bufferedAmount === 0) return true;
    this.#awaitsDrain = true;
    return false;
  }

  /** Implements {@linkcode Transport}. */
  pause(): void {
    this.#paused = true;
  }

  /** Implements {@linkcode Transport}. */
  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  /** Implements {@linkcode Transport}. */
  end(): void {
    if (this.#ended || this.#destroyed) return;
    this.#ended = true;
    this.#endPeer();
    this.#schedule();
  }

  /** Implements {@linkcode Transport}. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    // The peer loses what it has not read. This end counts as unsent what exceeds the buffers
    // between them.
    const { peer } = this;
    if (!this.#wire?.held) peer.#lost = peer.bufferedAmount;
    this.#incoming.clear();
    this.#lost = this.bufferedAmount;
    peer.#wire?.cutTo(Math.max(0, CAPACITY - peer.#incoming.size));
    if (peer.#incoming.size > CAPACITY) {
      const left = peer.#incoming.take(CAPACITY);
      peer.#incoming.clear();
      peer.#incoming.push(left);
    }
    this.#endPeer();
    this.#schedule();
    if (peer.#wire === undefined) peer.#schedule();
  }

  /** Resets this end of the connection: what has not been read or sent is lost. */
  reset(error: Error): void {
    if (this.#destroyed) return;
    this.#lost = this.bufferedAmount;
    this.#destroyed = true;
    this.#error = error;
    this.#wire?.clear();
    this.#incoming.clear();
    this.#schedule();
  }

  /** Calls `reset` once this end has read what has come. */
  resetLater(reset: () => void): void {
    this.#resetLater = reset;
    this.#schedule();
  }

  /** The network ends the stream in order: nothing that is sent from now on arrives at the peer. */
  sever(): void {
    if (this.#severed || this.#ended || this.#destroyed) return;
    this.#severed = true;
    this.#endPeer();
  }

  #endPeer(): void {
    const { peer } = this;
    if (peer.#wire !== undefined) peer.#wire.end();
    else peer.arriveEnd();
  }

  /** Implements {@linkcode WireEnd}. */
  arrive(chunk: Bytes): void {
    if (chunk.length === 0 || this.#destroyed) return;
    // A copy: the reader unmasks in place.
    this.#incoming.push(chunk);
    this.#schedule();
  }

  /** Implements {@linkcode WireEnd}. */
  arriveEnd(): void {
    this.#peerEnded = true;
    this.#schedule();
  }

  /** No method calls the sink before it has returned. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const deliver = (): void => {
      this.#scheduled = false;
      this.#deliver();
    };
    // Two ends that answer each other without end must not keep the process from all else.
    if (++this.#deliveries % MOST_IN_A_TURN === 0) nextTurn().then(deliver);
    else queueMicrotask(deliver);
  }

  #deliver(): void {
    if (this.#closeTold) return;
    this.clock?.happened?.(false);
    if (!this.#destroyed && !this.#paused) {
      if (this.#incoming.size > 0) {
        this.sink.data(this.#incoming.takeOwn(this.#wire?.nextSize() ?? CAPACITY));
        this.peer.#drained();
        return this.#schedule();
      }
      if (this.#peerEnded && !this.#endTold) {
        this.#endTold = true;
        this.sink.end();
        return this.#schedule();
      }
    }
    if (this.#resetLater !== undefined && this.#incoming.size === 0) this.#resetLater();
    const over = this.#ended && this.#endTold && this.#incoming.size === 0;
    if (this.#destroyed || over) {
      this.#closeTold = true;
      this.onGone?.();
      (this.sink as TransportSink | undefined)?.closed(this.#error);
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
