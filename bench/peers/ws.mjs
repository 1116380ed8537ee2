// The package `ws`. WS_NO_BUFFER_UTIL=1 in the environment keeps the native addon out.
//
// Text is handed to the application as a string, as all others do; ws delivers a Buffer, so the server converts.
// Differences of defaults: the limit of a message is 100 MiB, and there is no heartbeat and no limit of unsent data.

import process from "node:process";
import { WebSocketServer } from "ws";
import { listening } from "./lifeline.mjs";

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

const server = new WebSocketServer({
  port: 0,
  host: "127.0.0.1",
  perMessageDeflate: process.argv.includes("--compression"),
}, () => listening(server.address().port));
server.on("connection", process.argv.includes("--broadcast") ? broadcast : echo);
server.on("connection", (ws) => ws.on("error", () => {}));
