// Presence on two topics in three processes, over a broker in memory that loses, repeats, reorders and goes away, and a
// store that is slow, refuses, and forgets leases or everything: each octet of a sample is one step. The events of each
// watcher must follow from its snapshots, and in the end lead to who is present.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  createTopics,
  type PresenceEvent,
  type Topics,
  type WebSocketConnection,
} from "@sansocket/ws";
import { createClock, type TestClock } from "@sansocket/ws/testing";
import type { Bytes } from "../../../src/util/bytes.ts";
import { type MemoryBackplane, MemoryBus } from "../../support/memory_backplane.ts";
import { MemoryPresence } from "../../support/memory_presence.ts";
import { clockWithOrigin } from "../../support/origin_clock.ts";
import { type Hall, openHall } from "../../topics/support.ts";
import { samplesOf, type Target } from "../target.ts";

/** How the processes are set up. */
export interface PresenceFuzzOptions {
  /** Milliseconds between the clocks of two processes. */
  readonly skew: number;
  /** Whether the broker says how many have received a message. */
  readonly counts: boolean;
}

const TOPICS = ["a", "b"];
const KEYS = ["x", "y", "z"];
const PROCESSES = 3;
const CONNECTIONS = 2;

/** What one iteration tells: its events have to follow from each other. */
class Watcher {
  readonly members = new Map<string, unknown>();
  readonly #name: string;
  readonly #iterator: AsyncIterator<PresenceEvent>;
  #begun = false;
  /** Whether it takes no events for now. */
  stalled = false;
  #wake: (() => void) | undefined;
  readonly ended: Promise<void>;

  constructor(name: string, topics: Topics, topic: string) {
    this.#name = name;
    this.#iterator = topics.presence(topic)[Symbol.asyncIterator]();
    this.ended = this.#run();
    this.ended.catch(() => {});
  }

  toggle(): void {
    this.stalled = !this.stalled;
    if (!this.stalled) this.#wake?.();
  }

  stop(): void {
    void this.#iterator.return!();
    if (this.stalled) this.toggle();
  }

  async #run(): Promise<void> {
    while (true) {
      const { done, value } = await this.#iterator.next();
      if (done) return;
      this.#take(value);
      if (this.stalled) await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  #take(event: PresenceEvent): void {
    const what = `${this.#name}: ${JSON.stringify(event)}`;
    if (event.type === "snapshot") {
      this.#begun = true;
      this.members.clear();
      for (const { key, info } of event.members) {
        assert(!this.members.has(key), what);
        this.members.set(key, info);
      }
      return;
    }
    assert(this.#begun, what);
    assertEquals(this.members.has(event.key), event.type !== "join", what);
    if (event.type === "leave") this.members.delete(event.key);
    else {
      assert(event.type === "join" || this.members.get(event.key) !== event.info, what);
      this.members.set(event.key, event.info);
    }
  }
}

class Process {
  readonly name: number;
  readonly topics: Topics;
  readonly driver: MemoryBackplane;
  readonly watchers = new Map<string, Watcher>();
  /** Those that were stopped. */
  readonly ended: Promise<void>[] = [];
  /** By connection and topic: what it is present with. */
  readonly present = new Map<string, { topic: string; key: string; info: number }>();
  connections: WebSocketConnection[] = [];
  hall: Hall | undefined;
  alive = true;

  constructor(name: number, world: World, { skew, counts }: PresenceFuzzOptions) {
    this.name = name;
    const { bus, store } = world;
    const clock = clockWithOrigin(world.clock.source, name * skew);
    this.driver = bus.driver({ clock, counts, presence: store });
    // The store refuses when a step says so.
    this.topics = createTopics({ backplane: this.driver, error: () => {} });
  }

  async open(): Promise<void> {
    this.hall = await openHall({ topics: this.topics });
    for (let i = 0; i < CONNECTIONS; i++) {
      this.connections.push((await this.hall.enter()).server);
    }
  }

  enter(index: number, topic: string, key: string, info: number): void {
    this.present.set(`${index} ${topic}`, { topic, key, info });
    void this.connections[index]!.subscribe(topic, { presence: { key, info } });
  }

  leave(index: number, topic: string): void {
    this.present.delete(`${index} ${topic}`);
    this.connections[index]!.unsubscribe(topic);
  }

