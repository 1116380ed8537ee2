// A plain TCP echo on node:net: what no library on Node can be cheaper than. With --tls, the same on node:tls.

import { createServer } from "node:net";
import { createServer as createSecureServer } from "node:tls";
import { certificate, listening } from "./lifeline.mjs";

function echo(socket) {
  socket.on("data", (chunk) => socket.write(chunk));
  socket.on("error", () => {});
}

const tls = certificate();
const server = tls === undefined
  ? createServer({ noDelay: true }, echo)
  : createSecureServer({ ...tls, noDelay: true }, echo);
server.listen(0, "127.0.0.1", () => listening(server.address().port));
