// Topics of three processes over a broker in memory that loses, repeats, reorders, is slow, goes away and comes back:
// each octet of a sample is one step. What is told must be exact: whatever a subscriber did not hear since its first
// message of a publisher, it was told of as missed.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { createTopics, type Topics } from "@sansocket/ws";
import { createClock, type TestClock } from "@sansocket/ws/testing";
import { decodeEnvelope, formatOrigin } from "../../../src/topics/envelope.ts";
import type { Bytes } from "../../../src/util/bytes.ts";
import { type MemoryBackplane, MemoryBus } from "../../support/memory_backplane.ts";
import { samplesOf, type Target } from "../target.ts";

/** How the processes and the broker are set up. */
export interface ScheduleOptions {
  /** What becomes of what is published in an outage. */
  readonly outage: "drop" | "hold";
  /** Whether topics have the broker's order; then it delivers in order. */
  readonly ordered: boolean;
  /** Whether the broker says how many have received a message. */
  readonly counts: boolean;
}

const TOPICS = ["a", "b"];
const PROCESSES = 3;

/** What a subscriber heard of one publisher, or was told that it missed, since it subscribed. */
interface Log {
  /** The last number; undefined before the first message. */
  last: number | undefined;
  /** All numbers, in the order in which they came. */
  readonly heard: number[];
}

class Process {
  readonly name: number;
  readonly topics: Topics;
  readonly driver: MemoryBackplane;
  /** How many messages it has published on each topic. */
  readonly published = new Map<string, number>();
  /** By topic and publisher. */
  readonly logs = new Map<string, Log>();
  /** What came on each topic, in order. */
  readonly order = new Map<string, string[]>();
  readonly #listeners = new Map<string, (data: unknown) => void>();
  /** The publisher of an origin, as the broker has seen it. */
  readonly #nameOf: (origin: string) => number;
  alive = true;
  /** What its listeners and hooks have thrown, and what the broker refused. */
  readonly errors: unknown[] = [];

  constructor(
    name: number,
    bus: MemoryBus,
    clock: TestClock,
    { outage, ordered, counts }: ScheduleOptions,
    nameOf: (origin: string) => number,
  ) {
    this.name = name;
    this.driver = bus.driver({ clock: clock.source, ordered, counts });
    this.#nameOf = nameOf;
    this.topics = createTopics({
      backplane: this.driver,
      outage,
      ...(ordered && { order: "broker" as const }),
      onGap: ({ topic, origin, missed }) => this.#missed(topic!, this.#nameOf(origin!), missed),
      error: (error) => void this.errors.push(error),
    });
  }

  log(topic: string, publisher: number): Log {
    const key = `${topic} ${publisher}`;
    let log = this.logs.get(key);
    if (log === undefined) this.logs.set(key, log = { last: undefined, heard: [] });
    return log;
  }

  publish(topic: string, droppable: boolean): void {
    const number = (this.published.get(topic) ?? 0) + 1;
    this.published.set(topic, number);
    this.topics.publish(topic, `${this.name} ${number}`, { droppable });
  }

  get subscribed(): Iterable<string> {
    return this.#listeners.keys();
  }

  toggle(topic: string): void {
    const listener = this.#listeners.get(topic);
    if (listener !== undefined) {
      this.topics.unsubscribe(topic, listener);
      this.#listeners.delete(topic);
      return;
    }
    // To subscribe anew is to begin anew: with "hold", what it heard before may even come again.
    for (let publisher = 0; publisher < PROCESSES; publisher++) {
      this.logs.delete(`${topic} ${publisher}`);
    }
    this.order.delete(topic);
    const hear = (data: unknown): void => this.#heard(topic, String(data));
    this.#listeners.set(topic, hear);
    void this.topics.subscribe(topic, hear);
  }

  #heard(topic: string, data: string): void {
    const [publisher = 0, number = 0] = data.split(" ").map(Number);
    const log = this.log(topic, publisher);
    const latest = log.heard.at(-1) ?? 0;
    assert(number > latest, `${this.name} heard ${topic} ${data} after ${latest}`);
    if (log.last !== undefined) {
      assertEquals(number, log.last + 1, `${this.name}: ${topic} ${data}`);
    }
    log.last = number;
    log.heard.push(number);
    this.order.set(topic, [...this.order.get(topic) ?? [], data]);
  }

  #missed(topic: string, publisher: number, missed: number): void {
    assert(missed > 0);
    const log = this.log(topic, publisher);
    if (log.last !== undefined && this.#listeners.has(topic)) log.last += missed;
  }
}

