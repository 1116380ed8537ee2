// Our server with the compression of its argument, for ../memory.ts. Asked by a line, it tells its memory.

import process from "node:process";
import { serve } from "@sansocket/ws";
import { holdLifeline, say } from "../peers/lifeline.mjs";

/** Resident octets when what is garbage is gone. */
async function settled() {
  for (let i = 0; i < 10; i++) {
    if (globalThis.Bun === undefined) globalThis.gc();
    else Bun.gc(true);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return process.memoryUsage().rss;
}

const server = await serve({
  port: 0,
  hostname: "127.0.0.1",
  compression: JSON.parse(process.argv[2]),
  websocket: { message: (ws, data) => ws.send(data) },
});
holdLifeline(async () => say({ event: "memory", bytes: await settled() }));
say({ event: "listening", port: server.port });
