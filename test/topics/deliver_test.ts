// Subscribers that are behind: what is queued, dropped and replaced for them, and that others do not notice.

import { assert, assertEquals } from "@std/assert";
import { createTopics, type Overflow, PreparedMessage } from "@sansocket/ws";
import { settled, withResolvers } from "../support/connections.ts";
import { test } from "../support/test.ts";
import { type Ends, type Hall, openHall, take } from "./support.ts";

/** More than may wait before a connection is behind, and more than the network takes besides. */
const MUCH = 1_000_000;

/** Lets a client read nothing, so that this much waits for it. */
function slowDown(hall: Hall, { client, server }: Ends): void {
  hall.network.link(client).pause("client");
  void server.send(new Uint8Array(MUCH));
}

/** Lets it read again. */
async function speedUp(hall: Hall, { client }: Ends): Promise<void> {
  hall.network.link(client).restore();
  assertEquals((await client.receive()).length, MUCH);
}

test("publish() queues for a connection that is behind, and delivers to the others", async () => {
  await using hall = await openHall();
  const slow = await hall.enter("a");
  const quick = await hall.enter("a");
  slowDown(hall, slow);
  assertEquals(hall.topics.publish("a", "one"), { delivered: 1, queued: 1, dropped: 0 });
  void slow.server.send("two");
  assertEquals(hall.topics.publish("a", "three"), { delivered: 1, queued: 1, dropped: 0 });
  assertEquals(await take(quick.client, 2), ["one", "three"]);
  await speedUp(hall, slow);
  assertEquals(await take(slow.client, 3), ["one", "two", "three"]);
});

test("publish() drops what is droppable for a connection that is behind, and counts it apart", async () => {
  await using hall = await openHall();
  const slow = await hall.enter("a");
  const quick = await hall.enter("a");
  assertEquals(hall.topics.publish("a", "0", { droppable: true }).delivered, 2);
  assertEquals(await slow.client.receive(), "0");
  slowDown(hall, slow);
  for (let i = 1; i <= 3; i++) {
    const result = hall.topics.publish("a", `${i}`, { droppable: true });
    assertEquals(result, { delivered: 1, queued: 0, dropped: 1 });
  }
  hall.topics.publish("a", "4");
  assertEquals(await take(quick.client, 5), ["0", "1", "2", "3", "4"]);
  await speedUp(hall, slow);
  assertEquals(await slow.client.receive(), "4");
  hall.topics.publish("a", "5", { droppable: true });
  assertEquals(await slow.client.receive(), "5");
  assertEquals(slow.server.dropped, 0);
  const { droppable, overflowed, coalesced } = hall.topics.stats();
  assertEquals([droppable, overflowed, coalesced], [3, 0, 0]);
});

test("coalesce keeps the last message of each key that waits, in its place", async () => {
  await using hall = await openHall();
  const slow = await hall.enter("a", "b");
  const quick = await hall.enter("a");
  slowDown(hall, slow);
  const publish = (text: string, coalesce?: string, topic = "a") =>
    hall.topics.publish(topic, text, coalesce === undefined ? {} : { coalesce });
  assertEquals(publish("x1", "x"), { delivered: 1, queued: 1, dropped: 0 });
  publish("first");
  publish("y1", "y");
  void slow.server.send("second");
  publish("x2 is longer than x1", "x");
  publish("of another topic", "x", "b");
  publish("third");
  publish("y2", "y");
  assertEquals(publish("x3", "x"), { delivered: 1, queued: 1, dropped: 0 });
  publish("z1", "z");
  assertEquals(hall.topics.stats().coalesced, 3);
  await speedUp(hall, slow);
  assertEquals(await take(slow.client, 7), [
    "x3",
    "first",
    "y2",
    "second",
    "of another topic",
    "third",
    "z1",
  ]);
  assertEquals(await take(quick.client, 8), [
    "x1",
    "first",
    "y1",
    "x2 is longer than x1",
    "third",
    "y2",
    "x3",
    "z1",
  ]);
  // What was taken is not replaced.
  assertEquals(publish("x4", "x").queued, 0);
  publish("x5", "x");
  assertEquals(await take(slow.client, 2), ["x4", "x5"]);
  assertEquals([slow.server.bufferedAmount, slow.server.dropped], [0, 0]);
});

