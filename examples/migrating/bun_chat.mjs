// The chat with Bun.serve().

import process from "node:process";

const server = Bun.serve({
  port: Number(process.argv[2] ?? 8002),
  hostname: "127.0.0.1",
  routes: {
    "/chat": (request, server) => {
      const name = new URL(request.url).searchParams.get("name");
      if (name === null) return new Response("Who are you?", { status: 401 });
      if (server.upgrade(request, { data: { name } })) return;
      return new Response("Upgrade, please", { status: 426 });
    },
  },
  websocket: {
    open(ws) {
      ws.subscribe("chat");
      ws.publish("chat", `${ws.data.name} joined`);
    },
    message(ws, data) {
      if (data === "/quit") ws.close(4000, "Goodbye");
      else server.publish("chat", `${ws.data.name}: ${data}`);
    },
    close: (ws) => server.publish("chat", `${ws.data.name} left`),
  },
});
console.log(`Listening on ${server.url}`);
