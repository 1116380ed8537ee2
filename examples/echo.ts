// An echo server: text comes back as text, binary as binary. It prints nothing, so that output does
// not distort measurements. The same file runs on three runtimes:
//   deno run -A examples/echo.ts --port 9001
//   bun examples/echo.ts --port 9001
//   node --import tsx examples/echo.ts --port 9001

import process from "node:process";
import { parseArgs } from "node:util";
import { serve } from "@sansocket/ws";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "9001" },
    hostname: { type: "string", default: "127.0.0.1" },
    "max-message-size": { type: "string", default: "1048576" },
    compression: { type: "boolean", default: false },
  },
});

const server = await serve({
  port: Number(values.port),
  hostname: values.hostname,
  maxMessageSize: Number(values["max-message-size"]),
  compression: values.compression,
  websocket: {
    // Returning the promise of `send()` applies backpressure: while the peer reads too slowly, its
    // next message waits, and in the end the peer does too.
    message(ws, data) {
      return ws.send(data);
    },
  },
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, async () => {
    await server.close();
    process.exit();
  });
}
