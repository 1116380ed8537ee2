// Node's `net.Socket`, or the `tls.TLSSocket` on one, as a Transport; of Deno's and Bun's `node:net` too.
//
// 1. A socket of ours reads into a buffer of ours, whose bytes are lent, or into the room that the sink has
//    (read_buffer.ts). Any other is read by its `data` event, and a chunk handed on as a plain Uint8Array over the same
//    bytes: `Buffer.slice()` and deep equality differ from Uint8Array's, and chunks end up in the application's hands.
// 2. `socket.write()` answers false from the high-water mark (16 KiB on Node 20) even when the kernel took
//    everything at once; then nothing is buffered, `write()` answers true, and that 'drain' is not passed on.
// 3. A socket tells of a write only when all of it has left, and joins what waits into one: of 16 MiB for a slow peer
//    nothing would seem to leave, and the heartbeat and the guard would take it for dead. So it is given a part at a time.
// 4. Node schedules 'end' on the next tick, so it can arrive after `pause()`: it is held until `resume()`.
// 5. libuv reads a socket that fills its buffer 32 times in a row. So that a quarter of a MiB at a time does not keep the
//    others waiting, reading pauses for a turn of the event loop after as much as that is with Node's own buffers. Two
//    connections that echoed 1 MiB made one of 20 octets wait 46 ms (median; 230 at the 99th percentile), and do so for 9
//    (57), as with the package `ws`. It costs 1 MiB up to 4%; with half as much between two turns it was 13 to 47%.

import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { giveBack } from "../src/slab.ts";
import type { TlsInfo } from "../src/tls.ts";
import type { Address, Transport, TransportSink } from "../src/transport.ts";
import { brokenBy } from "./failure.ts";
import { chooseAllocator, keepFreed } from "./memory.ts";
import { readInto, shared } from "./read_buffer.ts";
import { chooseTextDecoder } from "./text.ts";
import { WriteQueue } from "./write_queue.ts";

chooseTextDecoder();
chooseAllocator();

/** Octets that a socket is given at a time. */
const PART = 262_144;

/** After so many octets the others have their turn: 32 times 64 KiB. */
const SHARE = 2_097_152;

/** From a socket to its transport, so that all sockets share their listeners and none has closures of its own. */
const owner: unique symbol = Symbol("transport");
type OwnedSocket = Socket & { [owner]: NodeTransport };

