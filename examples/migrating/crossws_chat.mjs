// The chat with crossws, on Node.

import crossws from "crossws/adapters/node";
import { createServer } from "node:http";
import process from "node:process";

const sockets = crossws({
  hooks: {
    upgrade(request) {
      const { pathname, searchParams } = new URL(request.url);
      if (pathname !== "/chat") return new Response("Nothing here", { status: 404 });
      const name = searchParams.get("name");
      if (name === null) return new Response("Who are you?", { status: 401 });
      return { context: { name } };
    },
    open(peer) {
      peer.subscribe("chat");
      peer.publish("chat", `${peer.context.name} joined`);
    },
    message(peer, message) {
      if (message.text() === "/quit") peer.close(4000, "Goodbye");
      else sockets.publish("chat", `${peer.context.name}: ${message.text()}`);
    },
    close: (peer) => sockets.publish("chat", `${peer.context.name} left`),
  },
});

const server = createServer((_request, response) => response.writeHead(404).end());
server.on("upgrade", sockets.handleUpgrade);
server.listen(Number(process.argv[2] ?? 8002), "127.0.0.1", () => {
  console.log(`Listening on http://127.0.0.1:${server.address().port}/`);
});
