// A stream of Node's that a program has opened, as a Transport.

import type { Socket } from "node:net";
import type { Transport } from "../../src/transport/transport.ts";
import { ForeignStream } from "./foreign_stream.ts";
import { NodeTransport } from "./node_transport.ts";
import { isPlain } from "./plain_socket.ts";

/**
 * Makes a transport of a `Duplex`, which may be a socket that still connects.
 *
 * @param stream The stream; it belongs to the transport from now on.
 * @returns The transport.
 * @throws {TypeError} When the stream is gone, and would never say so.
 */
export function streamTransport(stream: object): Transport {
  const socket = stream as Socket;
  if (socket.destroyed) {
    throw new TypeError("Expected dial() to give an open stream, got one that is destroyed");
  }
  // What it throws ends it, and is told by the error of the connection.
  return new NodeTransport(isPlain(socket) ? socket : ForeignStream.guard(socket, () => {}));
}
