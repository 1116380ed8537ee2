// Our server as users write it: hooks, and nothing that a user would not set.
// The bench bundles this file once and runs the same bundle on all three runtimes.

import process from "node:process";
import { PreparedMessage, serve } from "@sansocket/ws";
import { listening } from "../peers/lifeline.mjs";

const topic = new Set();

const echo = { message: (ws, data) => ws.send(data) };

const broadcast = {
  open: (ws) => void topic.add(ws),
  message(_, data) {
    const message = new PreparedMessage(data);
    for (const ws of topic) ws.send(message);
  },
  close: (ws) => void topic.delete(ws),
};

const server = await serve({
  port: 0,
  hostname: "127.0.0.1",
  compression: process.argv.includes("--compression"),
  websocket: process.argv.includes("--broadcast") ? broadcast : echo,
});
listening(server.port);
