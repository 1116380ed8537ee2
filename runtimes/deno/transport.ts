// A `Deno.TcpConn` or `Deno.UnixConn` as a Transport.
//
// 1. Deno fills a buffer of ours. It is a slab whose bytes are handed out once, and again only when
//    the sink kept none of them. A large read is lent, so that what is kept is one copy in memory
//    of its size. The rest of a large message is read into the sink's room. The slab starts small,
//    since an idle connection waits with one; it grows when reads fill it and shrinks when not.
// 2. Deno writes a part, as a promise. One write is under way at a time, from where the bytes lie;
//    what comes meanwhile is queued and leaves together. Every write is "buffered" for a while, so
//    `write()` answers false only from 64 KiB on.
// 3. A read that was under way at `pause()` completes; its bytes, or the end, wait for `resume()`.
// 4. With many connections not all reads and writes are begun at once: pace.ts.

import { ByteQueue } from "../../src/util/byte_queue.ts";
import { abandon, giveBack, isLent } from "../../src/util/slab.ts";
import type { Address, Transport, TransportSink } from "../../src/transport/transport.ts";
import { brokenBy } from "../shared/system_error.ts";
import { chooseAllocator, keepFreed } from "../shared/allocator.ts";
import type { DenoAddress, DenoConn } from "./namespace.ts";
import { pace } from "./pace.ts";

chooseAllocator();

const MINIMUM_SLAB = 512;
const MAXIMUM_SLAB = 262_144;
/** From this many octets on, a copy costs less than a new slab when this one is used up. */
const LEND_FROM = 2_048;
/** A slab that served this many reads was larger than they needed. */
const MANY_READS = 16;
const HIGH_WATER_MARK = 65_536;
/**
 * After this many octets the other connections have their turn; each read counts for at least
 * LEAST_COUNTED. Deno answers a read that finds bytes without coming back to its event loop: of two
 * connections that echoed 1 MiB and four that echoed 20 octets, one kind kept the other waiting for
 * 750 ms, and for 42 ms with this. Of 1 MiB it costs 0 to 11%, of less nothing to be measured.
 */
const SHARE = 1_048_576;
const LEAST_COUNTED = 8_192;

/**
 * Why a connection is lost when its slab is transferred while more is read into it: what has come
 * went with the slab.
 */
const TRANSFERRED = "The buffer of a message was transferred while more was read behind it; " +
  "transfer a slice(), or set ownBuffers";

/** Slabs of connections that have ended, of which no sink has kept anything. */
const spare: Uint8Array<ArrayBuffer>[] = [];
const MOST_SPARE = 64;

const unowned: TransportSink = { data() {}, end() {}, drain() {}, closed() {} };

/** A {@linkcode DenoConn} as a {@linkcode Transport}. */
export class DenoTransport implements Transport {
  sink: TransportSink = unowned;
  readonly remoteAddress: Address | undefined;
  readonly borrows = true;
  readonly #conn: DenoConn;
  #gone = false;
  /** Octets that were dropped with the connection. */
  #lost = 0;

  #paused = true;
  #reading = false;
  #giving = false;
  #peerEnded = false;
  /** The result of a read that has not been passed on yet. */
  #arrived: number | null | undefined;
  /** What the sink had room for when the read began. */
  #room: Uint8Array<ArrayBuffer> | undefined;
  #slab: Uint8Array<ArrayBuffer> | undefined;
  #position = 0;
  #slabSize = MINIMUM_SLAB;
  #reads = 0;
  /** Octets until the others have their turn; nothing is read while they have it. */
  #left = SHARE;

  readonly #queue = new ByteQueue();
  /** What is under way. */
  #sending: Uint8Array<ArrayBuffer> | undefined;
  /**
   * Where it lies: still in the queue, in a slab that it goes back to, or in one that it does not.
   */
  #from: "queue" | "slab" | "abandoned" = "queue";
  #ended = false;
  #writeClosed = false;
  #awaitsDrain = false;

