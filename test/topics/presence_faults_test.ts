// Presence where things go wrong or happen at once, over a broker and a store in memory.

import { assertEquals, assertThrows } from "@std/assert";
import { createTopics, type PresenceEvent, type WebSocketConnection } from "@sansocket/ws";
import { createClock } from "@sansocket/ws/testing";
import { clockWithOrigin } from "../support/origin_clock.ts";
import type { MemoryBus } from "../support/memory_backplane.ts";
import { test } from "../support/test.ts";
import { type Process, start, stop, watch, type World } from "./presence_support.ts";
import { openHall } from "./support.ts";

const EMPTY: PresenceEvent = { type: "snapshot", members: [] };
const ANNA: PresenceEvent = { type: "snapshot", members: [{ key: "anna", info: null }] };
const JOIN: PresenceEvent = { type: "join", key: "anna", info: null };
const LEAVE: PresenceEvent = { type: "leave", key: "anna" };

/** A new connection to a process, present on the topic "a". */
async function enter(
  { hall }: Process,
  key = "anna",
  info?: unknown,
): Promise<WebSocketConnection> {
  const { server } = await hall.enter();
  await server.subscribe("a", { presence: { key, info } });
  return server;
}

/** All orders of so many. */
function orders(count: number): number[][] {
  if (count === 0) return [[]];
  return orders(count - 1).flatMap((order) =>
    Array.from({ length: count }, (_, at) => [...order.slice(0, at), count - 1, ...order.slice(at)])
  );
}

/** Delivers what is pending for other processes in an order, then the rest. */
function deliver(bus: MemoryBus, order: readonly number[]): void {
  const pending = bus.pending.filter(({ from, to }) => from !== to);
  if (order.length > 0) assertEquals(pending.length, order.length);
  for (const at of order) bus.deliver(bus.pending.indexOf(pending[at]!));
  while (bus.pending.length > 0) bus.deliver();
}

test("two processes that claim one key are one join and one leave, in each order of delivery", async () => {
  const world = await start(3);
  const { bus, clock, processes } = world;
  const seen = processes.map((process) => watch(process, "a"));
  await clock.advance(0);
  bus.held = true;
  const [one, two] = processes as [Process, Process];
  const expected: PresenceEvent[] = [EMPTY];
  const ends = [(await one.hall.enter()).server, (await two.hall.enter()).server];
  for (const order of orders(4)) {
    for (const ws of ends) void ws.subscribe("a", { presence: { key: "anna" } });
    await clock.advance(60);
    deliver(bus, order);
    await clock.advance(2_000);
    deliver(bus, []);
    expected.push(JOIN);
    for (const ws of ends) ws.unsubscribe("a");
    await clock.advance(14_900);
    deliver(bus, []);
    await clock.advance(200);
    deliver(bus, [...order].reverse());
    await clock.advance(2_000);
    deliver(bus, []);
    expected.push(LEAVE);
    for (const events of seen) assertEquals(events, expected);
  }
  await stop(world);
});

test("a client that comes back to another process within 15 s is no news", async () => {
  const world = await start(3);
  const [one, two, three] = world.processes as [Process, Process, Process];
  const seen = [watch(one, "a"), watch(three, "a")];
  await world.clock.advance(0);
  const server = await enter(one);
  await world.clock.advance(100);
  server.terminate();
  await world.clock.advance(14_000);
  await enter(two);
  await world.clock.advance(60_000);
  for (const events of seen) assertEquals(events, [EMPTY, JOIN]);
  await stop(world);
});

test("a member leaves 15 s after its last connection, by the clock", async () => {
  const world = await start(2);
  const { clock, processes: [one, two] } = world as World & { processes: [Process, Process] };
  const seen = [watch(one, "a"), watch(two, "a")];
  await clock.advance(0);
  const first = await enter(one);
  const second = await enter(one);
  await clock.advance(100);
  first.terminate();
  await clock.advance(20_000);
  second.unsubscribe("a");
  await clock.advance(14_999);
  assertEquals(seen.map(({ length }) => length), [2, 2]);
  await clock.advance(1);
  for (const events of seen) assertEquals(events, [EMPTY, JOIN, LEAVE]);
  await stop(world);
});

