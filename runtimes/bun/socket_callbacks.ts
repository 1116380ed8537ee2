// The hooks of a `Bun.Socket`, which lead to its transport by `socket.data`.

import type { BunSocket, BunSocketHandler } from "./namespace.ts";
import { BunTransport } from "./transport.ts";

/**
 * The hooks that all sockets of a listener share, and each socket that is dialled has.
 *
 * @param open Called with each transport that they make.
 * @returns The hooks.
 */
export function hooks(open: (transport: BunTransport) => void): BunSocketHandler<BunTransport> {
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
