// A Runtime over pairs of web streams: what arrives as a stream of pairs is served, what a function opens is dialled.

import type { Address, Listener, Runtime, Transport } from "../../src/transport.ts";
import { webTransport } from "./transport.ts";

/** A byte stream as web streams have it. */
export interface StreamPair {
  /** What the peer sends. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What the peer is sent. */
  readonly writable: WritableStream<Uint8Array>;
}

/** Where the pairs come from. */
export interface StreamSource {
  /** The pairs to serve, one for each connection; without it nothing can be served. */
  readonly incoming?: AsyncIterable<StreamPair>;
  /** Opens a pair to an address; without it nothing can be dialled. */
  readonly open?: (
    address: Address,
    options: { signal: AbortSignal | undefined },
  ) => StreamPair | Promise<StreamPair>;
}

/**
 * Makes the runtime for `createServe()` and `createConnect()`.
 *
 * @param source Where the byte streams come from.
 *
 * @example
 * ```ts
 * import { createConnect, createServe, createWebRuntime } from "@sansocket/ws/web";
 *
 * const up = new TransformStream<Uint8Array, Uint8Array>();
 * const down = new TransformStream<Uint8Array, Uint8Array>();
 * const serve = createServe(createWebRuntime({
 *   async *incoming() {
 *     yield { readable: up.readable, writable: down.writable };
 *   },
 * }.incoming()));
 * ```
 */
export function createWebRuntime(source: StreamSource): Runtime {
  return {
    listen(address, accept): Promise<Listener> {
      const { incoming } = source;
      if (incoming === undefined) {
        return Promise.reject(new TypeError("Expected `incoming`, the pairs of streams to serve"));
      }
      const iterator = incoming[Symbol.asyncIterator]();
      const done = acceptAll(iterator, accept);
      return Promise.resolve({
        address,
        close: async () => {
          // A source that is waiting for its next pair ends when it can; nobody waits for it.
          void iterator.return?.();
          await Promise.race([done, Promise.resolve()]);
        },
      });
    },
    async dial(address, { signal }): Promise<Transport> {
      const { open } = source;
      if (open === undefined) throw new TypeError("Expected `open`, which connects to an address");
      return webTransport(await open(address, { signal }), { remote: address });
    },
  };
}