test("the members of a process that was killed leave 30 to 40 s after it has renewed its lease", async () => {
  for (const late of [0, 3_000, 9_000]) {
    const world = await start(2);
    const { clock, processes: [one, two] } = world as World & { processes: [Process, Process] };
    await enter(one);
    await clock.advance(late);
    const seen = watch(two, "a");
    await clock.advance(10_000 - late);
    one.driver.lose(new Error("killed"));
    await clock.advance(29_000);
    assertEquals(seen, [ANNA]);
    // The looks of the other process began when it began to watch.
    await clock.advance(1_000 + late);
    assertEquals(seen, [ANNA, LEAVE]);
    assertEquals(await two.topics.presence("a").list(), []);
    await stop(world);
  }
});

test("a process that is frozen for 40 s leaves, and joins again when it goes on", async () => {
  const frozen = createClock();
  const world = await start(2, (clock, process) => process === 0 ? frozen.source : clock);
  const { clock, store, processes: [one, two] } = world as World & {
    processes: [Process, Process];
  };
  const advance = async (milliseconds: number): Promise<void> => {
    for (let time = 0; time < milliseconds; time += 1_000) {
      await frozen.advance(1_000);
      await clock.advance(1_000);
    }
  };
  const own = watch(one, "a");
  const seen = watch(two, "a");
  await advance(1_000);
  await enter(one);
  await advance(2_000);
  assertEquals(seen, [EMPTY, JOIN]);
  await clock.advance(40_000);
  assertEquals(seen, [EMPTY, JOIN, LEAVE]);
  assertEquals(store.leases.size, 1);
  await advance(11_000);
  assertEquals(seen, [EMPTY, JOIN, LEAVE, JOIN]);
  assertEquals(own, [EMPTY, JOIN]);
  await stop(world);
  assertEquals(frozen.pending, []);
});

test("an outage that keeps the data is no news, and what has changed meanwhile follows", async () => {
  const world = await start(2);
  const { bus, clock, processes: [one, two] } = world as World & { processes: [Process, Process] };
  const seen = watch(two, "a");
  await enter(one);
  await clock.advance(1_000);
  bus.outage();
  await clock.advance(10_000);
  await enter(one, "berta");
  await enter(two, "carla");
  await clock.advance(5_000);
  const own: PresenceEvent = { type: "join", key: "carla", info: null };
  assertEquals(seen, [EMPTY, JOIN, own]);
  bus.recover();
  await clock.advance(1_000);
  assertEquals(seen, [EMPTY, JOIN, own, { type: "join", key: "berta", info: null }]);
  await stop(world);
});

test("after an outage that loses the data all processes write their members again", async () => {
  const world = await start(3);
  const { bus, clock, store, processes } = world;
  const seen = watch(processes[2]!, "a");
  await enter(processes[0]!, "anna");
  await enter(processes[1]!, "berta");
  await clock.advance(1_000);
  bus.outage();
  store.clear();
  await clock.advance(40_000);
  bus.recover();
  await clock.advance(2_000);
  const members = new Set<string>();
  for (const event of seen) {
    if (event.type === "join") members.add(event.key);
    if (event.type === "leave") members.delete(event.key);
  }
  assertEquals([...members].sort(), ["anna", "berta"]);
  for (const { topics } of processes) assertEquals(await topics.presence("a").count(), 2);
  // One that is back before the others finds no member, until they are.
  seen.length = 0;
  bus.outage();
  store.clear();
  bus.up = true;
  bus.recover(processes[2]!.driver);
  await clock.advance(500);
  assertEquals(seen.map(({ type }) => type), ["leave", "leave"]);
  bus.recover();
  await clock.advance(2_000);
  assertEquals(seen.slice(2).map(({ type }) => type), ["join", "join"]);
  await stop(world);
});

test("a store that has lost its data without an outage has it again within 10 s", async () => {
  const world = await start(2);
  const { clock, store, processes: [one, two] } = world as World & {
    processes: [Process, Process];
  };
  await enter(one);
  await clock.advance(1_000);
  store.clear();
  await clock.advance(10_000);
  assertEquals(await two.topics.presence("a").list(), [{ key: "anna", info: null }]);
  await stop(world);
});

