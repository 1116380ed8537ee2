// createTopics(), and the topics of connections, by what a program sees.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect, ConnectionClosed, createTopics, PreparedMessage, serve } from "@sansocket/ws";
import type { WebSocketConnection } from "@sansocket/ws";
import { createNetwork, pair } from "@sansocket/ws/testing";
import { test } from "../support/test.ts";
import { type Ends, openHall, take } from "./support.ts";

const ALL = { delivered: 0, queued: 0, dropped: 0 };

test("publish() reaches all subscribers of a topic, and no others", async () => {
  await using hall = await openHall();
  const anna = await hall.enter("news", "weather");
  const ben = await hall.enter("news");
  const carl = await hall.enter("weather");
  assertEquals(hall.topics.publish("news", "one"), { ...ALL, delivered: 2 });
  assertEquals(hall.topics.publish("weather", new Uint8Array([2])), { ...ALL, delivered: 2 });
  assertEquals(hall.topics.publish("nothing", "three"), ALL);
  assertEquals(await take(anna.client, 2), ["one", new Uint8Array([2])]);
  assertEquals(await ben.client.receive(), "one");
  assertEquals(await carl.client.receive(), new Uint8Array([2]));
});

test("publish() of a connection leaves itself out, subscribed or not", async () => {
  await using hall = await openHall();
  const anna = await hall.enter("room");
  const ben = await hall.enter("room");
  const guest = await hall.enter();
  assertEquals(anna.server.publish("room", "from anna"), { ...ALL, delivered: 1 });
  assertEquals(guest.server.publish("room", "from a guest"), { ...ALL, delivered: 2 });
  assertEquals(await take(ben.client, 2), ["from anna", "from a guest"]);
  assertEquals(await anna.client.receive(), "from a guest");
});

test("publish() takes a PreparedMessage, bytes as text, and text as bytes", async () => {
  await using hall = await openHall();
  const { client } = await hall.enter("a");
  hall.topics.publish("a", new PreparedMessage("prepared"));
  hall.topics.publish("a", new Uint8Array([0x68, 0x69]), { binary: false });
  hall.topics.publish("a", "hi", { binary: true });
  assertEquals(await take(client, 3), ["prepared", "hi", new Uint8Array([0x68, 0x69])]);
});

test("publish() keeps the order across send() and publish() for each connection", async () => {
  await using hall = await openHall();
  const { client, server } = await hall.enter("a");
  const expected: string[] = [];
  for (let i = 0; i < 50; i++) {
    if (i % 3 === 0) void server.send(`${i}`);
    else hall.topics.publish("a", `${i}`, i % 3 === 1 ? {} : { droppable: true });
    expected.push(`${i}`);
  }
  assertEquals(await take(client, 50), expected);
});

test("subscribe() begins with the call, resolves, and counts once", async () => {
  await using hall = await openHall();
  const { client, server } = await hall.enter();
  const subscribed = server.subscribe("a");
  assertEquals(hall.topics.publish("a", "at once").delivered, 1);
  assertEquals(await subscribed, { joined: true });
  await server.subscribe("a");
  assertEquals(hall.topics.publish("a", "once").delivered, 1);
  assertEquals(hall.topics.subscribers("a"), 1);
  assertEquals(await take(client, 2), ["at once", "once"]);
});

test("unsubscribe() ends a subscription, and says whether there was one", async () => {
  await using hall = await openHall();
  const { server } = await hall.enter("a", "b");
  assertEquals([...server.subscriptions], ["a", "b"]);
  assertEquals(server.unsubscribe("a"), true);
  assertEquals(server.unsubscribe("a"), false);
  assertEquals(server.unsubscribe("never"), false);
  assertEquals([...server.subscriptions], ["b"]);
  assertEquals(hall.topics.publish("a", "x"), ALL);
  assertEquals([...hall.topics], ["b"]);
});

test("subscriptions end with the connection, before its close hook", async () => {
  let inHook: string[] | undefined;
  await using hall = await openHall({}, { close: (ws) => void (inHook = [...ws.subscriptions]) });
  const { client, server } = await hall.enter("a", "b", "c");
  const other = await hall.enter("b");
  await client.close();
  await server.closed;
  assertEquals(inHook, []);
  assertEquals([...server.subscriptions], []);
  assertEquals([...hall.topics], ["b"]);
  assertEquals(hall.topics.publish("b", "still"), { ...ALL, delivered: 1 });
  assertEquals(await other.client.receive(), "still");
  await assertRejects(() => server.subscribe("a"), ConnectionClosed);
  assertEquals([...hall.topics], ["b"]);
});

