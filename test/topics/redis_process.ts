// A process of its own with topics on Redis, for tests that freeze or kill it:
//
//     redis_process.ts listen PORT    says what it hears on "a", and has a connection
//     redis_process.ts publish PORT   publishes numbers on "a" until it is killed

import { createTopics } from "@sansocket/ws";
import { redisBackplane } from "@sansocket/ws/redis";
import { createNetwork } from "@sansocket/ws/testing";
import process from "node:process";
import { createClient } from "redis";

const [mode, port] = process.argv.slice(2);
const socket = { port: Number(port), host: "127.0.0.1", reconnectStrategy: 5 };
const client = await createClient({ socket }).connect();
const topics = createTopics({
  backplane: redisBackplane(client),
  onState: ({ state }) => console.log(state),
});

if (mode === "publish") {
  for (let number = 0;;) {
    for (let i = 0; i < 50; i++) topics.publish("a", String(++number));
    await topics.flush();
    console.log(`flushed ${number}`);
  }
}

const network = createNetwork();
const server = await network.serve({ topics, websocket: { open: (ws) => console.log(ws.id) } });
const ws = await network.connect(server.url);

let heard = 0;
let last = 0;
let ordered = true;
while (!(await topics.subscribe("a", hear)).joined) { /* It takes 5 s each. */ }
console.log("joined");
console.log("received", await ws.receive());

function hear(data: unknown): void {
  const number = parseInt(String(data));
  heard++;
  ordered &&= number > last;
  last = number;
  if (heard === 1) console.log(`first ${number}`);
  if (!String(data).endsWith(" end")) return;
  const { missed } = topics.stats().backplane!;
  console.log(`report ${JSON.stringify({ heard, last, ordered, missed })}`);
}
