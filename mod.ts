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
import { WebSocketStreamBase } from "./src/stream.ts";
import { WebSocketBase, type WebSocketOptions } from "./src/websocket.ts";
import type { Connect } from "./src/client.ts";
import type { Serve } from "./src/server.ts";

export type { ConnectOptions } from "./src/client.ts";
export { CloseCode, type CloseStatus } from "./src/close.ts";
export type { CompressionOptions } from "./src/deflate/options.ts";
export { type Message, type SendOptions, WebSocketConnection } from "./src/connection.ts";
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
export {
  type WebSocketCloseInfo,
  WebSocketError,
  type WebSocketOpenInfo,
  WebSocketStreamBase,
} from "./src/stream.ts";
export type { Address } from "./src/transport.ts";
export type { Upgrade, UpgradeOptions } from "./src/upgrade.ts";
export { WebSocketBase, type WebSocketOptions } from "./src/websocket.ts";
export type {
  WebSocketCloseEvent,
  WebSocketCloseEventInit,
  WebSocketErrorEvent,
  WebSocketEventHandler,
  WebSocketEventMap,
  WebSocketMessageEvent,
} from "./src/whatwg/events.ts";

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

/**
 * The WHATWG's WebSocket, for code that is written against it. It has no backpressure: prefer {@linkcode connect}.
 *
 * @example
 * ```ts
 * import { serve, WebSocket } from "@sansocket/ws";
 *
 * const server = await serve({ port: 0, websocket: { message: (ws, data) => ws.send(data) } });
 * const ws = new WebSocket(server.url);
 * ws.onopen = () => ws.send("hello");
 * ws.onmessage = ({ data }) => {
 *   console.log(data); // hello
 *   ws.close();
 * };
 * ws.onclose = () => server.close();
 * ```
 */
export class WebSocket extends WebSocketBase {
  /**
   * Opens a connection.
   *
   * @param url Where to: `ws:`, or `http:`, which means the same.
   * @param protocols The subprotocols to offer, or one, or options of `connect()`.
   * @throws {DOMException} A SyntaxError when the URL cannot be that of a WebSocket or has a fragment, or when a
   * subprotocol is not a token or is there twice.
   */
  constructor(url: string | URL, protocols?: string | readonly string[] | WebSocketOptions) {
    super(connect, url, protocols);
  }
}

/**
 * The WHATWG's WebSocketStream: a connection as a pair of streams, with backpressure.
 *
 * @example
 * ```ts
 * import { serve, WebSocketStream } from "@sansocket/ws";
 *
 * await using server = await serve({
 *   port: 0,
 *   websocket: { message: (ws, data) => ws.send(data) },
 * });
 * const stream = new WebSocketStream(server.url);
 * const { readable, writable } = await stream.opened;
 * await writable.getWriter().write("hello");
 * console.log((await readable.getReader().read()).value); // hello
 * stream.close({ closeCode: 1000, reason: "done" });
 * console.log(await stream.closed); // { closeCode: 1000, reason: "" }
 * ```
 */
export class WebSocketStream extends WebSocketStreamBase {
  /**
   * Opens a connection.
   *
   * @param url Where to: `ws:`, or `http:`, which means the same.
   * @param options The subprotocols to offer, a signal that ends the attempt, and whatever else `connect()` takes.
   * @throws {DOMException} A SyntaxError when the URL cannot be that of a WebSocket or has a fragment, or when a
   * subprotocol is not a token or is there twice.
   */
  constructor(url: string | URL, options?: ConnectOptions) {
    super(connect, url, options);
  }
}
