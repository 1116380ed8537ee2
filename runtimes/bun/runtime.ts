// What the library takes of Bun. Listening is listen.ts and listen_tls.ts, dialling is dial.ts, and
// TLS that `Bun.listen` cannot do is shared/node_tls.ts.

import type { Listener, ListenOptions, Runtime, Transport } from "../../src/transport/transport.ts";
import { dialWith } from "../shared/dial.ts";
import { systemLookup } from "../shared/lookup.ts";
import { dialTls, listenTls as listenNodeTls } from "../shared/node_tls.ts";
import { environment } from "../shared/environment.ts";
import { secure } from "../shared/secure.ts";
import { streamTransport } from "../shared/stream_transport.ts";
import { zlibBackend } from "../shared/zlib.ts";
import { dialTcp } from "./dial.ts";
import { bind } from "./listen.ts";
import { listenTls, servesTls } from "./listen_tls.ts";
import { hooks } from "./socket_callbacks.ts";

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
 * TCP and unix sockets through `Bun.listen` and `node:net`, TLS through `Bun.listen` and
 * `node:tls`.
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
  const { tls } = options;
  if (tls === undefined) return bind(options, hooks(accept));
  const listenSecure = servesTls(tls) ? listenTls : listenNodeTls;
  return await listenSecure({ ...options, tls }, accept);
}
