// A server with rooms, joined with others over NATS: the first message to a client is the id of its
// connection.

import process from "node:process";
import { connect } from "@nats-io/transport-node";
import { createTopics, serve } from "@sansocket/ws";
import { natsBackplane } from "@sansocket/ws/nats";

const [servers = ""] = process.argv.slice(2);
const connection = await connect({ servers, maxReconnectAttempts: -1 });
const server = await serve({
  port: 0,
  hostname: "127.0.0.1",
  topics: createTopics({ backplane: natsBackplane(connection) }),
  websocket: {
    open: async (ws) => {
      const { joined } = await ws.subscribe("room");
      ws.send(`${ws.id} ${joined}`);
    },
    message: (ws, data) => void ws.publish("room", data),
  },
});
console.log(`Listening on ${server.url}`);
