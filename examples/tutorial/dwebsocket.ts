// As with dwebsocket: routes that must or may be a socket, iteration, and a wait with a timeout.

import { isUpgrade, serve, type WebSocketConnection } from "@sansocket/ws";
import process from "node:process";

async function echo(ws: WebSocketConnection) {
  for await (const message of ws) await ws.send(message);
}

async function wait(ws: WebSocketConnection) {
  for (;;) {
    const message = await ws.receive({ timeout: 50 }); // at the end it throws, and the loop is over
    if (message === undefined) await ws.send("Are you there?");
    else await ws.send(`${message}, and ${ws.unread} more`);
  }
}

const server = await serve({
  port: Number(process.argv[2] ?? 8002),
  routes: {
    "/require": { websocket: echo }, // a page gets 426
    "/accept": { websocket: echo, fetch: () => new Response("page") },
    "/is": (request, { upgrade }) => isUpgrade(request) ? upgrade(echo) : new Response("page"),
    "/wait": { websocket: wait },
  },
});
console.log(`Listening on ${server.url}`);
