// crossws with its adapter for Node, which carries a copy of ws.

import { createServer } from "node:http";
import process from "node:process";
import crossws from "crossws/adapters/node";
import { listening } from "./lifeline.mjs";

const echo = {
  message: (peer, message) => peer.send(message.rawData),
  error() {},
};

const broadcast = {
  open: (peer) => peer.subscribe("all"),
  message: (_, message) => ws.publish("all", message.rawData),
  error() {},
};

const ws = crossws({ hooks: process.argv.includes("--broadcast") ? broadcast : echo });
const server = createServer((_, response) => response.writeHead(426).end());
server.on("upgrade", ws.handleUpgrade);
server.listen(0, "127.0.0.1", () => listening(server.address().port));
