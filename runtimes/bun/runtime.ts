// Listening and dialling with `Bun.listen` and `Bun.connect`; TLS is tls.ts. All sockets share one object of hooks
// for listening; `socket.data` leads from a socket to its transport.

import type {
  Address,
  DialOptions,
  Listener,
  ListenOptions,
  Runtime,
  Transport,
} from "../../src/transport.ts";
import { failure } from "../failure.ts";
import { dialWith } from "../dial.ts";
import { zlibBackend } from "../zlib.ts";
import { bun } from "./namespace.ts";
import type { BunSocket, BunSocketHandler, BunTarget } from "./namespace.ts";
import { BunTransport } from "./transport.ts";

/**
 * TCP and unix sockets through `Bun.listen` and `Bun.connect`, TLS through `node:tls`.
 *
 * @example
 * ```ts
 * import { bunRuntime } from "@sansocket/ws/bun";
 *
 * const listener = await bunRuntime.listen({ hostname: "127.0.0.1", port: 0 }, (transport) => {
 *   transport.destroy();
 * });
 * await listener.close();
 * ```
 */
export const bunRuntime: Runtime = {
  listen,
  dial: dialWith(dialTcp),
  deflate: zlibBackend,
};

function hooks(open: (transport: BunTransport) => void): BunSocketHandler<BunTransport> {
  return {
    binaryType: "uint8array",
    open(socket: BunSocket<BunTransport>): void {
      socket.data = new BunTransport(socket);
      open(socket.data);
      socket.data.opened();
    },
    data: (socket, chunk) => socket.data.received(chunk),
    drain: (socket) => socket.data?.writable(),
    end: (socket) => socket.data.peerEnded(),
    close: (socket, error) => socket.data?.socketClosed(error),
    // What a sink throws is the process's uncaught exception, as it is on Node.
    error: (_socket, error) =>
      queueMicrotask(() => {
        throw error;
      }),
  };
}

async function listen(
  options: ListenOptions,
  accept: (transport: Transport) => void,
): Promise<Listener> {
  const { tls, path, hostname, port, reusePort = false } = options;
  if (tls !== undefined) {
    const { listenTls } = await import("../tls.ts");
    return await listenTls({ ...options, tls }, accept);
  }
  try {
    const target = targetOf(options, path);
    const socket = bun().listen({
      ...target,
      reusePort,
      allowHalfOpen: true,
      socket: hooks(accept),
    });
    return {
      address: { hostname: socket.hostname ?? hostname, port: socket.port ?? port },
      close(): Promise<void> {
        socket.stop();
        return Promise.resolve();
      },
      unref: () => socket.unref(),
    };
  } catch (error) {
    throw failure("listen on", options, error);
  }
}

function targetOf({ hostname, port }: Address, path: string | undefined): BunTarget {
  return path === undefined ? { hostname, port } : { unix: path };
}

function dialTcp(address: Address, { signal, path }: DialOptions): Promise<Transport> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = () => reject(signal?.reason);
    const settle = () => signal?.removeEventListener("abort", onAbort);
    signal?.addEventListener("abort", onAbort);
    const onOpen = (transport: BunTransport) => {
      settle();
      // Bun cannot cancel an attempt; a connection that comes too late is closed.
      if (signal?.aborted) transport.destroy();
      else resolve(transport);
    };
    bun().connect({ ...targetOf(address, path), allowHalfOpen: true, socket: hooks(onOpen) })
      .catch((error) => {
        settle();
        reject(failure("connect to", { ...address, path }, error));
      });
  });
}
