// The topics of several processes on a real Redis, and the faults of that.
//
// What the tests of faults hold is one sum: of all that a process has published since it was first
// heard, another has heard each message once and in order, or was told of it as a gap.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { FlushError } from "@sansocket/ws";
import { createClock } from "@sansocket/ws/testing";
import { createClient } from "redis";
import {
  type Process,
  range,
  redisTest,
  startProcess,
  startProcesses,
  stop,
  turn,
} from "./redis_support.ts";

type Two = [Process, Process];

/** Publishes numbers on a topic until it is told to stop; the result is the last one. */
function publishing(
  { topics }: Process,
  topic: string,
  burst = 20,
): { count: number; stop(): Promise<void> } {
  let stopped = false;
  const state = {
    count: 0,
    async stop() {
      stopped = true;
      await done;
    },
  };
  const done = (async () => {
    while (!stopped) {
      for (let i = 0; i < burst; i++) topics.publish(topic, String(++state.count));
      await turn();
    }
  })();
  return state;
}

/** Holds that each message was heard once and in order, or missed, from the first one on. */
function assertCounted(heard: readonly string[], { topics }: Process, last: number): void {
  const numbers = heard.map(Number);
  assertEquals(numbers, [...new Set(numbers)].sort((a, b) => a - b), "once and in order");
  assertEquals(numbers.at(-1), last);
  const { missed } = topics.stats().backplane!;
  assert(missed > 0);
  assertEquals(last - numbers[0]! + 1, numbers.length + missed, `heard ${numbers.length}`);
}

redisTest("each message comes once to all, and a topic is one SUBSCRIBE of each process", [
  "redis",
  "ioredis",
], async (server, client) => {
  const [one, two, three] = await startProcesses(3, server.port, { client }) as [...Two, Process];
  const lists = await Promise.all([one.hear("a"), two.hear("a"), three.hear("b")]);
  // More subscribers are nothing to the broker.
  for (let i = 0; i < 10; i++) await two.topics.subscribe("a", () => {});
  assertEquals(
    await server.command("PUBSUB", "NUMSUB", "sansocket:t:a"),
    "*2\r\n$13\r\nsansocket:t:a\r\n:2\r\n",
  );
  // Three topics, and an inbox each.
  const calls = /cmdstat_subscribe:calls=6,/;
  assert(calls.test(await server.command("INFO", "commandstats")));
  for (let i = 1; i <= 500; i++) {
    assertEquals(one.topics.publish("a", `${i}`), { delivered: 1, queued: 0, dropped: 0 });
    if (i % 2 === 0) two.topics.publish("b", `${i / 2}`);
  }
  await one.topics.flush();
  await two.until(() => lists[1].length === 500, "500");
  await three.until(() => lists[2].length === 250, "250");
  assertEquals(lists, [range(1, 500), range(1, 500), range(1, 250)]);
  for (const { topics, gaps, errors } of [one, two, three]) {
    const { missed, repeated, malformed, notTaken } = topics.stats().backplane!;
    assertEquals([missed, repeated, malformed, notTaken, gaps, errors], [0, 0, 0, 0, [], []]);
  }
  await stop(one, two, three);
});

redisTest("the server is killed and comes back: local meanwhile, told, and counted", [
  "redis",
  "ioredis",
], async (server, client) => {
  const [one, two] = await startProcesses(2, server.port, { client }) as Two;
  const own = await one.hear("a");
  const heard = await two.hear("a");
  for (let i = 1; i <= 10; i++) one.topics.publish("a", `${i}`);
  await two.until(() => heard.length === 10, "10");
  await one.topics.flush();
  await server.kill();
  for (const process of [one, two]) await process.is("down");
  assertEquals((await one.topics.subscribe("b", () => {})).joined, false);
  for (let i = 11; i <= 15; i++) one.topics.publish("a", `${i}`);
  const error = await assertRejects(() => one.topics.flush(), FlushError);
  assertEquals(error.count, 5);
  assertEquals(own, range(1, 15));
  await server.restart();
  for (const process of [one, two]) await process.is("up");
  await two.hear("a");
  one.topics.publish("a", "16");
  await two.until(() => heard.length === 11, "the next");
  assertEquals(heard, [...range(1, 10), "16"]);
  assertEquals(two.gaps, [["a", 5]]);
  // What was wanted meanwhile is joined.
  assertEquals((await one.topics.subscribe("b", () => {})).joined, true);
  for (const { states } of [one, two]) assertEquals(states, ["up", "down", "up"]);
  await stop(one, two);
});

