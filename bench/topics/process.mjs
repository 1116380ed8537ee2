// One process of `npm run bench:topics`: a server whose connections are all subscribed, written as
// documentation tells users to write it, and a publisher. The parent tells it what to do.

import { createTopics, serve } from "@sansocket/ws";

const [kind, broker, history] = process.argv.slice(2);

/** The backplane, and what ends its client. */
async function connect() {
  if (kind === "redis") {
    const { redisBackplane } = await import("@sansocket/ws/redis");
    const { createClient } = await import("redis");
    const client = await createClient({ url: `redis://127.0.0.1:${broker}` }).connect();
    return { backplane: redisBackplane(client), end: () => client.close() };
  }
  if (kind === "nats") {
    const { natsBackplane } = await import("@sansocket/ws/nats");
    const transport = await import("@nats-io/transport-node");
    const connection = await transport.connect({ servers: `127.0.0.1:${broker}` });
    return { backplane: natsBackplane(connection), end: () => connection.close() };
  }
  return { backplane: undefined, end() {} };
}

const { backplane, end } = await connect();
let missed = 0;
const topics = createTopics({
  backplane,
  ...(history === "history" && { history: [{ prefix: "all", size: 100, ttl: 300_000 }] }),
  onGap: (gap) => void (missed += gap.missed),
});
const server = await serve({
  port: 0,
  topics,
  websocket: { open: (ws) => void ws.subscribe("all") },
});

const now = () => Number(process.hrtime.bigint()) / 1e6;
const latencies = [];
const listener = (data) => void latencies.push(now() - Number(data.slice(0, data.indexOf(" "))));

/** Publishes so many messages of a size, `burst` of them every 5 ms. */
async function publish({ count, burst, size, stamped }) {
  for (let sent = 0; sent < count;) {
    for (let i = 0; i < burst && sent < count; i++, sent++) {
      topics.publish("all", (stamped ? `${now()} ` : "").padEnd(size, "x"));
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await topics.flush();
}

const commands = {
  publish,
  listen: () => topics.subscribe("all", listener),
  latencies: () => latencies.splice(0),
  usage() {
    const { user, system } = process.cpuUsage();
    return { cpu: user + system, missed };
  },
  async end() {
    await server.close({ timeout: 100 });
    await topics.close({ timeout: 100 });
    await end();
    process.disconnect();
  },
};

process.on("message", async ({ id, command, argument }) => {
  const result = await commands[command](argument);
  if (process.connected) process.send({ id, result });
});
process.send({ port: server.port });
