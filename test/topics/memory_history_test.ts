// The history of topics of one process.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { createTopics, type TopicPosition, type TopicsOptions } from "@sansocket/ws";
import { createClock } from "@sansocket/ws/testing";
import { PreparedMessage } from "../../src/protocol/prepared_message.ts";
import { createRules, type HistoryRule } from "../../src/topics/history_rules.ts";
import { Hub } from "../../src/topics/hub.ts";
import { MemoryHistory } from "../../src/topics/memory_history.ts";
import { test } from "../support/test.ts";
import { openHall, take } from "./support.ts";

const rule: HistoryRule = {
  prefix: "room:",
  size: 5,
  format: (data, { offset }) => `${offset} ${data}`,
};

function topicsWith(history: HistoryRule = rule, options: TopicsOptions = {}) {
  return createTopics({ history: [history], ...options });
}

test("a listener gets each message as it was published, with its position", async () => {
  const topics = topicsWith();
  const heard: unknown[] = [];
  await topics.subscribe("room:1", (data, position, topic) => {
    heard.push(data, position?.offset, topic);
  });
  await topics.subscribe("other", (data, position) => void heard.push(data, position));
  const sent = { delivered: 1, queued: 0, dropped: 0 };
  assertEquals(topics.publish("room:1", "a"), sent);
  assertEquals(topics.publish("room:1", new Uint8Array([1, 2])), sent);
  topics.publish("other", "b");
  assertEquals(heard, ["a", 1, "room:1", new Uint8Array([1, 2]), 2, "room:1", "b", undefined]);
});

test("connections get what format makes, once for each message", async () => {
  let calls = 0;
  const topics = topicsWith({
    prefix: "",
    format(data, position) {
      calls++;
      return `${position.offset} ${data}`;
    },
  });
  await using hall = await openHall({ topics });
  const ends = [await hall.enter("a"), await hall.enter("a"), await hall.enter("a")];
  topics.publish("a", "x");
  topics.publish("a", "y");
  for (const { client } of ends) assertEquals(await take(client, 2), ["1 x", "2 y"]);
  const late = await hall.enter();
  await late.server.subscribe("a", { since: { last: 2 } });
  assertEquals(await take(late.client, 2), ["1 x", "2 y"]);
  assertEquals(calls, 2);
});

test("a connection that comes back gets what it has missed, and then what is published", async () => {
  const topics = topicsWith();
  await using hall = await openHall({ topics });
  const { server, client } = await hall.enter();
  const first = await server.subscribe("room:1", { since: { last: 0 } });
  assertEquals(first, {
    joined: true,
    recovered: true,
    position: { epoch: first.position!.epoch, offset: 0 },
    reason: undefined,
  });
  for (const text of ["a", "b", "c"]) topics.publish("room:1", text);
  assertEquals(await take(client, 3), ["1 a", "2 b", "3 c"]);
  client.terminate();
  for (const text of ["d", "e"]) topics.publish("room:1", text);
  const back = await hall.enter();
  const since = { epoch: first.position!.epoch, offset: 2 };
  const recovering = back.server.subscribe("room:1", { since });
  // Within the same turn, before it has recovered.
  topics.publish("room:1", "f");
  const { recovered, position, reason } = await recovering;
  assertEquals([recovered, position?.offset, reason], [true, 6, undefined]);
  topics.publish("room:1", "g");
  assertEquals(await take(back.client, 5), ["3 c", "4 d", "5 e", "6 f", "7 g"]);
  const { recovered: again } = await (await hall.enter()).server
    .subscribe("room:1", { since: position! });
  assertEquals(again, true);
});

test("the latest messages of a topic come as often as asked for", async () => {
  const topics = topicsWith();
  for (let i = 1; i <= 8; i++) topics.publish("room:1", `m${i}`);
  await using hall = await openHall({ topics });
  for (const [last, count] of [[0, 0], [1, 1], [4, 4], [5, 5], [6, 5], [1_000, 5]] as const) {
    const { server, client } = await hall.enter();
    const result = await server.subscribe("room:1", { since: { last } });
    assertEquals([result.recovered, result.position?.offset], [true, 8]);
    await server.send("end");
    const expected = Array.from({ length: count }, (_, i) => `${9 - count + i} m${9 - count + i}`);
    assertEquals(await take(client, count + 1), [...expected, "end"]);
  }
});