test("coalesce works with a PreparedMessage, and keeps the type of each message", async () => {
  await using hall = await openHall();
  const slow = await hall.enter("a");
  slowDown(hall, slow);
  hall.topics.publish("a", "text", { coalesce: "x" });
  hall.topics.publish("a", new PreparedMessage(new Uint8Array([1])), { coalesce: "x" });
  hall.topics.publish("a", new Uint8Array([2]), { coalesce: "y" });
  hall.topics.publish("a", "text", { coalesce: "y" });
  await speedUp(hall, slow);
  assertEquals(await take(slow.client, 2), [new Uint8Array([1]), "text"]);
});

test("coalesce replaces what waits behind a message in chunks, and nothing of that", async () => {
  await using hall = await openHall();
  const { client, server } = await hall.enter("a");
  const next = withResolvers<void>();
  const sent = server.send((async function* () {
    yield "begin";
    await next.promise;
    yield " end";
  })());
  hall.topics.publish("a", "x1", { coalesce: "x" });
  hall.topics.publish("a", "plain");
  hall.topics.publish("a", "x2", { coalesce: "x" });
  next.resolve();
  await sent;
  assertEquals(await take(client, 3), ["begin end", "x2", "plain"]);
});

test("droppable and coalesce together replace, or else drop", async () => {
  await using hall = await openHall();
  const slow = await hall.enter("a");
  slowDown(hall, slow);
  hall.topics.publish("a", "x1", { coalesce: "x" });
  const both = { droppable: true, coalesce: "x" };
  assertEquals(hall.topics.publish("a", "x2", both), { delivered: 0, queued: 1, dropped: 0 });
  const other = { droppable: true, coalesce: "y" };
  assertEquals(hall.topics.publish("a", "y1", other), { delivered: 0, queued: 0, dropped: 1 });
  await speedUp(hall, slow);
  assertEquals(await slow.client.receive(), "x2");
});

test("what waits to be replaced counts in bufferedAmount by its last size", async () => {
  await using hall = await openHall();
  const slow = await hall.enter("a");
  slowDown(hall, slow);
  const before = slow.server.bufferedAmount;
  hall.topics.publish("a", "x".repeat(100), { coalesce: "x" });
  assertEquals(slow.server.bufferedAmount - before, 100 + 528);
  hall.topics.publish("a", "x".repeat(3_000), { coalesce: "x" });
  assertEquals(slow.server.bufferedAmount - before, 3_000 + 528);
  hall.topics.publish("a", "x", { coalesce: "x" });
  assertEquals(slow.server.bufferedAmount - before, 1 + 528);
  const { unsent } = await (slow.server.terminate(), slow.server.closed);
  assert(unsent >= 529);
  assertEquals(slow.server.bufferedAmount, 0);
});

/** What becomes of messages of 100 KiB while more than `maxBufferedAmount` waits. */
const overflows: { [How in Overflow]: { result: number[]; state: string; got: string[] } } = {
  close: { result: [1, 0, 1], state: "closing", got: [] },
  wait: { result: [1, 1, 0], state: "open", got: ["a", "b", "c"] },
  "drop-oldest": { result: [1, 1, 0], state: "open", got: ["c"] },
  "drop-newest": { result: [1, 0, 1], state: "open", got: [] },
};

for (const [overflow, { result, state, got }] of Object.entries(overflows)) {
  for (const coalesce of [false, true]) {
    test(`overflow "${overflow}" decides ${coalesce ? "with coalesce" : "about a message"}`, async () => {
      const topics = createTopics();
      await using hall = await openHall({
        topics,
        overflow: overflow as Overflow,
        maxBufferedAmount: MUCH / 2,
      });
      const slow = await hall.enter("a");
      const quick = await hall.enter("a");
      slowDown(hall, slow);
      for (const letter of ["a", "b", "c"]) {
        const options = coalesce ? { coalesce: letter } : {};
        const { delivered, queued, dropped } = topics.publish("a", letter.repeat(100_000), options);
        if (letter === "a") assertEquals([delivered, queued, dropped], result);
        assertEquals(delivered, 1);
        assertEquals((await quick.client.receive())[0], letter);
      }
      assertEquals(slow.server.state === "open" ? "open" : "closing", state);
      if (state !== "open") return;
      await speedUp(hall, slow);
      void slow.server.send("end");
      for (const letter of got) assertEquals((await slow.client.receive())[0], letter);
      assertEquals(await slow.client.receive(), "end");
    });
  }
}