redisTest("hold sends what was published in an outage, once", ["redis", "ioredis"], async (
  server,
  client,
) => {
  const clock = createClock();
  const options = { client, clock: clock.source, outage: "hold" } as const;
  const [one, two] = await startProcesses(2, server.port, options) as Two;
  const heard = await two.hear("a");
  one.topics.publish("a", "1");
  await two.until(() => heard.length === 1, "the first");
  await server.kill();
  for (const process of [one, two]) await process.is("down");
  for (let i = 2; i <= 100; i++) one.topics.publish("a", `${i}`);
  const flushed = one.topics.flush().catch((error) => error);
  assertEquals((await flushed).count, 99);
  await server.restart();
  for (const process of [one, two]) await process.is("up");
  await two.hear("a");
  one.topics.publish("a", "101");
  await clock.advance(1_000);
  await two.until(() => heard.length === 101, "all");
  assertEquals(heard, range(1, 101));
  await one.topics.flush();
  assertEquals(two.gaps, []);
  await stop(one, two);
});

redisTest(
  "subscribers' connections are killed in a stream: each message is heard once or counted",
  [
    "redis",
    "ioredis",
  ],
  async (server, client) => {
    const [one, two] = await startProcesses(2, server.port, { client }) as Two;
    const heard = await two.hear("a");
    const stream = publishing(one, "a");
    for (let round = 1; round <= 5; round++) {
      const before = heard.length;
      await two.until(() => heard.length > before + 50, "more");
      await server.command("CLIENT", "KILL", "TYPE", "pubsub");
      await two.until(() => two.states.length === 1 + 2 * round, "down and up");
      await one.until(() => one.states.length === 1 + 2 * round, "down and up");
      await two.hear("a");
    }
    await stream.stop();
    one.topics.publish("a", `${stream.count + 1}`);
    await two.until(() => heard.at(-1) === `${stream.count + 1}`, "the last");
    assertCounted(heard, two, stream.count + 1);
    assertEquals(two.errors, []);
    await stop(one, two);
  },
);

redisTest("the server is killed in a stream: each message is heard once or counted", [
  "redis",
  "ioredis",
], async (server, client) => {
  const [one, two] = await startProcesses(2, server.port, { client }) as Two;
  const heard = await two.hear("a");
  const stream = publishing(one, "a");
  for (let round = 1; round <= 3; round++) {
    const before = heard.length;
    await two.until(() => heard.length > before + 50, "more");
    await server.kill();
    for (const process of [one, two]) await process.is("down");
    await server.restart();
    for (const process of [one, two]) await process.is("up");
    await two.hear("a");
  }
  await stream.stop();
  one.topics.publish("a", `${stream.count + 1}`);
  await two.until(() => heard.at(-1) === `${stream.count + 1}`, "the last");
  assertCounted(heard, two, stream.count + 1);
  await stop(one, two);
});

redisTest("all faults in turn, to processes that hold and that drop: nothing is lost uncounted", [
  "redis",
], async (server) => {
  const processes = [
    await startProcess(server.port, { client: "redis", outage: "hold" }),
    await startProcess(server.port, { client: "ioredis", outage: "hold" }),
    await startProcess(server.port, { client: "redis" }),
    await startProcess(server.port, { client: "ioredis" }),
  ];
  const topics = ["a", "b", "c", "d"];
  const join = (): Promise<string[][][]> =>
    Promise.all(processes.map((one) => Promise.all(topics.map((topic) => one.hear(topic)))));
  const lists = await join();
  const streams = processes.map((one, i) => publishing(one, topics[i]!, 2));
  const faults = [
    () => server.command("CLIENT", "KILL", "TYPE", "pubsub"),
    () => server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
    async () => {
      await server.kill();
      await server.restart();
    },
    async () => {
      await server.freeze();
      for (let i = 0; i < 20; i++) await turn();
      server.thaw();
    },
  ];
  for (let i = 0; i < 12; i++) {
    const one = processes[i % 4]!;
    // What is held comes a second later.
    const dropping = lists[i % 4]![2]!;
    const before = dropping.length;
    await one.until(() => dropping.length > before + 20, "more");
    // In an order that has each of them behind each.
    await faults[[0, 1, 2, 3, 1, 0, 2, 0, 3, 2, 1, 3][i]!]!();
  }
  for (const stream of streams) await stream.stop();
  for (const one of processes) await one.is("up");
  await join();
  for (const [i, one] of processes.entries()) {
    // What is held leaves a second after the server is back.
    while ((one.topics.stats().backplane!.waiting) > 0) await turn();
    one.topics.publish(topics[i]!, `${++streams[i]!.count}`);
  }
  for (const [i, one] of processes.entries()) {
    for (const [j, topic] of topics.entries()) {
      const heard = lists[i]![j]!;
      const { count } = streams[j]!;
      await one.until(() => heard.at(-1) === `${count}`, `the last on ${topic}`);
      const numbers = heard.map(Number);
      assertEquals(numbers, [...new Set(numbers)].sort((a, b) => a - b));
      const gaps = one.gaps.filter(([name]) => name === topic).map(([, missed]) => missed);
      const missed = gaps.reduce((sum, one) => sum + one, 0);
      assertEquals(count - numbers[0]! + 1, numbers.length + missed, `${topic} at ${i}`);
      if (i === j) assertEquals([numbers.length, missed], [count, 0]);
    }
  }
  await stop(...processes);
});

