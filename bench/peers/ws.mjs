// The package `ws`. WS_NO_BUFFER_UTIL=1 in the environment keeps the native addon out.
//
// Text is handed to the application as a string, as all others do; ws delivers a Buffer, so the server converts.
// Differences of defaults: the limit of a message is 100 MiB, and there is no heartbeat and no limit of unsent data.

import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import process from "node:process";
import { WebSocketServer } from "ws";
import { certificate, listening } from "./lifeline.mjs";

const topic = new Set();

function echo(ws) {
  ws.on("message", (data, isBinary) => ws.send(isBinary ? data : data.toString()));
}

function broadcast(ws) {
  topic.add(ws);
  ws.on("close", () => topic.delete(ws));
  ws.on("message", (data, isBinary) => {
    const message = isBinary ? data : data.toString();
    for (const peer of topic) peer.send(message);
  });
}

const shape = ["--fetch", "--field", "--async", "--attach", "--tls"].find((each) =>
  process.argv.includes(each)
);
const perMessageDeflate = process.argv.includes("--compression");

/** Looks at the address, as our `fetch` does. */
function decide(ws, request) {
  const { pathname } = new URL(request.url, "ws://localhost");
  if (shape === "--field") request.headers.cookie;
  if (pathname === "/") echo(ws);
  else ws.close();
}

/** The same before the answer, as its documentation shows for authentication. */
// deno-lint-ignore require-await -- An async function that never waits is what is measured.
async function authenticate(request, socket, head) {
  const { pathname } = new URL(request.url, "ws://localhost");
  if (pathname !== "/") return socket.destroy();
  server.handleUpgrade(request, socket, head, (ws) => server.emit("connection", ws, request));
}

const page = (_, response) => response.end("a page");
const http = shape === "--async" || shape === "--attach"
  ? createServer(page)
  : shape === "--tls"
  ? createSecureServer(certificate(), page)
  : undefined;
const server = new WebSocketServer({
  perMessageDeflate,
  ...(http === undefined ? { port: 0, host: "127.0.0.1" } : {}),
  ...((shape === "--attach" || shape === "--tls") && { server: http }),
  ...(shape === "--async" && { noServer: true }),
});
if (shape === "--async") http.on("upgrade", authenticate);
http?.listen(0, "127.0.0.1");
const listener = http ?? server;
listener.on("listening", () => listening(listener.address().port));
server.on(
  "connection",
  process.argv.includes("--broadcast")
    ? broadcast
    : shape === "--fetch" || shape === "--field"
    ? decide
    : echo,
);
server.on("connection", (ws) => ws.on("error", () => {}));
