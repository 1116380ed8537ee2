// A plain TCP echo on Bun's sockets, with --tls over TLS. `write()` takes what the kernel takes; the rest waits for `drain`.

import { certificate, listening } from "./lifeline.mjs";

const server = Bun.listen({
  port: 0,
  hostname: "127.0.0.1",
  tls: certificate(),
  socket: {
    open(socket) {
      socket.data = [];
      socket.setNoDelay(true);
    },
    data(socket, chunk) {
      const queue = socket.data;
      if (queue.length > 0) {
        queue.push(chunk);
        return;
      }
      const written = Math.max(socket.write(chunk), 0);
      if (written < chunk.length) queue.push(chunk.subarray(written));
    },
    drain(socket) {
      const queue = socket.data;
      while (queue.length > 0) {
        const written = Math.max(socket.write(queue[0]), 0);
        if (written < queue[0].length) {
          queue[0] = queue[0].subarray(written);
          return;
        }
        queue.shift();
      }
    },
    error() {},
  },
});
listening(server.port);
