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
 * @module @sansocket/ws
 */

import type { ConnectOptions } from "./src/client/connect.ts";
import type { WebSocketConnection } from "./src/connection/connection.ts";
import { createReconnect, type ReconnectOptions } from "./src/reconnect/reconnect.ts";
import type { PerAttempt } from "./src/reconnect/options.ts";
import type { ReconnectingConnection } from "./src/reconnect/reconnecting_connection.ts";
import {
  createFileHandler,
  createSingleFileHandler,
  type FileHandler,
  type FileOptions,
  type SingleFileOptions,
} from "./src/files/file_handler.ts";
import { createHtmlFile, type HtmlFile } from "./src/files/html_file.ts";
import type { ServeOptions } from "./src/server/options.ts";
import type { Server } from "./src/server/serve.ts";
import {
  createWebSocketStreamClass,
  type WebSocketStreamClass,
  type WebSocketStreamInstance,
} from "./src/client/websocket_stream.ts";
import {
  createWebSocketClass,
  type WebSocketClass,
  type WebSocketInstance,
} from "./src/client/websocket.ts";
import { checkRuntime } from "./src/util/requirements.ts";
import * as runtime from "./runtimes/choose.ts";

checkRuntime();

export * from "./src/exports.ts";
export { createDevelopmentCertificate } from "./src/transport/certificate.ts";
export { CloseCode } from "./src/protocol/close_code.ts";
export { readCookies, readCredentials } from "./src/http/credentials.ts";
export { formatTrace } from "./src/connection/trace.ts";
export { FormError, readForm } from "./src/server/form.ts";
export { html } from "./src/server/html.ts";
export { parseJson, receiveJson, sendJson } from "./src/connection/json.ts";
export { createWebSocketStreamClass } from "./src/client/websocket_stream.ts";
export { isUpgrade } from "./src/server/upgrade.ts";
export { createTopics } from "./src/topics/topics.ts";
export { createWebSocketClass } from "./src/client/websocket.ts";
export { WebSocketError } from "./src/client/whatwg_error.ts";
export { CloseEvent } from "./src/client/whatwg_events.ts";

/**
 * Starts a server for WebSocket connections and, with `routes` or `fetch`, for ordinary requests on
 * the same port.
 *
 * @typeParam Table From each pattern of `routes` to the type of its `data`; inferred.
 * @param options What to serve, where, and within which limits.
 * @returns The server, once it listens. Rejects with an error that has the system's `code`, such as
 * `EADDRINUSE`, when it cannot listen. Rejects with a TypeError when `websocket` is given together
 * with `routes` or `fetch`, when none of them is given, when an option or a hook is unknown or of
 * the wrong kind, or when a route or an origin is malformed. Rejects with a RangeError when a
 * number is out of its range.
 *
 * @example
 * ```ts
 * import { connect, serve } from "@sansocket/ws";
 *
 * await using server = await serve({
 *   port: 0,
 *   routes: {
 *     "/": new Response("Hello"),
 *     "/users/:name": (_request, { params }) => new Response(`Hello ${params.name}`),
 *     "/rooms/:room": { websocket: (ws) => ws.send(`This is ${ws.data.room}`) },
 *   },
 * });
 * console.log(await (await fetch(server.url)).text()); // Hello
 * const ws = await connect(new URL("/rooms/lobby", server.url));
 * console.log(await ws.receive()); // This is lobby
 * ```
 */
export async function serve<Table>(options: ServeOptions<Table>): Promise<Server> {
  return await runtime.serve(options);
}

/** Loaded with the first request for a file, so that a program without one does not need it. */
const loadFiles = () => import("./runtimes/shared/folder.ts");

/**
 * Answers requests with the files of a folder: with their media types, `ETag` and `Last-Modified`,
 * with 304 when the client has the file already, and with single ranges. It serves no files whose
 * name or folder begins with a dot, and nothing outside the folder, neither by `..` nor by a
 * symbolic link.
 *
 * @param directory The folder: its path, or a `file:` URL such as
 * `new URL("public/", import.meta.url)`.
 * @param options What the paths begin with, the name of the index, and how files are cached.
 * @returns A function for `routes` or `fetch`. It answers with 404 when there is no such file.
 * @throws {TypeError} When the prefix does not begin with a slash, or an option is unknown or of
 * the wrong kind.
 *
 * @example
 * ```ts
 * import { serve, serveFiles } from "@sansocket/ws";
 *
 * await using server = await serve({
 *   port: 0,
 *   routes: { "/static/*": serveFiles("public") },
 * });
 * const { status } = await fetch(new URL("/static/..%2fsecret.txt", server.url));
 * console.log(status); // 404
 * ```
 */
