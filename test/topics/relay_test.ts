// The topics of several processes over a broker in memory, whose faults the test commands.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createTopics, FlushError, type Topics, type TopicsOptions } from "@sansocket/ws";
import { createClock, type TestClock } from "@sansocket/ws/testing";
import { test } from "../support/test.ts";
import {
  type MemoryBackplane,
  MemoryBus,
  type MemoryOptions,
} from "../support/memory_backplane.ts";
import { openHall, take } from "./support.ts";

/** A process: its topics, its driver, and what its hooks were told. */
interface Process {
  readonly topics: Topics;
  readonly driver: MemoryBackplane;
  readonly gaps: [topic: string | undefined, missed: number][];
  readonly states: string[];
  readonly errors: unknown[];
}

/** Starts so many processes on a bus, and waits until all of them are up. */
async function start(
  count: number,
  options: TopicsOptions = {},
  memory: MemoryOptions = {},
): Promise<{ bus: MemoryBus; clock: TestClock; processes: Process[] }> {
  const bus = new MemoryBus();
  const clock = createClock();
  const processes = Array.from({ length: count }, (): Process => {
    const driver = bus.driver({ clock: clock.source, ...memory });
    const gaps: Process["gaps"] = [];
    const states: string[] = [];
    const errors: unknown[] = [];
    const topics = createTopics({
      backplane: driver,
      onGap: ({ topic, missed }) => void gaps.push([topic, missed]),
      onState: ({ state }) => void states.push(state),
      error: (error) => void errors.push(error),
      ...options,
    });
    return { topics, driver, gaps, states, errors };
  });
  await clock.advance(0);
  return { bus, clock, processes };
}

/** Subscribes a function, and returns what it hears. */
async function hear({ topics }: Process, topic: string): Promise<unknown[]> {
  const heard: unknown[] = [];
  await topics.subscribe(topic, (data) => void heard.push(data));
  return heard;
}

function stop(processes: readonly Process[]): Promise<unknown> {
  return Promise.all(processes.map(({ topics }) => topics.close({ timeout: 1 })));
}

test("what one process publishes comes to the subscribers of all, once and in order", async () => {
  const { clock, processes } = await start(3);
  const [one, two, three] = processes as [Process, Process, Process];
  const lists = [await hear(one, "a"), await hear(two, "a"), await hear(three, "b")];
  for (let i = 0; i < 20; i++) {
    assertEquals(one.topics.publish("a", `${i}`), { delivered: 1, queued: 0, dropped: 0 });
  }
  two.topics.publish("b", new Uint8Array([1, 2]));
  await clock.advance(0);
  const numbers = Array.from({ length: 20 }, (_, i) => `${i}`);
  assertEquals(lists, [numbers, numbers, [new Uint8Array([1, 2])]]);
  await one.topics.flush();
  const stats = two.topics.stats().backplane;
  assertEquals([stats?.received, stats?.missed, stats?.repeated], [20, 0, 0]);
  assertEquals(one.topics.stats().backplane?.taken, 20);
  assertEquals(one.topics.stats().backplane?.received, 0);
  await stop(processes);
});

test("connections of two processes hear each other, and a publisher not itself", async () => {
  const { clock, processes } = await start(2);
  await using here = await openHall({ topics: processes[0]!.topics });
  await using there = await openHall({ topics: processes[1]!.topics });
  const anna = await here.enter("room");
  const ben = await here.enter("room");
  const carl = await there.enter("room");
  anna.server.publish("room", "hello", { binary: true });
  anna.server.publish("room", "you");
  await clock.advance(0);
  const expected = [new TextEncoder().encode("hello"), "you"];
  assertEquals(await take(ben.client, 2), expected);
  assertEquals(await take(carl.client, 2), expected);
  carl.server.publish("room", "hi");
  assertEquals(await anna.client.receive(), "hi");
  await stop(processes);
});

