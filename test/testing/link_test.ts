// What a test does to one connection.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createClock, createNetwork, type Link, pair } from "@sansocket/ws/testing";
import { test } from "../support/test.ts";

test("cut() resets both ends at once", async () => {
  const { client, server, link } = await pair();
  client.send("lost");
  link.cut();
  const infos = await Promise.all([client.closed, server.closed]);
  for (const { code, endedBy, wasClean, cause } of infos) {
    assertEquals([code, endedBy, wasClean], [1006, "transport", false]);
    assert((cause as Error).message.startsWith("The peer reset the connection"));
  }
  assertEquals(link.open, false);
});

test("end() ends the stream in order, behind what was sent", async () => {
  const clock = createClock();
  const { client, server, link } = await pair({ clock });
  link.delay(100);
  client.send("before");
  await clock.advance(0);
  link.end();
  client.send("behind");
  const received = server.receive();
  await clock.advance(1_000);
  const infos = await Promise.all([client.closed, server.closed]);
  for (const { code, wasClean, cause } of infos) {
    assertEquals([code, wasClean], [1006, false]);
    assertEquals(
      (cause as Error).message,
      "The peer ended the connection without a Close frame",
    );
  }
  assertEquals(await received, "before");
});

test("halfOpen() tells neither end, and restore() lets everything arrive", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const server = await network.serve({ heartbeat: false, websocket: (ws) => ws.closed });
  const client = await network.connect(server.url, { heartbeat: false });
  const [accepted] = server.connections;
  network.link(client).halfOpen();
  client.send("one");
  client.send("two");
  await clock.advance(3_600_000);
  assertEquals([client.state, accepted!.state, client.bufferedAmount], ["open", "open", 0]);
  network.link(client).restore();
  assertEquals([await accepted!.receive(), await accepted!.receive()], ["one", "two"]);
  await server.close();
});

test("halfOpen() hides that the other end is gone, and what is sent then is buffered", async () => {
  const clock = createClock();
  const { client, server, link } = await pair({ clock });
  link.halfOpen();
  server.terminate();
  client.send("x".repeat(100_000));
  await clock.advance(1_000);
  assertEquals(client.state, "open");
  assert(client.bufferedAmount > 0);
  link.restore();
  await clock.advance(0);
  assertEquals((await client.closed).code, 1006);
});

test("pause() and resume() hold one direction back", async () => {
  const clock = createClock();
  const { client, server, link } = await pair({ clock });
  link.pause("client");
  client.send("up");
  server.send("down");
  assertEquals(await server.receive(), "up");
  let got: unknown;
  client.receive().then((message) => got = message);
  await clock.advance(5_000);
  assertEquals(got, undefined);
  link.resume("client");
  await clock.advance(0);
  assertEquals(got, "down");
  client.terminate();
});

test("pause() of a client makes the server's messages wait, and its send()", async () => {
  const clock = createClock();
  const { client, server, link } = await pair({ clock });
  link.pause("client");
  let sent = false;
  server.send(new Uint8Array(200_000)).then(() => sent = true);
  await clock.advance(1_000);
  assertEquals(sent, false);
  assert(server.bufferedAmount > 100_000);
  const received = client.receive();
  link.resume("client");
  await clock.advance(0);
  assertEquals([(await received).length, sent, server.bufferedAmount], [200_000, true, 0]);
  client.terminate();
});

test("slow() lets so many octets through in a second", async () => {
  const clock = createClock();
  const { client, server, link } = await pair({ clock });
  link.slow(1_000);
  client.send(new Uint8Array(4_992)); // and 8 octets of header
  let at: number | undefined;
  server.receive().then(() => at = clock.now);
  for (let i = 0; i < 600 && at === undefined; i++) await clock.advance(10);
  assertEquals(at, 5_000);
  link.slow(Infinity);
  client.send(new Uint8Array(50_000));
  assertEquals((await server.receive()).length, 50_000);
  client.terminate();
});

test("slow() lets single octets through", async () => {
  const clock = createClock();
  const { client, server, link } = await pair({ clock });
  link.slow(2);
  client.send("hi");
  let at: number | undefined;
  server.receive().then(() => at = clock.now);
  for (let i = 0; i < 10 && at === undefined; i++) await clock.advance(500);
  assertEquals(at, 4_000);
  client.terminate();
});

for (const sizes of [1, 3, [1, 2, 5], [65_536]]) {
  test(`split() in ${sizes} loses nothing and changes no order`, async () => {
    const { client, server, link } = await pair();
    link.split(sizes);
    const messages = ["", "a", "b".repeat(200), "c".repeat(70_000)];
    for (const message of messages) client.send(message);
    for (const message of messages) assertEquals(await server.receive(), message);
    for (const message of messages) server.send(message);
    for (const message of messages) assertEquals(await client.receive(), message);
    await client.close();
  });
}

test("delay() lets everything arrive later and in order, the end too", async () => {
  const clock = createClock();
  const { client, server, link } = await pair({ clock });
  link.delay(250);
  const seen: string[] = [];
  (async () => {
    for await (const message of server) seen.push(`${message} at ${clock.now}`);
    seen.push(`end at ${clock.now}`);
  })();
  client.send("one");
  await clock.advance(100);
  client.send("two");
  client.close();
  await clock.advance(149);
  assertEquals(seen, []);
  await clock.advance(1_000);
  assertEquals(seen, ["one at 250", "two at 350", "end at 850"]);
  assertEquals((await client.closed).wasClean, true);
});