test("what cannot be had is told, and the rest comes all the same", async () => {
  const topics = topicsWith();
  await using hall = await openHall({ topics });
  const { server } = await hall.enter();
  const { epoch } = (await server.subscribe("room:1", { since: { last: 0 } })).position!;
  for (let i = 1; i <= 8; i++) topics.publish("room:1", `m${i}`);
  const all = ["4 m4", "5 m5", "6 m6", "7 m7", "8 m8"];
  const cases: [since: TopicPosition, reason: string | undefined, got: string[]][] = [
    [{ epoch, offset: 2 }, "expired", all],
    [{ epoch, offset: 3 }, undefined, all],
    [{ epoch, offset: 4 }, undefined, all.slice(1)],
    [{ epoch, offset: 8 }, undefined, []],
    [{ epoch, offset: 9 }, "epoch", all],
    [{ epoch: "other", offset: 4 }, "epoch", all],
  ];
  for (const [since, reason, got] of cases) {
    const { server, client } = await hall.enter();
    const result = await server.subscribe("room:1", { since });
    assertEquals([result.recovered, result.reason], [reason === undefined, reason]);
    assertEquals(result.position, { epoch, offset: 8 });
    await server.send("end");
    assertEquals(await take(client, got.length + 1), [...got, "end"]);
  }
});

test("since needs a topic with history, and a connection that is not subscribed", async () => {
  await using plain = await openHall();
  const { server } = await plain.enter();
  assertThrows(() => server.subscribe("a", { since: { last: 1 } }), TypeError, "option history");
  assertThrows(() => plain.topics.history("a"), TypeError, "option history");
  const topics = topicsWith();
  await using hall = await openHall({ topics });
  const second = (await hall.enter("room:1")).server;
  assertThrows(() => second.subscribe("a", { since: { last: 1 } }), TypeError, "option history");
  assertThrows(() => topics.history("a"), TypeError, "option history");
  assertThrows(() => second.subscribe("room:1", { since: { last: 1 } }), Error, "unsubscribe()");
  assertEquals(second.unsubscribe("room:1"), true);
  assertEquals((await second.subscribe("room:1", { since: { last: 1 } })).recovered, true);
  assertEquals([...second.subscriptions], ["room:1"]);
});

test("a subscription that ends while it recovers gets nothing", async () => {
  const topics = topicsWith();
  topics.publish("room:1", "a");
  await using hall = await openHall({ topics });
  const { server, client } = await hall.enter();
  const recovering = server.subscribe("room:1", { since: { last: 1 } });
  server.unsubscribe("room:1");
  assertEquals((await recovering).recovered, false);
  topics.publish("room:1", "b");
  // Subscribed twice within a turn: the second one counts.
  const first = server.subscribe("room:1", { since: { last: 1 } });
  server.unsubscribe("room:1");
  const second = server.subscribe("room:1", { since: { last: 2 } });
  assertEquals([(await first).recovered, (await second).recovered], [false, true]);
  topics.publish("room:1", "c");
  assertEquals(await take(client, 3), ["1 a", "2 b", "3 c"]);
  // The connection ends.
  const { server: gone, client: cut } = await hall.enter();
  const ending = gone.subscribe("room:1", { since: { last: 1 } });
  cut.terminate();
  await gone.closed;
  assert(typeof (await ending).recovered === "boolean");
});

test("what a listener publishes meanwhile comes behind, for all subscribers", async () => {
  const topics = topicsWith();
  const heard: string[][] = [[], []];
  const results: unknown[] = [];
  await topics.subscribe("room:1", (data) => {
    heard[0]!.push(`${data}`);
    if (data === "a") results.push(topics.publish("room:1", "b"));
  });
  await topics.subscribe("room:1", (data) => void heard[1]!.push(`${data}`));
  topics.publish("room:1", "a");
  assertEquals(heard, [["a", "b"], ["a", "b"]]);
  assertEquals(results, [{ delivered: 0, queued: 0, dropped: 0, deferred: true }]);
});

test("ws.publish() leaves out its connection, and the history has the message for it", async () => {
  const topics = topicsWith();
  await using hall = await openHall({ topics });
  const [anna, ben] = [await hall.enter("room:1"), await hall.enter("room:1")];
  assertEquals(anna.server.publish("room:1", "a").delivered, 1);
  assertEquals(await take(ben.client, 1), ["1 a"]);
  const back = await hall.enter();
  await back.server.subscribe("room:1", { since: { last: 5 } });
  assertEquals(await take(back.client, 1), ["1 a"]);
});

