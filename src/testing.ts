/**
 * Tests without ports: the whole library, opening handshake included, over byte streams in memory.
 *
 * @module
 */

import { type Connect, createConnect } from "./client/connect.ts";
import type { WebSocketConnection } from "./connection/connection.ts";
import { createMemoryRuntime } from "./transport/memory_network.ts";
import { createServe, type Serve } from "./server/serve.ts";
import { checkRuntime } from "./util/requirements.ts";

checkRuntime();

export * from "./exports.ts";
export type * from "./transport/transport.ts";
export type { Clock, Deadline } from "./util/clock.ts";
export type * from "./deflate/backend.ts";
export { createMemoryRuntime };

/** A network in memory; see {@linkcode createNetwork}. */
export interface Network {
  /** Starts a server that only this network's `connect()` reaches. */
  readonly serve: Serve;
  /** Opens a connection to a server of this network. */
  readonly connect: Connect;
}

/**
 * Makes a network of its own, in memory, with the same `serve()` and `connect()` as the main entry
 * point.
 *
 * @example
 * ```ts
 * import { createNetwork } from "@sansocket/ws/testing";
 *
 * const { serve, connect } = createNetwork();
 * const server = await serve({ websocket: { message: (ws, data) => ws.send(data) } });
 * const ws = await connect(server.url);
 * await ws.send("no port was used");
 * console.log(await ws.receive()); // no port was used
 * await server.close();
 * ```
 */
export function createNetwork(): Network {
  const runtime = createMemoryRuntime();
  return { serve: createServe(runtime), connect: createConnect(runtime) };
}

/** Two ends of one connection; see {@linkcode pair}. */
export interface ConnectionPair {
  /** The client's end. */
  readonly client: WebSocketConnection<undefined>;
  /** The server's end. */
  readonly server: WebSocketConnection;
}

/**
 * Opens one connection in memory and returns both ends.
 *
 * @example
 * ```ts
 * import { pair } from "@sansocket/ws/testing";
 *
 * const { client, server } = await pair();
 * await client.send("ping");
 * console.log(await server.receive()); // ping
 * await client.close();
 * ```
 */
export async function pair(): Promise<ConnectionPair> {
  const { serve, connect } = createNetwork();
  let accept!: (connection: WebSocketConnection) => void;
  const accepted = new Promise<WebSocketConnection>((resolve) => accept = resolve);
  const listening = await serve({
    websocket: (ws) => {
      accept(ws);
      return ws.closed;
    },
  });
  const client = await connect(listening.url);
  const server = await accepted;
  client.closed.then(() => listening.close());
  return { client, server };
}