test("names of topics are no syntax, and two of them never share a channel", async () => {
  const names = [
    "a.b",
    "a*",
    "a>",
    "{a}",
    "a b",
    "a%20b",
    "ä",
    "\u0000",
    "a\r\nPING",
    "t:x",
    "x",
    "%",
    "🎈",
  ];
  const { clock, processes } = await start(2);
  const [one, two] = processes as [Process, Process];
  const lists = await Promise.all(names.map((name) => hear(two, name)));
  for (const name of names) one.topics.publish(name, name);
  await clock.advance(0);
  assertEquals(lists, names.map((name) => [name]));
  for (const channel of two.driver.joined) {
    assert(/^sansocket:[ti]:[\w%-]+$/.test(channel), channel);
  }
  assertEquals(two.driver.joined.size, names.length + 1);
  await stop(processes);
});

test("a prefix separates applications", async () => {
  const bus = new MemoryBus();
  const make = (prefix: string) => createTopics({ backplane: bus.driver(), prefix });
  const [one, two] = [make("one:"), make("two:")];
  const heard: unknown[] = [];
  await two.subscribe("a", (data) => void heard.push(data));
  one.publish("a", "x");
  await one.flush();
  await two.flush();
  assertEquals(heard, []);
  await one.close();
  await two.close();
});

test("a hole is told with its count before the message behind it, and a late one is dropped", async () => {
  const { bus, processes } = await start(2);
  const [one, two] = processes as [Process, Process];
  const heard = await hear(two, "a");
  bus.held = true;
  for (const text of "abcdef") one.topics.publish("a", text);
  await one.topics.flush();
  bus.deliver(); // a
  bus.drop(); // b
  bus.drop(); // c
  bus.deliver(1); // e before d
  assertEquals(two.gaps, [["a", 3]]);
  bus.deliver(0, true); // d, late
  bus.deliver(1, true); // f
  bus.deliver(1, true); // f again
  assertEquals(heard, ["a", "e", "f"]);
  assertEquals(two.gaps, [["a", 3]]);
  const { missed, repeated } = two.topics.stats().backplane!;
  assertEquals([missed, repeated], [3, 2]);
  await stop(processes);
});

test("the loss of a last message shows within two seconds, and once", async () => {
  const { bus, clock, processes } = await start(2);
  const [one, two] = processes as [Process, Process];
  const heard = await hear(two, "a");
  one.topics.publish("a", "first");
  await clock.advance(0);
  bus.held = true;
  one.topics.publish("a", "lost");
  await one.topics.flush();
  bus.drop();
  bus.held = false;
  assertEquals(two.gaps, []);
  await clock.advance(1_500);
  assertEquals(two.gaps, [["a", 1]]);
  const { published } = one.driver;
  await clock.advance(9_000);
  assertEquals(one.driver.published, published);
  one.topics.publish("a", "next");
  await clock.advance(0);
  assertEquals(heard, ["first", "next"]);
  assertEquals(two.gaps, [["a", 1]]);
  await stop(processes);
});

test("a number is not repeated where the broker knows that no other process heard it", async () => {
  const { clock, processes } = await start(1);
  const [one] = processes as [Process];
  await hear(one, "a");
  one.topics.publish("a", "x");
  one.topics.publish("b", "x");
  await clock.advance(5_000);
  assertEquals(one.driver.published, 2);
  await stop(processes);
  const blind = await start(1, {}, { counts: false });
  blind.processes[0]!.topics.publish("a", "x");
  await blind.clock.advance(5_000);
  assertEquals(blind.processes[0]!.driver.published, 2);
  await stop(blind.processes);
});

test("numbers are repeated at most 1,000 times a second", async () => {
  const { clock, processes } = await start(1, {}, { counts: false });
  const [one] = processes as [Process];
  for (let i = 0; i < 3_000; i++) one.topics.publish(`${i}`, "x");
  await clock.advance(1_000);
  let before = one.driver.published;
  for (let second = 0; second < 3; second++) {
    await clock.advance(1_000);
    assert(one.driver.published - before <= 1_000, `${one.driver.published - before}`);
    before = one.driver.published;
  }
  await clock.advance(1_000);
  assertEquals(one.driver.published, 6_000);
  await stop(processes);
});

