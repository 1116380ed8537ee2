// Topics of several processes on a real Redis: each "process" here has its own client and topics.

import { createTopics, type Topics, type TopicsOptions } from "@sansocket/ws";
import { redisBackplane } from "@sansocket/ws/redis";
import type { Backplane } from "../../src/topics/backplane.ts";
import type { Clock } from "../../src/util/clock.ts";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { type RedisServer, redisSkip, startRedis } from "../support/redis_server.ts";
import { test } from "../support/test.ts";
import { Changes } from "./changes.ts";

/** The packages that speak to Redis. */
export type Package = "redis" | "ioredis";

/** What a test may choose. */
export interface ProcessOptions extends TopicsOptions {
  /** Default: "redis". */
  readonly client?: Package;
  /** Default: the system's clock. */
  readonly clock?: Clock;
  /** Default: false. */
  readonly sharded?: boolean;
}

/** One of several processes. */
export interface Process extends AsyncDisposable {
  readonly topics: Topics;
  /** Gaps, as the hook was told. */
  readonly gaps: [topic: string | undefined, missed: number][];
  /** States, as the hook was told. */
  readonly states: ("up" | "down")[];
  /** What was reported. */
  readonly errors: unknown[];
  /** Subscribes a function, once joined, and returns what it hears; a second call joins again. */
  hear(topic: string): Promise<string[]>;
  /** Waits until something holds; looks when a message, a gap or a state comes. */
  until(holds: () => boolean, what: string): Promise<void>;
  /** Waits for a state. */
  is(state: "up" | "down"): Promise<void>;
}

/** Starts a process, and waits until it is up. */
export async function startProcess(port: number, options: ProcessOptions = {}): Promise<Process> {
  const { client = "redis", clock, sharded = false, ...rest } = options;
  const [backplane, end] = makers[client](port, sharded);
  const gaps: Process["gaps"] = [];
  const states: Process["states"] = [];
  const errors: unknown[] = [];
  const lists = new Map<string, string[]>();
  const listeners = new Map<string, (data: unknown) => void>();
  const changes = new Changes();
  const changed = (): void => changes.happened();
  const topics = createTopics({
    backplane: clock === undefined ? backplane : withClock(backplane, clock),
    onGap({ topic, missed }) {
      gaps.push([topic, missed]);
      changed();
    },
    onState({ state }) {
      states.push(state);
      changed();
    },
    error: (error) => void errors.push(error),
    ...rest,
  });
  const process: Process = {
    topics,
    gaps,
    states,
    errors,
    async hear(topic) {
      const list = lists.get(topic) ?? [];
      const listener = listeners.get(topic) ?? ((data) => {
        list.push(String(data));
        changed();
      });
      lists.set(topic, list);
      listeners.set(topic, listener);
      const { joined } = await topics.subscribe(topic, listener);
      if (!joined) throw new Error(`Not joined: ${topic}`);
      return list;
    },
    until: (holds, what) => changes.until(holds, what, () => topics.stats()),
    is: (state) => process.until(() => states.at(-1) === state, state),
    async [Symbol.asyncDispose]() {
      await topics.close({ timeout: 1 });
      end();
    },
  };
  await process.is("up");
  return process;
}

/** Starts so many processes. */
export async function startProcesses(
  count: number,
  port: number,
  options: ProcessOptions = {},
): Promise<Process[]> {
  const processes: Process[] = [];
  while (processes.length < count) processes.push(await startProcess(port, options));
  return processes;
}

const makers: Record<Package, (port: number, sharded: boolean) => [Backplane, end: () => void]> = {
  redis(port, sharded) {
    const client = createClient({ socket: { port, host: "127.0.0.1", reconnectStrategy: 5 } });
    client.connect().catch(() => {});
    return [redisBackplane(client, { sharded }), () => client.destroy()];
  },
  ioredis(port, sharded) {
    const client = new Redis({ port, host: "127.0.0.1", retryStrategy: () => 5 });
    return [redisBackplane(client, { sharded }), () => client.disconnect()];
  },
};

/** A driver whose topics have another clock. */
function withClock(driver: Backplane, clock: Clock): Backplane {
  return {
    name: driver.name,
    ordered: driver.ordered,
    history: driver.history,
    presence: driver.presence,
    clock,
    start: (sink) => driver.start(sink),
    join: (channels) => driver.join(channels),
    leave: (channels) => driver.leave(channels),
    publish: (channel, envelope) => driver.publish(channel, envelope),
    restart: () => driver.restart!(),
    close: () => driver.close(),
  };
}

/** Registers a test with a server, for one package or each of some. */
export function redisTest(
  criterion: string,
  packages: readonly Package[],
  body: (server: RedisServer, client: Package) => Promise<void>,
): void {
  for (const client of packages) {
    test(`topics on Redis, with ${client}: ${criterion}`, async () => {
      await using server = await startRedis();
      await body(server, client);
    }, { skip: redisSkip });
  }
}

/** Ends processes. */
export async function stop(...processes: Process[]): Promise<void> {
  for (const process of processes) await process[Symbol.asyncDispose]();
}

/** Lets everything else run once. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** The numbers from one to another. */
export function range(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, i) => String(first + i));
}
