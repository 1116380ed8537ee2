// Deno.serve with Deno.upgradeWebSocket, which Deno has in native code. It does not compress.

import process from "node:process";
import { certificate, listening } from "./lifeline.mjs";

const topic = new Set();

function echo(socket) {
  socket.onmessage = ({ data }) => socket.send(data);
}

function broadcast(socket) {
  socket.onopen = () => topic.add(socket);
  socket.onclose = () => topic.delete(socket);
  socket.onmessage = ({ data }) => {
    for (const peer of topic) peer.send(data);
  };
}

const handle = process.argv.includes("--broadcast") ? broadcast : echo;

function decide(request) {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return new Response("Expected a WebSocket handshake", { status: 426 });
  }
  const { socket, response } = Deno.upgradeWebSocket(request);
  socket.binaryType = "arraybuffer";
  socket.onerror = () => {};
  handle(socket);
  return response;
}

const field = process.argv.includes("--field");

function byAddress(request) {
  const { pathname } = new URL(request.url);
  if (field) request.headers.get("cookie");
  return pathname === "/" ? decide(request) : new Response("Not found", { status: 404 });
}

// deno-lint-ignore require-await -- An async function that never waits is what is measured.
async function byAddressAsync(request) {
  return byAddress(request);
}

Deno.serve({
  port: 0,
  hostname: "127.0.0.1",
  ...certificate(),
  handler: process.argv.includes("--async")
    ? byAddressAsync
    : field || process.argv.includes("--fetch")
    ? byAddress
    : decide,
  onListen: ({ port }) => listening(port),
});
