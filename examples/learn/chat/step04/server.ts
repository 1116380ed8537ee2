import { isUpgrade, type Message, serve, serveFile, type WebSocketConnection } from "@sansocket/ws";
import process from "node:process";

const page = serveFile(new URL("index.html", import.meta.url));

/** A connection, with the name of who it belongs to. */
type Chatter = WebSocketConnection<{ name: string }>;

const chat = {
  open(ws: Chatter) {
    ws.subscribe("chat");
  },
  message(ws: Chatter, text: Message) {
    server.publish("chat", JSON.stringify({ name: ws.data.name, text }));
  },
};

const server = await serve({
  port: Number(process.argv[2] ?? 8002),
  routes: {
    "/": (request, { upgrade }) => {
      if (!isUpgrade(request)) return page(request);
      const name = new URL(request.url).searchParams.get("name") ?? "Guest";
      return upgrade(chat, { data: { name } });
    },
  },
});
console.log(`Chat: ${server.url}`);
