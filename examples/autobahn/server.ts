// An echo server for the fuzzing client of the Autobahn Testsuite, or any other client that tests
// every corner of the protocol: messages up to 16 MiB, and compression with all parameters.
//   node --import tsx examples/autobahn/server.ts --port 9001
//   deno run -A examples/autobahn/server.ts --port 9001
//   bun examples/autobahn/server.ts --port 9001
// Then run wstest with this fuzzingclient.json:
//   {"servers": [{"agent": "sansocket", "url": "ws://127.0.0.1:9001"}], "cases": ["*"]}
//   wstest --mode fuzzingclient --spec fuzzingclient.json

import process from "node:process";
import { parseArgs } from "node:util";
import { serve } from "@sansocket/ws";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "9001" },
    hostname: { type: "string", default: "127.0.0.1" },
  },
});

const options = {
  port: Number(values.port),
  hostname: values.hostname,
  maxMessageSize: 16_777_216,
  // The echo of the largest message has to fit, together with what is queued behind it.
  maxBufferedAmount: 67_108_864,
  // Allow every parameter, and compress every message. Do not use this in production.
  compression: { windowBits: 15, threshold: 0 },
};

const server = await serve({
  ...options,
  websocket: { message: (ws, data) => ws.send(data) },
});
console.log(`Echoing at ${server.url.replace("http", "ws")}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, async () => {
    await server.close();
    process.exit();
  });
}
