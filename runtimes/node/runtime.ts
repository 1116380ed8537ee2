// Listening and dialling with `node:net` and `node:tls`.

import type { Listener, ListenOptions, Runtime, Transport } from "../../src/transport/transport.ts";
import { dialNet, listenNet } from "../shared/node_net.ts";
import { dialWith } from "../shared/dial.ts";
import { systemLookup } from "../shared/lookup.ts";
import { dialTls, listenTls } from "../shared/node_tls.ts";
import { environment } from "../shared/environment.ts";
import { secure } from "../shared/secure.ts";
import { streamTransport } from "../shared/stream_transport.ts";
import { zlibBackend } from "../shared/zlib.ts";

// Apart, so that a bundler can leave out the half that a program does not use.

/** What `serve()` takes of the runtime. */
export const listening: Omit<Runtime, "dial"> = { listen, deflate: zlibBackend };

/** What `connect()` takes of it. */
export const dialling: Omit<Runtime, "listen"> = {
  dial: dialWith(dialNet, dialTls, () => systemLookup),
  secure,
  streams: () => streamTransport,
  environment,
  deflate: zlibBackend,
};

/**
 * TCP, unix sockets and TLS through `node:net` and `node:tls`.
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
export const nodeRuntime: Runtime = { ...listening, ...dialling };

async function listen(
  options: ListenOptions,
  accept: (transport: Transport) => void,
): Promise<Listener> {
  // An older Node ignores the option, and the second process finds the port taken.
  const version = globalThis.process.versions.node;
  if (options.reusePort && !isAtLeast(version, 22, 12)) {
    throw new TypeError(`reusePort needs Node 22.12 or later, got ${version}`);
  }
  const { tls } = options;
  if (tls === undefined) return await listenNet(options, accept);
  return await listenTls({ ...options, tls }, accept);
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [first = 0, second = 0] = version.split(".").map(Number);
  return first > major || (first === major && second >= minor);
}
