// A plain TCP echo on node:net: what no library on Node can be cheaper than.

import { createServer } from "node:net";
import { listening } from "./lifeline.mjs";

const server = createServer({ noDelay: true }, (socket) => {
  socket.on("data", (chunk) => socket.write(chunk));
  socket.on("error", () => {});
});
server.listen(0, "127.0.0.1", () => listening(server.address().port));
