import { serve, serveFile } from "@sansocket/ws";
import process from "node:process";

const page = serveFile(new URL("index.html", import.meta.url));

const server = await serve({
  port: Number(process.argv[2] ?? 8002),
  routes: {
    "/": {
      fetch: page,
      websocket: {
        message: (ws, text) => ws.send(text),
      },
    },
  },
});
console.log(`Chat: ${server.url}`);
