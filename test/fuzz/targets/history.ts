// Topics with history of three processes over a broker in memory that loses, repeats and reorders what comes live,
// forgets, is slow, goes away and comes back: each octet of a sample is one step. Listeners and pages that are cut and
// come back must see a run of the store's order without a hole, or be told where one is.

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  createTopics,
  type TopicPosition,
  type Topics,
  type WebSocketConnection,
} from "@sansocket/ws";
import { createClock, createNetwork, type Network, type TestClock } from "@sansocket/ws/testing";
import { type MemoryBackplane, MemoryBus } from "../../support/memory_backplane.ts";
import type { Bytes } from "../../../src/util/bytes.ts";
import { samplesOf, type Target } from "../target.ts";

/** How the processes and the store are set up. */
export interface HistoryOptions {
  /** What becomes of what is published in an outage. */
  readonly outage: "drop" | "hold";
  /** Whether the store counts 1, 2, 3. */
  readonly consecutive: boolean;
  /** Messages that it keeps. */
  readonly size: number;
}

const PROCESSES = 3;
const TOPIC = "room";
const TTL = 10_000;

/** What has been seen in order: a message, or that some are missing here. */
type Seen = TopicPosition | { readonly missed: number; readonly reason: string };

class Process {
  readonly topics: Topics;
  readonly driver: MemoryBackplane;
  /** What a listener has seen since it subscribed. */
  seen: Seen[] | undefined;
  /** Whether a gap was ever told. */
  gaps = 0;
  published = 0;
  readonly name: number;
  readonly errors: unknown[] = [];
  #listener: ((data: unknown, position: TopicPosition | undefined) => void) | undefined;

  constructor(
    name: number,
    bus: MemoryBus,
    clock: TestClock,
    { outage, consecutive, size }: HistoryOptions,
  ) {
    this.name = name;
    const history = consecutive ? "consecutive" as const : "sparse" as const;
    this.driver = bus.driver({ clock: clock.source, history });
    this.topics = createTopics({
      backplane: this.driver,
      outage,
      history: [{
        prefix: "",
        size,
        ttl: TTL,
        format: (_, position) => JSON.stringify(position),
      }],
      onGap: ({ missed, reason = "" }) => {
        this.gaps++;
        this.seen?.push({ missed, reason });
      },
      error: (error) => void this.errors.push(error),
    });
  }

  publish(): void {
    this.topics.publish(TOPIC, `${this.name} ${++this.published}`);
  }