test("publish() skips a connection that is closing, and works on one", async () => {
  await using hall = await openHall();
  const anna = await hall.enter("a");
  const ben = await hall.enter("a");
  void anna.server.close();
  assertEquals(anna.server.state, "closing");
  assertEquals(hall.topics.publish("a", "late"), { ...ALL, delivered: 1 });
  assertEquals(anna.server.publish("a", "anna has left"), { ...ALL, delivered: 1 });
  assertEquals(await take(ben.client, 2), ["late", "anna has left"]);
});

test("topics are shared by servers, and publish() of a server is that of its topics", async () => {
  const topics = createTopics();
  const network = createNetwork();
  const hooks = { open: (ws: { subscribe(topic: string): unknown }) => void ws.subscribe("a") };
  const one = await network.serve({ port: 0, topics, websocket: hooks });
  const two = await network.serve({ port: 0, topics, websocket: hooks });
  const clients = [await network.connect(one.url), await network.connect(two.url)];
  assertEquals(one.publish("a", "to both"), { ...ALL, delivered: 2 });
  for (const client of clients) assertEquals(await client.receive(), "to both");
  await one.close();
  assertEquals(topics.publish("a", "to one"), { ...ALL, delivered: 1 });
  assertEquals(await clients[1]!.receive(), "to one");
  await two.close();
  assertEquals([...topics], []);
});

test("topics of a connection of connect() throw a TypeError", async () => {
  const { client } = await pair();
  const calls = [
    () => client.subscribe("a"),
    () => client.unsubscribe("a"),
    () => client.subscriptions,
    () => client.publish("a", "b"),
  ];
  for (const call of calls) assertThrows(call, TypeError, "got one of connect()");
  await client.close();
});

test("a server without the option topics has its own", async () => {
  const network = createNetwork();
  const websocket = { open: (ws: WebSocketConnection) => void ws.subscribe("a") };
  const servers = [
    await network.serve({ port: 0, websocket }),
    await network.serve({ port: 0, websocket }),
  ];
  const clients = await Promise.all(servers.map(({ url }) => network.connect(url)));
  assertEquals(servers[0]!.publish("a", "one"), { ...ALL, delivered: 1 });
  assertEquals(servers[1]!.topics.publish("a", "two"), { ...ALL, delivered: 1 });
  assertEquals(await clients[0]!.receive(), "one");
  assertEquals(await clients[1]!.receive(), "two");
  assertEquals(servers[0]!.topics.subscribers("a"), 1);
  for (const server of servers) await server.close();
  assertEquals(servers[0]!.publish("a", "late"), ALL);
});

test("topics.send() reaches one connection of this process, and says so", async () => {
  await using hall = await openHall();
  const anna = await hall.enter();
  assertEquals(hall.topics.send(anna.server.id, "to anna"), "here");
  const ben = await hall.enter();
  assertEquals(hall.topics.send(ben.server.id, "to ben", { binary: true }), "here");
  assertEquals(hall.topics.send(anna.server.id, new PreparedMessage("again")), "here");
  assertEquals(await take(anna.client, 2), ["to anna", "again"]);
  assertEquals(await ben.client.receive(), new TextEncoder().encode("to ben"));
  await ben.client.close();
  await ben.server.closed;
  assertEquals(hall.topics.send(ben.server.id, "late"), "nowhere");
  assertEquals(hall.topics.send("0123456789abcdef-1", "to nobody"), "nowhere");
  const wrong: unknown[] = ["anna", "", 5, undefined, "0123456789ABCDEF-1", `${ben.server.id}x`];
  // Longer than the length of a key in an envelope can say.
  wrong.push(`0123456789abcdef-${"1".repeat(300)}`);
  for (const id of wrong) {
    assertThrows(() => hall.topics.send(id as string, "x"), TypeError, "Expected the id of a");
  }
  const options = { droppable: true } as unknown as { compress: boolean };
  assertThrows(() => hall.topics.send(ben.server.id, "x", options), TypeError, "droppable");
});

