// A Worker that asks a WebSocket server, and answers with what came of it.
//   npx esbuild examples/worker/worker.ts --bundle --format=esm --conditions=workerd \
//     --external:cloudflare:sockets --outfile=worker.js
//   npx wrangler dev worker.js

import { connect as open } from "cloudflare:sockets";
import { createWorkerConnect } from "./client.ts";

const connect = createWorkerConnect(open);

const worker: { fetch(request: Request): Promise<Response> } = {
  async fetch(request) {
    const url = new URL(request.url).searchParams.get("server") ?? "wss://echo.example/";
    const ws = await connect(url, {
      headers: { authorization: "Bearer secret" },
      compression: { windowBits: 15, threshold: 64 },
    });
    try {
      const roundTrip = await ws.ping();
      await ws.send("hello ".repeat(1_000));
      const answer = await ws.receive();
      return Response.json({ extensions: ws.extensions, length: answer.length, roundTrip });
    } finally {
      await ws.close();
    }
  },
};

export default worker;
