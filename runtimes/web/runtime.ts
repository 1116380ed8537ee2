// A Runtime over web streams: it serves the connections of a stream of pairs, and dials what a
// function opens.

import { unlessAborted } from "../../src/util/abort.ts";
import { refuseAddresses } from "../../src/transport/addresses.ts";
import type { TlsClientOptions } from "../../src/transport/tls.ts";
import type { Address, Listener, Runtime, Transport } from "../../src/transport/transport.ts";
import { type ByteStreamPair, webTransport } from "../../src/transport/web_transport.ts";

/** Where connections come from and how they are opened. */
export interface StreamSource {
  /** The connections to serve; without it nothing can be served. */
  readonly incoming?: ReadableStream<ByteStreamPair>;
  /**
   * Opens a connection, with TLS when `options.tls` is there; without it nothing can be dialled.
   */
  readonly open?: (
    address: Address,
    options: StreamOpenOptions,
  ) => ByteStreamPair | Promise<ByteStreamPair>;
}

/** How to open a connection. */
export interface StreamOpenOptions {
  /** For `wss:`, the option `tls` of `connect()`; undefined for `ws:`. */
  readonly tls: TlsClientOptions | undefined;
  /** The path of a unix socket, in place of the address. */
  readonly path: string | undefined;
}

/**
 * Makes the runtime for `createServe()` and `createConnect()` over byte streams of any origin.
 *
 * @param source Where connections come from and how they are opened.
 * @returns The runtime. Its `listen()` serves `incoming` until that ends or the server is closed;
 * addresses are what the caller says they are.
 *
 * @example
 * ```ts
 * import {
 *   type ByteStreamPair,
 *   createConnect,
 *   createServe,
 *   createWebRuntime,
 * } from "@sansocket/ws/web";
 *
 * const up = new TransformStream<Uint8Array, Uint8Array>();
 * const down = new TransformStream<Uint8Array, Uint8Array>();
 * const incoming = new ReadableStream<ByteStreamPair>({
 *   start: (controller) => controller.enqueue({ readable: up.readable, writable: down.writable }),
 * });
 * const open = () => ({ readable: down.readable, writable: up.writable });
 * const runtime = createWebRuntime({ incoming, open });
 *
 * const server = await createServe(runtime)({ websocket: (ws) => ws.send("over streams") });
 * const ws = await createConnect(runtime)(server.url);
 * console.log(await ws.receive()); // over streams
 * await server.close();
 * ```
 */
export function createWebRuntime(source: StreamSource): Runtime {
  return {
    listen(address, accept): Promise<Listener> {
      if (address.tls !== undefined || address.path !== undefined) {
        const message = "Expected neither tls nor path, `incoming` brings connections as they are";
        return Promise.reject(new TypeError(message));
      }
      if (source.incoming === undefined) {
        return Promise.reject(new TypeError("Expected `incoming`, the connections to serve"));
      }
      const reader = source.incoming.getReader();
      const over = acceptAll(reader, accept);
      return Promise.resolve({
        address: { hostname: address.hostname, port: address.port },
        close: async () => {
          await reader.cancel();
          await over;
        },
      });
    },
    async dial(address, options): Promise<Transport> {
      const { signal, tls, path } = options;
      signal?.throwIfAborted();
      refuseAddresses(options, "over streams, `open` connects by itself; leave it out");
      if (source.open === undefined) {
        throw new TypeError("Expected `open`, which connects to an address");
      }
      const opening = Promise.resolve(source.open(address, { tls, path }))
        .then((pair) => webTransport(pair, { remoteAddress: address }));
      if (signal === undefined) return await opening;
      try {
        return await unlessAborted(opening, signal);
      } catch (error) {
        // A connection that comes too late is closed.
        opening.then((transport) => transport.destroy(), () => {});
        throw error;
      }
    },
  };
}

async function acceptAll(
  reader: ReadableStreamDefaultReader<ByteStreamPair>,
  accept: (transport: Transport) => void,
): Promise<void> {
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      accept(webTransport(value));
    }
  } catch {
    // A source that fails brings no more connections; those it brought live on.
  }
}
