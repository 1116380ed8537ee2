// The hooks of a `Bun.Socket`, which lead to its owner by `socket.data`.

import type { BunSocket, BunSocketHandler } from "./namespace.ts";
import { BunTransport } from "./transport.ts";

/** What a socket belongs to: its transport, or before that its TLS handshake. */
export interface SocketOwner {
  /** Bytes have come. */
  received(chunk: Uint8Array<ArrayBuffer>): void;
  /** There is room to write. */
  writable(): void;
  /** The peer has ended its side. */
  peerEnded(): void;
  /** The socket has closed. */
  socketClosed(error: Error | undefined): void;
}

/**
 * The hooks that all sockets of a listener share, and each socket that is dialled has.
 *
 * @param open Called with each transport that they make.
 * @returns The hooks.
 */
export function hooks(open: (transport: BunTransport) => void): BunSocketHandler<SocketOwner> {
  return hooksFrom((socket) => {
    const transport = socket.data = new BunTransport(socket);
    open(transport);
    transport.opened();
  });
}

/**
 * The same for sockets that have another owner first.
 *
 * @param open Called with each socket; it may leave it without an owner, and close it.
 * @returns The hooks.
 */
export function hooksFrom(
  open: (socket: BunSocket<SocketOwner>) => void,
): BunSocketHandler<SocketOwner> {
  return {
    binaryType: "uint8array",
    open,
    data: (socket, chunk) => socket.data.received(chunk),
    drain: (socket) => socket.data?.writable(),
    end: (socket) => socket.data?.peerEnded(),
    close: (socket, error) => socket.data?.socketClosed(error),
    // What a sink throws is the process's uncaught exception, as it is on Node.
    error: (_socket, error) =>
      queueMicrotask(() => {
        throw error;
      }),
  };
}
