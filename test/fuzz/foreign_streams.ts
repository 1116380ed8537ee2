// Byte streams that somebody else made: what they are given they keep, change, transfer or take late, and what they give
// is in memory that they use again. One end of each is the library's, the other is a peer that the target plays.

import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import type { Bytes } from "../../src/util/bytes.ts";
import { concat } from "../../src/util/bytes.ts";
import { hold } from "./memory_forms.ts";
import { turns } from "./waits.ts";

/** How such a stream behaves. */
export interface Habits {
  /** What becomes of a chunk that it is given, once it has read it; "keep" reads it only when all is over. */
  readonly given: "leave" | "keep" | "fill" | "transfer";
  /** Turns of the event loop that each chunk takes. */
  readonly delay: number;
  /** Octets that it takes before it fails; it never does below 0. */
  readonly failsAfter: number;
  /** What the chunks are that it gives. */
  readonly gives: "own" | "foreign" | "Buffer" | "shared" | "transferred";
  /** Its high-water mark, in octets (or chunks, of a web stream). */
  readonly highWaterMark: number;
}

/** The peer's end. */
export interface Peer {
  /** What it has been given, so far. */
  received(): Bytes;
  /** How many octets that is. */
  readonly count: number;
  /** Whether the library has ended its side, or dropped it. */
  readonly over: boolean;
  /** Gives a chunk. */
  give(chunk: Bytes): void;
  /** Whether all that was given has been read. */
  readonly idle: boolean;
  /** Ends the stream, or has it fail. */
  end(error?: Error): void;
}

/** What a stream is given, and what it makes of it. */
class Taker {
  count = 0;
  over = false;
  readonly #habits: Habits;
  readonly #chunks: Uint8Array[] = [];

  constructor(habits: Habits) {
    this.#habits = habits;
  }

  received(): Bytes {
    return concat(this.#chunks);
  }

  /** Takes a chunk; throws when it fails. */
  async take(chunk: Uint8Array): Promise<void> {
    const { given, delay, failsAfter } = this.#habits;
    const fails = failsAfter >= 0 && this.count + chunk.length > failsAfter;
    if (!fails) {
      this.count += chunk.length;
      this.#chunks.push(given === "keep" ? chunk : new Uint8Array(chunk));
      if (given === "fill") chunk.fill(0xee);
      if (given === "transfer") {
        const buffer = chunk.buffer as ArrayBuffer;
        structuredClone(buffer, { transfer: [buffer] });
      }
    }
    await turns(delay);
    if (fails) {
      this.over = true;
      throw new Error("The sink has failed");
    }
  }
}

/** Memory that is used again as soon as its bytes have been read. */
class Giver {
  readonly #habits: Habits;
  #last: Uint8Array | undefined;

  constructor(habits: Habits) {
    this.#habits = habits;
  }

  /** A chunk as this stream gives it; the one before has been read. */
  wrap(chunk: Bytes): Uint8Array {
    // What is plainly a Uint8Array of its own belongs to its reader; anything else may be a view of something.
    this.#last?.fill(0xee);
    this.#last = undefined;
    switch (this.#habits.gives) {
      case "own":
      case "transferred":
        return chunk;
      case "foreign":
        return this.#last = hold(chunk, "bytes", true, 0).data as Uint8Array;
      case "Buffer":
        return this.#last = Buffer.from(chunk);
      case "shared": {
        const shared = new Uint8Array(new SharedArrayBuffer(chunk.length));
        shared.set(chunk);
        return this.#last = shared;
      }
    }
  }
}

/** A pair of web streams. */
export function foreignPair(
  habits: Habits,
): {
  pair: { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> };
  peer: Peer;
} {
  const taker = new Taker(habits);
  const giver = new Giver(habits);
  const waiting: Bytes[] = [];
  let ended = false;
  let failure: Error | undefined;
  let asked: (() => void) | undefined;
  const wake = (): void => {
    asked?.();
    asked = undefined;
  };
  const next = async (): Promise<Uint8Array | undefined> => {
    while (waiting.length === 0 && !ended) await new Promise<void>((resolve) => asked = resolve);
    if (waiting.length > 0) return giver.wrap(waiting.shift()!);
    if (failure !== undefined) throw failure;
    return undefined;
  };
  const cancel = (): void => {
    taker.over = ended = true;
    waiting.length = 0;
    wake();
  };
  // A byte stream transfers each chunk that it is given, which its reader is not to notice.
  const readable = habits.gives === "transferred"
    ? new ReadableStream<Uint8Array>({
      type: "bytes",
      async pull(controller) {
        const chunk = await next();
        if (chunk !== undefined) return controller.enqueue(chunk as Bytes);
        controller.close();
        controller.byobRequest?.respond(0);
      },
      cancel,
    } as UnderlyingByteSource as never)
    : new ReadableStream<Uint8Array>({
      async pull(controller) {
        const chunk = await next();
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel,
    }, { highWaterMark: 0 });
  const writable = new WritableStream<Uint8Array>({
    write: (chunk) => taker.take(chunk),
    close: () => void (taker.over = true),
    abort: () => void (taker.over = true),
  }, { highWaterMark: habits.highWaterMark });
  const peer: Peer = {
    received: () => taker.received(),
    get count() {
      return taker.count;
    },
    get over() {
      return taker.over;
    },
    give(chunk) {
      if (ended) return;
      waiting.push(chunk);
      wake();
    },
    get idle() {
      return waiting.length === 0;
    },
    end(error) {
      ended = true;
      failure = error;
      wake();
    },
  };
  return { pair: { readable, writable }, peer };
}

/** A stream of Node. */
export function foreignDuplex(habits: Habits): { duplex: Duplex; peer: Peer } {
  const taker = new Taker(habits);
  const giver = new Giver(habits);
  const waiting: Bytes[] = [];
  let ended = false;
  let failure: Error | undefined;
  let polling = false;
  const pump = (): void => {
    // What it gave has been read as soon as nothing of it waits: only then its memory is used again.
    while (duplex.readableLength === 0 && waiting.length > 0 && !duplex.destroyed) {
      if (!duplex.push(giver.wrap(waiting.shift()!))) break;
    }
    if (waiting.length > 0 && !polling && !duplex.destroyed) {
      polling = true;
      setImmediate(() => {
        polling = false;
        pump();
      });
    }
    if (!ended || waiting.length > 0 || duplex.destroyed) return;
    if (failure !== undefined) duplex.destroy(failure);
    else if (!duplex.readableEnded) duplex.push(null);
    ended = false;
  };
  const duplex = new Duplex({
    allowHalfOpen: true,
    readableHighWaterMark: 1,
    writableHighWaterMark: habits.highWaterMark,
    read: pump,
    write(chunk: Uint8Array, _encoding, callback) {
      taker.take(chunk).then(() => callback(), callback);
    },
    final(callback) {
      taker.over = true;
      callback();
    },
    destroy(error, callback) {
      taker.over = true;
      waiting.length = 0;
      callback(error);
    },
  });
  const peer: Peer = {
    received: () => taker.received(),
    get count() {
      return taker.count;
    },
    get over() {
      return taker.over;
    },
    give(chunk) {
      waiting.push(chunk);
      pump();
    },
    get idle() {
      return waiting.length === 0 && duplex.readableLength === 0;
    },
    end(error) {
      ended = true;
      failure = error;
      pump();
    },
  };
  return { duplex, peer };
}
