// A chat of events with socket.io.

import { createServer } from "node:http";
import process from "node:process";
import { Server } from "socket.io";

const server = createServer();
const io = new Server(server);

io.use((socket, next) => {
  next(socket.handshake.auth.name === undefined ? new Error("Who are you?") : undefined);
});
io.on("connection", (socket) => {
  const { name } = socket.handshake.auth;
  socket.broadcast.emit("joined", name);
  socket.on("say", (text, done) => {
    io.emit("said", name, text);
    done(io.sockets.sockets.size);
  });
  socket.on("quit", () => socket.disconnect(true));
  socket.on("disconnect", () => io.emit("left", name));
});

server.listen(Number(process.argv[2] ?? 8002), "127.0.0.1", () => {
  console.log(`Listening on http://127.0.0.1:${server.address().port}/`);
});
