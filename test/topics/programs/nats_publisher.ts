// Publishes numbers on a topic over NATS until it is killed.

import process from "node:process";
import { connect } from "@nats-io/transport-node";
import { createTopics } from "@sansocket/ws";
import { natsBackplane } from "@sansocket/ws/nats";

const [servers = "", topic = ""] = process.argv.slice(2);
const connection = await connect({ servers, maxReconnectAttempts: -1 });
let resolve: () => void;
const up = new Promise<void>((yes) => resolve = yes);
const topics = createTopics({
  backplane: natsBackplane(connection),
  onState: () => resolve(),
});
await up;
for (let i = 0;; await topics.flush()) {
  for (let j = 0; j < 100; j++) topics.publish(topic, `${++i}`);
}
