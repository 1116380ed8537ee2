// Topics with history on a real redis-server and a real nats-server, which are killed, lose their data and are flooded.

import { assert, assertEquals } from "@std/assert";
import {
  createTopics,
  type SubscribeResult,
  type TopicPosition,
  type Topics,
  type TopicsOptions,
} from "@sansocket/ws";
import { start as startChild } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";
import { type Broker, brokers } from "./brokers.ts";
import { Changes } from "./changes.ts";
import { openHall, take } from "./support.ts";

interface Process {
  readonly topics: Topics;
  readonly heard: [data: string, position: TopicPosition][];
  readonly gaps: [missed: number, reason: string | undefined][];
  readonly states: string[];
  until(holds: () => boolean, what: string): Promise<void>;
}

/** Registers a test for each broker. */
function brokerTest(
  title: string,
  body: (broker: Broker, enter: (options?: TopicsOptions) => Promise<Process>) => Promise<void>,
): void {
  for (const [name, { skip, start }] of Object.entries(brokers)) {
    test(`history on ${name}: ${title}`, async () => {
      const broker = await start();
      const ends: (() => unknown)[] = [() => broker.stop()];
      try {
        await body(broker, async (options = {}) => {
          const [backplane, end] = await broker.driver();
          const process = open({ ...options, backplane });
          ends.unshift(() => process.topics.close({ timeout: 1 }), end);
          await process.until(() => process.states.at(-1) === "up", "up");
          return process;
        });
      } finally {
        for (const end of ends) await end();
      }
    }, { skip });
  }
}

function open(options: TopicsOptions): Process {
  const changes = new Changes();
  const process: Process = {
    topics: createTopics({
      history: [{
        prefix: "room:",
        size: 10_000,
        format: (data, position) => JSON.stringify([data, position]),
      }],
      onGap({ missed, reason }) {
        process.gaps.push([missed, reason]);
        changes.happened();
      },
      onState({ state }) {
        process.states.push(state);
        changes.happened();
      },
      error: () => {},
      ...options,
    }),
    heard: [],
    gaps: [],
    states: [],
    until: (holds, what) =>
      changes.until(holds, what, () => [process.gaps, process.topics.stats()]),
  };
  void process.topics.subscribe("room:1", (data, position) => {
    process.heard.push([`${data}`, position!]);
    changes.happened();
  });
  return process;
}

