import { htmlFile, isUpgrade, serveFile, type ServeOptions } from "@sansocket/ws";
import { chat, readPosition } from "./chat.ts";
import { logIn, redirect, userOf } from "./session.ts";
import { topics } from "./topics.ts";

const page = htmlFile(new URL("index.html", import.meta.url));
const loginPage = serveFile(new URL("login.html", import.meta.url));

export const options: ServeOptions = {
  topics,
  maxMessageSize: 4_000,
  guard: { messagesPerSecond: 20 },
  routes: {
    "/": () => redirect("/rooms/lobby"),
    "/login": { GET: loginPage, POST: logIn },
    "/rooms/:room": (request, { upgrade, params: { room = "" } }) => {
      if (room.length > 30) return new Response("No such room\n", { status: 404 });
      const name = userOf(request);
      if (!isUpgrade(request)) {
        return name === undefined ? redirect("/login") : page.respond({ name });
      }
      if (name === undefined) return new Response("Log in first\n", { status: 401 });
      const since = readPosition(new URL(request.url).searchParams.get("position"));
      return upgrade(chat, { data: { room, name, since } });
    },
  },
};