test("a counter that is made anew is counted exactly by those that heard it before", async () => {
  const { bus, clock, processes } = await start(2);
  const [one, two] = processes as [Process, Process];
  const heard = await hear(two, "a");
  one.topics.publish("a", "old");
  await clock.advance(65_000);
  bus.held = true;
  one.topics.publish("a", "lost");
  one.topics.publish("a", "new");
  await one.topics.flush();
  bus.drop();
  bus.held = false;
  bus.deliver();
  assertEquals(heard, ["old", "new"]);
  assertEquals(two.gaps, [["a", 1]]);
  await stop(processes);
});

test("what went before the first message of a publisher is not counted", async () => {
  const { clock, processes } = await start(2);
  const [one, two] = processes as [Process, Process];
  for (let i = 0; i < 5; i++) one.topics.publish("a", "before");
  await clock.advance(0);
  const heard = await hear(two, "a");
  one.topics.publish("a", "x");
  await clock.advance(0);
  assertEquals([heard, two.gaps], [["x"], []]);
  await stop(processes);
});

test("an outage degrades to this process, is told, and its losses are counted", async () => {
  const { bus, clock, processes } = await start(2);
  const [one, two] = processes as [Process, Process];
  const [here, there] = [await hear(one, "a"), await hear(two, "a")];
  one.topics.publish("a", "1");
  await clock.advance(0);
  bus.outage();
  assertEquals([one.states, two.states], [["up", "down"], ["up", "down"]]);
  assertEquals(one.topics.publish("a", "2"), { delivered: 1, queued: 0, dropped: 0 });
  assertEquals(one.topics.publish("a", "3").delivered, 1);
  assertEquals(await one.topics.subscribe("b", () => {}), { joined: false });
  const error = await assertRejects(() => one.topics.flush(), FlushError, "2 messages");
  assertEquals((error as FlushError).count, 2);
  await one.topics.flush();
  bus.recover();
  await clock.advance(0);
  assert(one.driver.joined.has("sansocket:t:b"));
  one.topics.publish("a", "4");
  await clock.advance(0);
  assertEquals([here, there], [["1", "2", "3", "4"], ["1", "4"]]);
  assertEquals(two.gaps, [["a", 2]]);
  assertEquals(one.topics.stats().backplane?.notTaken, 2);
  assertEquals(one.states, ["up", "down", "up"]);
  await stop(processes);
});

test("hold keeps what is published in an outage up to 1 MiB, and counts the rest", async () => {
  const { bus, clock, processes } = await start(2, { outage: "hold" });
  const [one, two] = processes as [Process, Process];
  const heard = await hear(two, "a");
  one.topics.publish("a", "0");
  await clock.advance(0);
  bus.outage();
  for (let i = 1; i <= 30; i++) one.topics.publish("a", new Uint8Array(40_000).fill(i));
  const { waiting, notTaken } = one.topics.stats().backplane!;
  assertEquals([waiting, notTaken], [26, 4]);
  await assertRejects(() => one.topics.flush(), FlushError, "30 messages");
  bus.recover();
  const flushed = one.topics.flush();
  await clock.advance(2_000);
  await flushed;
  assertEquals(heard.length, 27);
  assertEquals(heard.slice(1).map((data) => (data as Uint8Array)[0]), [
    ...Array.from({ length: 26 }, (_, i) => i + 1),
  ]);
  assertEquals(two.gaps, [["a", 4]]);
  await stop(processes);
});

test("what a slow broker has not taken is bounded, and flush() waits for it", async () => {
  const { bus, processes } = await start(1);
  const [one] = processes as [Process];
  bus.slow = true;
  for (let i = 0; i < 30; i++) one.topics.publish("a", new Uint8Array(40_000));
  const { waiting, notTaken } = one.topics.stats().backplane!;
  assertEquals([waiting, notTaken], [26, 4]);
  let flushed = false;
  const flushing = one.topics.flush().catch((error) => error).then((error) => {
    flushed = true;
    return error;
  });
  bus.take(25);
  await Promise.resolve();
  assertEquals(flushed, false);
  one.topics.publish("a", "behind it");
  bus.take(1);
  assertEquals((await flushing as FlushError).count, 4);
  assertEquals(one.topics.stats().backplane?.waiting, 1);
  bus.take();
  await one.topics.flush();
  await stop(processes);
});