  readonly #onRead = (count: number | null): void => {
    pace.hasRead();
    this.#reading = false;
    this.#arrived = count;
    this.#pump();
  };
  readonly #onWritten = (count: number): void => this.#written(count);
  readonly #onError = (error: unknown): void => this.#close(brokenBy(error));

  /** @param conn The connection; it belongs to the transport from now on. */
  constructor(conn: DenoConn) {
    this.#conn = conn;
    pace.opened();
    this.remoteAddress = addressOf(conn.remoteAddr);
  }

  get localAddress(): Address | undefined {
    return addressOf(this.#conn.localAddr);
  }

  get bufferedAmount(): number {
    const sending = this.#from === "queue" ? 0 : this.#sending?.length ?? 0;
    return this.#lost + this.#queue.size + sending;
  }

  write(chunk: Uint8Array<ArrayBuffer>): boolean {
    if (this.#ended || this.#gone || chunk.length === 0) {
      if (this.#gone) this.#lost += chunk.length;
      giveBack(chunk);
      return true;
    }
    if (!isLent(chunk)) {
      this.#queue.keep(chunk);
      if (this.#sending === undefined) this.#sendNext();
    } else if (this.#sending === undefined) this.#send(chunk, "slab");
    else {
      this.#queue.push(chunk);
      giveBack(chunk);
      // A write may be under way for long, and must not keep a slab from being used again.
      if (this.#from === "slab") {
        abandon(this.#sending);
        this.#from = "abandoned";
      }
    }
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
    if (this.#arrived === undefined) this.#read();
    else queueMicrotask(() => this.#pump());
  }

  end(): void {
    if (this.#ended || this.#gone) return;
    this.#ended = true;
    if (this.#sending === undefined) this.#closeWrite();
  }

  destroy(): void {
    this.#close(undefined);
  }

  unref(): void {
    this.#conn.unref();
  }

  #pump(): void {
    if (this.#gone || this.#paused) return;
    const count = this.#arrived;
    this.#arrived = undefined;
    if (count === null) {
      this.#peerEnded = true;
      this.sink.end();
      if (this.#writeClosed) this.#close(undefined);
      return;
    }
    if (count !== undefined) {
      this.#give(count);
      this.#left -= Math.max(count, LEAST_COUNTED);
      if (this.#left <= 0) setTimeout(() => this.#goOn(), 0);
    }
    this.#read();
  }

  #goOn(): void {
    this.#left = SHARE;
    this.#read();
  }

  #read(): void {
    if (this.#gone || this.#paused || this.#reading || this.#peerEnded || this.#giving) return;
    if (this.#arrived !== undefined || this.#left <= 0) return;
    this.#reading = true;
    if (pace.mayRead()) this.#beginRead();
    else pace.readLater(() => this.#beginRead());
  }

  #beginRead(): void {
    // The connection may have been closed or paused while the read waited; `resume()` reads again.
    this.#reading = !this.#gone && !this.#paused;
    if (!this.#reading) return;
    this.#room = this.sink.room;
    const target = this.#room ?? this.#unused();
    this.#conn.read(target).then(this.#onRead, this.#onError);
  }

  /** What is left of the slab, or a new one. */
  #unused(): Uint8Array<ArrayBuffer> {
    // Code that kept some of it may have transferred its buffer.
    if (this.#slab === undefined || this.#slab.length === 0) {
      const size = this.#slabSize;
      this.#slab = (size === MINIMUM_SLAB ? spare.pop() : undefined) ?? new Uint8Array(size);
      this.#position = 0;
    }
    return this.#slab.subarray(this.#position);
  }

  /** Passes on what a read of `count` octets brought. */
  #give(count: number): void {
    // A `resume()` meanwhile must not read: what was read is still being looked at.
    this.#giving = true;
    keepFreed(count);
    if (this.#room === undefined) this.#giveSlab(count);
    else this.sink.data(this.#room.subarray(0, count));
    this.#giving = false;
  }

  /**
   * The same from the slab. What the sink does not keep is filled again: no new memory, no zeros.
   */
  #giveSlab(count: number): void {
    const slab = this.#slab as Uint8Array<ArrayBuffer>;
    if (slab.length === 0) return this.#close(new TypeError(TRANSFERRED));
    const start = this.#position;
    const end = start + count;
    this.#position = end;
    const borrows = this.sink.borrows === true;
    const lent = !borrows || count >= LEND_FROM;
    const chunk = borrows ? slab.subarray(start, end) : slab.slice(start, end);
    const free = this.sink.data(chunk, borrows && lent) === true || lent;
    if (slab !== this.#slab) return;
    this.#reads++;
    const filled = end === slab.length;
    if (free) {
      this.#position = start;
      // What it was made for: only reads in a row that leave most of it count.
      if (!filled && count > slab.length / 4) this.#reads = 0;
    }
    const outgrown = filled && (free || this.#reads < MANY_READS);
    const size = Math.min(
      Math.max(outgrown ? slab.length * 4 : slab.length / 2, MINIMUM_SLAB),
      MAXIMUM_SLAB,
    );
    const due = outgrown || this.#reads >= MANY_READS;
    // The slab stays in use while it has the right size and most of it is not kept.
    if (free ? !due || size === slab.length : slab.length - end >= slab.length / 4) return;
    if (due) this.#slabSize = size;
    this.#slab = undefined;
    this.#position = 0;
    this.#reads = 0;
  }

  #send(chunk: Uint8Array<ArrayBuffer>, from: "queue" | "slab" | "abandoned"): void {
    this.#sending = chunk;
    this.#from = from;
    if (pace.mayWrite()) this.#beginWrite();
    else pace.writeLater(() => this.#beginWrite());
  }

  #sendNext(): void {
    try {
      const next = this.#queue.next(Infinity);
      if (next !== undefined) this.#send(next, "queue");
    } catch (error) {
      this.#close(brokenBy(error));
    }
  }

  #beginWrite(): void {
    // The connection may have been closed while the write waited.
    if (this.#sending === undefined) return;
    this.#conn.write(this.#sending).then(this.#onWritten, this.#onError);
  }

  #written(count: number): void {
    const sent = this.#sending;
    const from = this.#from;
    if (this.#gone || sent === undefined) return;
    this.#sending = undefined;
    if (from === "queue") this.#queue.drop(count);
    else {
      if (from === "slab") giveBack(count < sent.length ? sent.subarray(0, count) : sent);
      if (count < sent.length) return this.#send(sent.subarray(count), from);
    }
    this.#sendNext();
    if (this.#sending !== undefined || this.#gone) return;
    if (this.#awaitsDrain) {
      this.#awaitsDrain = false;
      this.sink.drain();
    }
    // The sink may have written again, ended or destroyed.
    if (this.#ended && this.#sending === undefined) this.#closeWrite();
  }

  #closeWrite(): void {
    if (this.#gone || this.#writeClosed) return;
    this.#writeClosed = true;
    this.#conn.closeWrite().then(() => {
      if (this.#peerEnded) this.#close(undefined);
    }, this.#onError);
  }

  /** Reports once; what the closing itself makes reject finds `#gone` set. */
  #close(error: Error | undefined): void {
    if (this.#gone) return;
    this.#gone = true;
    pace.closed();
    this.#lost = this.bufferedAmount;
    this.#queue.clear();
    this.#sending = undefined;
    const slab = this.#slab;
    // A read that is under way may still fill it; what is being looked at lies before the position.
    const free = slab?.length === MINIMUM_SLAB && this.#position === 0 && !this.#reading;
    if (free && spare.length < MOST_SPARE) spare.push(slab);
    this.#slab = this.#room = undefined;
    this.#conn.close();
    queueMicrotask(() => this.sink.closed(error));
  }
}

/** A unix socket has none. */
function addressOf(address: DenoAddress): Address | undefined {
  if (address.path !== undefined) return undefined;
  return { hostname: address.hostname, port: address.port };
}
