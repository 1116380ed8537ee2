/**
 * WebSocket for Node, Deno and Bun: one codec, one behaviour.
 *
 * @example
 * ```ts
 * import { connect, serve } from "@sansocket/ws";
 *
 * await using server = await serve({
 *   port: 0,
 *   websocket: { message: (ws, data) => ws.send(data) },
 * });
 * const ws = await connect(server.url);
 * await ws.send("hello");
 * console.log(await ws.receive()); // hello
 * await ws.close();
 * ```
 *
 * @module
 */

import type { ConnectOptions } from "./src/client.ts";
import type { WebSocketConnection } from "./src/connection.ts";
import type { ServeOptions, Server } from "./src/server.ts";
import type { Connect } from "./src/client.ts";
import type { Serve } from "./src/server.ts";

export type { ConnectOptions } from "./src/client.ts";
export { CloseCode, type CloseStatus } from "./src/close.ts";
export { type Message, WebSocketConnection } from "./src/connection.ts";
export { type CloseInfo, ConnectionClosed, HandshakeError, ProtocolError } from "./src/errors.ts";
export type { WebSocketFunction, WebSocketHandler, WebSocketHooks } from "./src/handler.ts";
export type { ConnectionLimits } from "./src/limits.ts";
export type { FetchHandler } from "./src/server/context.ts";
export type {
  FetchServerOptions,
  ServeOptions,
  Server,
  ServerOptions,
  WebSocketServerOptions,
} from "./src/server.ts";
export type { Address } from "./src/transport.ts";
export type { Upgrade, UpgradeOptions } from "./src/upgrade.ts";

/** JSR has no conditional exports, so the choice of the shim is made here, once, when it is first needed. */
function loadRuntime(): Promise<{ serve: Serve; connect: Connect }> {
  const runtime = globalThis as { Deno?: unknown; Bun?: unknown };
  if (runtime.Deno !== undefined) return import("./runtimes/deno/mod.ts");
  if (runtime.Bun !== undefined) return import("./runtimes/bun/mod.ts");
  return import("./runtimes/node/mod.ts");
}

/**
 * Starts a server for WebSocket connections and, with `fetch`, for ordinary requests on the same port.
 *
 * @param options What to serve, where, and within which limits.
 * @returns The server, once it listens. Rejects when it cannot listen, with a TypeError when not exactly one
 * of `fetch` and `websocket` is given, and with a RangeError when a limit is not above 0.
 *
 * @example
 * ```ts
 * import { serve } from "@sansocket/ws";
 *
 * await using server = await serve({
 *   port: 0,
 *   fetch(request, { upgrade }) {
 *     const { pathname } = new URL(request.url);
 *     if (pathname !== "/echo") return new Response("Hello");
 *     return upgrade({ message: (ws, data) => ws.send(data) });
 *   },
 * });
 * console.log(await (await fetch(server.url)).text()); // Hello
 * ```
 */
export async function serve(options: ServeOptions): Promise<Server> {
  return await (await loadRuntime()).serve(options);
}

/**
 * Opens a WebSocket connection (RFC 6455 section 4.1).
 *
 * @param url Where to: `ws:`, or `http:`, which means the same.
 * @param options Subprotocols, header fields, limits and a signal.
 * @returns The connection, once the opening handshake is complete. Rejects with {@linkcode HandshakeError}, which
 * carries the server's answer, when the server refuses or takes more than `handshakeTimeout`; with a SyntaxError or
 * TypeError when what was asked for cannot be; with the signal's reason when that fires first.
 *
 * @example
 * ```ts
 * import { connect, serve } from "@sansocket/ws";
 *
 * await using server = await serve({ port: 0, websocket: (ws) => ws.send("welcome") });
 * const ws = await connect(server.url);
 * for await (const message of ws) console.log(message); // welcome
 * ```
 */
export async function connect(
  url: string | URL,
  options?: ConnectOptions,
): Promise<WebSocketConnection<undefined>> {
  return await (await loadRuntime()).connect(url, options);
}
