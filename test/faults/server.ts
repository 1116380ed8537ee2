// A server in a process of its own, for faults that need its limits or its memory to themselves. It echoes, or never
// comes to an end with a message at /stalled, and answers GET with what it has counted and how much memory it uses.

import process from "node:process";
import { serve, type Server } from "@sansocket/ws";
import { memoryInUse } from "./memory.ts";

const server: Server = await serve({
  port: 0,
  error: (error) => console.log("reported:", error instanceof Error ? error.message : error),
  fetch(request, { upgrade }) {
    if (request.headers.has("upgrade")) {
      if (request.url.endsWith("/stalled")) {
        return upgrade({ message: () => new Promise(() => {}) });
      }
      return upgrade({ message: (ws, data) => ws.send(data) });
    }
    const memory = memoryInUse();
    return Response.json({ ...server.stats(), memory, resident: process.memoryUsage().rss });
  },
});
process.on("SIGTERM", () => void server.close({ timeout: 1000 }).then(() => process.exit(0)));
console.log(`port ${server.port}`);