/** Delivers a pending message: any, or the first for its receiver. */
function deliver(bus: MemoryBus, pick: number, ordered: boolean, keep: boolean): void {
  if (bus.pending.length === 0) return;
  let index = pick % bus.pending.length;
  if (ordered) index = bus.pending.findIndex(({ to }) => to === bus.pending[index]!.to);
  bus.deliver(index, keep);
}

async function run(bytes: Bytes, options: ScheduleOptions): Promise<void> {
  const bus = new MemoryBus();
  const clock = createClock();
  bus.held = true;
  const names = new Map<string, number>();
  const processes: Process[] = [];
  const learn = (): void => {
    for (const { from, envelope } of bus.pending) {
      const read = decodeEnvelope(envelope);
      assert(typeof read === "object");
      names.set(formatOrigin(read.origin), processes.findIndex(({ driver }) => driver === from));
    }
  };
  const nameOf = (origin: string): number => names.get(origin)!;
  for (let i = 0; i < PROCESSES; i++) processes.push(new Process(i, bus, clock, options, nameOf));
  await clock.advance(0);
  for (const octet of bytes) {
    const process = processes[octet % PROCESSES]!;
    const topic = TOPICS[octet % TOPICS.length]!;
    const argument = octet >> 4;
    const step = STEPS[octet & 0x0f];
    learn();
    if (step === "publish") process.alive && process.publish(topic, argument === 0);
    else if (step === "toggle") process.alive && process.toggle(topic);
    else if (step === "deliver") deliver(bus, argument, options.ordered, false);
    else if (step === "keep") deliver(bus, argument, options.ordered, true);
    else if (step === "drop") bus.drop(argument % Math.max(1, bus.pending.length));
    else if (step === "slow") bus.slow = !bus.slow;
    else if (step === "take") bus.take(argument);
    else if (step === "rest") await clock.advance(0);
    else if (step === "wait") await clock.advance(argument * 400);
    else if (argument < 6) bus.outage();
    else if (argument < 9) bus.outage(undefined, process.driver);
    else if (argument === 15 && process.name === 2) {
      process.alive = false;
      process.driver.lose(new Error("killed"));
      bus.drivers.delete(process.driver);
    } else for (const { driver, alive } of processes) alive && (bus.up = true, bus.recover(driver));
  }
  await rest(bus, clock, processes, learn);
  check(processes, options);
  for (const { topics } of processes) await topics.close({ timeout: 1 });
}

const STEPS = [
  ...["publish", "publish", "publish", "publish", "deliver", "deliver", "deliver", "deliver"],
  ...["toggle", "keep", "drop", "take", "rest", "wait", "slow", "outage"],
];

/** The broker comes back and delivers everything, and each process publishes once more. */
async function rest(
  bus: MemoryBus,
  clock: TestClock,
  processes: readonly Process[],
  learn: () => void,
): Promise<void> {
  bus.slow = false;
  bus.take();
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 4; i++) {
      await clock.advance(1_000);
      learn();
      while (bus.pending.length > 0) bus.deliver();
    }
  };
  bus.up = true;
  for (const { driver, alive } of processes) if (alive) bus.recover(driver);
  await settle();
  for (const process of processes) {
    if (process.alive) { for (const topic of TOPICS) process.publish(topic, false); }
  }
  await settle();
}

function check(processes: readonly Process[], { ordered }: ScheduleOptions): void {
  for (const process of processes) {
    for (const error of process.errors) throw error;
    if (!process.alive) continue;
    for (const topic of process.subscribed) {
      for (const publisher of processes) {
        if (!publisher.alive) continue;
        const { last } = process.log(topic, publisher.name);
        const what = `${process.name} of ${publisher.name} on ${topic}`;
        assertEquals(last, publisher.published.get(topic), what);
      }
    }
  }
  if (!ordered) return;
  for (const topic of TOPICS) {
    const [first = [], ...others] = processes.map(({ order }) => order.get(topic));
    for (const other of others) {
      const common = new Set(other);
      const mine = first.filter((data) => common.has(data));
      const theirs = other?.filter((data) => mine.includes(data)) ?? [];
      assertEquals(mine, theirs, `one order on ${topic}`);
    }
  }
}

/** What a subscriber hears, and is told that it missed. */
export const schedules: Target<ScheduleOptions> = {
  name: "schedules",
  promise:
    "each publisher is heard in order and once, and all that is missed is told with its count",
  file: "schedules.ts",
  samples: samplesOf(
    fc.uint8Array({ minLength: 20, maxLength: 150 }).map((octets) => new Uint8Array(octets)),
    fc.record({
      outage: fc.constantFrom("drop", "hold"),
      ordered: fc.boolean(),
      counts: fc.boolean(),
    }),
  ),
  check: (bytes, _cuts, options) => run(bytes, options),
};
