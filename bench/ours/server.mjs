// Our server as users write it: hooks, and nothing that a user would not set.
// The bench bundles this file once and runs the same bundle on all three runtimes.

import process from "node:process";
import { serve } from "@sansocket/ws";
import { certificate, listening } from "../peers/lifeline.mjs";

const echo = { message: (ws, data) => ws.send(data) };

const broadcast = {
  open: (ws) => void ws.subscribe("all"),
  message: (_, data) => void server.publish("all", data),
};

const loop = {
  message(_, data) {
    for (const ws of server.connections) ws.send(data);
  },
};

const all = process.argv.includes("--loop") ? loop : broadcast;

const server = await serve({
  port: 0,
  hostname: "127.0.0.1",
  compression: process.argv.includes("--compression"),
  tls: certificate(),
  websocket: process.argv.includes("--broadcast") ? all : echo,
});
listening(server.port);
