/**
 * WebSocket over any pair of byte streams: another platform's sockets, a tunnel, a test.
 *
 * @module @sansocket/ws/web
 */

import { checkRuntime } from "../../src/util/requirements.ts";

checkRuntime();

export * from "../../src/exports.ts";
export type * from "../../src/transport/transport.ts";
export type { Clock, Deadline, Watched } from "../../src/util/clock.ts";
export type * from "../../src/deflate/backend.ts";
export { createConnect } from "../../src/client/connect.ts";
export { createReconnect } from "../../src/reconnect/reconnect.ts";
export { createServe } from "../../src/server/serve.ts";
export { createWebSocketStreamClass } from "../../src/client/websocket_stream.ts";
export { createWebSocketClass } from "../../src/client/websocket.ts";
export { createWebRuntime, type StreamOpenOptions, type StreamSource } from "./runtime.ts";
export {
  type ByteStreamPair,
  webTransport,
  type WebTransportAddresses,
} from "../../src/transport/web_transport.ts";