test("with hold, what was under way in an outage is sent again, and arrives once", async () => {
  const { bus, clock, processes } = await start(2, { outage: "hold" });
  const [one, two] = processes as [Process, Process];
  const heard = await hear(two, "a");
  bus.slow = true;
  for (const text of "abc") one.topics.publish("a", text);
  bus.take(1);
  await clock.advance(0);
  bus.outage();
  bus.slow = false;
  bus.recover();
  const flushed = one.topics.flush();
  await clock.advance(1_000);
  await flushed;
  await clock.advance(0);
  assertEquals(heard, ["a", "b", "c"]);
  assertEquals(two.gaps, []);
  await stop(processes);
});

test("with hold and order: broker, what was under way counts as not taken", async () => {
  const { bus, clock, processes } = await start(2, { outage: "hold", order: "broker" });
  const [one, two] = processes as [Process, Process];
  const heard = await hear(two, "a");
  one.topics.publish("a", "first");
  await clock.advance(0);
  bus.slow = true;
  one.topics.publish("a", "under way");
  bus.outage();
  bus.slow = false;
  one.topics.publish("a", "held");
  assertEquals(one.topics.stats().backplane?.notTaken, 1);
  bus.recover();
  await clock.advance(1_000);
  assertEquals(heard, ["first", "held"]);
  assertEquals(two.gaps, [["a", 1]]);
  await stop(processes);
});

test("what the broker refuses is reported once, counted, and told as a gap", async () => {
  const { clock, processes } = await start(2);
  const [one, two] = processes as [Process, Process];
  await hear(two, "a");
  one.topics.publish("a", "1");
  await clock.advance(0);
  one.driver.refusesPublish = new Error("NOPERM");
  for (let i = 0; i < 3; i++) one.topics.publish("a", "refused");
  const error = await assertRejects(() => one.topics.flush(), FlushError, "3 messages");
  assertEquals((error as FlushError).cause, one.driver.refusesPublish);
  assertEquals(one.errors, [one.driver.refusesPublish]);
  one.driver.refusesPublish = undefined;
  await clock.advance(2_000);
  assertEquals(two.gaps, [["a", 3]]);
  await stop(processes);
});

test("joining and leaving never overtake each other, and leaving lingers 2 s", async () => {
  const { clock, processes } = await start(1);
  const [{ topics, driver }] = processes as [Process];
  driver.calls.length = 0;
  let release = (): void => {};
  driver.joining = new Promise<void>((resolve) => release = resolve);
  const listener = (): void => {};
  const first = topics.subscribe("a", listener);
  await Promise.resolve();
  topics.unsubscribe("a", listener);
  assertEquals(await first, { joined: false });
  await clock.advance(3_000);
  assertEquals(driver.calls.length, 1);
  release();
  await clock.advance(0);
  const channel = "sansocket:t:a";
  assertEquals(driver.calls, [["join", [channel]], ["leave", [channel]]]);
  for (let i = 0; i < 5; i++) {
    assertEquals(await topics.subscribe("a", listener), { joined: true });
    topics.unsubscribe("a", listener);
    await clock.advance(1_900);
  }
  assertEquals(driver.calls.length, 3);
  assert(driver.joined.has(channel));
  await clock.advance(200);
  assertEquals(driver.calls.length, 4);
  assert(!driver.joined.has(channel));
  await stop(processes);
});

test("what is done before the broker is there the first time waits for it", async () => {
  for (const outage of ["drop", "hold"] as const) {
    const { bus, clock, processes } = await start(1);
    const heard = await hear(processes[0]!, "a");
    const states: string[] = [];
    const topics = createTopics({
      backplane: bus.driver({ clock: clock.source }),
      onState: ({ state }) => void states.push(state),
      outage,
    });
    for (let i = 0; i < 3; i++) topics.publish("a", `${i}`);
    const subscribed = topics.subscribe("b", () => {});
    assertEquals(states, []);
    await topics.flush();
    assertEquals(await subscribed, { joined: true });
    topics.publish("a", "3");
    await topics.flush();
    await clock.advance(0);
    assertEquals(heard, ["0", "1", "2", "3"]);
    assertEquals(states, ["up"]);
    assertEquals(topics.stats().backplane?.notTaken, 0);
    await topics.close();
    await stop(processes);
  }
});

