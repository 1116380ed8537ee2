/**
 * WebSocket in a browser, over its native class, with the interface that the other runtimes have:
 * `connect()`, messages that are awaited, errors with their reason. Bundlers take it in place of
 * the main entry point by the condition `browser`, and React Native's by `react-native`.
 *
 * @example
 * ```ts
 * import { serve } from "@sansocket/ws";
 * import { connect } from "@sansocket/ws/browser";
 *
 * await using server = await serve({
 *   port: 0,
 *   websocket: { message: (ws, data) => ws.send(data) },
 * });
 * if ("WebSocket" in globalThis) {
 *   const ws = await connect(server.url);
 *   await ws.send("hello");
 *   console.log(await ws.receive()); // hello
 *   await ws.close();
 * }
 * ```
 *
 * @module @sansocket/ws/browser
 */

import { type BrowserConnectOptions, createBrowserConnect } from "../../src/browser/connect.ts";
import {
  type BrowserReconnectOptions,
  createBrowserReconnect,
} from "../../src/browser/reconnect.ts";
import type { PerAttempt } from "../../src/reconnect/options.ts";
import type { ReconnectingConnection } from "../../src/reconnect/reconnecting_connection.ts";
import type { BrowserConnection } from "../../src/browser/connection.ts";
import type { NativeWebSocketClass } from "../../src/browser/native_socket.ts";

export {
  type BrowserConnect,
  type BrowserConnectOptions,
  createBrowserConnect,
  type UnavailableOptions,
} from "../../src/browser/connect.ts";
export {
  BrowserConnection,
  type BrowserLimits,
  type BrowserSendOptions,
} from "../../src/browser/connection.ts";
export {
  type BrowserReconnect,
  type BrowserReconnectOptions,
  createBrowserReconnect,
} from "../../src/browser/reconnect.ts";
export type { ClientConnection } from "../../src/reconnect/client_connection.ts";
export type { ReconnectFailure } from "../../src/reconnect/failure.ts";
export { MessageRefused, type MessageRefusedCode } from "../../src/reconnect/message_refused.ts";
export type {
  PerAttempt,
  ReconnectAttempt,
  ReconnectSettings,
  ReconnectWait,
} from "../../src/reconnect/options.ts";
export { ReconnectingConnection } from "../../src/reconnect/reconnecting_connection.ts";
export type { ReconnectState } from "../../src/reconnect/reconnector.ts";
export type { QueuePolicy } from "../../src/reconnect/send_queue.ts";
export type { NativeWebSocket, NativeWebSocketClass } from "../../src/browser/native_socket.ts";
export type { ConnectionState } from "../../src/connection/connection.ts";
export {
  type JsonConnection,
  parseJson,
  receiveJson,
  sendJson,
} from "../../src/connection/json.ts";
export type { Message, ReceiveOptions } from "../../src/connection/message.ts";
export { CloseCode, type CloseStatus } from "../../src/protocol/close_code.ts";
export {
  type CloseInfo,
  ConnectionClosed,
  type EndedBy,
  HandshakeError,
  ProtocolError,
} from "../../src/protocol/errors.ts";
export type { SendOptions } from "../../src/protocol/sendable.ts";
export type { ViolationCause, ViolationCode } from "../../src/protocol/violation.ts";
export type { BinaryData } from "../../src/util/bytes.ts";
export type { Clock, Deadline, Timers, Watched } from "../../src/util/clock.ts";
export type { AsyncDisposal } from "../../src/util/platform.ts";

/**
 * Opens a WebSocket connection (RFC 6455 section 4.1) over `globalThis.WebSocket`.
 *
 * @param url The address, with `ws:` or `wss:`; `http:` and `https:` mean the same. On a page it
 * may be relative, such as `/chat`.
 * @param options Subprotocols, limits and a signal. Options that a browser has no use for are
 * refused.
 * @returns The connection, once the opening handshake is complete. Rejects with {@linkcode
 * HandshakeError} when it fails or takes more than `handshakeTimeout` (`code` is then
 * `"ETIMEDOUT"`). A browser tells a page neither the status that the server answered with nor what
 * else went wrong. Rejects with the signal's reason when the signal fires first; with a SyntaxError
 * when the URL or a subprotocol is malformed; with a TypeError when an option is unknown, of the
 * wrong kind, or not for a browser; with a RangeError when a number is out of its range.
 *
 * @example
 * ```ts
 * import { serve } from "@sansocket/ws";
 * import { connect, HandshakeError } from "@sansocket/ws/browser";
 *
 * await using server = await serve({ port: 0, fetch: () => new Response("no", { status: 403 }) });
 * if ("WebSocket" in globalThis) {
 *   const error = await connect(server.url).catch((error) => error);
 *   console.log(error instanceof HandshakeError, error.status); // true undefined
 * }
 * ```
 */
export async function connect(
  url: string | URL,
  options?: BrowserConnectOptions,
): Promise<BrowserConnection> {
  const { WebSocket } = globalThis as { WebSocket?: NativeWebSocketClass };
  if (WebSocket === undefined) {
    throw new Error(
      "Expected globalThis.WebSocket, got a platform without: outside of browsers, import " +
        '"@sansocket/ws"',
    );
  }
  return await createBrowserConnect(WebSocket)(url, options);
}

const reconnecting = /* @__PURE__ */ createBrowserReconnect(connect);

/**
 * Opens a connection that comes back when it is lost: `reconnect()` of the other runtimes, over
 * `globalThis.WebSocket`. The events `online` and `visibilitychange` end a wait between two
 * attempts.
 *
 * A browser shows no status: each refusal counts as one that may pass, until `maxAttempts`, `retry`
 * or `close()` ends it. It has no Pings: `unconfirmed` counts all that a lost connection got.
 *
 * @param url As for `connect()`, or a function that gives it for each attempt.
 * @param options Those of `connect()`, and when to try again.
 * @returns The connection, once it is open for the first time; at once with `lazy`. Rejects as
 * `connect()` does when that failure is fatal or the last one, and with the signal's reason.
 *
 * @example
 * ```ts
 * import { serve } from "@sansocket/ws";
 * import { reconnect } from "@sansocket/ws/browser";
 *
 * await using server = await serve({
 *   port: 0,
 *   websocket: { message: (ws, data) => ws.send(data) },
 * });
 * if ("WebSocket" in globalThis) {
 *   const ws = await reconnect(server.url, { maxDelay: 10_000 });
 *   await ws.send("hello");
 *   console.log(await ws.receive()); // hello
 *   await ws.close();
 * }
 * ```
 */
export async function reconnect(
  url: PerAttempt<string | URL>,
  options?: BrowserReconnectOptions,
): Promise<ReconnectingConnection<BrowserConnection>> {
  return await reconnecting(url, options);
}
