// Two threads, each with a server and topics, joined by BroadcastChannel. The process ends by itself
// once everything is closed.

import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { connect, createTopics, serve } from "@sansocket/ws";
import { broadcastChannelBackplane } from "@sansocket/ws/broadcast-channel";

const MANY = 2_000;
const TURNS = 600;

let missed = 0;
const topics = createTopics({
  backplane: broadcastChannelBackplane("threads"),
  onGap: (gap) => void (missed += gap.missed),
});
const server = await serve({
  port: 0,
  hostname: "127.0.0.1",
  topics,
  websocket: {
    open: async (ws) => {
      await ws.subscribe("room");
      ws.send(ws.id);
    },
  },
});

async function close(): Promise<void> {
  await server.close();
  await topics.close();
}

if (isMainThread) await main();
else await work();

async function main(): Promise<void> {
  let tell!: (text: string) => void;
  const report = new Promise<string>((resolve) => tell = resolve);
  await topics.subscribe("report", (data) => tell(String(data)));
  const worker = new Worker(new URL(import.meta.url));
  const url = await new Promise<string>((resolve) => worker.once("message", resolve));

  const ws = await connect(url);
  const id = String(await ws.receive());
  for (let i = 0; i < MANY; i++) topics.publish("room", `${i}`);
  for (let i = 0; i < MANY; i++) {
    const message = await ws.receive();
    if (message !== `${i}`) throw new Error(`Expected ${i}, got ${message}`);
  }
  console.log(`${MANY} in order`);
  console.log(topics.send(id, "hello"), await ws.receive());
  console.log(topics.send(`${id}0`, "nothing"));

  // A thread that is busy: Deno keeps the last 256 posts for it, Node and Bun all of them.
  topics.publish("numbers", "first");
  topics.publish("busy", "");
  for (let i = 0; i < TURNS; i++) {
    topics.publish("numbers", `${i}`);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  topics.publish("numbers", "last");
  console.log(await report);
  await ws.close();
  topics.publish("end", "");
  await close();
}

async function work(): Promise<void> {
  let heard = 0;
  await topics.subscribe("busy", () => {
    const until = performance.now() + 1_000;
    while (performance.now() < until);
  });
  await topics.subscribe("numbers", (data) => {
    heard++;
    if (data === "last") topics.publish("report", `${heard + missed} heard or missed`);
  });
  await topics.subscribe("end", () => void close());
  parentPort!.postMessage(server.url);
}