  watch(topic: string): void {
    const watcher = this.watchers.get(topic);
    if (watcher === undefined) {
      const name = `${this.name} watches ${topic}`;
      this.watchers.set(topic, new Watcher(name, this.topics, topic));
      return;
    }
    watcher.stop();
    this.ended.push(watcher.ended);
    this.watchers.delete(topic);
  }
}

interface World {
  readonly bus: MemoryBus;
  readonly clock: TestClock;
  readonly store: MemoryPresence;
}

const STEPS = [
  ...["enter", "enter", "enter", "leave", "leave", "deliver", "deliver", "watch"],
  ...["stall", "keep", "drop", "rest", "wait", "wait", "store", "outage"],
] as const;

async function run(bytes: Bytes, options: PresenceFuzzOptions): Promise<void> {
  const bus = new MemoryBus();
  const clock = createClock();
  const store = new MemoryPresence(clock.source);
  const world = { bus, clock, store };
  bus.held = true;
  const processes: Process[] = [];
  for (let i = 0; i < PROCESSES; i++) processes.push(new Process(i, world, options));
  for (const process of processes) await process.open();
  await clock.advance(0);
  let info = 0;
  let answer: (() => void) | undefined;
  for (const octet of bytes) {
    const process = processes[octet % PROCESSES]!;
    const topic = TOPICS[(octet >> 4) % TOPICS.length]!;
    const argument = octet >> 4;
    const index = (octet >> 5) % CONNECTIONS;
    const count = Math.max(1, bus.pending.length);
    const step = STEPS[octet & 0x0f]!;
    if (step === "enter") {
      if (process.alive) process.enter(index, topic, KEYS[(octet >> 6) % KEYS.length]!, info++);
    } else if (step === "leave") process.leave(index, topic);
    else if (step === "watch") { if (process.alive) process.watch(topic); }
    else if (step === "stall") process.watchers.get(topic)?.toggle();
    else if (step === "deliver") { if (bus.pending.length > 0) bus.deliver(argument % count); }
    else if (step === "keep") { if (bus.pending.length > 0) bus.deliver(argument % count, true); }
    else if (step === "drop") bus.drop(argument % count);
    else if (step === "rest") await clock.advance(0);
    else if (step === "wait") await clock.advance(argument * argument * 100);
    else if (step === "store") {
      if (argument < 3) store.clear();
      else if (argument < 6) store.leases.clear();
      else if (argument < 9) store.refuses = store.refuses ? undefined : new Error("Refused");
      else if (answer !== undefined) answer = void answer();
      else store.reading = new Promise<void>((resolve) => answer = resolve);
    } else if (argument < 5) bus.outage();
    else if (argument < 8) bus.outage(undefined, process.driver);
    else if (argument === 8) kill(processes[2]!, bus);
    else recover(processes, bus);
  }
  answer?.();
  store.reading = Promise.resolve();
  store.refuses = undefined;
  await rest(world, processes);
  await check(processes);
  for (const { topics, hall, watchers, ended } of processes) {
    await hall![Symbol.asyncDispose]();
    await topics.close({ timeout: 1 });
    for (const watcher of watchers.values()) await watcher.ended;
    await Promise.all(ended);
  }
  assertEquals(clock.pending, []);
}

/** A process that is killed says nothing any more. */
function kill(process: Process, bus: MemoryBus): void {
  process.alive = false;
  process.present.clear();
  process.driver.lose(new Error("killed"));
  bus.drivers.delete(process.driver);
}

function recover(processes: readonly Process[], bus: MemoryBus): void {
  bus.up = true;
  for (const { driver, alive } of processes) if (alive) bus.recover(driver);
}

/** Everything comes back, all is delivered, and each process changes something on each topic. */
async function rest({ bus, clock }: World, processes: readonly Process[]): Promise<void> {
  const settle = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds; i++) {
      await clock.advance(1_000);
      while (bus.pending.length > 0) bus.deliver();
    }
  };
  recover(processes, bus);
  await settle(8);
  for (const process of processes) {
    for (const watcher of process.watchers.values()) if (watcher.stalled) watcher.toggle();
    if (!process.alive) continue;
    for (const topic of TOPICS) process.enter(0, topic, `last ${process.name}`, 0);
  }
  await settle(60);
}

async function check(processes: readonly Process[]): Promise<void> {
  const alive = processes.filter((process) => process.alive);
  for (const topic of TOPICS) {
    /** By key: what the connections say of it. */
    const truth = new Map<string, unknown[]>();
    for (const { present } of alive) {
      for (const { key, info, ...at } of present.values()) {
        if (at.topic === topic) truth.set(key, [...truth.get(key) ?? [], info]);
      }
    }
    let agreed: string | undefined;
    const agree = (name: string, members: Iterable<readonly [string, unknown]>): void => {
      const sorted = [...members].sort(([a], [b]) => a < b ? -1 : 1);
      assertEquals(sorted.map(([key]) => key), [...truth.keys()].sort(), name);
      for (const [key, info] of sorted) assert(truth.get(key)!.includes(info), `${name}: ${key}`);
      assertEquals(JSON.stringify(sorted), agreed ??= JSON.stringify(sorted), name);
    };
    for (const { name, topics, watchers } of alive) {
      const list = await topics.presence(topic).list();
      agree(`${name} lists ${topic}`, list.map(({ key, info }) => [key, info]));
      const watcher = watchers.get(topic);
      if (watcher !== undefined) agree(`${name} watches ${topic}`, watcher.members);
    }
  }
}

/** What those who watch are told of who comes and goes. */
export const presence: Target<PresenceFuzzOptions> = {
  name: "presence",
  promise: "the events of a watcher follow from its snapshots, and lead to who is present",
  file: "presence.ts",
  samples: samplesOf(
    fc.uint8Array({ minLength: 20, maxLength: 150 }).map((octets) => new Uint8Array(octets)),
    fc.record({ skew: fc.constantFrom(0, 60_000, -60_000), counts: fc.boolean() }),
  ),
  check: (bytes, _cuts, options) => run(bytes, options),
};
