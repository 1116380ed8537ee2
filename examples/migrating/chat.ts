// The chat of docs/migrating.md: it asks for a name, all hear all, and "/quit" leaves.

import { serve, type WebSocketHooks } from "@sansocket/ws";
import process from "node:process";

const chat: WebSocketHooks<{ name: string }> = {
  open(ws) {
    ws.subscribe("chat");
    ws.publish("chat", `${ws.data.name} joined`);
  },
  message(ws, data) {
    if (data === "/quit") ws.close(4000, "Goodbye");
    else server.publish("chat", `${ws.data.name}: ${data}`);
  },
  close: (ws) => server.publish("chat", `${ws.data.name} left`),
};

const server = await serve({
  port: Number(process.argv[2] ?? 8002),
  routes: {
    "/chat": (request, { upgrade }) => {
      const name = new URL(request.url).searchParams.get("name");
      if (name === null) return new Response("Who are you?", { status: 401 });
      return upgrade(chat, { data: { name } });
    },
  },
});
console.log(`Listening on ${server.url}`);
