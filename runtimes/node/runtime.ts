// Listening and dialling with `node:net`.
//
// 1. `allowHalfOpen`, or Node would end our side as soon as the peer ends its own.
// 2. `pauseOnConnect`, or Node would read from a socket that nobody has resumed.
// 3. An error of the server after it listens is a failed accept (EMFILE, ECONNABORTED): it goes on listening.

import { connect, createServer } from "node:net";
import type { Server } from "node:net";
import type { Address, Listener, Runtime, Transport } from "../../src/transport.ts";
import { failure } from "../failure.ts";
import { zlibBackend } from "../zlib.ts";
import { NodeTransport } from "./transport.ts";

/**
 * TCP through `node:net`.
 *
 * @example
 * ```ts
 * import { nodeRuntime } from "@sansocket/ws/node";
 *
 * const listener = await nodeRuntime.listen({ hostname: "127.0.0.1", port: 0 }, (transport) => {
 *   transport.destroy();
 * });
 * await listener.close();
 * ```
 */
export const nodeRuntime: Runtime = { listen, dial, deflate: zlibBackend };

function listen(address: Address, accept: (transport: Transport) => void): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const server = createServer(
      { allowHalfOpen: true, noDelay: true, pauseOnConnect: true },
      (socket) => accept(new NodeTransport(socket)),
    );
    const refuse = (error: Error) => reject(failure("listen on", address, error));
    server.once("error", refuse);
    server.listen({ host: address.hostname, port: address.port }, () => {
      server.off("error", refuse);
      server.on("error", () => {});
      resolve(listener(server, address));
    });
  });
}

function listener(server: Server, asked: Address): Listener {
  const bound = server.address();
  const address = bound === null || typeof bound === "string"
    ? asked
    : { hostname: bound.address, port: bound.port };
  return {
    address,
    // The port is free at once; Node's callback would wait for the connections, which live on.
    close(): Promise<void> {
      server.close();
      return Promise.resolve();
    },
  };
}

function dial(
  address: Address,
  { signal }: { signal: AbortSignal | undefined },
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const socket = connect({
      host: address.hostname,
      port: address.port,
      allowHalfOpen: true,
      noDelay: true,
    });
    socket.pause();
    const settle = () => {
      signal?.removeEventListener("abort", onAbort);
      socket.off("connect", onConnect);
      socket.off("error", onError);
    };
    const onConnect = () => {
      settle();
      resolve(new NodeTransport(socket));
    };
    const onError = (error: Error) => {
      settle();
      reject(failure("connect to", address, error));
    };
    const onAbort = () => {
      settle();
      socket.on("error", () => {});
      socket.destroy();
      reject(signal?.reason);
    };
    socket.on("connect", onConnect);
    socket.on("error", onError);
    signal?.addEventListener("abort", onAbort);
  });
}
