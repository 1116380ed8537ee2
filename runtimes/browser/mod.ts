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
 * @module
 */

import { type BrowserConnectOptions, createBrowserConnect } from "../../src/browser/connect.ts";
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
export type { NativeWebSocket, NativeWebSocketClass } from "../../src/browser/native_socket.ts";
export type { ConnectionState } from "../../src/connection/connection.ts";
export {
  type JsonConnection,
  parseJson,
  receiveJson,
  sendJson,
} from "../../src/connection/json.ts";
export type { Message } from "../../src/connection/message.ts";
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
export type { PageClock } from "../../src/browser/page_clock.ts";
export type { Clock, Deadline, Watched } from "../../src/util/clock.ts";
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
