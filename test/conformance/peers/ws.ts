// The npm package `ws` as an echo server, compression on.

import process from "node:process";
import { type AddressInfo, WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: true });
server.on("connection", (socket) => {
  // The close code says what there is to say.
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
server.on("listening", () => {
  console.log(`Echoing at ws://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
process.once("SIGTERM", () => process.exit());
