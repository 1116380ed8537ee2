// Listening with `Bun.listen`, for TCP and unix sockets, without TLS and with it.

import type { Address, Listener, ListenOptions } from "../../src/transport/transport.ts";
import { LISTENING } from "../../src/transport/network_error.ts";
import { failure } from "../shared/system_error.ts";
import { bun } from "./namespace.ts";
import type { BunSocketHandler, BunTarget, BunTls } from "./namespace.ts";

/**
 * Listens.
 *
 * @param options Where.
 * @param socket The hooks of the connections.
 * @param tls The settings of TLS, for a server that speaks it.
 * @returns The listener.
 * @throws {Error} When it cannot.
 */
export function bind<Data>(
  options: ListenOptions,
  socket: BunSocketHandler<Data>,
  tls?: BunTls,
): Listener {
  const { path, hostname, port, reusePort = false } = options;
  try {
    const target = targetOf(options, path);
    const listener = bun().listen({
      ...target,
      reusePort,
      allowHalfOpen: true,
      ...(tls && { tls }),
      socket,
    });
    // As its name it returns only the one that it was given.
    const bound: { address?: string } = {};
    listener.getsockname?.(bound);
    return {
      address: {
        hostname: bound.address ?? listener.hostname ?? hostname,
        port: listener.port ?? port,
      },
      close(): Promise<void> {
        listener.stop();
        return Promise.resolve();
      },
      unref: () => listener.unref(),
    };
  } catch (error) {
    throw failure(LISTENING, options, error);
  }
}

function targetOf({ hostname, port }: Address, path: string | undefined): BunTarget {
  return path === undefined ? { hostname, port } : { unix: path };
}