test("a broker that says nothing at the start is away after 5 s, and what waited is told", async () => {
  for (const says of ["nothing", "that it is away"]) {
    const bus = new MemoryBus();
    bus.up = false;
    const clock = createClock();
    const states: [string, string][] = [];
    const driver = bus.driver({ clock: clock.source });
    const start = driver.start.bind(driver);
    driver.start = (sink) => {
      start(sink);
      if (says !== "nothing") sink.down(new Error("Not connected: call connect()"));
    };
    const topics = createTopics({
      backplane: driver,
      onState: ({ state, reason }) => void states.push([state, String(reason)]),
    });
    for (let i = 0; i < 3; i++) topics.publish("a", `${i}`);
    const subscribed = topics.subscribe("b", () => {});
    const flushed = topics.flush();
    await clock.advance(4_999);
    assertEquals([states, topics.stats().backplane?.state], [[], "starting"]);
    await clock.advance(1);
    assertEquals(await subscribed, { joined: false });
    assertEquals((await assertRejects(() => flushed, FlushError)).count, 3);
    const reason = says === "nothing"
      ? "Error: memory has not answered for 5000 ms"
      : "Error: Not connected: call connect()";
    assertEquals(states, [["down", reason]]);
    bus.recover();
    assertEquals(await topics.subscribe("b", () => {}), { joined: true });
    assertEquals(states, [["down", reason], ["up", "undefined"]]);
    assertEquals(topics.stats().backplane?.notTaken, 3);
    await topics.close();
    assertEquals([states.length, topics.stats().backplane?.state], [2, "closed"]);
  }
});

test("a second reason why the broker is away goes to error", async () => {
  const { bus, processes } = await start(1);
  const [one] = processes as [Process];
  bus.outage(new Error("lost"));
  const given = new Error("given up");
  one.driver.sink?.down(given);
  assertEquals([one.states, one.errors], [["up", "down"], [given]]);
  await stop(processes);
});

test("subscribe() never hangs: a broker that does not answer is joined: false", async () => {
  const { clock, processes } = await start(1);
  const [{ topics, driver }] = processes as [Process];
  driver.joining = new Promise(() => {});
  const subscribed = topics.subscribe("a", () => {});
  await clock.advance(5_000);
  assertEquals(await subscribed, { joined: false });
  await stop(processes);
});

test("a refused subscription is reported and tried again", async () => {
  const { clock, processes } = await start(1);
  const [{ topics, driver, errors }] = processes as [Process];
  driver.refusesJoin = new Error("NOPERM");
  assertEquals(await topics.subscribe("a", () => {}), { joined: false });
  assertEquals(errors, [driver.refusesJoin]);
  driver.refusesJoin = undefined;
  await clock.advance(1_000);
  assert(driver.joined.has("sansocket:t:a"));
  await stop(processes);
});

test("all that subscribes in one turn is one list for the driver", async () => {
  const { processes } = await start(1);
  const [{ topics, driver }] = processes as [Process];
  driver.calls.length = 0;
  const joined = await Promise.all(
    Array.from({ length: 1_000 }, (_, i) => topics.subscribe(`${i}`, () => {})),
  );
  assert(joined.every(({ joined }) => joined));
  assertEquals(driver.calls.length, 1);
  await stop(processes);
});

test("a broker that answers and delivers nothing is found within 60 s, and is back when it delivers", async () => {
  for (const restarts of [true, false]) {
    const { clock, processes } = await start(1, {}, { restarts });
    const [{ driver, states, topics }] = processes as [Process];
    await clock.advance(120_000);
    assertEquals(states, ["up"]);
    driver.deaf = true;
    await clock.advance(59_000);
    assertEquals(states, restarts ? ["up", "down", "up"] : ["up", "down"]);
    driver.deaf = false;
    await clock.advance(20_000);
    assertEquals(states, ["up", "down", "up"]);
    assertEquals(topics.stats().backplane?.state, "up");
    await stop(processes);
  }
});

