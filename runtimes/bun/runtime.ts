// Listening and dialling with `Bun.listen` and `Bun.connect`. All sockets share one object of hooks for
// listening; `socket.data` leads from a socket to its transport.

import type { Address, Listener, Runtime, Transport } from "../../src/transport.ts";
import { failure } from "../failure.ts";
import { zlibBackend } from "../zlib.ts";
import { bun } from "./namespace.ts";
import type { BunSocket, BunSocketHandler } from "./namespace.ts";
import { BunTransport } from "./transport.ts";

/**
 * TCP through `Bun.listen` and `Bun.connect`.
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
export const bunRuntime: Runtime = { listen, dial, deflate: zlibBackend };

function hooks(open: (transport: BunTransport) => void): BunSocketHandler<BunTransport> {
  return {
    binaryType: "uint8array",
    open(socket: BunSocket<BunTransport>): void {
      socket.data = new BunTransport(socket);
      open(socket.data);
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

// deno-lint-ignore require-await -- what `Bun.listen` throws becomes a rejection
async function listen(
  address: Address,
  accept: (transport: Transport) => void,
): Promise<Listener> {
  const { hostname, port } = address;
  try {
    const socket = bun().listen({ hostname, port, allowHalfOpen: true, socket: hooks(accept) });
    return {
      address: { hostname: socket.hostname, port: socket.port },
      close(): Promise<void> {
        socket.stop();
        return Promise.resolve();
      },
    };
  } catch (error) {
    throw failure("listen on", address, error);
  }
}

function dial(
  address: Address,
  { signal }: { signal: AbortSignal | undefined },
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const { hostname, port } = address;
    const onAbort = () => reject(signal?.reason);
    const settle = () => signal?.removeEventListener("abort", onAbort);
    signal?.addEventListener("abort", onAbort);
    const onOpen = (transport: BunTransport) => {
      settle();
      // Bun cannot cancel an attempt; a connection that comes too late is closed.
      if (signal?.aborted) transport.destroy();
      else resolve(transport);
    };
    bun().connect({ hostname, port, allowHalfOpen: true, socket: hooks(onOpen) })
      .catch((error) => {
        settle();
        reject(failure("connect to", address, error));
      });
  });
}
