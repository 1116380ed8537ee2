// Node's `net.Socket`, or the `tls.TLSSocket` on one, as a Transport; of Deno's and Bun's
// `node:net` too.
//
// 1. A socket of ours reads into a buffer of ours, whose bytes are lent, or into the room that the
//    sink has (read_buffer.ts). Any other is read by its `data` event, and a chunk handed on as a
//    plain Uint8Array over the same bytes: `Buffer.slice()` and deep equality differ from
//    Uint8Array's, and chunks end up in the application's hands. Over TLS, Node gives all records
//    of one read at once, behind a `pause()` too: those are copied and wait. An echo of 20 octets
//    takes 0.85 of the CPU time with the buffer and 1.03 of a program that only echoes; one of 64
//    KiB, in records of 16 KiB, 0.92 and 1.12 (`ws`: 1.27 and 2.0).
// 2. `socket.write()` answers false from the high-water mark (16 KiB on Node 20) even when the
//    kernel took everything at once; then nothing is buffered, `write()` answers true, and that
//    'drain' is not passed on.
// 3. A socket keeps an object for each write that waits, and tells of one only when all of it has
//    left: of 16 MiB for a slow peer nothing would seem to leave, and the heartbeat and the guard
//    would take it for dead. So what has to wait waits here, and the socket is given a part at a
//    time.
// 4. Node schedules 'end' on the next tick, so it can arrive after `pause()`: it is held until
//    `resume()`.
// 5. libuv reads a socket that fills its buffer 32 times in a row. So that a quarter of a MiB at a
//    time does not keep the others waiting, reading pauses for a turn of the event loop after as
//    much as that is with Node's own buffers. Two connections that echoed 1 MiB made one of 20
//    octets wait 46 ms (median; 230 at the 99th percentile), and do so for 9 (57), as with the
//    package `ws`. It costs 1 MiB up to 4%; with half as much between two turns it was 13 to 47%.
// 6. What a socket has not told of when it is lost has not left: it forgets its `writableLength`
//    then.
// 7. Only Node's own sockets borrow (plain_socket.ts): any other stream may keep what it is given,
//    change it, or transfer it. And what another stream gives may belong to other code, so it is
//    copied.

import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { ByteQueue } from "../../src/util/byte_queue.ts";
import { abandon, giveBack, isLent } from "../../src/util/slab.ts";
import type { TlsInfo } from "../../src/transport/tls.ts";
import type { Address, Transport, TransportSink } from "../../src/transport/transport.ts";
import { brokenBy } from "./system_error.ts";
import { chooseAllocator, keepFreed } from "./allocator.ts";
import { asBuffer } from "./as_buffer.ts";
import { isNode, isPlain } from "./plain_socket.ts";
import { copyOf, give, readInto } from "./read_buffer.ts";
import { SocketTls } from "./socket_tls.ts";
import { chooseTextDecoder } from "./text_decoder.ts";

chooseTextDecoder();
chooseAllocator();

/** Octets that a socket is given at a time. */
const PART = 262_144;

/** Fewer octets may wait without a `drain()` for them, but not those of a larger chunk. */
const UNTOLD = 16_384;
const LARGE = 65_536;

/** After so many octets the others have their turn: 32 times 64 KiB. */
const SHARE = 2_097_152;

/**
 * From a socket to its transport, so that all sockets share their listeners and none has closures
 * of its own.
 */
const owner: unique symbol = Symbol("transport");
type OwnedSocket = Socket & { [owner]: NodeTransport };