export function serveFiles(directory: string | URL, options?: FileOptions): FileHandler {
  let opening: ReturnType<typeof open> | undefined;
  const open = async () => await (await loadFiles()).openFolder(directory);
  return createFileHandler(() => {
    // A folder that does not exist yet may exist the next time.
    opening ??= open().catch((error) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }, options);
}

/**
 * Answers requests with one file, as {@linkcode serveFiles} does with many: with its media type,
 * 304 when the client has it already, and single ranges. The program names the file, so it may lie
 * anywhere, and its name may begin with a dot.
 *
 * @param file The file: its path, or a `file:` URL such as
 * `new URL("favicon.ico", import.meta.url)`.
 * @param options How the file is cached.
 * @returns A function for `routes` or `fetch`, or to call with a request after a check of who asks.
 * It answers with 404 when there is no such file.
 * @throws {TypeError} When an option is unknown or of the wrong kind.
 *
 * @example
 * ```ts
 * import { serve, serveFile } from "@sansocket/ws";
 *
 * await using server = await serve({
 *   port: 0,
 *   routes: { "/favicon.ico": serveFile("public/favicon.ico") },
 * });
 * console.log((await fetch(new URL("/favicon.ico", server.url))).status); // 404
 * ```
 */
export function serveFile(file: string | URL, options?: SingleFileOptions): FileHandler {
  const path = typeof file === "string" ? file : new URL(file.href).pathname;
  const name = /[^\\/]*$/.exec(path)?.[0] ?? "";
  return createSingleFileHandler(name, async () => {
    const { openPath, toPath } = await loadFiles();
    return await openPath(toPath(file));
  }, options);
}

/**
 * A page in a file of HTML, where `${name}` stands for a value. Values are escaped as by
 * {@linkcode html}, for text and quoted attributes; what `html` made, or `new Html(text)`, is put
 * in as it is. Scripts, styles and comments are left alone, and `\\${` stands for `${`. The file is
 * read when it is first needed, and again when it has changed.
 *
 * @param file The file: its path, or a `file:` URL such as
 * `new URL("index.html", import.meta.url)`.
 * @returns The page. That there is no such file is found when a page is asked for.
 *
 * @example
 * ```ts
 * import { htmlFile, serve } from "@sansocket/ws";
 *
 * const index = htmlFile("index.html"); // <h1>Hello, ${name}</h1>
 * await using server = await serve({
 *   port: 0,
 *   routes: { "/hello/:name": (_request, { params }) => index.respond({ name: params.name }) },
 * });
 * ```
 */
export function htmlFile(file: string | URL): HtmlFile {
  return createHtmlFile(async () => (await loadFiles()).templateFile(file));
}

/**
 * Opens a WebSocket connection (RFC 6455 section 4.1).
 *
 * @param url The address, with `ws:` or `wss:`; `http:` and `https:` mean the same. For a unix
 * socket `ws+unix:/path/of/the/socket:/resource`, or `wss+unix:`.
 * @param options Subprotocols, header fields, TLS, limits and a signal.
 * @returns The connection, once the opening handshake is complete. Rejects with {@linkcode
 * HandshakeError}, which carries the server's answer, when the server refuses or takes more than
 * `handshakeTimeout`; with an error that has the system's `code`, such as `ECONNREFUSED`, when
 * there is no connection to it; with a SyntaxError or TypeError when the URL or an option is not
 * valid; with a RangeError when a number is out of its range; with the signal's reason when that
 * fires first.
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
  return await runtime.connect(url, options);
}

const reconnecting = /* @__PURE__ */ createReconnect(connect);

/**
 * Opens a connection that comes back when it is lost, until it is closed or the server says that
 * there is no point in trying.
 *
 * @param url The address, as for {@linkcode connect}; or a function that gives it for each attempt.
 * @param options Those of `connect()`, how long to wait between attempts, and what happens to
 * messages meanwhile.
 * @returns The connection, once it is open for the first time; with `lazy` at once. Rejects with
 * what the attempt failed with when that is fatal (an answer with 4xx, for example), or when
 * `maxAttempts` have failed; with a SyntaxError or TypeError when the URL or an option is not
 * valid; with a RangeError when a number is out of its range; with the signal's reason when that
 * fires before.
 *
 * @example
 * ```ts
 * import { reconnect, serve } from "@sansocket/ws";
 *
 * await using server = await serve({
 *   port: 0,
 *   websocket: { open: (ws) => ws.send("news"), message: (ws) => ws.terminate() },
 * });
 * await using ws = await reconnect(server.url, { baseDelay: 10 });
 * console.log(await ws.receive()); // news
 * await ws.send("the server drops the connection, and it comes back");
 * console.log(await ws.receive()); // news
 * ```
 */
export async function reconnect(
  url: PerAttempt<string | URL>,
  options?: ReconnectOptions,
): Promise<ReconnectingConnection<WebSocketConnection<undefined>>> {
  return await reconnecting(url, options);
}

/**
 * The WHATWG's WebSocket, for code that is written for it. It has no backpressure: prefer
 * {@linkcode connect}.
 *
 * @example
 * ```ts
 * import { serve, WebSocket } from "@sansocket/ws";
 *
 * const server = await serve({ port: 0, websocket: { message: (ws, data) => ws.send(data) } });
 * const ws = new WebSocket(server.url, [], { headers: { authorization: "Bearer token" } });
 * ws.onopen = () => ws.send("hello");
 * ws.onmessage = ({ data }) => {
 *   console.log(data); // hello
 *   ws.close();
 * };
 * ws.onclose = () => server.close();
 * ```
 */
export const WebSocket: WebSocketClass = /* @__PURE__ */ createWebSocketClass(connect);
/** An instance of the class. */
export type WebSocket = WebSocketInstance;

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
export const WebSocketStream: WebSocketStreamClass = /* @__PURE__ */ createWebSocketStreamClass(
  connect,
);
/** An instance of the class. */
export type WebSocketStream = WebSocketStreamInstance;
