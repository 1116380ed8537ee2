// A socket on a Hono application, behind its middleware. serve() passes the function that upgrades
// to `fetch`, and Hono passes it on as `c.env`. The same file runs on three runtimes:
//   node --import tsx examples/hono.ts --port 8002
//   deno run -A examples/hono.ts --port 8002
//   bun examples/hono.ts --port 8002

import process from "node:process";
import { parseArgs } from "node:util";
import { type FetchTools, serve } from "@sansocket/ws";
import { Hono } from "hono";
import { setCookie } from "hono/cookie";
import { secureHeaders } from "hono/secure-headers";

const { values } = parseArgs({ options: { port: { type: "string", default: "8002" } } });

const app = new Hono<{ Bindings: FetchTools; Variables: { user: string } }>();

// Middleware runs for upgrades as it does for pages, and may refuse them.
app.use(secureHeaders());
app.use(async (c, next) => {
  const user = c.req.header("x-user");
  if (user === undefined) return c.text("Say who you are in X-User", 401);
  c.set("user", user);
  await next();
  // Header fields that middleware adds to the response go with the 101.
  setCookie(c, "greeted", "yes");
});

app.get("/", (c) => c.text(`Hello ${c.var.user}`));

// A request that is not a handshake gets 426.
app.get("/chat", (c) =>
  c.env.upgrade({
    open: (ws) => ws.send(`Welcome ${ws.data.user}`),
    message: (ws, data) => ws.send(data),
  }, { data: { user: c.var.user } }));

const server = await serve({ port: Number(values.port), fetch: app.fetch });
console.log(server.url);

process.on("SIGTERM", async () => {
  await server.close();
  process.exit();
});