test("a format that throws is told once, and connections get nothing of that message", async () => {
  const errors: unknown[] = [];
  const topics = topicsWith({
    prefix: "",
    format(data) {
      if (data === "bad") throw new Error("no");
      return data;
    },
  }, { error: (error) => void errors.push((error as Error).message) });
  await using hall = await openHall({ topics });
  const { client } = await hall.enter("a");
  const heard: unknown[] = [];
  await topics.subscribe("a", (data) => void heard.push(data));
  topics.publish("a", "bad");
  topics.publish("a", "good");
  assertEquals(await take(client, 1), ["good"]);
  const late = await hall.enter();
  await late.server.subscribe("a", { since: { last: 2 } });
  assertEquals(await take(late.client, 1), ["good"]);
  assertEquals([heard, errors], [["bad", "good"], ["no"]]);
});

test("what format does while a connection recovers keeps the order", async () => {
  let act = (_data: unknown): void => {};
  const topics = topicsWith({
    prefix: "",
    format(data, { offset }) {
      act(data);
      return `${offset} ${data}`;
    },
  });
  await using hall = await openHall({ topics });
  for (const text of ["a", "b"]) topics.publish("x", text);
  act = (data) => {
    if (`${data}`.length === 1) topics.publish("x", `${data}${data}`);
  };
  const { server, client } = await hall.enter();
  const { recovered, position } = await server.subscribe("x", { since: { last: 10 } });
  assertEquals([recovered, position?.offset], [true, 2]);
  assertEquals(await take(client, 4), ["1 a", "2 b", "3 aa", "4 bb"]);
  // It ends the subscription that recovers, and begins another.
  const topic = "y";
  for (const text of ["a", "b", "c"]) topics.publish(topic, text);
  const second = await hall.enter();
  const results: Promise<{ recovered?: boolean }>[] = [];
  act = (data) => {
    if (data !== "b" || results.length > 1) return;
    second.server.unsubscribe(topic);
    results.push(second.server.subscribe(topic, { since: { last: 1 } }));
  };
  results.push(second.server.subscribe(topic, { since: { last: 3 } }));
  await results[0];
  assertEquals((await Promise.all(results)).map(({ recovered }) => recovered), [false, true]);
  assertEquals(await take(second.client, 2), ["1 a", "3 c"]);
});

test("positions and since belong to those who made them", async () => {
  const topics = topicsWith();
  await topics.subscribe("room:1", (_, position) => {
    assertThrows(() => Object.assign(position!, { offset: 1_000 }), TypeError);
  });
  for (const text of ["a", "b"]) topics.publish("room:1", text);
  const { messages, position } = await topics.history("room:1");
  assertThrows(() => Object.assign(messages[0]!.position, { offset: 77 }), TypeError);
  await using hall = await openHall({ topics });
  const { server, client } = await hall.enter();
  const since = { ...position!, offset: 1 };
  const recovering = server.subscribe("room:1", { since });
  Object.assign(since, { epoch: "x", offset: NaN });
  assertEquals((await recovering).recovered, true);
  assertEquals(await take(client, 1), ["2 b"]);
});

test("a format that is async is refused for each message, and rejects nowhere", async () => {
  const errors: string[] = [];
  const topics = topicsWith(
    { prefix: "", format: (() => Promise.reject(new Error("no"))) as never },
    { error: (error) => void errors.push((error as Error).message) },
  );
  await using hall = await openHall({ topics });
  const { server, client } = await hall.enter("a");
  topics.publish("a", "x");
  await server.send("end");
  assertEquals(await take(client, 1), ["end"]);
  assertEquals(errors.length, 1);
  assert(errors[0]!.includes("let it not be async"));
});

test("a connection that does not take its history is told so", async () => {
  const topics = topicsWith({ prefix: "", size: 20 });
  for (let i = 0; i < 20; i++) topics.publish("a", new Uint8Array(100_000));
  await using hall = await openHall({
    topics,
    overflow: "drop-newest",
    maxBufferedAmount: 300_000,
  });
  const { server, client } = await hall.enter();
  hall.network.link(client).pause("client");
  const { recovered, reason } = await server.subscribe("a", { since: { last: 20 } });
  assertEquals([recovered, reason], [false, "overflow"]);
  assert(server.dropped > 0);
  hall.network.link(client).restore();
});

