// A chat of events: a message is JSON, [event, ...arguments], and "say" is answered by its number.

import { parseJson, serve, type WebSocketHooks } from "@sansocket/ws";
import process from "node:process";

const chat: WebSocketHooks<{ name: string }> = {
  open(ws) {
    ws.subscribe("chat");
    ws.publish("chat", JSON.stringify(["joined", ws.data.name]));
  },
  message(ws, data) {
    const message = parseJson(ws, data);
    const [event, number, text] = Array.isArray(message) ? message : [];
    if (event === "quit") ws.close(4000, "Goodbye");
    if (event !== "say") return;
    server.publish("chat", JSON.stringify(["said", ws.data.name, text]));
    return ws.send(JSON.stringify(["done", number, server.connections.size]));
  },
  close: (ws) => server.publish("chat", JSON.stringify(["left", ws.data.name])),
};

const server = await serve({
  port: Number(process.argv[2] ?? 8002),
  routes: {
    "/": (request, { upgrade }) => {
      const name = new URL(request.url).searchParams.get("name");
      if (name === null) return new Response("Who are you?", { status: 401 });
      return upgrade(chat, { data: { name } });
    },
  },
});
console.log(`Listening on ${server.url}`);
