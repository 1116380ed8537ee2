// A socket on an Express application, behind its middleware. The same file runs on three runtimes:
//   node --import tsx examples/express.ts --port 8002
//   deno run -A examples/express.ts --port 8002
//   bun examples/express.ts --port 8002

import { createServer } from "node:http";
import process from "node:process";
import { parseArgs } from "node:util";
import { attach } from "@sansocket/ws/node";
import express from "express";

const { values } = parseArgs({ options: { port: { type: "string", default: "8002" } } });

const app = express();
const server = createServer(app);
const sockets = attach(server);

// Middleware runs for upgrades as it does for pages, and may refuse them.
app.use((request, response, next) => {
  const user = request.get("x-user");
  if (user === undefined) return void response.status(401).send("Say who you are in X-User");
  response.locals["user"] = user;
  response.cookie("greeted", "yes");
  next();
});

app.get("/", (_request, response) => void response.send(`Hello ${response.locals["user"]}`));

app.get("/chat", (request, response) => {
  const user = String(response.locals["user"]);
  // Header fields of the response go with the 101. A request that is not a handshake gets 426.
  sockets.upgrade(request, response, {
    open: (ws) => ws.send(`Welcome ${ws.data.user}`),
    message: (ws, data) => ws.send(data),
  }, { data: { user } });
});

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
