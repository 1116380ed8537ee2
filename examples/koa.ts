// A socket on a Koa application, behind its middleware. The same file runs on three runtimes:
//   node --import tsx examples/koa.ts --port 8002
//   deno run -A examples/koa.ts --port 8002
//   bun examples/koa.ts --port 8002

import { createServer } from "node:http";
import process from "node:process";
import { parseArgs } from "node:util";
import { attach } from "@sansocket/ws/node";
import Koa from "koa";

const { values } = parseArgs({ options: { port: { type: "string", default: "8002" } } });

const app = new Koa();

// Middleware runs for upgrades as it does for pages, and may refuse them.
app.use(async (context, next) => {
  const user = context.get("x-user");
  if (user === "") return context.throw(401, "Say who you are in X-User");
  context.state["user"] = user;
  context.set("set-cookie", "greeted=yes");
  await next();
});

app.use((context) => {
  const user = String(context.state["user"]);
  if (context.path !== "/chat") {
    context.body = `Hello ${user}`;
    return;
  }
  // After this, Koa sends nothing itself. Header fields of the response go with the 101. A request
  // that is not a handshake gets 426.
  context.respond = false;
  sockets.upgrade(context.req, context.res, {
    open: (ws) => ws.send(`Welcome ${ws.data.user}`),
    message: (ws, data) => ws.send(data),
  }, { data: { user } });
});

// This comes after the last `use()`, because `callback()` composes the middleware.
const server = createServer(app.callback());
const sockets = attach(server);

server.listen(Number(values.port), "127.0.0.1", () => {
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  console.log(`http://127.0.0.1:${port}/`);
});

process.on("SIGTERM", async () => {
  await sockets.close();
  server.close();
  process.exit();
});
