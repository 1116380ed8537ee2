// Listening with `Bun.listen`; dialling is dial.ts, TLS is shared/node_tls.ts.

import type {
  Address,
  Listener,
  ListenOptions,
  Runtime,
  Transport,
} from "../../src/transport/transport.ts";
import { LISTENING } from "../../src/transport/network_error.ts";
import { failure } from "../shared/system_error.ts";
import { dialWith } from "../shared/dial.ts";
import { systemLookup } from "../shared/lookup.ts";
import { dialTls, listenTls } from "../shared/node_tls.ts";
import { environment } from "../shared/environment.ts";
import { secure } from "../shared/secure.ts";
import { streamTransport } from "../shared/stream_transport.ts";
import { zlibBackend } from "../shared/zlib.ts";
import { dialTcp } from "./dial.ts";
import { hooks } from "./socket_callbacks.ts";
import { bun } from "./namespace.ts";
import type { BunTarget } from "./namespace.ts";

// Apart, so that a bundler can leave out the half that a program does not use.

/** What `serve()` takes of the runtime. */
export const listening: Omit<Runtime, "dial"> = { listen, deflate: zlibBackend };

/** What `connect()` takes of it. */
export const dialling: Omit<Runtime, "listen"> = {
  dial: dialWith(dialTcp, dialTls, () => systemLookup),
  secure,
  streams: () => streamTransport,
  environment,
  deflate: zlibBackend,
};

/**
 * TCP and unix sockets through `Bun.listen` and `node:net`, TLS through `node:tls`.
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
export const bunRuntime: Runtime = { ...listening, ...dialling };

async function listen(
  options: ListenOptions,
  accept: (transport: Transport) => void,
): Promise<Listener> {
  const { tls, path, hostname, port, reusePort = false } = options;
  if (tls !== undefined) {
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
    // As its name it returns only the one that it was given.
    const bound: { address?: string } = {};
    socket.getsockname?.(bound);
    return {
      address: {
        hostname: bound.address ?? socket.hostname ?? hostname,
        port: socket.port ?? port,
      },
      close(): Promise<void> {
        socket.stop();
        return Promise.resolve();
      },
      unref: () => socket.unref(),
    };
  } catch (error) {
    throw failure(LISTENING, options, error);
  }
}

function targetOf({ hostname, port }: Address, path: string | undefined): BunTarget {
  return path === undefined ? { hostname, port } : { unix: path };
}
