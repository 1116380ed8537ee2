// Who is present, over a broker in memory with a store in memory.

import { assertEquals, assertThrows } from "@std/assert";
import { createTopics, type PresenceEvent, type Topics } from "@sansocket/ws";
import { createClock, type TestClock } from "@sansocket/ws/testing";
import { test } from "../support/test.ts";
import { type MemoryBackplane, MemoryBus } from "../support/memory_backplane.ts";
import { MemoryPresence } from "../support/memory_presence.ts";
import { type Hall, openHall } from "./support.ts";

interface Process {
  readonly topics: Topics;
  readonly driver: MemoryBackplane;
  readonly hall: Hall;
}

interface World {
  readonly bus: MemoryBus;
  readonly clock: TestClock;
  readonly store: MemoryPresence;
  readonly processes: Process[];
}

async function start(count: number): Promise<World> {
  const bus = new MemoryBus();
  const clock = createClock();
  const store = new MemoryPresence(clock.source);
  const processes: Process[] = [];
  for (let i = 0; i < count; i++) {
    const driver = bus.driver({ clock: clock.source, presence: store });
    const topics = createTopics({ backplane: driver, error: () => {} });
    processes.push({ topics, driver, hall: await openHall({ topics }) });
  }
  await clock.advance(0);
  return { bus, clock, store, processes };
}

function watch({ topics }: Process, topic: string): PresenceEvent[] {
  const seen: PresenceEvent[] = [];
  void (async () => {
    for await (const event of topics.presence(topic)) seen.push(event);
  })();
  return seen;
}

async function stop({ clock, processes }: World): Promise<void> {
  for (const { hall, topics } of processes) {
    await hall[Symbol.asyncDispose]();
    await topics.close({ timeout: 1 });
  }
  assertEquals(clock.pending, []);
}

test("a member of another process joins, is updated, and leaves 15 s after its last connection", async () => {
  const world = await start(2);
  const [one, two] = world.processes as [Process, Process];
  const seen = watch(two, "a");
  await world.clock.advance(0);
  const { server } = await one.hall.enter();
  await server.subscribe("a", { presence: { key: "anna", info: 1 } });
  await world.clock.advance(100);
  await server.subscribe("a", { presence: { key: "anna", info: 2 } });
  await world.clock.advance(100);
  assertEquals(await two.topics.presence("a").list(), [{ key: "anna", info: 2 }]);
  assertEquals(await one.topics.presence("a").count(), 1);
  const again = await two.hall.enter();
  await again.server.subscribe("a", { presence: { key: "anna", info: 2 } });
  server.unsubscribe("a");
  await world.clock.advance(20_000);
  again.server.unsubscribe("a");
  await world.clock.advance(14_000);
  const expected: PresenceEvent[] = [
    { type: "snapshot", members: [] },
    { type: "join", key: "anna", info: 1 },
    { type: "update", key: "anna", info: 2 },
  ];
  assertEquals(seen, expected);
  await world.clock.advance(2_000);
  assertEquals(seen, [...expected, { type: "leave", key: "anna" }]);
  await stop(world);
});

test("members come back after an outage in which the store has lost its data, and no one is told", async () => {
  const world = await start(2);
  const [one, two] = world.processes as [Process, Process];
  const { server } = await one.hall.enter();
  await server.subscribe("a", { presence: { key: "anna" } });
  await world.clock.advance(100);
  world.bus.outage();
  world.store.clear();
  world.bus.recover();
  await world.clock.advance(100);
  assertEquals(await two.topics.presence("a").list(), [{ key: "anna", info: null }]);
  await stop(world);
});

test("the members of a process that was killed leave within 40 s", async () => {
  const world = await start(2);
  const [one, two] = world.processes as [Process, Process];
  const { server } = await one.hall.enter();
  await server.subscribe("a", { presence: { key: "anna" } });
  await world.clock.advance(100);
  const seen = watch(two, "a");
  await world.clock.advance(100);
  one.driver.lose(new Error("killed"));
  await world.clock.advance(40_000);
  assertEquals(seen, [
    { type: "snapshot", members: [{ key: "anna", info: null }] },
    { type: "leave", key: "anna" },
  ]);
  await stop(world);
});

test("a backplane that keeps no presence refuses it by name", async () => {
  const topics = createTopics({ backplane: new MemoryBus().driver() });
  assertThrows(() => topics.presence("a"), TypeError, "got memory");
  await topics.close({ timeout: 1 });
});