test("topics.history() reads in pages, and says where it stopped", async () => {
  const topics = topicsWith();
  const empty = await topics.history("room:1");
  const { epoch } = empty.position!;
  assertEquals(empty, {
    messages: [],
    position: { epoch, offset: 0 },
    recovered: true,
    reason: undefined,
  });
  for (let i = 1; i <= 7; i++) topics.publish("room:1", `m${i}`);
  const read = async (since?: TopicPosition, limit?: number) => {
    const { messages, position, reason } = await topics.history("room:1", { since, limit: limit! });
    return [
      messages.map(({ data, position }) => `${data}@${position.offset}`).join(" "),
      position!.offset,
      reason,
    ];
  };
  assertEquals(await read(), ["m3@3 m4@4 m5@5 m6@6 m7@7", 7, undefined]);
  assertEquals(await read(undefined, 2), ["m6@6 m7@7", 7, undefined]);
  assertEquals(await read({ epoch, offset: 3 }, 2), ["m4@4 m5@5", 5, undefined]);
  assertEquals(await read({ epoch, offset: 5 }, 2), ["m6@6 m7@7", 7, undefined]);
  assertEquals(await read({ epoch, offset: 7 }, 2), ["", 7, undefined]);
  assertEquals(await read({ epoch, offset: 1 }, 2), ["m3@3 m4@4", 4, "expired"]);
  assertEquals((await read({ epoch: "x", offset: 1 }))[2], "epoch");
  assertEquals(await read({ epoch, offset: 3 }, 0), ["", 3, undefined]);
});

/** A history whose clock and bounds a test has. */
function historyOf(history: HistoryRule, bound?: number, quiet?: number) {
  const clock = createClock();
  const hub = new Hub({ report: () => {} });
  const kept = new MemoryHistory(
    hub,
    createRules([history]),
    () => {},
    clock.source,
    bound,
    quiet,
  );
  return {
    clock,
    kept,
    publish: (topic: string, text: string) =>
      void kept.publish(
        topic,
        { message: new PreparedMessage(text), droppable: false, key: undefined },
        undefined,
      ),
    texts: async (topic: string, since?: TopicPosition) => {
      const { messages, reason } = await kept.history(topic, { since });
      return [messages.map(({ data }) => data).join(""), reason];
    },
  };
}

test("a message is kept for ttl, to the millisecond", async () => {
  const { clock, kept, publish, texts } = historyOf({ prefix: "", ttl: 1_000 });
  const { position } = await kept.history("a", {});
  publish("a", "x");
  await clock.advance(500);
  publish("a", "y");
  await clock.advance(499);
  assertEquals(await texts("a"), ["xy", undefined]);
  await clock.advance(1);
  assertEquals(await texts("a", position), ["y", "expired"]);
  await clock.advance(500);
  assertEquals(await texts("a", position), ["", "expired"]);
  // The numbers go on, so that what came after the last position is known to be gone, or not.
  assertEquals(await texts("a", { ...position!, offset: 2 }), ["", undefined]);
  publish("a", "z");
  assertEquals(await texts("a", { ...position!, offset: 2 }), ["z", undefined]);
  assertEquals(kept.stats(), { topics: 1, messages: 1, octets: 401, evicted: 0 });
});

test("topics that are quiet give their memory back with the publications of others", async () => {
  const { clock, kept, publish } = historyOf({ prefix: "", ttl: 1_000 });
  for (let i = 0; i < 100; i++) publish(`quiet ${i}`, "x");
  assertEquals(kept.stats().topics, 100);
  await clock.advance(1_000);
  for (let i = 0; i < 100; i++) publish("busy", "x");
  assertEquals(kept.stats().topics, 1);
});

test("all histories together have a bound, and what goes for it is counted and told", async () => {
  const { kept, publish, texts } = historyOf({ prefix: "" }, 5_000);
  const { position } = await kept.history("a", {});
  for (let i = 0; i < 5; i++) publish("a", "a".repeat(600));
  assertEquals(kept.stats(), { topics: 1, messages: 5, octets: 5_000, evicted: 0 });
  publish("b", "b".repeat(1_000));
  assertEquals(kept.stats(), { topics: 2, messages: 4, octets: 4_400, evicted: 2 });
  assertEquals((await texts("a", position))[1], "expired");
  publish("b", "b".repeat(10_000));
  assertEquals(kept.stats(), { topics: 0, messages: 0, octets: 0, evicted: 7 });
});

test("a topic that is forgotten begins anew, and says so", async () => {
  const { clock, kept, publish, texts } = historyOf({ prefix: "", ttl: 10 }, undefined, 2);
  publish("a", "x");
  const { position } = await kept.history("a", {});
  await clock.advance(10);
  for (const other of ["b", "c", "d"]) await kept.history(other, {});
  assertEquals(await texts("a", position), ["", undefined]);
  for (const other of ["e", "f", "g"]) await kept.history(other, {});
  assertEquals(await texts("a", position), ["", "epoch"]);
});
