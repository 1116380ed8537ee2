// A page and its socket on a raw TCP server: the handshake and each frame by hand.

import { computeAccept, decodeFrame, encodeFrame } from "@sansocket/ws/core";
import { createServer } from "node:net";
import process from "node:process";

const page = `<!doctype html><title>Echo</title><p></p><script>
const ws = new WebSocket(location.href.replace("http", "ws"));
ws.onopen = () => ws.send("hello");
ws.onmessage = ({ data }) => document.querySelector("p").textContent = data;
</script>`;

const server = createServer((socket) => {
  let bytes = new Uint8Array();
  let open = false;
  socket.on("error", () => socket.destroy()).on("data", (chunk: Uint8Array) => {
    bytes = new Uint8Array([...bytes, ...chunk]);
    if (!open) {
      const request = new TextDecoder().decode(bytes);
      if (!request.includes("\r\n\r\n")) return void (request.length > 8_192 && socket.destroy());
      const [, key] = /^sec-websocket-key: *(\S+)/im.exec(request) ?? [];
      if (key === undefined) return void socket.end(`HTTP/1.0 200 OK\r\n\r\n${page}`);
      const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade";
      socket.write(`${head}\r\nSec-WebSocket-Accept: ${computeAccept(key)}\r\n\r\n`);
      [open, bytes] = [true, new Uint8Array()];
    }
    for (let frame = decodeFrame(bytes); frame; frame = decodeFrame(bytes)) {
      bytes = bytes.slice(frame.byteLength);
      socket.write(encodeFrame({ opcode: frame.opcode, payload: frame.payload }));
      if (frame.opcode === 8) socket.end();
    }
  });
});
server.listen(Number(process.argv[2] ?? 8002), "127.0.0.1", () => {
  console.log("Listening on", JSON.stringify(server.address()));
});