test("coalesce within maxBufferedAmount keeps a connection that would be cut otherwise", async () => {
  const topics = createTopics();
  await using hall = await openHall({ topics, overflow: "close", maxBufferedAmount: 2 * MUCH });
  const slow = await hall.enter("a");
  slowDown(hall, slow);
  for (let i = 0; i < 100; i++) topics.publish("a", `${i}`.padEnd(100_000), { coalesce: "x" });
  assertEquals(slow.server.state, "open");
  assertEquals(topics.stats().coalesced, 99);
  await speedUp(hall, slow);
  assertEquals((await slow.client.receive() as string).trim(), "99");
});

test("a connection that ends while messages wait to be replaced leaves nothing behind", async () => {
  await using hall = await openHall();
  const slow = await hall.enter("a");
  slowDown(hall, slow);
  hall.topics.publish("a", "x1", { coalesce: "x" });
  slow.server.terminate();
  await slow.server.closed;
  assertEquals(hall.topics.publish("a", "x2", { coalesce: "x" }).queued, 0);
  assertEquals(hall.topics.stats().subscriptions, 0);
});

test("close() of a connection sends what waits to be replaced first", async () => {
  await using hall = await openHall();
  const slow = await hall.enter("a");
  slowDown(hall, slow);
  hall.topics.publish("a", "x1", { coalesce: "x" });
  hall.topics.publish("a", "x2", { coalesce: "x" });
  void slow.server.close();
  await speedUp(hall, slow);
  assertEquals(await slow.client.receive(), "x2");
  assertEquals((await slow.client.closed).code, 1000);
});

/** Random numbers that a seed repeats. */
function randomBy(seed: number): (below: number) => number {
  let state = seed;
  return (below) => (state = (state * 48_271) % 2_147_483_647) % below;
}

test("200 schedules keep the order of each key and of all without one, and lose only what they count", async () => {
  let coalesced = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const random = randomBy(seed * 7_919);
    await using hall = await openHall({ maxBufferedAmount: Infinity });
    const { client, server } = await hall.enter("a", "b");
    const link = hall.network.link(client);
    const received: string[] = [];
    const done = (async () => {
      for await (const message of client) {
        const text = String(message).trimEnd();
        if (text === "end") return;
        received.push(text);
      }
    })();
    const plain: string[] = [];
    const last = new Map<string, string>();
    let sent = 0;
    for (let i = 0; i < 100; i++) {
      const size = random(8) === 0 ? 60_000 : random(40);
      const kind = random(10);
      const topic = "ab"[random(2)]!;
      if (kind === 0) link.pause("client");
      else if (kind === 1) link.restore();
      else if (kind === 2) await settled();
      else if (kind < 7) {
        const key = `${topic}${random(3)}`;
        const text = `${key} ${i}`;
        hall.topics.publish(topic, text.padEnd(size), { coalesce: key });
        last.set(key, text);
        sent++;
      } else {
        const text = `plain ${i}`;
        plain.push(text);
        if (kind < 9) void server.send(text.padEnd(size));
        else hall.topics.publish(topic, text.padEnd(size));
        sent++;
      }
    }
    link.restore();
    void server.send("end");
    await done;
    const context = `seed ${seed}`;
    assertEquals(received.filter((text) => text.startsWith("plain")), plain, context);
    for (const [key, text] of last) {
      const own = received.filter((one) => one.startsWith(`${key} `));
      assertEquals(own.at(-1), text, context);
      const numbers = own.map((one) => Number(one.split(" ")[1]));
      assertEquals(numbers, [...new Set(numbers)].sort((a, b) => a - b), context);
    }
    assertEquals(received.length + hall.topics.stats().coalesced, sent, context);
    assertEquals(server.bufferedAmount, 0, context);
    coalesced += hall.topics.stats().coalesced;
  }
  assert(coalesced > 1_000, `${coalesced} were replaced`);
});