redisTest("the server is slow: what it has not taken is bounded and counted, and flush() waits", [
  "redis",
  "ioredis",
], async (server, client) => {
  const [one, two] = await startProcesses(2, server.port, { client }) as Two;
  const heard = await two.hear("a");
  one.topics.publish("a", "1");
  await two.until(() => heard.length === 1, "the first");
  await one.topics.flush();
  await server.freeze();
  const filler = "x".repeat(10_000);
  for (let i = 2; i <= 301; i++) one.topics.publish("a", `${i} ${filler}`);
  const { waiting, notTaken } = one.topics.stats().backplane!;
  assertEquals(waiting + notTaken, 300);
  assert(waiting > 100 && waiting < 105, `${waiting}`);
  const flushed = one.topics.flush();
  let settled = false;
  flushed.catch(() => {}).finally(() => settled = true);
  await turn();
  assertEquals(settled, false);
  server.thaw();
  assertEquals((await assertRejects(() => flushed, FlushError)).count, notTaken);
  one.topics.publish("a", "302");
  await two.until(() => heard.at(-1) === "302", "the last");
  assertCounted(heard.map((text) => text.split(" ")[0]!), two, 302);
  assertEquals(two.gaps, [["a", notTaken]]);
  assertEquals(one.states, ["up"]);
  await stop(one, two);
});

redisTest("a last message that is lost shows within two seconds", ["redis"], async (server) => {
  const clock = createClock();
  const [one, two] = await startProcesses(2, server.port, { clock: clock.source }) as Two;
  const heard = await two.hear("a");
  one.topics.publish("a", "1");
  await two.until(() => heard.length === 1, "the first");
  await server.kill();
  for (const process of [one, two]) await process.is("down");
  one.topics.publish("a", "2");
  await server.restart();
  for (const process of [one, two]) await process.is("up");
  await two.hear("a");
  assertEquals(two.gaps, []);
  await clock.advance(1_250);
  await two.until(() => two.gaps.length === 1, "a gap");
  assertEquals([heard, two.gaps], [["1"], [["a", 1]]]);
  await stop(one, two);
});

redisTest("10,000 topics are joined again after an outage, by a few commands", [
  "redis",
  "ioredis",
], async (server, client) => {
  const [one, two] = await startProcesses(2, server.port, { client }) as Two;
  const names = range(1, 10_000).map((number) => `room ${number}`);
  const lists = await Promise.all(names.map((name) => two.hear(name)));
  await server.kill();
  for (const process of [one, two]) await process.is("down");
  await server.restart();
  for (const process of [one, two]) await process.is("up");
  await Promise.all(names.map((name) => two.hear(name)));
  // Ten for the rooms and one or two for the inboxes: 10,001 names of two in at most 11 each.
  const stats = await server.command("INFO", "commandstats");
  const calls = Number(/cmdstat_subscribe:calls=(\d+),/.exec(stats)![1]);
  assert(calls <= 12, `${calls} calls`);
  for (const name of names.slice(-500)) one.topics.publish(name, name);
  await two.until(() => lists.at(-1)!.length === 1, "the last");
  assertEquals(lists.slice(-500), names.slice(-500).map((name) => [name]));
  await stop(one, two);
});