test("an iteration that begins in the middle of changes misses none", async () => {
  const world = await start(2);
  const { clock, store, processes: [one, two] } = world as World & {
    processes: [Process, Process];
  };
  const leaving = await enter(one);
  await clock.advance(100);
  leaving.unsubscribe("a");
  await clock.advance(14_950);
  let answer = (): void => {};
  store.reading = new Promise<void>((resolve) => answer = resolve);
  const seen = watch(two, "a");
  // The store has answered with anna, and the answer is under way while she leaves.
  await clock.advance(10);
  await enter(one, "berta", 1);
  await clock.advance(200);
  assertEquals(seen, []);
  answer();
  await clock.advance(0);
  assertEquals(seen, [{ type: "snapshot", members: [{ key: "berta", info: 1 }] }]);
  await stop(world);
});

test("an announcement that is lost is made good when its number is repeated", async () => {
  const world = await start(2);
  const { bus, clock, processes: [one, two] } = world as World & { processes: [Process, Process] };
  const seen = watch(two, "a");
  await clock.advance(0);
  bus.held = true;
  await enter(one);
  await clock.advance(100);
  assertEquals(bus.pending.length, 1);
  bus.drop();
  bus.held = false;
  await clock.advance(3_000);
  assertEquals(seen, [EMPTY, JOIN]);
  await stop(world);
});

test("an iteration whose consumer is behind gets a new snapshot in place of its events", async () => {
  const world = await start(1);
  const [one] = world.processes as [Process];
  const iterator = one.topics.presence("a")[Symbol.asyncIterator]();
  assertEquals(await iterator.next(), { done: false, value: EMPTY });
  const server = await enter(one, "anna", 0);
  const update = (info: unknown): void =>
    void server.subscribe("a", { presence: { key: "anna", info } });
  for (let info = 1; info < 10_000; info++) update(info);
  // 10,000 events wait, and are given.
  assertEquals((await iterator.next()).value, { type: "join", key: "anna", info: 0 });
  assertEquals((await iterator.next()).value, { type: "update", key: "anna", info: 1 });
  for (let info = 10_000; info < 10_003; info++) update(info);
  const members = [{ key: "anna", info: 10_002 }];
  assertEquals((await iterator.next()).value, { type: "snapshot", members });
  // By their size, too.
  for (let i = 0; i < 300; i++) update(`${i}`.padEnd(4_000, "a"));
  assertEquals((await iterator.next()).value?.type, "snapshot");
  await iterator.return!();
  await stop(world);
});

test("an iteration ends by break, return() and topics.close(), and calls of next() that wait, too", async () => {
  const world = await start(2);
  const [one, two] = world.processes as [Process, Process];
  for await (const event of one.topics.presence("a")) {
    assertEquals(event, EMPTY);
    break;
  }
  const iterator = one.topics.presence("a")[Symbol.asyncIterator]();
  await iterator.next();
  const waiting = iterator.next();
  assertEquals(await iterator.return!(), { done: true, value: undefined });
  assertEquals(await waiting, { done: true, value: undefined });
  assertEquals(await iterator.next(), { done: true, value: undefined });
  // Nothing is watched any more, after the 2 s for which a channel stays.
  await world.clock.advance(2_100);
  assertEquals([...one.driver.joined].filter((name) => name.includes("p:")), []);
  const ended = (async () => {
    const seen: PresenceEvent[] = [];
    for await (const event of two.topics.presence("a")) seen.push(event);
    return seen;
  })();
  await world.clock.advance(0);
  const closing = two.topics.close();
  assertEquals(await ended, [EMPTY]);
  await closing;
  assertThrows(() => two.topics.presence("a"), Error, "closed");
  await stop(world);
});

test("when topics are closed their members leave within 15 s and a look, unless others have them", async () => {
  const world = await start(2);
  const { clock, processes: [one, two] } = world as World & { processes: [Process, Process] };
  await enter(one);
  await enter(one, "berta");
  await enter(two, "berta");
  await clock.advance(100);
  const seen = watch(two, "a");
  await clock.advance(0);
  await one.topics.close({ timeout: 1 });
  await clock.advance(14_000);
  assertEquals(seen.length, 1);
  await clock.advance(11_000);
  assertEquals(seen.slice(1), [LEAVE]);
  await stop(world);
});

