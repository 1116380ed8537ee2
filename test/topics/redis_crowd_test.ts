// A topic of 10,000 connections here, published to by another process, while half of them leave.

import { assert, assertEquals } from "@std/assert";
import { createNetwork } from "@sansocket/ws/testing";
import { range, redisTest, startProcesses, stop, turn } from "./redis_support.ts";

const CROWD = 10_000;
const MESSAGES = 20;
/** Those whose messages are looked at: of each kind some. */
const SAMPLE = 40;

redisTest("half of 10,000 subscribers leave while messages come, which the others all get", [
  "redis",
], async (server) => {
  const [one, two] = await startProcesses(2, server.port);
  const network = createNetwork();
  const subscribed: Promise<unknown>[] = [];
  const hall = await network.serve({
    topics: two!.topics,
    websocket: { open: (ws) => void subscribed.push(ws.subscribe("a")) },
  });
  const clients = await Promise.all(
    Array.from({ length: CROWD }, () => network.connect(hall.url)),
  );
  await Promise.all(subscribed);
  const ends = [...hall.connections];
  assertEquals(two!.topics.subscribers("a"), CROWD);
  const heard = await two!.hear("a");

  // A slice leaves with each message: every other one of them unsubscribes, or is cut off.
  const slice = CROWD / MESSAGES;
  for (let i = 1; i <= MESSAGES; i++) {
    one!.topics.publish("a", `${i}`);
    const before = heard.length;
    for (const [j, ws] of ends.slice(slice * (i - 1), slice * i).entries()) {
      if (j % 4 === 0) ws.unsubscribe("a");
      if (j % 4 === 2) ws.terminate();
    }
    await two!.until(() => heard.length > before, `message ${i}`);
    await turn();
  }
  assertEquals(heard, range(1, MESSAGES));
  const left = two!.topics.subscribers("a") - 1;
  assert(Math.abs(left - CROWD / 2) <= MESSAGES, `${left}`);
  const { delivered, queued, overflowed } = two!.topics.stats();
  assert(delivered + queued > MESSAGES * left && delivered + queued < MESSAGES * CROWD);
  assertEquals(overflowed, 0);

  for (let i = 0; i < SAMPLE; i++) {
    const ws = ends[Math.floor(i * CROWD / SAMPLE)]!;
    if (ws.state !== "open") continue;
    const client = clients[Math.floor(i * CROWD / SAMPLE)]!;
    const subscriber = ws.subscriptions.has("a");
    void ws.send("end");
    const got: unknown[] = [];
    while (got.at(-1) !== "end") got.push(await client.receive());
    got.pop();
    assertEquals(got, range(1, subscriber ? MESSAGES : got.length));
  }
  // However many, they are one for the broker.
  assertEquals(
    await server.command("PUBSUB", "NUMSUB", "sansocket:t:a"),
    "*2\r\n$13\r\nsansocket:t:a\r\n:1\r\n",
  );
  for (const client of clients) client.terminate();
  await hall.close({ timeout: 1 });
  await stop(one!, two!);
});
