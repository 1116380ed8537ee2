// What programs do with a connection that comes back: topics with history, and the shutdown of a server with many clients.

import { assert, assertEquals } from "@std/assert";
import { createTopics, type ReconnectingConnection, type TopicPosition } from "@sansocket/ws";
import { createClock, createNetwork } from "@sansocket/ws/testing";
import { seedRandom } from "../support/random.ts";
import { test } from "../support/test.ts";

test("reconnect with topics: a client that is cut 100 times sees each message exactly once", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const topics = createTopics({
    history: [{
      prefix: "ticks",
      size: 10_000,
      format: (data, position) => JSON.stringify({ tick: Number(data), position }),
    }],
  });
  const server = await network.serve({
    topics,
    websocket: {
      async message(ws, since) {
        await ws.subscribe("ticks", { since: JSON.parse(String(since)) });
      },
    },
  });
  let position: TopicPosition | undefined = (await topics.history("ticks")).position;
  const connections: boolean[] = [];
  const ws = await network.reconnect(server.url, {
    async onopen(connection, { wasConnected }) {
      connections.push(wasConnected);
      await connection.send(JSON.stringify(position));
    },
  });
  const ticks: number[] = [];
  const reading = (async () => {
    for await (const message of ws) {
      const { tick, position: at } = JSON.parse(String(message));
      position = at;
      ticks.push(tick);
    }
  })();
  let published = 0;
  for (let cuts = 0; cuts < 100; cuts++) {
    // Some are on their way when it is cut, some come while it is away, some while it comes back.
    for (let i = 0; i < cuts % 7; i++) topics.publish("ticks", `${++published}`);
    if (cuts % 3 > 0) await clock.advance(0);
    for (let i = 0; i < cuts % 5; i++) topics.publish("ticks", `${++published}`);
    const { connection } = ws;
    if (connection !== undefined) network.link(connection).cutAfter(cuts % 11 * 40);
    for (let i = 0; i < 40; i++) {
      topics.publish("ticks", `${++published}`);
      await clock.advance(cuts % 2 === 0 ? 20 : 1_500);
    }
    while (ws.state !== "open") await clock.advance(1_000);
  }
  await clock.advance(10_000);
  assertEquals(ticks, Array.from({ length: published }, (_, i) => i + 1));
  assertEquals([connections.length, connections.filter((was) => was).length], [101, 100]);
  await ws.close();
  await reading;
  await server.close();
  await topics.close();
});

test("reconnect comes back spread out when a server with 1,000 clients closes with spread", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const arrivals: number[] = [];
  const next = await network.serve({
    port: 0,
    websocket: { open: () => void arrivals.push(clock.now) },
  });
  const server = await network.serve({ port: 0, websocket: {} });
  const clients: ReconnectingConnection[] = [];
  for (let i = 0; i < 1_000; i++) {
    const options = { compression: false, heartbeat: false } as const;
    clients.push(
      await network.reconnect(
        ({ wasConnected }) => wasConnected ? next.url : server.url,
        options,
      ),
    );
  }
  const since = clock.now;
  const restore = seedRandom(6455);
  const closed = server.close({ spread: 5_000 });
  await clock.advance(10_000);
  restore();
  await closed;
  assertEquals(arrivals.length, 1_000);
  // The server alone would have sent them away at this rate.
  const mean = 1_000 / (5_000 / 100);
  const windows = Array.from({ length: 100 }, () => 0);
  for (const time of arrivals) windows[Math.floor((time - since) / 100)]!++;
  const most = Math.max(...windows);
  assert(most <= 2 * mean, `${most} came within 100 ms: ${windows}`);
  await Promise.all(clients.map((client) => client.close()));
  await next.close();
});