test("order: broker delivers what comes back, the same everywhere, and leaves out the publisher", async () => {
  const { bus, clock, processes } = await start(2, { order: { broker: ["auction:"] } });
  const [one, two] = processes as [Process, Process];
  const topic = "auction:1";
  await using hall = await openHall({ topics: one.topics });
  const anna = await hall.enter(topic);
  const [here, there] = [await hear(one, topic), await hear(two, topic)];
  const none = { delivered: 0, queued: 0, dropped: 0, deferred: true };
  bus.held = true;
  assertEquals(two.topics.publish(topic, "two"), none);
  assertEquals(one.topics.publish(topic, "one"), none);
  assertEquals(anna.server.publish(topic, "anna"), none);
  assertEquals(one.topics.publish("free", "x"), { delivered: 0, queued: 0, dropped: 0 });
  await clock.advance(0);
  assertEquals([here, there], [[], []]);
  while (bus.pending.length > 0) bus.deliver();
  assertEquals([here, there], [["two", "one", "anna"], ["two", "one", "anna"]]);
  assertEquals(await take(anna.client, 2), ["two", "one"]);
  bus.held = false;
  bus.outage();
  assertEquals(one.topics.publish(topic, "away"), none);
  assertEquals(here.length, 3);
  bus.recover();
  await clock.advance(0);
  one.topics.publish(topic, "back");
  await clock.advance(0);
  assertEquals(await anna.client.receive(), "back");
  assertEquals([one.gaps, two.gaps], [[[topic, 1]], [[topic, 1]]]);
  await stop(processes);
});

test("order: broker is refused where the driver has none, and a driver has one owner", () => {
  const bus = new MemoryBus();
  const backplane = bus.driver({ ordered: false });
  assertThrows(() => createTopics({ backplane, order: "broker" }), TypeError, "got memory");
  const topics = createTopics({ backplane });
  assertThrows(() => createTopics({ backplane }), TypeError, "in use");
  return topics.close();
});

test("what is no message of this library is dropped and counted, another version told once", async () => {
  const { clock, processes } = await start(2);
  const [one, two] = processes as [Process, Process];
  const heard = await hear(two, "a");
  const send = (...octets: number[]) => one.driver.publish("sansocket:t:a", new Uint8Array(octets));
  await send();
  await send(0);
  await send(1, 0, 1, 2, 3);
  for (let i = 0; i < 3; i++) await send(2, 1, 2, 3);
  await send(9);
  await clock.advance(0);
  assertEquals(heard, []);
  assertEquals(two.topics.stats().backplane?.malformed, 7);
  assertEquals(two.errors.map(String).join().match(/version \d+:/g), ["version 2:", "version 9:"]);
  await stop(processes);
});

test("a message that the broker cannot take is refused before it is delivered", async () => {
  const { processes } = await start(1, {}, { maxSize: 1_000 });
  const [{ topics }] = processes as [Process];
  const heard: unknown[] = [];
  await topics.subscribe("a", (data) => void heard.push(data));
  assertThrows(() => topics.publish("a", "x".repeat(800)), RangeError, "at most 724 octets");
  assertEquals(heard, []);
  assertEquals(topics.publish("a", "x".repeat(724)).delivered, 1);
  await stop(processes);
});

test("topics.close() waits for the broker up to its timeout, and counts what it has not taken", async () => {
  const { bus, clock, processes } = await start(1);
  const [{ topics }] = processes as [Process];
  bus.slow = true;
  topics.publish("a", "x");
  let closed = false;
  const closing = topics.close({ timeout: 3_000 }).then(() => closed = true);
  await clock.advance(2_999);
  assertEquals(closed, false);
  await clock.advance(1);
  await closing;
  assertEquals(topics.stats().backplane?.notTaken, 1);
  assertEquals(bus.drivers.size, 0);
  assertEquals(clock.pending, []);
});