function onData(this: Socket, chunk: Uint8Array<ArrayBuffer>): void {
  const { sink } = (this as OwnedSocket)[owner];
  sink.data(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
}

/** What was lent last: the next chunk is often as long. */
let lent = shared;
/** Where the socket reads to next. */
let target = shared;

function onRead(this: Socket, count: number, buffer: Uint8Array<ArrayBuffer>): void {
  const transport = (this as OwnedSocket)[owner];
  keepFreed(count);
  if (buffer === shared) {
    if (lent.length !== count) lent = shared.subarray(0, count);
    transport.sink.data(lent, true);
  } else {
    transport.sink.data(buffer.subarray(0, count));
  }
  target = transport.sink.room ?? shared;
  transport.counted(count);
}

function nextTarget(): Uint8Array<ArrayBuffer> {
  return target;
}

function onDrain(this: Socket): void {
  (this as OwnedSocket)[owner].drained();
}

function onEnd(this: Socket): void {
  (this as OwnedSocket)[owner].peerEnded();
}

function onError(this: Socket, error: Error): void {
  (this as OwnedSocket)[owner].failed(error);
}

function onClose(this: Socket): void {
  (this as OwnedSocket)[owner].closed();
}

const unowned: TransportSink = { data() {}, end() {}, drain() {}, closed() {} };

/** A connected `net.Socket`, created with `allowHalfOpen` and not yet flowing, as a {@linkcode Transport}. */
export class NodeTransport implements Transport {
  sink: TransportSink = unowned;
  readonly remoteAddress: Address | undefined;
  readonly #socket: Socket;
  readonly #carrier: Socket;
  #paused = true;
  /** Octets until the others have their turn; nothing is read while they have it. */
  #left = SHARE;
  #ended = false;
  #awaitsDrain = false;
  /** Most sockets take all at once, and are not asked to tell. */
  #listensForDrain = false;
  /** What the socket has not been given yet; most never need it. */
  #queue: WriteQueue | undefined;
  #endHeld = false;
  #closedHeld = false;
  #error: Error | undefined;
  readonly #tls: TlsInfo | undefined;

  /**
   * @param socket The connected socket; it belongs to the transport from now on.
   * @param carrier The socket with the addresses, where `socket` is TLS on top of another and has none.
   * @param fresh Whether it is a TCP or unix socket that nobody has read from, and paused.
   */
  constructor(socket: Socket, carrier: Socket = socket, fresh = false) {
    this.#socket = socket;
    this.#carrier = carrier;
    // Read now: Node forgets it when the socket closes.
    this.remoteAddress = addressOf(carrier.remoteAddress, carrier.remotePort);
    const isSecure = (socket as Partial<TLSSocket>).encrypted === true;
    this.#tls = isSecure ? new SocketTls(socket as TLSSocket) : undefined;
    if (!fresh) socket.pause();
    (socket as OwnedSocket)[owner] = this;
    if (!fresh || !readInto(socket, onRead, nextTarget)) socket.on("data", onData);
    socket.on("end", onEnd).on("error", onError).on("close", onClose);
  }

  get localAddress(): Address | undefined {
    return addressOf(this.#carrier.localAddress, this.#carrier.localPort);
  }

  get tls(): TlsInfo | undefined {
    return this.#tls;
  }

  get bufferedAmount(): number {
    return this.#socket.destroyed ? 0 : this.#socket.writableLength + (this.#queue?.size ?? 0);
  }

  write(chunk: Uint8Array<ArrayBuffer>): boolean {
    const socket = this.#socket;
    if (this.#ended) return true;
    // Lost, and about to say so: whoever waits for room is told then, and goes on no longer.
    if (socket.destroyed) return false;
    if (this.#queue !== undefined || socket.writableLength + chunk.length > PART) {
      this.#queue ??= new WriteQueue();
      this.#queue.push(chunk);
      this.#writeParts();
      if (this.bufferedAmount === 0) return true;
    } else {
      const below = socket.write(chunk);
      if (socket.writableLength === 0) {
        giveBack(chunk);
        return true;
      }
      if (below) return true;
    }
    if (!this.#listensForDrain) {
      this.#listensForDrain = true;
      socket.on("drain", onDrain);
    }
    this.#awaitsDrain = true;
    return false;
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#left > 0) this.#socket.resume();
    if (this.#endHeld || this.#closedHeld) queueMicrotask(() => this.#release());
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#queue === undefined) this.#endSocket();
  }

  #endSocket(): void {
    if (!this.#awaitsDrain) return void this.#socket.end();
    // Node emits no 'drain' once `end()` has been called; the callback stands in for it.
    this.#socket.end(() => {
      if (!this.#socket.destroyed) this.drained();
    });
  }

  destroy(): void {
    this.#ended = true;
    this.#queue = undefined;
    this.#socket.destroy();
  }

  /** Gives the socket as much as it may have; the callback of each part asks for the next. */
  #writeParts(): void {
    const socket = this.#socket;
    const queue = this.#queue;
    if (queue === undefined) return;
    let room: number;
    while (queue.size > 0 && (room = PART - socket.writableLength) > 0) {
      const chunk = queue.shift()!;
      if (chunk.length > room) queue.unshift(chunk.subarray(room));
      socket.write(chunk.length > room ? chunk.subarray(0, room) : chunk, () => this.#partLeft());
    }
    if (queue.size > 0) return;
    this.#queue = undefined;
    if (this.#ended) this.#endSocket();
  }

  #partLeft(): void {
    if (this.#socket.destroyed) return;
    this.#writeParts();
    if (this.bufferedAmount === 0) this.drained();
  }

  /** So many octets have been read. */
  counted(count: number): void {
    this.#left -= count;
    if (this.#left > 0) return;
    this.#socket.pause();
    setImmediate(() => {
      this.#left = SHARE;
      if (!this.#paused) this.#socket.resume();
    });
  }

  /** The socket's 'end'. */
  peerEnded(): void {
    if (this.#paused) this.#endHeld = true;
    // Bun's `node:net` emits 'end' after `destroy()`.
    else if (!this.#socket.destroyed) this.sink.end();
  }

  /** The socket's 'error'. */
  failed(error: Error): void {
    this.#error ??= error;
  }

  /** The socket's 'drain'. */
  drained(): void {
    if (this.#queue !== undefined) return this.#partLeft();
    if (!this.#awaitsDrain) return;
    this.#awaitsDrain = false;
    this.sink.drain();
  }

  /** The socket's 'close'. */
  closed(): void {
    this.#ended = true;
    this.#queue = undefined;
    this.#endHeld = false;
    // A stream that is gone before it has an owner says so at the first `resume()`.
    if (this.sink === unowned) this.#closedHeld = true;
    else this.#reportClosed();
  }

  #reportClosed(): void {
    const { sink } = this;
    // Node keeps a socket for some collections after its end: all that it leads to would live, and be copied, as long.
    this.sink = unowned;
    sink.closed(brokenBy(this.#error));
  }

  #release(): void {
    if (this.#closedHeld) {
      this.#closedHeld = false;
      this.#reportClosed();
    } else if (this.#endHeld && !this.#paused) {
      this.#endHeld = false;
      this.sink.end();
    }
  }
}

/** An address, when the socket has both of its parts. */
export function addressOf(
  hostname: string | undefined,
  port: number | undefined,
): Address | undefined {
  return hostname === undefined || port === undefined ? undefined : { hostname, port };
}

/** Asks the socket when it is asked itself: few want to know, and it costs a copy of the certificate. */
class SocketTls implements TlsInfo {
  readonly #socket: TLSSocket;
  #peerCertificate: Uint8Array<ArrayBuffer> | undefined;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
  }

  get servername(): string | undefined {
    const { servername } = this.#socket as { servername?: string | false | null };
    return servername || undefined;
  }

  get peerCertificate(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#peerCertificate === undefined) {
      // The runtimes disagree about no certificate: null, undefined or an object without `raw`.
      const { raw } = (this.#socket.getPeerCertificate() ?? {}) as { raw?: Uint8Array };
      this.#peerCertificate = raw && new Uint8Array(raw);
    }
    return this.#peerCertificate;
  }
}