test("keys and infos of all kinds are the same in another process, or are refused", async () => {
  const world = await start(2);
  const [one, two] = world.processes as [Process, Process];
  const { server } = await one.hall.enter();
  const present = (key: unknown, info?: unknown): void =>
    void server.subscribe("a", { presence: { key: key as string, info } });
  const infos: unknown[] = [null, 0, "", "\ud800", "\u2028\u0000", [], [1, [2]], {
    a: { b: null },
  }];
  infos.push({ ["__proto__"]: 1, lease: "x" }, true, "]", "a".repeat(4_094));
  const keys = [
    "a",
    "a".repeat(255),
    "\u{1f600}",
    "__proto__",
    "constructor",
    "\u0000",
    '"],[',
    "%",
  ];
  for (const key of keys) {
    for (const info of infos) {
      present(key, info);
      await world.clock.advance(100);
      const expected = [{ key, info: JSON.parse(JSON.stringify(info)) as unknown }];
      assertEquals(await one.topics.presence("a").list(), expected);
      const list = await two.topics.presence("a").list();
      assertEquals(list.filter((member) => member.key === key), expected);
    }
    server.unsubscribe("a");
    await world.clock.advance(15_200);
  }
  const cycle: unknown[] = [];
  cycle.push(cycle);
  for (const info of [cycle, () => 1, Symbol("a"), 1n, { toJSON: () => undefined }]) {
    assertThrows(() => present("a", info), TypeError, "the info of presence");
  }
  assertThrows(() => present("a", "a".repeat(4_095)), RangeError, "4096");
  assertThrows(() => present("a", "\u00e9".repeat(2_048)), RangeError, "4096");
  for (const key of ["", "a".repeat(256), "\u00e9".repeat(128)]) {
    assertThrows(() => present(key), RangeError, "key");
  }
  for (const key of [undefined, null, 1, "\ud800", {}]) {
    assertThrows(() => present(key), TypeError, "key");
  }
  // What was refused has not subscribed, either.
  assertEquals([...server.subscriptions], []);
  await stop(world);
});

test("processes whose clocks differ by a minute agree, and the latest word on a member counts", async () => {
  const world = await start(3, (clock, process) => clockWithOrigin(clock, process * 60_000));
  const { clock, processes } = world;
  const seen = processes.map((process) => watch(process, "a"));
  await clock.advance(0);
  const ends: WebSocketConnection[] = [];
  for (const process of processes) ends.push((await process.hall.enter()).server);
  const expected: PresenceEvent[] = [EMPTY];
  for (const [info, process] of [2, 1, 0, 1, 2, 0].entries()) {
    void ends[process]!.subscribe("a", { presence: { key: "anna", info } });
    await clock.advance(1_000);
    expected.push({ type: info === 0 ? "join" : "update", key: "anna", info });
    for (const events of seen) assertEquals(events, expected);
  }
  // A lease is by the clock of the store, and the 15 s by that of the process.
  for (const ws of ends) ws.unsubscribe("a");
  await clock.advance(14_000);
  assertEquals(seen[0]!.filter(({ type }) => type === "leave"), []);
  await clock.advance(1_200);
  for (const events of seen) assertEquals(events.at(-1), LEAVE);
  await stop(world);
});

test("while the store refuses, members are kept, and follow when it does not", async () => {
  const world = await start(2);
  const { clock, store, processes: [one, two] } = world as World & {
    processes: [Process, Process];
  };
  const seen = watch(two, "a");
  await clock.advance(0);
  store.refuses = new Error("Full");
  await enter(one);
  await clock.advance(20_000);
  assertEquals(seen, [EMPTY]);
  store.refuses = undefined;
  await clock.advance(2_000);
  assertEquals(seen, [EMPTY, JOIN]);
  await stop(world);
});

test("without a backplane members are those of this process, and close() ends what they wait for", async () => {
  const topics = createTopics();
  await using hall = await openHall({ topics });
  const seen: PresenceEvent[] = [];
  const ended = (async () => {
    for await (const event of topics.presence("a")) seen.push(event);
  })();
  const { server } = await hall.enter();
  const again = await hall.enter();
  await server.subscribe("a", { presence: { key: "anna" } });
  await again.server.subscribe("a", { presence: { key: "anna", info: 1 } });
  assertEquals(await topics.presence("a").list(), [{ key: "anna", info: 1 }]);
  // What the other connection has said counts again.
  again.server.unsubscribe("a");
  assertEquals(await topics.presence("a").list(), [{ key: "anna", info: null }]);
  server.unsubscribe("a");
  assertEquals(await topics.presence("a").count(), 1);
  await topics.close();
  await ended;
  const update = (info: unknown): PresenceEvent => ({ type: "update", key: "anna", info });
  assertEquals(seen, [EMPTY, JOIN, update(1), update(null)]);
});