test("topics.close() ends all subscriptions, and refuses new ones", async () => {
  await using hall = await openHall();
  const { client, server } = await hall.enter("a", "b");
  const { topics } = hall;
  await topics.subscribe("c", () => {});
  await topics.flush();
  const closed = topics.close();
  assertEquals(topics.close(), closed);
  await closed;
  assertEquals([...topics], []);
  assertEquals(topics.stats().subscriptions, 0);
  assertEquals(server.subscriptions.size, 0);
  assertThrows(() => topics.publish("a", "x"), Error, "close the servers first");
  assertThrows(() => topics.subscribe("a", () => {}), Error, "close the servers first");
  assertThrows(() => server.subscribe("a"), Error, "close the servers first");
  assertEquals(client.state, "open");
  assertThrows(() => createTopics().close({ timeout: -1 }), RangeError, "timeout");
});

test("topics.subscribe() calls a function with each message, and its own copy of bytes", async () => {
  await using hall = await openHall();
  const { client } = await hall.enter("a");
  const heard: unknown[] = [];
  const listener = (data: unknown, position: unknown, topic: string) => {
    assertEquals(position, undefined);
    heard.push(data, topic);
    if (typeof data !== "string") (data as Uint8Array).fill(0xff);
  };
  const second = (data: unknown) => void heard.push(data);
  assertEquals(await hall.topics.subscribe("a", listener), { joined: true });
  await hall.topics.subscribe("a", listener);
  await hall.topics.subscribe("a", second);
  assertEquals(hall.topics.subscribers("a"), 3);
  assertEquals(hall.topics.publish("a", "text"), { ...ALL, delivered: 3 });
  assertEquals(heard.splice(0), ["text", "a", "text"]);
  hall.topics.publish("a", new Uint8Array([1]));
  assertEquals(heard.splice(0), [new Uint8Array([0xff]), "a", new Uint8Array([1])]);
  assertEquals(await take(client, 2), ["text", new Uint8Array([1])]);
  assertEquals(hall.topics.unsubscribe("a", listener), true);
  assertEquals(hall.topics.unsubscribe("a", listener), false);
  assertEquals(hall.topics.publish("a", "last"), { ...ALL, delivered: 2 });
  assertEquals(heard, ["last"]);
});

test("topics work without a server", () => {
  const heard: unknown[] = [];
  const topics = createTopics();
  topics.subscribe("a", (data) => void heard.push(data));
  topics.publish("a", "job done");
  assertEquals(heard, ["job done"]);
});

test("hooks tell of the first and the last subscriber, and what they throw is reported", async () => {
  const told: string[] = [];
  const errors: unknown[] = [];
  const mistakes = [new Error("first"), new Error("last"), new Error("listener")];
  const topics = createTopics({
    onFirstSubscriber(topic) {
      told.push(`first ${topic}`);
      throw mistakes[0];
    },
    async onLastSubscriber(topic) {
      told.push(`last ${topic}`);
      await Promise.reject(mistakes[1]);
    },
    error: (error) => errors.push(error),
  });
  await using hall = await openHall({ topics });
  const anna = await hall.enter("a");
  const ben = await hall.enter("a");
  const listener = () => {
    throw mistakes[2];
  };
  await topics.subscribe("a", listener);
  assertEquals(topics.publish("a", "x"), { ...ALL, delivered: 3 });
  topics.unsubscribe("a", listener);
  anna.server.unsubscribe("a");
  assertEquals(told, ["first a"]);
  await ben.client.close();
  await ben.server.closed;
  assertEquals(told, ["first a", "last a"]);
  await Promise.resolve();
  assertEquals(errors, [mistakes[0], mistakes[2], mistakes[1]]);
});

test("publish() goes on when subscribers leave and come within it", async () => {
  const topics = createTopics();
  await using hall = await openHall({ topics });
  const ends: Ends[] = [];
  for (let i = 0; i < 8; i++) ends.push(await hall.enter("a"));
  const late = await hall.enter();
  const heard: string[] = [];
  const removed = () => void heard.push("removed");
  await topics.subscribe("a", (data) => {
    heard.push(`first ${data}`);
    if (data !== "one") return;
    for (const { server } of ends.slice(0, 4)) server.unsubscribe("a");
    void late.server.subscribe("a");
    topics.unsubscribe("a", removed);
    topics.publish("a", "nested");
  });
  await topics.subscribe("a", removed);
  assertEquals(topics.publish("a", "one"), { ...ALL, delivered: 9 });
  assertEquals(heard, ["first one", "first nested"]);
  for (const { client } of ends.slice(4)) assertEquals(await take(client, 2), ["one", "nested"]);
  assertEquals(await late.client.receive(), "nested");
  assertEquals(topics.subscribers("a"), 6);
});

