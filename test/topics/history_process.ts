// A process of its own that publishes numbers to a topic with history, and is killed soon after the
// 1,000th: by itself, since another process may be too late for a history of 10,000.
//
//     history_process.ts redis PORT
//     history_process.ts nats ADDRESS

import { createTopics } from "@sansocket/ws";
import { natsBackplane } from "@sansocket/ws/nats";
import { redisBackplane } from "@sansocket/ws/redis";
import { connect } from "@nats-io/transport-node";
import process from "node:process";
import { createClient } from "redis";

const [broker, address = ""] = process.argv.slice(2);
/** What the broker calls its connections. */
const name = "publisher";
const backplane = broker === "nats"
  ? natsBackplane(await connect({ servers: address, name }))
  : redisBackplane(
    await createClient({ name, socket: { port: Number(address), host: "127.0.0.1" } }).connect(),
  );
const topics = createTopics({ backplane, history: [{ prefix: "room:", size: 10_000 }] });

for (let number = 0;;) {
  for (let i = 0; i < 50; i++) topics.publish("room:1", `${++number}`);
  await topics.flush();
  console.log(`flushed ${number}`);
  if (number === 1_000) {
    setTimeout(() => process.kill(process.pid, "SIGKILL"), Math.random() * 5);
  }
}
