/**
 * WebSocket over any pair of byte streams: another platform's sockets, a tunnel, a test.
 *
 * @module
 */

import { checkRuntime } from "../../src/util/requirements.ts";

checkRuntime();

export { type Connect, createConnect } from "../../src/client/connect.ts";
export { createServe, type Serve } from "../../src/server/serve.ts";
export { createWebSocketStreamClass } from "../../src/client/websocket_stream.ts";
export { createWebSocketClass } from "../../src/client/websocket.ts";
export { createWebRuntime, type StreamOpenOptions, type StreamSource } from "./runtime.ts";
export { type ByteStreamPair, webTransport, type WebTransportAddresses } from "./transport.ts";