test("delay() that is shortened holds for what is under way", async () => {
  const clock = createClock();
  const { client, server, link } = await pair({ clock });
  link.delay(10_000);
  client.send("late");
  await clock.advance(100);
  link.delay(50);
  const received = server.receive();
  await clock.advance(50);
  assertEquals(await received, "late");
  client.terminate();
});

for (const octets of [0, 1, 2, 7, 8, 9]) {
  test(`cutAfter(${octets}) lets exactly so many octets arrive`, async () => {
    const { client, server, link } = await pair();
    const frames: number[] = [];
    let received = 0;
    server.trace((event) =>
      event.type === "frame" && event.direction === "in" && frames.push(event.size)
    );
    link.cutAfter(octets);
    // A masked frame of "hi": 2 octets of header, 4 of key, 2 of payload.
    client.send("hi");
    await server.receive().then(() => received++, () => {});
    if (octets > 8) client.send("more");
    const infos = await Promise.all([client.closed, server.closed]);
    assertEquals(infos.map(({ code }) => code), [1006, 1006]);
    assertEquals([received, frames], octets < 8 ? [0, []] : [1, [2]]);
  });
}

test("cutAfter() counts both directions together", async () => {
  const { client, server, link } = await pair();
  link.cutAfter(8 + 4);
  client.send("hi");
  assertEquals(await server.receive(), "hi");
  server.send("yo");
  assertEquals(await client.receive(), "yo");
  assertEquals((await client.closed).code, 1006);
  assertEquals((await server.closed).code, 1006);
});

test("restore() takes all faults back", async () => {
  const clock = createClock();
  const { client, server, link } = await pair({ clock });
  link.slow(1);
  link.delay(60_000);
  link.split(1);
  link.cutAfter(1_000);
  link.pause("server");
  client.send("x".repeat(5_000));
  link.restore();
  assertEquals((await server.receive()).length, 5_000);
  await client.close();
});

const calls: readonly ((link: Link) => void)[] = [
  (link) => link.cut(),
  (link) => link.end(),
  (link) => link.halfOpen(),
  (link) => link.pause("client"),
  (link) => link.resume("server"),
  (link) => link.slow(1),
  (link) => link.split(1),
  (link) => link.delay(1),
  (link) => link.cutAfter(1),
  (link) => link.restore(),
];

test("a link whose connection has ended says so in each of its methods", async () => {
  const { client, server, link } = await pair();
  await client.close();
  await server.closed;
  for (const call of calls) {
    assertThrows(() => call(link), Error, "expected a link whose connection is open");
  }
});

const mistakes: readonly [wrong: string, call: (link: Link) => void, says: string][] = [
  ["a side", (link) => link.pause("peer" as "client"), 'Expected "client" or "server"'],
  ["no octets per second", (link) => link.slow(0), "slow() expected octets per second above 0"],
  [
    "half an octet",
    (link) => link.split([2, 0.5]),
    "split() expected sizes from 1 octet on, got 0.5",
  ],
  ["no sizes", (link) => link.split([]), "split() expected sizes"],
  ["an endless delay", (link) => link.delay(2 ** 31), "got 2147483648: halfOpen()"],
  [
    "sizes that are none",
    (link) => link.split(null as never),
    "split() expected sizes from 1 octet on, got null",
  ],
  ["a rate that is none", (link) => link.slow("1" as never), "slow() expected octets per second"],
  ["a rate below a timer", (link) => link.slow(1e-7), "slow() expected octets per second"],
  ["a cut before", (link) => link.cutAfter(-1), "cutAfter() expected octets from 0 on, got -1"],
];

for (const [wrong, call, says] of mistakes) {
  test(`a link refuses ${wrong}`, async () => {
    const { client, link } = await pair();
    assertThrows(() => call(link), Error, says);
    await client.close();
  });
}

test("a link is found for either end, and not for a connection of another network", async () => {
  const network = createNetwork();
  const server = await network.serve({ websocket: (ws) => ws.closed });
  const client = await network.connect(server.url);
  const [accepted] = server.connections;
  assert(network.link(client) === network.link(accepted!));
  assertEquals(network.links.length, 1);
  const other = await pair();
  assertThrows(() => network.link(other.client), TypeError, "got one of another");
  assertThrows(() => network.link({} as typeof client), TypeError, "got an object");
  await other.client.close();
  await client.close();
  await accepted!.closed;
  assertThrows(() => network.link(client), Error, "this one has ended");
  assertEquals(network.links, []);
  await server.close();
  await assertRejects(() => network.connect(server.url), Error, "nothing listens");
});

test("slow() lets small messages through as fast as large ones", async () => {
  const clock = createClock();
  const { client, server, link } = await pair({ clock });
  link.slow(1_000_000);
  let received = 0;
  (async () => {
    for await (const _ of client) received++;
  })().catch(() => {}); // the test terminates the connection
  // 12 octets each, sent one by one.
  for (let i = 0; i < 1_000; i++) {
    server.send("ten octets");
    if (i % 10 === 0) await clock.advance(0);
  }
  await clock.advance(11);
  assertEquals([received, clock.now], [916, 11]);
  await clock.advance(2);
  assertEquals(received, 1_000);
  client.terminate();
});

for (const fault of ["halfOpen", "delay"] as const) {
  test(`pair() tells the server nothing of a client that is gone behind ${fault}()`, async () => {
    const clock = createClock();
    const { client, server, link } = await pair({ clock });
    if (fault === "delay") link.delay(1_000);
    else link.halfOpen();
    client.terminate();
    await clock.advance(500);
    assertEquals(server.state, "open");
    await clock.advance(3_600_000);
    const { endedBy, sent } = await server.closed;
    assertEquals([endedBy, sent], [fault === "delay" ? "transport" : "timeout", undefined]);
  });
}
