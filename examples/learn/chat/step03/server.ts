import { serve, serveFile } from "@sansocket/ws";
import process from "node:process";

const page = serveFile(new URL("index.html", import.meta.url));

const server = await serve({
  port: Number(process.argv[2] ?? 8002),
  routes: {
    "/": {
      fetch: page,
      websocket: {
        open: (ws) => ws.subscribe("chat"),
        message(_ws, text) {
          server.publish("chat", text);
        },
      },
    },
  },
});
console.log(`Chat: ${server.url}`);
