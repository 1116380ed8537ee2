// Connecting on Bun.
//
// `Bun.connect()` cannot be cancelled: an attempt that is not answered keeps the process alive for
// up to two minutes. `node:net` can be, but an echo of 20 octets on its sockets takes 1.1 times the
// CPU time, and an idle one 8 KB more. So `node:net` connects, and then this file takes its socket
// over: what lies below is a socket of Bun's own, which takes other hooks.

import type { Socket } from "node:net";
import type { DialTarget } from "../../src/transport/happy_eyeballs.ts";
import type { DialOptions, Transport } from "../../src/transport/transport.ts";
import { open } from "../shared/node_net.ts";
import { NodeTransport } from "../shared/node_transport.ts";
import { hooks, type SocketOwner } from "./socket_callbacks.ts";
import type { BunSocket, BunSocketHandler } from "./namespace.ts";
import { BunTransport } from "./transport.ts";

/** What lies below a connected socket of `node:net`. */
type Handle = BunSocket<SocketOwner> & {
  reload(options: { socket: BunSocketHandler<SocketOwner> }): void;
};

/**
 * Connects without TLS.
 *
 * @param address Where to.
 * @param options The signal, and perhaps a unix socket.
 * @returns The transport.
 */
export function dialTcp(address: DialTarget, options: DialOptions): Promise<Transport> {
  return open(address, options, (socket) => ({
    event: "connect",
    stream: socket,
    // `node:net` has to be done with its event, and nothing can have come by then.
    connected: () => Promise.resolve().then(() => takeOver(socket)),
  }));
}

/** The hooks of all sockets that were taken over: one set costs less than one for each socket. */
const taken = hooks(() => {});

function takeOver(socket: Socket): Transport {
  const owner = socket as unknown as { _handle: Partial<Handle> | null };
  const handle = owner._handle;
  if (typeof handle?.reload !== "function") return new NodeTransport(socket, socket, true);
  owner._handle = null;
  const own = handle as Handle;
  own.reload({ socket: taken });
  const transport = new BunTransport(own);
  own.data = transport;
  transport.opened();
  return transport;
}