function numbersOf({ heard }: Process): number[] {
  return heard.map(([data]) => Number(data));
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

brokerTest(
  "a process that is killed while it publishes leaves one order without a hole",
  async (broker, enter) => {
    const [one, two] = [await enter(), await enter()];
    for (const { topics } of [one, two]) {
      assertEquals(await topics.subscribe("room:1", () => {}), { joined: true });
    }
    const child = startChild(runtime, "test/topics/history_process.ts", [
      broker.name,
      broker.address,
    ]);
    await child.exit;
    const taken = Number([...child.output().matchAll(/^flushed (\d+)$/gm)].at(-1)?.[1]);
    assert(taken >= 1_000, child.output());
    // What it had sent is on its way for as long.
    await broker.gone("publisher");
    one.topics.publish("room:1", "0");
    for (const process of [one, two]) {
      await process.until(() => process.heard.at(-1)?.[0] === "0", "the last one");
    }
    const numbers = numbersOf(one).slice(0, -1);
    assert(numbers.length >= taken, `${numbers.length} of ${taken}`);
    assertEquals(numbers, range(1, numbers.length));
    assertEquals(two.heard, one.heard);
    const { messages, recovered } = await two.topics.history("room:1");
    assertEquals(recovered, true);
    assertEquals(messages.map(({ data, position }) => [data, position]), one.heard);
    assertEquals([one.gaps, two.gaps], [[], []]);
  },
);

brokerTest(
  "the store is killed and comes back, with its data and without",
  async (broker, enter) => {
    const [one, two] = [await enter(), await enter()];
    await using hall = await openHall({ topics: two.topics });
    const publish = async (first: number, last: number): Promise<void> => {
      for (let i = first; i <= last; i++) one.topics.publish("room:1", `${i}`);
      await one.topics.flush();
      for (const process of [one, two]) {
        await process.until(() => process.heard.at(-1)?.[0] === `${last}`, `${last}`);
      }
    };
    const outage = async (loses: boolean): Promise<void> => {
      await broker.kill();
      for (const process of [one, two]) {
        await process.until(() => process.states.at(-1) === "down", "down");
      }
      assertEquals(one.topics.publish("room:1", "lost").deferred, true);
      if (loses) await broker.loseData();
      await broker.restart();
      for (const process of [one, two]) {
        await process.until(() => process.states.at(-1) === "up", "up");
        assertEquals((await process.topics.subscribe("room:1", () => {})).joined, true);
      }
    };
    await publish(1, 10);
    const [, position] = two.heard.at(-1)!;
    await outage(false);
    await one.topics.flush().catch(() => {});
    await publish(11, 20);
    assertEquals([numbersOf(one), numbersOf(two)], [range(1, 20), range(1, 20)]);
    assertEquals([one.gaps, two.gaps], [[], []]);
    const { server, client } = await hall.enter();
    const back = await server.subscribe("room:1", { since: position });
    assertEquals([back.recovered, back.reason], [true, undefined]);
    const got = (await take(client, 10)).map((text) => JSON.parse(String(text)));
    assertEquals(got, two.heard.slice(10));

    await outage(true);
    await one.topics.flush().catch(() => {});
    await publish(21, 25);
    assertEquals([numbersOf(one), numbersOf(two)], [range(1, 25), range(1, 25)]);
    for (const { gaps } of [one, two]) assertEquals(gaps, [[0, "epoch"]]);
    const late = await hall.enter();
    const anew = await late.server.subscribe("room:1", { since: position });
    assertEquals([anew.recovered, anew.reason], [false, "epoch"]);
    assertEquals(
      (await take(late.client, 5)).map((text) => JSON.parse(String(text))),
      two.heard.slice(20),
    );
  },
);

brokerTest(
  "those that come while 5,000 messages are published get each once, in order",
  async (_broker, enter) => {
    // Half as many as are kept: JetStream cannot tell a full history from one that has lost
    // something, and what comes while it is read may count twice for that.
    const [one, two] = [await enter(), await enter()];
    await using hall = await openHall({ topics: two.topics, maxBufferedAmount: 64_000_000 });
    const { epoch } = (await two.topics.history("room:1")).position!;
    const pages: unknown[][] = [];
    const joining: Promise<SubscribeResult>[] = [];
    const reading: Promise<unknown>[] = [];
    for (let i = 1; i <= 5_000; i++) {
      one.topics.publish("room:1", `${i}`);
      if (i % 100 === 0) await one.topics.flush();
      if (i % 500 !== 250) continue;
      // From the beginning, each at another moment.
      const { server, client } = await hall.enter();
      const page: unknown[] = [];
      pages.push(page);
      joining.push(server.subscribe("room:1", { since: { epoch, offset: 0 } }));
      reading.push(take(client, 5_000).then((messages) => void page.push(...messages)));
    }
    for (const { recovered, reason } of await Promise.all(joining)) {
      assertEquals([recovered, reason], [true, undefined]);
    }
    await Promise.all(reading);
    for (const page of pages) {
      assertEquals(page.map((text) => Number(JSON.parse(String(text))[0])), range(1, 5_000));
    }
    await two.until(() => two.heard.length >= 5_000, "all");
    assertEquals([numbersOf(two), two.gaps], [range(1, 5_000), []]);
  },
);

brokerTest("more than the history keeps is told, and the rest comes", async (_broker, enter) => {
  const history = [{ prefix: "room:", size: 20 }];
  const [one, two] = [await enter({ history }), await enter({ history })];
  await using hall = await openHall({ topics: two.topics });
  const { position } = await two.topics.history("room:1");
  for (let i = 1; i <= 21; i++) one.topics.publish("room:1", `${i}`);
  await two.until(() => two.heard.length === 21, "all");
  const [first] = two.heard;
  for (
    const [since, reason, from] of [[position!, "expired", 2], [first![1], undefined, 2]] as const
  ) {
    const { server, client } = await hall.enter();
    const result = await server.subscribe("room:1", { since });
    assertEquals([result.recovered, result.reason], [reason === undefined, reason]);
    assertEquals((await take(client, 20)).map(Number), range(from, 21));
  }
});