redisTest("names are no syntax, and no channel of another", ["redis"], async (server) => {
  const [one, two] = await startProcesses(2, server.port) as Two;
  const names = [
    ...["a.b", "a*", "a?", "[a]", "a>", "{a}", "a b", "a%20b", "ä", "\u0000", "a\r\nPING\r\n", "%"],
    ...["t:x", "x", "__proto__", "$share", "*1\r\n", "🎈", "\uFEFF", "i:x", "x".repeat(255)],
  ];
  const lists = await Promise.all(names.map((name) => two.hear(name)));
  for (const name of names) one.topics.publish(name, name);
  await two.until(() => lists.every((list) => list.length > 0), "all");
  one.topics.publish("x", "end");
  await two.until(() => lists[names.indexOf("x")]!.length === 2, "the end");
  assertEquals(lists, names.map((name) => name === "x" ? [name, "end"] : [name]));
  const channels = await server.command("PUBSUB", "CHANNELS");
  const found = channels.split("\r\n").filter((line) => line !== "" && !/^[*$]\d+$/.test(line));
  // Those of the topics, and the inbox, which both have.
  assertEquals(found.length, names.length + 1);
  for (const channel of found) assert(/^sansocket:[ti]:[\w%-]+$/.test(channel), channel);
  await stop(one, two);
});

redisTest("what comes twice and out of order is heard once, and foreign messages are no harm", [
  "redis",
], async (server) => {
  const [one, two] = await startProcesses(2, server.port) as Two;
  const heard = await two.hear("a");
  const spy = await createClient({ url: server.url }).connect();
  const copies: Uint8Array[] = [];
  const reader = await spy.duplicate().connect();
  const seen = new Promise<void>((resolve) =>
    void reader.subscribe("sansocket:t:a", (message) => {
      if (copies.push(message) === 20) resolve();
    }, true).then(() => {
      for (let i = 1; i <= 20; i++) one.topics.publish("a", `${i}`);
    })
  );
  await seen;
  // Not within its listener: it would read the same octets again.
  reader.destroy();
  const again = [...copies].reverse().concat(copies);
  for (const copy of again) await spy.publish("sansocket:t:a", copy as never);
  for (const text of ["", "hello", "\u0000\u0001", '{"a":1}']) {
    await spy.publish("sansocket:t:a", text);
  }
  one.topics.publish("a", "21");
  await two.until(() => heard.at(-1) === "21", "the last");
  assertEquals(heard, range(1, 21));
  const { repeated, malformed, missed } = two.topics.stats().backplane!;
  assertEquals([repeated, malformed, missed], [40, 4, 0]);
  spy.destroy();
  await stop(one, two);
});

redisTest("order: broker is one order for all, and nothing is delivered while it is away", [
  "redis",
  "ioredis",
], async (server, client) => {
  const [one, two, three] = await startProcesses(3, server.port, {
    client,
    order: "broker",
    sharded: client === "redis",
  }) as [...Two, Process];
  const all = [one, two, three];
  const lists = await Promise.all(all.map((process) => process.hear("a")));
  await Promise.all([one, two].map(async ({ topics }, publisher) => {
    for (let i = 0; i < 300; i++) {
      assertEquals(topics.publish("a", `${publisher}-${i}`), {
        delivered: 0,
        queued: 0,
        dropped: 0,
        deferred: true,
      });
      if (i % 10 === 0) await topics.flush();
    }
  }));
  for (const [i, process] of all.entries()) {
    await process.until(() => lists[i]!.length === 600, "all");
    assertEquals(lists[i], lists[0]);
  }
  await server.kill();
  for (const process of all) await process.is("down");
  one.topics.publish("a", "lost");
  await server.restart();
  for (const process of all) await process.is("up");
  await Promise.all(all.map((process) => process.hear("a")));
  one.topics.publish("a", "back");
  for (const [i, process] of all.entries()) {
    await process.until(() => lists[i]!.at(-1) === "back", "the last");
    assertEquals(lists[i]!.length, 601);
  }
  await stop(...all);
});

redisTest("a topic that nobody has any more is left after 2 s, and joined again", ["redis"], async (
  server,
) => {
  const clock = createClock();
  const one = await startProcess(server.port, { clock: clock.source });
  const listener = (): void => {};
  await one.topics.subscribe("a", listener);
  one.topics.unsubscribe("a", listener);
  await clock.advance(1_999);
  assertEquals((await one.topics.subscribe("a", listener)).joined, true);
  one.topics.unsubscribe("a", listener);
  await clock.advance(2_000);
  await server.until(/:0\r\n$/, "PUBSUB", "NUMSUB", "sansocket:t:a");
  assertEquals((await one.topics.subscribe("a", listener)).joined, true);
  await server.until(/:1\r\n$/, "PUBSUB", "NUMSUB", "sansocket:t:a");
  await stop(one);
  await server.until(/:0\r\n$/, "PUBSUB", "NUMSUB", "sansocket:t:a");
});
