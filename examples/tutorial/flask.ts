// As with Flask and gevent-websocket: one route serves the page and its socket.

import { html, serve, type WebSocketConnection } from "@sansocket/ws";
import process from "node:process";

async function echo(ws: WebSocketConnection) {
  for (;;) {
    const message = await ws.receive(); // it ends the function when the client has gone
    if (message === "bye") break;
    await ws.send(message);
  }
  await ws.close(1000, "bye");
}

const page = html`
  <h1>Echo</h1>
  <script>new WebSocket(location.href.replace("http", "ws"))</script>
`;
const server = await serve({
  port: Number(process.argv[2] ?? 8002),
  routes: { "/echo": { websocket: echo, fetch: () => page.toResponse() } },
});
console.log(`Listening on ${server.url}`);
