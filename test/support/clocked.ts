// A network in memory with a clock, and raw peers on it: what waits in the library takes no time there.

import { connect, serve } from "@sansocket/ws";
import { type Connect, createConnect } from "../../src/client/connect.ts";
import { createServe, type Serve } from "../../src/server/serve.ts";
import type { Link } from "../../src/testing/link.ts";
import { MemoryRuntime } from "../../src/testing/memory_runtime.ts";
import { createClock, type TestClock } from "@sansocket/ws/testing";
import type { Transport } from "../../src/transport/transport.ts";
import { RawPeer, type RawSocket } from "./raw.ts";

/** Where the library meets raw peers. */
export interface RawNetwork {
  /** Drives what waits in memory. TCP has the system's. */
  readonly clock: TestClock;
  readonly serve: Serve;
  readonly connect: Connect;
  /** The connections in memory that are open, in the order in which they were made. */
  readonly links: readonly Link[];
  /** Connects to a port. */
  readonly dial: (port: number) => Promise<RawPeer>;
}

/** A network in memory on a clock. */
export interface ClockedNetwork extends RawNetwork {
  /** Listens for clients that a test answers by hand, as `RawServer.listen()` does over TCP. */
  listen(): Promise<ClockedServer>;
}

/** A server whose connections a test answers by hand. */
export interface ClockedServer {
  /** Where a client finds it. */
  readonly url: string;
  /** The next connection. */
  accept(): Promise<RawPeer>;
}

/** The network of this machine. Its clock drives nothing. */
export function createTcp(): RawNetwork {
  return { clock: createClock(), serve, connect, links: [], dial: RawPeer.dial };
}

/** Makes a network in memory on a clock of its own. */
export function createClocked(): ClockedNetwork {
  const clock = createClock();
  const runtime = new MemoryRuntime(clock.source);
  const hostname = "127.0.0.1";
  const peerOf = (transport: Transport): RawPeer =>
    new RawPeer(new MemorySocket(transport, runtime.links));
  return {
    clock,
    serve: createServe(runtime),
    connect: createConnect(runtime),
    get links() {
      return [...new Set(runtime.links.values())].filter(({ open }) => open);
    },
    dial: async (port) => peerOf(await runtime.dial({ hostname, port }, { signal: undefined })),
    async listen() {
      const accepted: RawPeer[] = [];
      const waiting: ((peer: RawPeer) => void)[] = [];
      const { address } = await runtime.listen({ hostname, port: 0 }, (transport) => {
        const peer = peerOf(transport);
        const resolve = waiting.shift();
        if (resolve === undefined) accepted.push(peer);
        else resolve(peer);
      });
      return {
        url: `ws://${hostname}:${address.port}/`,
        accept: () => {
          const peer = accepted.shift();
          return peer === undefined
            ? new Promise((resolve) => waiting.push(resolve))
            : Promise.resolve(peer);
        },
      };
    },
  };
}

type Listener = Parameters<RawSocket["on"]>[1];

/** One end of a byte stream in memory, as a raw peer takes it. */
class MemorySocket implements RawSocket {
  readonly #transport: Transport;
  readonly #links: ReadonlyMap<Transport, Link>;
  readonly #listeners: Record<string, Listener> = {};
  readonly #flushing: ((error?: Error) => void)[] = [];

  constructor(transport: Transport, links: ReadonlyMap<Transport, Link>) {
    this.#transport = transport;
    this.#links = links;
    transport.sink = {
      data: (chunk) => this.#tell("data", chunk),
      end: () => this.#tell("end"),
      drain: () => this.#flushed(),
      closed: (error) => {
        if (error !== undefined) this.#tell("error", error);
        this.#flushed(new Error("The stream is gone"));
        this.#tell("close");
      },
    };
    transport.resume();
  }

  on(event: string, listener: Listener): void {
    this.#listeners[event] = listener;
  }

  write(data: Uint8Array, done: (error?: Error) => void = () => {}): void {
    // A turn of the event loop for each, as on a socket: who writes without end lets others run.
    const full = !this.#transport.write(data.slice());
    if (full) this.#flushing.push(done);
    else setTimeout(done, 0);
  }

  pause(): void {
    this.#transport.pause();
  }

  resume(): void {
    this.#transport.resume();
  }

  end(): void {
    this.#transport.end();
  }

  resetAndDestroy(): void {
    const link = this.#links.get(this.#transport);
    if (link?.open) link.cut();
  }

  destroy(): void {
    this.#transport.destroy();
  }

  #tell(event: string, value?: unknown): void {
    (this.#listeners[event] as ((value: unknown) => void) | undefined)?.(value);
  }

  #flushed(error?: Error): void {
    for (const done of this.#flushing.splice(0)) done(error);
  }
}
