// A socket on a Fastify application, behind its hooks. The same file runs on three runtimes:
//   node --import tsx examples/fastify.ts --port 8002
//   deno run -A examples/fastify.ts --port 8002
//   bun examples/fastify.ts --port 8002

import process from "node:process";
import { parseArgs } from "node:util";
import { attach } from "@sansocket/ws/node";
import { fastify } from "fastify";

const { values } = parseArgs({ options: { port: { type: "string", default: "8002" } } });

const app = fastify();
const sockets = attach(app.server);

// Hooks run for upgrades as they do for pages, and may refuse them.
app.addHook("onRequest", async (request, reply) => {
  if (request.headers["x-user"] === undefined) {
    return await reply.code(401).send("Say who you are in X-User");
  }
  // Fastify keeps the fields of `reply.header()` until it sends. A field of `reply.raw` goes with
  // the 101.
  reply.raw.setHeader("set-cookie", "greeted=yes");
});

app.get("/", (request) => `Hello ${request.headers["x-user"]}`);

app.get("/chat", (request, reply) => {
  // After this, Fastify sends nothing itself. A request that is not a handshake gets 426.
  reply.hijack();
  const user = String(request.headers["x-user"]);
  sockets.upgrade(request.raw, reply.raw, {
    open: (ws) => ws.send(`Welcome ${ws.data.user}`),
    message: (ws, data) => ws.send(data),
  }, { data: { user } });
});

await app.listen({ port: Number(values.port), host: "127.0.0.1" });
const address = app.server.address();
const port = typeof address === "object" ? address?.port : undefined;
console.log(`http://127.0.0.1:${port}/`);

process.on("SIGTERM", async () => {
  await sockets.close();
  await app.close();
  process.exit();
});
