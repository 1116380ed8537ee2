// Transports for tests: one that a test plays by hand, a pair in memory, and one that records what passes through.

import type { Runtime, Transport, TransportSink } from "../../src/transport/transport.ts";
import { createMemoryRuntime } from "@sansocket/ws/testing";

type Bytes = Uint8Array<ArrayBuffer>;

/** A transport whose other end is the test. */
export class FakeTransport implements Transport {
  sink: TransportSink = { data() {}, end() {}, drain() {}, closed() {} };
  readonly remoteAddress = undefined;
  readonly localAddress = undefined;
  /** Drives what waits; the system's unless told. */
  clock: Transport["clock"];
  /** As those of the library; what it is given is never given back. */
  readonly borrows: boolean;
  /** What was written, one entry for each write. */
  readonly writes: Bytes[] = [];
  /** Whether writes are buffered, as by a peer that does not read. */
  congested = false;
  bufferedAmount = 0;
  paused = true;
  ended = false;
  destroyed = false;

  constructor(borrows = true) {
    this.borrows = borrows;
  }

  write(chunk: Bytes): boolean {
    this.writes.push(chunk);
    if (!this.congested) return true;
    this.bufferedAmount += chunk.length;
    return false;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  /** Lets what is buffered leave. */
  drain(): void {
    this.congested = false;
    this.bufferedAmount = 0;
    this.sink.drain();
  }
}

/** Gives one chunk each time it is resumed, and then the end; it records what is written. */
export function fedTransport(chunks: Iterable<Bytes>): FakeTransport {
  const source = [...chunks].filter(({ length }) => length > 0)[Symbol.iterator]();
  return Object.assign(new FakeTransport(), {
    resume(this: FakeTransport) {
      queueMicrotask(() => {
        const { done, value } = source.next();
        if (done) this.sink.end();
        else this.sink.data(value);
      });
    },
  });
}

/** Both ends of a byte stream in memory. */
export async function transportPair(): Promise<[dialled: Transport, accepted: Transport]> {
  const runtime = createMemoryRuntime();
  let accepted!: Transport;
  const address = { hostname: "127.0.0.1", port: 1 };
  await runtime.listen(address, (transport) => accepted = transport);
  return [await runtime.dial(address, { signal: undefined }), accepted];
}

/** What passed through a transport. */
export interface Recording {
  /** The chunks that were read. */
  readonly reads: Bytes[];
  /** The chunks that were written. */
  readonly writes: Bytes[];
}

/** A runtime that records what passes through the connections it accepts. */
export interface RecordingRuntime {
  /** The runtime. */
  readonly runtime: Runtime;
  /** The accepted connections in order. */
  readonly accepted: readonly Recording[];
}

/** Makes a runtime that records around another. */
export function recordRuntime(inner: Runtime): RecordingRuntime {
  const accepted: Recording[] = [];
  return {
    accepted,
    runtime: {
      listen: (address, accept) =>
        inner.listen(address, (transport) => {
          const recording = new RecordingTransport(transport);
          accepted.push(recording);
          accept(recording);
        }),
      dial: (address, options) => inner.dial(address, options),
    },
  };
}

class RecordingTransport implements Transport, Recording {
  readonly reads: Bytes[] = [];
  readonly writes: Bytes[] = [];
  readonly #inner: Transport;

  constructor(inner: Transport) {
    this.#inner = inner;
  }

  get sink(): TransportSink {
    return this.#inner.sink;
  }

  set sink(sink: TransportSink) {
    this.#inner.sink = {
      data: (chunk) => {
        this.reads.push(chunk.slice());
        sink.data(chunk);
      },
      end: () => sink.end(),
      drain: () => sink.drain(),
      closed: (error) => sink.closed(error),
    };
  }

  get remoteAddress(): Transport["remoteAddress"] {
    return this.#inner.remoteAddress;
  }

  get localAddress(): Transport["localAddress"] {
    return this.#inner.localAddress;
  }

  get bufferedAmount(): number {
    return this.#inner.bufferedAmount;
  }

  write(chunk: Bytes): boolean {
    this.writes.push(chunk.slice());
    return this.#inner.write(chunk);
  }

  pause(): void {
    this.#inner.pause();
  }

  resume(): void {
    this.#inner.resume();
  }

  end(): void {
    this.#inner.end();
  }

  destroy(): void {
    this.#inner.destroy();
  }
}
