// Who is present, on a real redis-server and a real nats-server that are killed and lose their data, and when a process
// is cut off. The processes live ten times as fast as the servers, and their leases are ten times as short there.

import { assertEquals } from "@std/assert";
import { createTopics, type PresenceEvent, type Topics, type TopicsOptions } from "@sansocket/ws";
import type { Backplane } from "../../src/topics/backplane.ts";
import { type Clock, systemClock } from "../../src/util/clock.ts";
import { test } from "../support/test.ts";
import { type Broker, brokers } from "./brokers.ts";
import { Changes } from "./changes.ts";
import { type Hall, openHall } from "./support.ts";

const SPEED = 10;

/** A clock whose time passes faster. */
const fast: Clock = {
  origin: systemClock.origin,
  now: () => SPEED * systemClock.now(),
  setTimer: (due, delay, waits) => systemClock.setTimer(due, delay / SPEED, waits),
  setTicker: (due, period, waits) => systemClock.setTicker(due, period / SPEED, waits),
  clearTimer: (timer) => systemClock.clearTimer(timer),
  startDeadline: (deadline, timeout) => systemClock.startDeadline(deadline, timeout),
  stopDeadline: (deadline, timeout) => systemClock.stopDeadline(deadline, timeout),
};

/** A driver by that clock. */
function hasten(driver: Backplane): Backplane {
  const store = driver.presence!;
  return {
    name: driver.name,
    ordered: driver.ordered,
    clock: fast,
    presence: {
      renew: (lease, expiry) => store.renew(lease, expiry / SPEED),
      alive: (leases) => store.alive(leases),
      write: (channel, lease, changes) => store.write(channel, lease, changes),
      read: (channel) => store.read(channel),
    },
    start: (sink) => driver.start(sink),
    join: (channels) => driver.join(channels),
    leave: (channels) => driver.leave(channels),
    publish: (channel, envelope) => driver.publish(channel, envelope),
    close: () => driver.close(),
  };
}

interface Process {
  readonly topics: Topics;
  readonly hall: Hall;
  /** What an iteration was told of the topic "a". */
  readonly events: PresenceEvent[];
  /** Who is present by that. */
  readonly members: Map<string, unknown>;
  readonly states: string[];
  until(holds: () => boolean, what: string): Promise<void>;
  /** Ends its client, as if it were killed. */
  cutOff(): unknown;
}

async function open(
  backplane: TopicsOptions["backplane"],
  cutOff: () => unknown,
): Promise<Process> {
  const changes = new Changes();
  const events: PresenceEvent[] = [];
  const members = new Map<string, unknown>();
  const states: string[] = [];
  const topics = createTopics({
    backplane: hasten(backplane!),
    onState({ state }) {
      states.push(state);
      changes.happened();
    },
    error: () => {},
  });
  const follow = async (): Promise<void> => {
    for await (const event of topics.presence("a")) {
      events.push(event);
      if (event.type === "snapshot") {
        members.clear();
        for (const { key, info } of event.members) members.set(key, info);
      } else if (event.type === "leave") members.delete(event.key);
      else members.set(event.key, event.info);
      changes.happened();
    }
  };
  void follow();
  const hall = await openHall({ topics });
  const until: Process["until"] = (holds, what) =>
    changes.until(holds, what, () => [events, states]);
  await until(() => events.length > 0, "a snapshot");
  return { topics, hall, events, members, states, until, cutOff };
}

/** Registers a test for each broker. */
function brokerTest(
  title: string,
  body: (broker: Broker, enter: () => Promise<Process>) => Promise<void>,
): void {
  for (const [name, { skip, start }] of Object.entries(brokers)) {
    test(`presence on ${name}: ${title}`, async () => {
      const broker = await start();
      const ends: (() => unknown)[] = [() => broker.stop()];
      try {
        await body(broker, async () => {
          const [backplane, end] = await broker.driver();
          let cut: unknown;
          const process = await open(backplane, () => cut ??= end() ?? true);
          ends.unshift(
            () => process.hall[Symbol.asyncDispose](),
            () => process.topics.close({ timeout: 1 }),
            process.cutOff,
          );
          return process;
        });
      } finally {
        for (const end of ends) await end();
      }
    }, { skip });
  }
}

brokerTest(
  "members join, are updated and leave, and those of a process that is cut off leave, too",
  async (_, enter) => {
    const [one, two] = [await enter(), await enter()];
    const first = (await one.hall.enter()).server;
    const second = (await one.hall.enter()).server;
    void first.subscribe("a", { presence: { key: "anna", info: { n: 1 } } });
    void second.subscribe("a", { presence: { key: "berta", info: "\ud800 \u{1f600}" } });
    await two.until(() => two.members.size === 2, "two members");
    assertEquals([...two.members].sort(), [["anna", { n: 1 }], ["berta", "\ud800 \u{1f600}"]]);
    void first.subscribe("a", { presence: { key: "anna", info: 2 } });
    await two.until(() => two.members.get("anna") === 2, "an update");
    second.unsubscribe("a");
    await two.until(() => two.members.size === 1, "a leave");
    assertEquals(await one.topics.presence("a").list(), [{ key: "anna", info: 2 }]);
    const third = await enter();
    await third.until(() => third.members.get("anna") === 2, "a member");
    void one.cutOff();
    await two.until(() => two.members.size === 0, "the end of a lease");
    await third.until(() => third.members.size === 0, "the end of a lease");
    assertEquals(await two.topics.presence("a").count(), 0);
  },
);

brokerTest(
  "the store is killed and comes back, with its data and without",
  async (broker, enter) => {
    const [one, two] = [await enter(), await enter()];
    const { server } = await one.hall.enter();
    void server.subscribe("a", { presence: { key: "anna" } });
    await two.until(() => two.members.has("anna"), "a member");
    for (const loses of [false, true]) {
      await broker.kill();
      for (const process of [one, two]) {
        await process.until(() => process.states.at(-1) === "down", "down");
      }
      const own = (await two.hall.enter()).server;
      void own.subscribe("a", { presence: { key: `b ${loses}` } });
      if (loses) await broker.loseData();
      await broker.restart();
      for (const process of [one, two]) {
        await process.until(() => process.states.at(-1) === "up", "up");
        await process.until(
          () => process.members.has("anna") && process.members.has(`b ${loses}`),
          "both members",
        );
      }
      own.unsubscribe("a");
      await one.until(() => !one.members.has(`b ${loses}`), "a leave");
      await two.until(() => two.members.has("anna"), "a member");
    }
  },
);
