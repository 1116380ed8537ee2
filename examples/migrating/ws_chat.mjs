// The chat with ws, on Node.

import { createServer } from "node:http";
import process from "node:process";
import { WebSocket, WebSocketServer } from "ws";

const server = createServer((_request, response) => response.writeHead(404).end());
const sockets = new WebSocketServer({ noServer: true });

server.on("upgrade", (request, socket, head) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const name = searchParams.get("name");
  if (pathname !== "/chat" || name === null) {
    socket.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit("connection", ws, name));
});

sockets.on("connection", (ws, name) => {
  const tell = (text, except) => {
    for (const other of sockets.clients) {
      if (other !== except && other.readyState === WebSocket.OPEN) other.send(text);
    }
  };
  tell(`${name} joined`, ws);
  ws.on("message", (data, isBinary) => {
    if (isBinary) return;
    if (data.toString() === "/quit") ws.close(4000, "Goodbye");
    else tell(`${name}: ${data}`);
  });
  ws.on("close", () => tell(`${name} left`));
  ws.on("error", console.error);
});

server.listen(Number(process.argv[2] ?? 8002), "127.0.0.1", () => {
  console.log(`Listening on http://127.0.0.1:${server.address().port}/`);
});
