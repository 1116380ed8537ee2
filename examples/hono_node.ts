// A socket on a Hono application, behind its middleware, on Hono's own server for Node. On serve()
// the same application runs on three runtimes: see hono.ts.
//   node --import tsx examples/hono_node.ts --port 8002

import type { Server } from "node:http";
import process from "node:process";
import { parseArgs } from "node:util";
import { type HttpBindings, serve } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { attach } from "@sansocket/ws/node";
import { Hono } from "hono";

const { values } = parseArgs({ options: { port: { type: "string", default: "8002" } } });

const app = new Hono<{ Bindings: HttpBindings; Variables: { user: string } }>();

// Middleware runs for upgrades as it does for pages, and may refuse them.
app.use(async (c, next) => {
  const user = c.req.header("x-user");
  if (user === undefined) return c.text("Say who you are in X-User", 401);
  c.set("user", user);
  // Hono keeps the fields of `c.header()` until it sends. A field of `outgoing` goes with the 101.
  c.env.outgoing.setHeader("set-cookie", "greeted=yes");
  await next();
});

app.get("/", (c) => c.text(`Hello ${c.var.user}`));

app.get("/chat", (c) => {
  const { incoming, outgoing } = c.env;
  // A request that is not a handshake gets 426.
  sockets.upgrade(incoming, outgoing, {
    open: (ws) => ws.send(`Welcome ${ws.data.user}`),
    message: (ws, data) => ws.send(data),
  }, { data: { user: c.var.user } });
  return RESPONSE_ALREADY_SENT;
});

const options = { fetch: app.fetch, port: Number(values.port), hostname: "127.0.0.1" };
const server = serve(options, ({ port }) => console.log(`http://127.0.0.1:${port}/`)) as Server;
const sockets = attach(server);

process.on("SIGTERM", async () => {
  await sockets.close();
  server.close();
  process.exit();
});
