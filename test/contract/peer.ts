// A transport with a sink that records, and that holds the transport to the rules of src/transport/transport.ts on
// every call: each broken rule is a line in `violations`, which `finish()` asserts to be empty.

import { assertEquals } from "@std/assert";
import type { Transport, TransportSink } from "../../src/transport/transport.ts";

/** One end of a connection under test. */
export class Peer {
  readonly transport: Transport;
  readonly sink: TransportSink;
  readonly chunks: Uint8Array<ArrayBuffer>[] = [];
  received = 0;
  ended = false;
  drains = 0;
  closed = false;
  error: Error | undefined;
  /** What the sink has room for; and how many chunks came in it, or were lent. */
  room: Uint8Array<ArrayBuffer> | undefined;
  inRoom = 0;
  lent = 0;
  /** Called with each chunk after it has been recorded. */
  onData: ((chunk: Uint8Array<ArrayBuffer>) => void) | undefined;
  readonly violations: string[] = [];
  #inMethod = false;
  #paused = true;
  #waiting: { condition: () => boolean; resolve: () => void }[] = [];

  constructor(transport: Transport) {
    this.transport = transport;
    const getRoom = (): Uint8Array<ArrayBuffer> | undefined => this.room;
    this.sink = {
      borrows: true,
      get room() {
        return getRoom();
      },
      data: (given, lent = false) => {
        this.#check("data()", true);
        if (lent) this.lent++;
        else if (given.buffer === this.room?.buffer) {
          if (given.byteOffset !== this.room.byteOffset) this.violations.push("not at its start");
          this.room = this.room.subarray(given.length);
          this.inRoom++;
        }
        // What is lent is looked at again here only as a copy, and scribbled over: the transport must not mind.
        const chunk = lent ? given.slice() : given;
        if (lent) given.fill(0xee);
        if (chunk.length === 0) this.violations.push("data() without a byte");
        if (given.constructor !== Uint8Array) this.violations.push("data() with a subclass");
        if (this.ended) this.violations.push("data() after end()");
        this.chunks.push(chunk);
        this.received += chunk.length;
        this.onData?.(chunk);
        this.#wake();
      },
      end: () => {
        this.#check("end()", true);
        if (this.ended) this.violations.push("end() twice");
        this.ended = true;
        this.#wake();
      },
      drain: () => {
        this.#check("drain()", false);
        if (transport.bufferedAmount > 0) this.violations.push("drain() with bytes left");
        this.drains++;
        this.#wake();
      },
      closed: (error) => {
        this.#check("closed()", false);
        this.closed = true;
        this.error = error;
        this.#wake();
      },
    };
    transport.sink = this.sink;
  }

  get bufferedAmount(): number {
    return this.transport.bufferedAmount;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.received);
    let position = 0;
    for (const chunk of this.chunks) {
      all.set(chunk, position);
      position += chunk.length;
    }
    return all;
  }

  write(chunk: Uint8Array<ArrayBuffer>): boolean {
    return this.#call(() => this.transport.write(chunk));
  }

  pause(): void {
    this.#call(() => this.transport.pause());
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#call(() => this.transport.resume());
  }

  end(): void {
    this.#call(() => this.transport.end());
  }

  destroy(): void {
    this.#call(() => this.transport.destroy());
  }

  /** Resolves when `condition` holds, which is looked at after each event. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ condition, resolve }));
  }

  /** Gets rid of the connection and asserts that no rule was broken. */
  async finish(): Promise<void> {
    this.destroy();
    await this.until(() => this.closed);
    assertEquals(this.violations, []);
  }

  #call<T>(method: () => T): T {
    const outer = this.#inMethod;
    this.#inMethod = true;
    try {
      return method();
    } finally {
      this.#inMethod = outer;
    }
  }

  #check(event: string, reading: boolean): void {
    if (this.#inMethod) this.violations.push(`${event} before a method has returned (rule 2)`);
    if (reading && this.#paused) this.violations.push(`${event} while paused (rule 3)`);
    if (this.closed) this.violations.push(`${event} after closed() (rule 5)`);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) {
      if (waiter.condition()) waiter.resolve();
      else this.#waiting.push(waiter);
    }
  }
}

/** Both ends of one connection. */
export interface Pair {
  /** The end that dialled. */
  readonly a: Peer;
  /** The end that was accepted. */
  readonly b: Peer;
  /** Destroys both, stops listening, and asserts that neither end broke a rule. */
  finish(): Promise<void>;
}

/** `length` bytes that differ from place to place, with a period that no power of two divides. */
export function pattern(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i % 251;
  return bytes;
}

/** Whether `bytes` is the pattern: a hundred times faster than deep equality of 16 MiB. */
export function isPattern(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== i % 251) return false;
  return true;
}

/** Sends bytes from `from` to `to` and waits for them, so that the runtime has been to its sockets. */
export async function turns(from: Peer, to: Peer, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const expected = to.received + 1;
    from.write(new Uint8Array([i]));
    await to.until(() => to.received >= expected);
  }
}
