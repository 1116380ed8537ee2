// Processes with topics over a broker in memory and a store of presence in memory, by one clock.

import { assertEquals } from "@std/assert";
import { createTopics, type PresenceEvent, type Topics } from "@sansocket/ws";
import { createClock, type TestClock } from "@sansocket/ws/testing";
import type { Clock } from "../../src/util/clock.ts";
import { type MemoryBackplane, MemoryBus } from "../support/memory_backplane.ts";
import { MemoryPresence } from "../support/memory_presence.ts";
import { type Hall, openHall } from "./support.ts";

/** A process. */
export interface Process {
  readonly topics: Topics;
  readonly driver: MemoryBackplane;
  readonly hall: Hall;
}

/** Processes, and what joins them. */
export interface World {
  readonly bus: MemoryBus;
  readonly clock: TestClock;
  readonly store: MemoryPresence;
  readonly processes: Process[];
}

/** Starts so many processes; each may have a clock of its own. */
export async function start(
  count: number,
  clockOf: (clock: Clock, process: number) => Clock = (clock) => clock,
): Promise<World> {
  const bus = new MemoryBus();
  const clock = createClock();
  const store = new MemoryPresence(clock.source);
  const processes: Process[] = [];
  for (let i = 0; i < count; i++) {
    const driver = bus.driver({ clock: clockOf(clock.source, i), presence: store });
    const topics = createTopics({ backplane: driver, error: () => {} });
    processes.push({ topics, driver, hall: await openHall({ topics }) });
  }
  await clock.advance(0);
  return { bus, clock, store, processes };
}

/** Watches a topic; what it was told grows. */
export function watch({ topics }: Process, topic: string): PresenceEvent[] {
  const seen: PresenceEvent[] = [];
  void (async () => {
    for await (const event of topics.presence(topic)) seen.push(event);
  })();
  return seen;
}

/** Ends all of it. Nothing waits afterwards. */
export async function stop({ clock, processes }: World): Promise<void> {
  for (const { hall, topics } of processes) {
    await hall[Symbol.asyncDispose]();
    await topics.close({ timeout: 1 });
  }
  assertEquals(clock.pending, []);
}
