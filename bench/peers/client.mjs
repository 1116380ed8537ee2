// The clients of others: client.mjs ws|undici|native JOB
//
// "native" is the runtime's own class WebSocket, and "undici" that of the package of the same name.

import process from "node:process";
import { drive } from "./client_loop.mjs";

/** ws by its own events, which cost it less than those of the browser's interface. */
async function openWs(url, receive) {
  const { WebSocket } = await import("ws");
  const ws = new WebSocket(url, { perMessageDeflate: false });
  ws.on("message", (data, isBinary) => receive(isBinary ? data : data.toString()));
  await new Promise((resolve) => ws.once("open", resolve));
  const closed = new Promise((resolve) => ws.once("close", resolve));
  return {
    send: (data) => ws.send(data),
    close() {
      ws.close(1000);
      return closed;
    },
  };
}

async function openStandard(WebSocket, url, receive) {
  const ws = new WebSocket(url);
  ws.binaryType = "arraybuffer";
  ws.onmessage = ({ data }) => receive(data);
  await new Promise((resolve) => ws.onopen = resolve);
  return {
    send: (data) => ws.send(data),
    close() {
      const closed = new Promise((resolve) => ws.onclose = resolve);
      ws.close(1000);
      return closed;
    },
  };
}

async function openUndici(url, receive) {
  const { WebSocket } = await import("undici");
  return await openStandard(WebSocket, url, receive);
}

const clients = {
  ws: openWs,
  undici: openUndici,
  native: (url, receive) => openStandard(WebSocket, url, receive),
};

await drive(clients[process.argv.at(-2)]);
