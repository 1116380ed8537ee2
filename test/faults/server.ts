// A server in a process of its own, for faults that need its limits or its memory to themselves. It echoes, and
// answers GET with what it has counted and how much memory it uses.

import process from "node:process";
import { serve, type Server } from "@sansocket/ws";
import { memoryInUse } from "./memory.ts";

const server: Server = await serve({
  port: 0,
  error: (error) => console.log("reported:", error instanceof Error ? error.message : error),
  fetch(request, { upgrade }) {
    if (request.headers.has("upgrade")) {
      return upgrade({ message: (ws, data) => ws.send(data) });
    }
    const memory = memoryInUse();
    return Response.json({ ...server.stats(), memory, resident: process.memoryUsage().rss });
  },
});
process.on("SIGTERM", () => void server.close({ timeout: 1000 }).then(() => process.exit(0)));
console.log(`port ${server.port}`);