  toggle(): void {
    if (this.#listener !== undefined) {
      this.topics.unsubscribe(TOPIC, this.#listener);
      this.#listener = this.seen = undefined;
      return;
    }
    const seen: Seen[] = [];
    this.seen = seen;
    this.#listener = (_, position) => void seen.push(position!);
    void this.topics.subscribe(TOPIC, this.#listener);
  }
}

/** A page, which comes back with its last position. */
class Page {
  /** What it has got. */
  readonly seen: Seen[] = [];
  last: TopicPosition | undefined;

  client: WebSocketConnection | undefined;
  readonly #network: Network;
  readonly #url: string;
  #visit = 0;

  constructor(network: Network, url: string) {
    this.#network = network;
    this.#url = url;
  }

  cut(): void {
    this.client?.terminate();
    this.client = undefined;
  }

  /** Comes, to one of the servers. */
  async come(): Promise<void> {
    if (this.client !== undefined) return;
    const visit = ++this.#visit;
    const url = new URL(this.#url);
    url.search = this.last === undefined ? "" : `?${encodeURIComponent(JSON.stringify(this.last))}`;
    const hole = { missed: 0, reason: "came" };
    this.seen.push(hole);
    const client = await this.#network.connect(url);
    if (visit !== this.#visit) return client.terminate();
    this.client = client;
    while (true) {
      const data = await client.receive().catch(() => undefined);
      if (data === undefined) return;
      const message = JSON.parse(String(data));
      if ("recovered" in message) {
        // What came until now was the history, and what was published since.
        if (message.recovered) hole.reason = "recovered";
        this.last ??= message.position;
      } else {
        this.seen.push(this.last = message);
      }
    }
  }
}

async function run(bytes: Bytes, options: HistoryOptions): Promise<void> {
  const bus = new MemoryBus();
  const clock = createClock();
  bus.held = true;
  const processes = Array.from(
    { length: PROCESSES },
    (_, i) => new Process(i, bus, clock, options),
  );
  const network = createNetwork({ clock });
  const servers = [];
  for (const { topics } of processes) {
    servers.push(
      await network.serve({
        topics,
        port: servers.length + 1,
        compression: false,
        websocket: {
          async open(ws) {
            const { search } = new URL(ws.request!.url);
            const since = search === ""
              ? { last: 100 }
              : JSON.parse(decodeURIComponent(search.slice(1)));
            const { recovered, position } = await ws.subscribe(TOPIC, { since });
            // The page may have been cut meanwhile.
            ws.send(JSON.stringify({ recovered, position }));
          },
        },
        error: () => {},
      }),
    );
  }
  const pages = servers.map(({ url }) => new Page(network, url));
  await clock.advance(0);
  for (const octet of bytes) {
    const process = processes[octet % PROCESSES]!;
    const page = pages[octet % PROCESSES]!;
    const argument = octet >> 4;
    const step = STEPS[octet & 0x0f];
    if (step === "publish") { for (let i = 0; i <= argument >> 2; i++) process.publish(); }
    else if (step === "toggle") process.toggle();
    else if (step === "deliver") deliver(bus, argument, false);
    else if (step === "keep") deliver(bus, argument, true);
    else if (step === "drop") bus.drop(argument % Math.max(1, bus.pending.length));
    else if (step === "page") {
      if (page.client === undefined) void page.come();
      else page.cut();
    } else if (step === "rest") await clock.advance(0);
    else if (step === "wait") {
      bus.now += argument * 400;
      await clock.advance(argument * 400);
    } else if (argument < 4) bus.outage();
    else if (argument < 7) bus.outage(undefined, process.driver);
    else if (argument < 9) bus.slow = !bus.slow;
    else if (argument === 9) bus.forget();
    else {
      bus.up = true;
      for (const { driver } of processes) bus.recover(driver);
    }
  }
  await rest(bus, clock, processes, pages);
  check(bus, processes, pages, options);
  for (const page of pages) page.cut();
  for (const server of servers) await server.close({ timeout: 1 });
  for (const { topics } of processes) await topics.close({ timeout: 1 });
}

const STEPS = [
  ...["publish", "publish", "publish", "publish", "deliver", "deliver", "deliver", "deliver"],
  ...["toggle", "keep", "drop", "page", "page", "rest", "wait", "outage"],
];

function deliver(bus: MemoryBus, pick: number, keep: boolean): void {
  if (bus.pending.length > 0) bus.deliver(pick % bus.pending.length, keep);
}

/** The broker comes back and delivers everything, pages come back, and each process publishes once more. */
async function rest(
  bus: MemoryBus,
  clock: TestClock,
  processes: readonly Process[],
  pages: readonly Page[],
): Promise<void> {
  bus.slow = false;
  bus.take();
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) {
      await clock.advance(1_000);
      while (bus.pending.length > 0) bus.deliver();
    }
  };
  bus.up = true;
  for (const { driver } of processes) bus.recover(driver);
  await settle();
  for (const page of pages) void page.come();
  await settle();
  for (const process of processes) process.publish();
  await settle();
}

function check(
  bus: MemoryBus,
  processes: readonly Process[],
  pages: readonly Page[],
  { consecutive }: HistoryOptions,
): void {
  const order = new Map(
    bus.numbered.map(({ position }, i) => [`${position.epoch} ${position.offset}`, i]),
  );
  const placeOf = ({ epoch, offset }: TopicPosition): number => order.get(`${epoch} ${offset}`)!;
  const end = bus.numbered.length - 1;
  for (const { name, seen, errors } of processes) {
    for (const error of errors) throw error;
    if (seen !== undefined) follow(`listener ${name}`, seen, consecutive);
  }
  const gaps = processes.some(({ gaps }) => gaps > 0);
  for (const [i, { seen }] of pages.entries()) follow(`page ${i}`, seen, false, gaps);

  function follow(what: string, seen: readonly Seen[], exact: boolean, lenient = false): void {
    let last: number | undefined;
    let missed = 0;
    let told = false;
    for (const one of seen) {
      if (!("epoch" in one)) {
        missed += one.missed;
        told ||= one.reason !== "recovered";
        if (one.reason === "epoch" || one.reason === "unavailable") missed = NaN;
        continue;
      }
      const place = placeOf(one);
      if (last !== undefined) {
        const before = `${what}: ${JSON.stringify(one)} is at ${place}, after ${last}`;
        assert(place > last, before);
        const hole = place - last - 1;
        if (hole > 0) assert(told || lenient, `${before}, and nothing was told`);
        if (exact && !Number.isNaN(missed)) assertEquals(missed, hole, before);
      }
      last = place;
      missed = 0;
      told = false;
    }
    if (last !== undefined) assertEquals(last, end, `${what}: the last one`);
  }
}

/** What is seen of a topic with history. */
export const history: Target<HistoryOptions> = {
  name: "history",
  promise: "what is seen of a topic is a run of its store's order, or is told where it is not",
  file: "history.ts",
  samples: samplesOf(
    fc.uint8Array({ minLength: 20, maxLength: 150 }).map((octets) => new Uint8Array(octets)),
    fc.record({
      outage: fc.constantFrom("drop", "hold"),
      consecutive: fc.boolean(),
      size: fc.constantFrom(3, 10, 100),
    }),
  ),
  check: (bytes, _cuts, options) => run(bytes, options),
};
