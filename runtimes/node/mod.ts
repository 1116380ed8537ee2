/**
 * `serve()` and `connect()` over `node:net`, by name. The main entry point picks
 * the right ones by itself.
 *
 * @module @sansocket/ws/node
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
import { dialling, listening, nodeRuntime } from "./runtime.ts";
import { checkRuntime } from "../../src/util/requirements.ts";

checkRuntime();

export * from "../../src/exports.ts";
export type * from "../../src/transport/transport.ts";
export type { Clock, Deadline, Watched } from "../../src/util/clock.ts";
export type * from "../../src/deflate/backend.ts";
export type { AttachmentOptions } from "../../src/server/options.ts";
export { attach, type Attached, type AttachOptions } from "./attach.ts";
export { createDuplex } from "./duplex.ts";
export { nodeRuntime };

/** Starts a server on Node; see the main entry point. */
export const serve: Serve = /* @__PURE__ */ createServe(listening);

/** Opens a connection from Node; see the main entry point. */
export const connect: Connect = /* @__PURE__ */ createConnect(dialling);

/** Opens a connection from Node that comes back; see the main entry point. */
export const reconnect: Reconnect = /* @__PURE__ */ createReconnect(connect);

/** The WHATWG's WebSocket on Node; see the main entry point. */
export const WebSocket: WebSocketClass = /* @__PURE__ */ createWebSocketClass(connect);
/** An instance of the class. */
export type WebSocket = WebSocketInstance;

/** The WHATWG's WebSocketStream on Node; see the main entry point. */
export const WebSocketStream: WebSocketStreamClass = /* @__PURE__ */ createWebSocketStreamClass(
  connect,
);
/** An instance of the class. */
export type WebSocketStream = WebSocketStreamInstance;
