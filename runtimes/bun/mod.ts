/**
 * `serve()` and `connect()` over `Bun.listen` and `node:net`, by name. The main entry point picks
 * the right ones by itself.
 *
 * @module @sansocket/ws/bun
 */

import { type Connect, createConnect } from "../../src/client/connect.ts";
import { createReconnect, type Reconnect } from "../../src/reconnect/reconnect.ts";
import { createServe, type Serve } from "../../src/server/serve.ts";
import {
  createWebSocketStreamClass,
  type WebSocketStreamClass,
  type WebSocketStreamInstance,
} from "../../src/client/websocket_stream.ts";
import {
  createWebSocketClass,
  type WebSocketClass,
  type WebSocketInstance,
} from "../../src/client/websocket.ts";
import { bunRuntime, dialling, listening } from "./runtime.ts";

export * from "../../src/exports.ts";
export type * from "../../src/transport/transport.ts";
export type { Clock, Deadline, Watched } from "../../src/util/clock.ts";
export type * from "../../src/deflate/backend.ts";
export {
  adopt,
  type Adopted,
  type AdoptOptions,
  type BunServer,
  type BunWebSocket,
  type BunWebSocketHooks,
} from "./adopt.ts";
export type { AdoptionOptions, AttachmentOptions } from "../../src/server/options.ts";
export { bunRuntime };

/** Starts a server on Bun; see the main entry point. */
export const serve: Serve = /* @__PURE__ */ createServe(listening);

/** Opens a connection from Bun; see the main entry point. */
export const connect: Connect = /* @__PURE__ */ createConnect(dialling);

/** Opens a connection from Bun that comes back; see the main entry point. */
export const reconnect: Reconnect = /* @__PURE__ */ createReconnect(connect);

/** The WHATWG's WebSocket on Bun; see the main entry point. */
export const WebSocket: WebSocketClass = /* @__PURE__ */ createWebSocketClass(connect);
/** An instance of the class. */
export type WebSocket = WebSocketInstance;

/** The WHATWG's WebSocketStream on Bun; see the main entry point. */
export const WebSocketStream: WebSocketStreamClass = /* @__PURE__ */ createWebSocketStreamClass(
  connect,
);
/** An instance of the class. */
export type WebSocketStream = WebSocketStreamInstance;
