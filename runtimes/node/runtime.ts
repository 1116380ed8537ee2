// Listening and dialling with `node:net` and `node:tls`.

import process from "node:process";
import type { Listener, ListenOptions, Runtime, Transport } from "../../src/transport/transport.ts";
import { dialNet, listenNet } from "../shared/node_net.ts";
import { dialWith } from "../shared/dial.ts";
import { zlibBackend } from "../shared/zlib.ts";

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
export const nodeRuntime: Runtime = {
  listen,
  dial: dialWith(dialNet),
  deflate: zlibBackend,
};

async function listen(
  options: ListenOptions,
  accept: (transport: Transport) => void,
): Promise<Listener> {
  // An older Node ignores the option, and the second process finds the port taken.
  if (options.reusePort && !isAtLeast(process.versions.node, 22, 12)) {
    throw new TypeError(`reusePort needs Node 22.12 or later, got ${process.versions.node}`);
  }
  const { tls } = options;
  if (tls === undefined) return await listenNet(options, accept);
  const { listenTls } = await import("../shared/node_tls.ts");
  return await listenTls({ ...options, tls }, accept);
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [first = 0, second = 0] = version.split(".").map(Number);
  return first > major || (first === major && second >= minor);
}
