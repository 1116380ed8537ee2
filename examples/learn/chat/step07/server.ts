import { isUpgrade, serve, serveFile } from "@sansocket/ws";
import process from "node:process";
import { chat } from "./chat.ts";
import { topics } from "./topics.ts";

const page = serveFile(new URL("index.html", import.meta.url));

const server = await serve({
  port: Number(process.argv[2] ?? 8002),
  topics,
  maxMessageSize: 4_000,
  guard: { messagesPerSecond: 20 },
  routes: {
    "/": new Response(null, { status: 302, headers: { location: "/rooms/lobby" } }),
    "/rooms/:room": (request, { upgrade, params: { room } }) => {
      if (room.length > 30) return new Response("No such room\n", { status: 404 });
      if (!isUpgrade(request)) return page(request);
      const name = new URL(request.url).searchParams.get("name")?.trim() ?? "";
      if (name.length < 1 || name.length > 30) {
        return new Response("Expected a name of 1 to 30 characters\n", { status: 400 });
      }
      return upgrade(chat, { data: { room, name } });
    },
  },
});
console.log(`Chat: ${server.url}`);