test("publish() goes on when it cuts a connection, whose end unsubscribes another", async () => {
  const topics = createTopics();
  let leaving = () => {};
  const hooks = { close: () => leaving() };
  await using hall = await openHall({ topics, maxBufferedAmount: 1_000, overflow: "close" }, hooks);
  const ends: Ends[] = [];
  for (let i = 0; i < 6; i++) ends.push(await hall.enter("a"));
  const slow = ends[2]!;
  hall.network.link(slow.client).pause("client");
  void slow.server.send(new Uint8Array(1_000_000));
  leaving = () => void ends[0]!.server.unsubscribe("a");
  assertEquals(topics.publish("a", "x"), { delivered: 5, queued: 0, dropped: 1 });
  await slow.server.closed;
  for (const { client } of ends.filter((one) => one !== slow)) {
    assertEquals(await client.receive(), "x");
  }
  assertEquals(topics.stats().overflowed, 1);
});

test("a connection may have many topics, and they end in any order", async () => {
  await using hall = await openHall();
  const { server } = await hall.enter();
  const other = await hall.enter();
  const names = Array.from({ length: 200 }, (_, i) => `topic ${i}`);
  for (const name of names) {
    await server.subscribe(name);
    await other.server.subscribe(name);
  }
  assertEquals(hall.topics.stats().subscriptions, 400);
  const left = new Set(names);
  // A step that has no divisor in common with 200 visits them all.
  for (let i = 0, at = 0; i < 150; i++, at = (at + 77) % 200) {
    assert(server.unsubscribe(names[at]!));
    left.delete(names[at]!);
    assertEquals(server.subscriptions.size, left.size);
  }
  assertEquals([...server.subscriptions].sort(), [...left].sort());
  for (const name of names) {
    assertEquals(hall.topics.subscribers(name), left.has(name) ? 2 : 1);
  }
  await other.client.close();
  await other.server.closed;
  assertEquals([...hall.topics].sort(), [...left].sort());
  assertEquals(hall.topics.stats().subscriptions, left.size);
});

test("publish() sends compressed messages to those that take them, and others as they are", async () => {
  const topics = createTopics();
  await using server = await serve({
    port: 0,
    topics,
    compression: { threshold: 1 },
    websocket: { open: (ws) => void ws.subscribe("a") },
  });
  const clients = [
    await connect(server.url, { compression: true }),
    await connect(server.url, { compression: { contextTakeover: false } }),
    await connect(server.url),
  ];
  await Promise.all(clients.map((ws) => ws.ping()));
  const text = "compress me ".repeat(200);
  assertEquals(topics.publish("a", text).delivered, 3);
  assertEquals(topics.publish("a", text, { compress: false }).delivered, 3);
  for (const ws of clients) {
    assertEquals(await take(ws, 2), [text, text]);
    await ws.close();
  }
});

test("a topic may have 10,000 functions, of which half leave, and one that came back is called once", async () => {
  const topics = createTopics();
  const called: number[] = [];
  const listeners = Array.from({ length: 10_000 }, (_, i) => () => void called.push(i));
  for (const listener of listeners) void topics.subscribe("a", listener);
  assertEquals(topics.publish("a", "x").delivered, 10_000);
  for (const listener of listeners.slice(0, 5_000)) assert(topics.unsubscribe("a", listener));
  assertEquals(topics.unsubscribe("a", listeners[0]!), false);
  for (let i = 0; i < 2; i++) void topics.subscribe("a", listeners[0]!);
  called.length = 0;
  assertEquals(topics.publish("a", "x").delivered, 5_001);
  assertEquals([called[0], called.at(-1), called.length], [5_000, 0, 5_001]);
  assertEquals(topics.subscribers("a"), 5_001);
  await topics.close();
  assertEquals(topics.stats().subscriptions, 0);
});
