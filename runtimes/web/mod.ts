/**
 * WebSocket over any pair of byte streams: another platform's sockets, a tunnel, a test.
 *
 * @module
 */

import { checkRuntime } from "../../src/requirements.ts";

checkRuntime();

export { type Connect, createConnect } from "../../src/client.ts";
export { createServe, type Serve } from "../../src/server.ts";
export { createWebSocketStreamClass } from "../../src/stream.ts";
export { createWebSocketClass } from "../../src/websocket.ts";
export { createWebRuntime, type StreamOpenOptions, type StreamSource } from "./runtime.ts";
export { type ByteStreamPair, webTransport, type WebTransportAddresses } from "./transport.ts";
