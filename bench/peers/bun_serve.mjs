// Bun.serve with the WebSocket server that Bun has in native code.
//
// `backpressureLimit` is raised as far as 8 connections with 4 messages of 1 MiB in flight need: Bun drops what is
// above it. All else is the default: 16 MiB for a message, 120 s until an idle connection is closed, Pings.

import process from "node:process";
import { certificate, listening } from "./lifeline.mjs";

const compression = process.argv.includes("--compression");

/** Bun compresses the messages that it is told to. */
const echo = compression
  ? { message: (ws, data) => ws.send(data, true) }
  : { message: (ws, data) => ws.send(data) };

const broadcast = {
  open: (ws) => ws.subscribe("all"),
  message: (_, data) => server.publish("all", data, compression),
};

function decide(request, server) {
  if (server.upgrade(request)) return;
  return new Response("Expected a WebSocket handshake", { status: 426 });
}

const field = process.argv.includes("--field");

function byAddress(request, server) {
  const { pathname } = new URL(request.url);
  if (field) request.headers.get("cookie");
  if (pathname === "/") return decide(request, server);
  return new Response("Not found", { status: 404 });
}

// deno-lint-ignore require-await -- An async function that never waits is what is measured.
async function byAddressAsync(request, server) {
  return byAddress(request, server);
}

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  tls: certificate(),
  fetch: process.argv.includes("--async")
    ? byAddressAsync
    : field || process.argv.includes("--fetch")
    ? byAddress
    : decide,
  websocket: {
    perMessageDeflate: compression,
    backpressureLimit: 16 << 20,
    ...(process.argv.includes("--broadcast") ? broadcast : echo),
  },
});
listening(server.port);