function onData(this: Socket, chunk: Uint8Array<ArrayBuffer>): void {
  const { sink } = (this as OwnedSocket)[owner];
  sink.data(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
}

function onForeignData(this: Socket, chunk: Uint8Array): void {
  (this as OwnedSocket)[owner].sink.data(new Uint8Array(chunk));
}

function onRead(this: Socket, count: number, buffer: Uint8Array<ArrayBuffer>): void {
  const transport = (this as OwnedSocket)[owner];
  keepFreed(count);
  give(transport.sink, count, buffer);
  transport.counted(count);
}

/** Node gives all records of one read at once, those behind a `pause()` too. */
function onSecureRead(this: Socket, count: number, buffer: Uint8Array<ArrayBuffer>): void {
  const transport = (this as OwnedSocket)[owner];
  if (transport.holds) transport.hold(copyOf(count, buffer));
  else onRead.call(this, count, buffer);
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

/**
 * A connected `net.Socket`, created with `allowHalfOpen` and not yet flowing, as a
 * {@linkcode Transport}.
 */
export class NodeTransport implements Transport {
  sink: TransportSink = unowned;
  readonly remoteAddress: Address | undefined;
  readonly borrows: boolean;
  readonly callsInTurns: boolean;
  readonly #plain: boolean;
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
  #queue: ByteQueue | undefined;
  /** Parts that the socket has been given and not told of. */
  #parts = 0;
  /** Their octets, and those of what was written before them and had to wait. */
  #partSize = 0;
  #firstSize = 0;
  /** Octets that were dropped with the socket. */
  #lost = 0;
  /** Records that wait for `resume()`: of one read, which is 64 KiB. */
  #held: Uint8Array<ArrayBuffer>[] | undefined;
  #endHeld = false;
  #closedHeld = false;
  #error: Error | undefined;
  readonly #tls: TlsInfo | undefined;
  /**
   * Tells when what waits has left, where an empty chunk behind it would not do: on Deno that
   * cannot fail, a stream that is not plain would write it from a call of its own, which nothing
   * guards, and on Node every write over TLS waits until the turn ends, so that there would be one
   * behind each. That was one more call of the system: an echo of 20 octets took 1.25 times the
   * CPU time.
   */
  readonly #onLeft: ((error?: Error | null) => void) | undefined;

  /**
   * @param socket The connected socket, or a ForeignStream in its place; it belongs to the
   * transport from now on.
   * @param carrier The socket with the addresses, where `socket` is TLS on top of another and has
   * none.
   * @param fresh Whether nothing has been read from it. Without TLS, it is paused.
   */
  constructor(socket: Socket, carrier: Socket = socket, fresh = false) {
    this.#socket = socket;
    this.#carrier = carrier;
    // Read now: Node forgets it when the socket closes.
    this.remoteAddress = addressOf(carrier.remoteAddress, carrier.remotePort);
    const isSecure = (socket as Partial<TLSSocket>).encrypted === true;
    this.#tls = isSecure ? new SocketTls(socket as TLSSocket) : undefined;
    if (!fresh || isSecure) socket.pause();
    (socket as OwnedSocket)[owner] = this;
    const plain = this.#plain = isPlain(socket);
    // What becomes of a chunk cannot be known from the sockets of the others' `node:net`.
    this.borrows = plain && isNode;
    if (!this.borrows || isSecure) {
      this.#onLeft = (error) => {
        if (!this.#lives(error)) return;
        this.#firstSize = 0;
        if (plain) return;
        if (this.#queue !== undefined || socket.writableLength === 0) this.drained();
      };
    }
    const direct = fresh && socket.readableLength === 0 &&
      readInto(socket, isSecure ? onSecureRead : onRead);
    this.callsInTurns = direct && isNode && !isSecure;
    if (!direct) socket.on("data", plain ? onData : onForeignData);
    // Only now does it stop the TLS that reads already.
    else if (isSecure) socket.pause();
    socket.on("end", onEnd).on("error", onError).on("close", onClose);
  }

  get localAddress(): Address | undefined {
    return addressOf(this.#carrier.localAddress, this.#carrier.localPort);
  }

  get tls(): TlsInfo | undefined {
    return this.#tls;
  }

  get bufferedAmount(): number {
    const held = this.#socket.destroyed
      ? this.#lost + this.#firstSize + this.#partSize
      : this.#socket.writableLength;
    return held + (this.#queue?.size ?? 0);
  }

  write(chunk: Uint8Array<ArrayBuffer>): boolean {
    const socket = this.#socket;
    if (this.#ended || (!this.borrows && socket.destroyed)) return this.#lose(chunk);
    if (this.#queue !== undefined || socket.writableLength > 0 || chunk.length > PART) {
      return socket.destroyed ? this.#lose(chunk) : this.#enqueue(chunk);
    }
    const below = socket.write(asBuffer(chunk), this.#onLeft);
    // A socket of Node that is destroyed answers false; to ask it before each write costs a look at
    // both halves of its stream.
    if (!below && socket.destroyed) return this.#lose(chunk);
    // A write that has failed leaves nothing behind either.
    if (socket.writableLength === 0 && (below || !socket.errored)) {
      if (this.borrows) giveBack(chunk);
      return true;
    }
    if (this.borrows) abandon(chunk);
    this.#firstSize = chunk.length;
    // No 'drain' follows; what is written behind it tells when it has left.
    if (below && this.#onLeft === undefined) this.#writePart(new Uint8Array(0));
    if (below && chunk.length < LARGE) return true;
    if (!this.#listensForDrain) {
      this.#listensForDrain = true;
      socket.on("drain", onDrain);
    }
    this.#awaitsDrain = true;
    return false;
  }

  /** A socket that is lost, and about to say so: a sender that waits for room learns of it then. */
  #lose(chunk: Uint8Array<ArrayBuffer>): boolean {
    if (this.#socket.destroyed) this.#lost += chunk.length;
    if (this.borrows) giveBack(chunk);
    return this.#ended;
  }

  /** Has a chunk wait here. */
  #enqueue(chunk: Uint8Array<ArrayBuffer>): boolean {
    const queue = this.#queue ??= new ByteQueue();
    if (this.borrows && isLent(chunk)) {
      queue.push(chunk);
      giveBack(chunk);
    } else queue.keep(chunk);
    this.#writeParts();
    const waiting = this.bufferedAmount;
    if (waiting === 0 || (waiting < UNTOLD && chunk.length < LARGE)) return true;
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
    if (this.holds || this.#endHeld || this.#closedHeld) queueMicrotask(() => this.#release());
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#queue === undefined || this.#queue.size === 0) this.#endSocket();
  }

  #endSocket(): void {
    if (this.#socket.writableEnded) return;
    if (!this.#awaitsDrain) return void this.#socket.end();
    // Node emits no 'drain' once `end()` has been called; the callback stands in for it.
    this.#socket.end((error?: Error | null) => {
      if (this.#lives(error)) this.drained();
    });
  }

  destroy(): void {
    this.#ended = true;
    this.#drop();
    this.#forget();
    this.#socket.destroy();
  }

  unref(): void {
    this.#carrier.unref();
  }

  /** What waits will not leave any more. */
  #drop(): void {
    this.#lost = this.bufferedAmount;
    this.#firstSize = this.#partSize = 0;
    this.#queue = undefined;
  }

  /**
   * Gives the socket one part after the other while it takes them at once; else the callback of one
   * asks for the next.
   */
  #writeParts(): void {
    const socket = this.#socket;
    const queue = this.#queue;
    if (queue === undefined) return;
    while (queue.size > 0 && (this.#mayGive() || socket.writableLength === 0)) {
      let part: Uint8Array<ArrayBuffer>;
      try {
        part = queue.next(PART)!;
      } catch (error) {
        return void socket.destroy(error as Error);
      }
      queue.drop(part.length);
      this.#writePart(part);
    }
    if (queue.size > 0) return;
    if (socket.writableLength === 0) this.#queue = undefined;
    if (this.#ended) this.#endSocket();
  }

  /** Whether the socket may be given a part though it has not told of all. */
  #mayGive(): boolean {
    return this.#parts === 0 && (this.#plain || this.#firstSize === 0);
  }

  #writePart(part: Uint8Array<ArrayBuffer>): void {
    this.#parts++;
    this.#partSize += part.length;
    this.#socket.write(part, (error) => {
      if (!this.#lives(error)) return;
      this.#parts--;
      this.#partSize -= part.length;
      this.#firstSize = 0;
      this.#partLeft();
    });
  }

  /**
   * Whether what the socket confirms has left. The callback of a write that failed comes before the
   * socket counts as destroyed.
   */
  #lives(error: Error | null | undefined): boolean {
    return !error && !this.#socket.destroyed;
  }

  #partLeft(): void {
    this.#writeParts();
    if (this.bufferedAmount > 0) return;
    this.#queue = undefined;
    this.drained();
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

  /** Whether what has been read has to wait. */
  get holds(): boolean {
    return this.#paused || this.#held !== undefined;
  }

  /** Keeps a record for later. */
  hold(record: Uint8Array<ArrayBuffer>): void {
    if (!this.#socket.destroyed) (this.#held ??= []).push(record);
  }

  /** The socket's 'end'. */
  peerEnded(): void {
    // Bun's `node:net` emits 'end' after `destroy()`.
    if (this.#socket.destroyed) return;
    if (this.holds) this.#endHeld = true;
    else this.sink.end();
  }

  /** What waits is not wanted any more. */
  #forget(): void {
    this.#held = undefined;
    this.#endHeld = false;
    if (this.#closedHeld && this.sink !== unowned) queueMicrotask(() => this.#release());
  }

  /** The socket's 'error'. */
  failed(error: Error): void {
    this.#error ??= error;
    this.#forget();
    // After an alert a TLSSocket would go on to its 'end', as if the peer had ended it in order.
    if (!this.#socket.destroyed) this.destroy();
  }

  /** The socket's 'drain'. */
  drained(): void {
    if (this.#queue !== undefined) return this.#partLeft();
    this.#firstSize = 0;
    if (!this.#awaitsDrain) return;
    this.#awaitsDrain = false;
    this.sink.drain();
  }

  /** The socket's 'close'. */
  closed(): void {
    this.#ended = true;
    this.#drop();
    // A stream that is gone before it has an owner says so at the first `resume()`; so does one
    // that has ended in order, and has brought what waits.
    if (this.sink === unowned || this.#held !== undefined || this.#endHeld) this.#closedHeld = true;
    else this.#reportClosed();
  }

  #reportClosed(): void {
    const { sink } = this;
    // Node keeps a socket for some collections after its end: all that it leads to would live, and
    // be copied, as long.
    this.sink = unowned;
    sink.closed(brokenBy(this.#error));
  }

  #release(): void {
    while (this.#held !== undefined && !this.#paused) {
      const record = this.#held.shift()!;
      if (this.#held.length === 0) this.#held = undefined;
      this.sink.data(record);
    }
    if (this.#endHeld && !this.holds) {
      this.#endHeld = false;
      this.sink.end();
    }
    if (this.#closedHeld && this.#held === undefined && !this.#endHeld) {
      this.#closedHeld = false;
      this.#reportClosed();
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
