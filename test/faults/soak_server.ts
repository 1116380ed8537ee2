// The server of the soak: one address for each thing that can go wrong with a handler, and a report of what is left.
//
// The timers are counted by standing in for the runtime's own functions, before the library is loaded: it is the one
// way that tells the same on all three.

import process from "node:process";
import type { Server, WebSocketConnection, WebSocketHandler } from "@sansocket/ws";
import { memoryInUse } from "./memory.ts";
import { countTimers, timersSet } from "./timers.ts";

countTimers();
const { serve } = await import("@sansocket/ws");

const failure = new Error("handler failed");
const block = new Uint8Array(65_536);

const sockets: Record<string, WebSocketHandler> = {
  "/echo": { message: (ws, data) => ws.send(data) },
  "/pull": async (ws: WebSocketConnection) => {
    for await (const message of ws) await ws.send(message);
  },
  "/stream": {
    streamFrom: 1,
    async stream(ws, message) {
      let length = 0;
      for await (const chunk of message) length += chunk.length;
      await ws.send(String(length));
    },
  },
  "/throw": {
    message() {
      throw failure;
    },
  },
  "/reject": { message: () => Promise.reject(failure) },
  "/never": () => new Promise(() => {}),
  "/never-hook": { message: () => new Promise(() => {}) },
  "/flood": {
    // Nobody waits for these: the bound closes the connection of whoever does not read.
    message(ws) {
      for (let i = 0; i < 64; i++) ws.send(block);
    },
  },
  "/bye": { open: (ws) => void ws.close(4000, "bye") },
};

let unexpected = 0;
const server: Server = await serve({
  port: 0,
  compression: true,
  handshakeTimeout: 1_000,
  closeTimeout: 1_000,
  maxBufferedAmount: 2_097_152,
  heartbeat: { interval: 2_000, timeout: 2_000 },
  guard: { frameTimeout: 1_000, stallTimeout: 2_000 },
  error(error) {
    if (error === failure || ++unexpected > 20) return;
    console.log("reported:", error instanceof Error ? error.stack : error);
  },
  fetch(request, { upgrade }) {
    const { pathname } = new URL(request.url);
    const handler = sockets[pathname];
    if (handler !== undefined) return upgrade(handler);
    if (pathname === "/report") {
      const report = { stats: server.stats(), timers: timersSet(), unexpected };
      const memory = { inUse: memoryInUse(), resident: process.memoryUsage().rss };
      return Response.json({ ...report, ...memory });
    }
    if (pathname === "/broken") return new Response(brokenBody());
    return new Response("a page");
  },
});

function brokenBody(): ReadableStream<Uint8Array> {
  let pieces = 0;
  return new ReadableStream({
    pull(controller) {
      if (++pieces > 2) throw failure;
      controller.enqueue(block);
    },
  });
}

console.log(`port ${server.port}`);
