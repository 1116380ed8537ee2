// A thousand subscribers of one topic, some of which read nothing: the others are not held up, and
// what waits is bounded.

import { assert, assertEquals } from "@std/assert";
import { createTopics } from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import { test } from "../support/test.ts";

const VIEWERS = 1_000;
const SLOW = 100;
const SAMPLES = 100;

test("publish with coalesce serves 900 subscribers every message while 100 read nothing", async () => {
  const topics = createTopics();
  const network = createNetwork();
  const server = await network.serve({
    topics,
    websocket: { open: (ws) => void ws.subscribe("samples") },
  });
  const viewers = await Promise.all(
    Array.from({ length: VIEWERS }, () => network.connect(server.url)),
  );
  for (const ws of viewers) await ws.ping();
  const slow = viewers.slice(0, SLOW);
  for (const ws of slow) network.link(ws).pause("client");

  const payload = "x".repeat(1_000);
  let most = 0;
  for (let number = 1; number <= SAMPLES; number++) {
    topics.publish("samples", `${number} ${payload}`, { coalesce: "sample" });
    for (const { bufferedAmount } of server.connections) most = Math.max(most, bufferedAmount);
    // Each that reads has it before the next one is published.
    for (const ws of viewers.slice(SLOW)) {
      assertEquals(parseInt(String(await ws.receive())), number);
    }
  }
  // The one that is being sent, and the latest.
  assert(most < 4_096, `${most}`);

  const { delivered, queued, coalesced, overflowed } = topics.stats();
  assertEquals(delivered + queued, VIEWERS * SAMPLES);
  assertEquals(overflowed, 0);
  let received = 0;
  for (const ws of slow) {
    network.link(ws).resume("client");
    for (let number = 0; number < SAMPLES; received++) {
      const next = parseInt(String(await ws.receive()));
      assertEquals(next > number, true);
      number = next;
    }
  }
  // Each message of each was read, or replaced and counted.
  assertEquals(received + coalesced, SLOW * SAMPLES);
  await server.close();
});
