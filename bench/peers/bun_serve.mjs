// Bun.serve with the WebSocket server that Bun has in native code.
//
// `backpressureLimit` is raised as far as 8 connections with 4 messages of 1 MiB in flight need: Bun drops what is
// above it. All else is the default: 16 MiB for a message, 120 s until an idle connection is closed, Pings.

import process from "node:process";
import { listening } from "./lifeline.mjs";

const compression = process.argv.includes("--compression");

/** Bun compresses the messages that it is told to. */
const echo = compression
  ? { message: (ws, data) => ws.send(data, true) }
  : { message: (ws, data) => ws.send(data) };

const broadcast = {
  open: (ws) => ws.subscribe("all"),
  message: (_, data) => server.publish("all", data, compression),
};

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch(request, server) {
    if (server.upgrade(request)) return;
    return new Response("Expected a WebSocket handshake", { status: 426 });
  },
  websocket: {
    perMessageDeflate: compression,
    backpressureLimit: 16 << 20,
    ...(process.argv.includes("--broadcast") ? broadcast : echo),
  },
});
listening(server.port);
