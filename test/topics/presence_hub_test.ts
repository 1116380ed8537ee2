// Who is present, over a broker in memory with a store in memory.

import { assertEquals, assertThrows } from "@std/assert";
import { createTopics, type PresenceEvent } from "@sansocket/ws";
import { test } from "../support/test.ts";
import { MemoryBus } from "../support/memory_backplane.ts";
import { type Process, start, stop, watch } from "./presence_support.ts";

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
