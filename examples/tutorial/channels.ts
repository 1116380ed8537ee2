// As with Django Channels: routing, an origin validator, and groups over any number of processes.
// Give it a port and, to join processes, the URL of a Redis server.

import { createTopics, serve } from "@sansocket/ws";
import { redisBackplane } from "@sansocket/ws/redis";
import process from "node:process";
import { createClient } from "redis";
import { consumer } from "./consumer.ts";

const [port = "8002", url] = process.argv.slice(2);
const client = url === undefined ? undefined : await createClient({ url }).connect();

const server = await serve({
  port: Number(port),
  topics: createTopics(client && { backplane: redisBackplane(client) }),
  routes: {
    "/ws/chat/:room": { websocket: consumer, origins: ["https://*.example.org"] },
  },
});
console.log(`Listening on ${server.url}`);
