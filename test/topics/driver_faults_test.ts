// Topics over a driver that is not one of ours, and keeps no rule: what it throws, returns and
// never settles may not harm the program.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createTopics, FlushError, type Topics, type TopicsOptions } from "@sansocket/ws";
import { createClock, type TestClock } from "@sansocket/ws/testing";
import type { Backplane, BackplaneSink } from "../../src/topics/backplane.ts";
import { MemoryBus } from "../support/memory_backplane.ts";
import { test } from "../support/test.ts";

/** A driver whose broker is there and takes everything, but for what a test replaces. */
interface Custom extends Backplane {
  sink: BackplaneSink | undefined;
  /** The names of all calls. */
  readonly calls: string[];
}

/** What a test replaces, with functions that need not have the types of a driver. */
type Replaced = { readonly [Name in keyof Backplane]?: unknown };

/** Makes topics with a driver. */
function open(
  replaced: Replaced,
  options: TopicsOptions = {},
): { topics: Topics; clock: TestClock; driver: Custom; states: string[]; errors: string[] } {
  const clock = createClock();
  const calls: string[] = [];
  const driver: Custom = {
    name: "custom",
    ordered: true,
    clock: clock.source,
    sink: undefined,
    calls,
    start(sink) {
      driver.sink = sink;
      sink.up();
    },
    join: (names) => Promise.resolve(calls.push(`join ${names}`)),
    leave: (names) => Promise.resolve(calls.push(`leave ${names}`)),
    publish: () => Promise.resolve(undefined),
    close: () => Promise.resolve(void calls.push("close")),
    ...replaced as object,
  };
  const states: string[] = [];
  const errors: string[] = [];
  const topics = createTopics({
    backplane: driver,
    onState: ({ state }) => void states.push(state),
    error: (error) => void errors.push((error as Error).message),
    ...options,
  });
  return { topics, clock, driver, states, errors };
}

const NEVER: Promise<never> = new Promise(() => {});
const fail = (what: string) => (): never => {
  throw new Error(what);
};

test("a driver that throws or returns no promise harms no call of topics, and is reported", async () => {
  for (const publish of [fail("no publish"), () => Promise.reject(new Error("no publish"))]) {
    const { topics, errors } = open({ publish });
    assertEquals(topics.publish("a", "1").delivered, 0);
    const error = await assertRejects(() => topics.flush(), FlushError);
    assertEquals([error.count, errors], [1, ["no publish"]]);
    await topics.close();
  }
  const { topics } = open({ publish: () => undefined });
  topics.publish("a", "1");
  await topics.flush();
  assertEquals(topics.stats().backplane?.taken, 1);
  await topics.close();
  for (const join of [fail("no join"), () => Promise.reject(new Error("no join"))]) {
    const { topics, errors } = open({ join });
    assertEquals(await topics.subscribe("a", () => {}), { joined: false });
    assertEquals(errors, ["no join"]);
    await topics.close();
  }
});

test("a driver that cannot start throws out of createTopics(), and leaves nothing running", () => {
  const clock = createClock();
  const bus = new MemoryBus();
  const driver = bus.driver({ clock: clock.source });
  driver.start = fail("no start");
  assertThrows(() => createTopics({ backplane: driver }), Error, "no start");
  assertEquals(clock.pending, []);
});

test("a driver that begins in an async function may fail: the broker is away", async () => {
  const { topics, clock, states } = open({ start: () => Promise.reject(new Error("no start")) });
  await clock.advance(5_000);
  assertEquals([states, topics.stats().backplane?.state], [["down"], "down"]);
  await topics.close();
});

test("restart() of a driver may throw or reject: that is reported", async () => {
  for (const restart of [fail("no restart"), () => Promise.reject(new Error("no restart"))]) {
    const { topics, clock, errors, states } = open({ restart });
    await clock.advance(60_000);
    assertEquals([states, errors[0]], [["up", "down"], "no restart"]);
    await topics.close();
  }
});

test("topics.close() ends in time whatever the driver does", async () => {
  const close = [fail("no close"), () => Promise.reject(new Error("no close"))];
  for (const one of close) {
    const { topics, errors } = open({ close: one });
    await topics.close();
    assertEquals(errors, ["no close"]);
  }
  const { topics, clock, errors } = open({ close: () => NEVER, publish: () => NEVER });
  topics.publish("a", "1");
  const closed = topics.close({ timeout: 100 });
  await clock.advance(200);
  await closed;
  assertEquals(errors, ["custom has not ended in time"]);
  assertEquals(topics.stats().backplane?.notTaken, 1);
});

test("topics.close() ends in time when the broker comes or goes meanwhile", async () => {
  for (const calls of ["up", "up down", "up down up"]) {
    let sink!: BackplaneSink;
    const start = (its: BackplaneSink): void => void (sink = its);
    const { topics, clock } = open({ start, publish: () => NEVER }, { outage: "hold" });
    topics.publish("a", "1");
    const closed = topics.close({ timeout: 100 });
    await clock.advance(50);
    for (const call of calls.split(" ")) sink[call as "up"]();
    await clock.advance(50);
    await closed;
    assertEquals(topics.stats().backplane?.notTaken, 1);
    // What it calls afterwards has no effect.
    sink.up();
    sink.down(new Error("late"));
    assertEquals([topics.stats().backplane?.state, clock.pending], ["closed", []]);
  }
});

test("topics.close() with the timeout Infinity waits for what the broker has not taken", async () => {
  const taken: ((count: undefined) => void)[] = [];
  const publish = () => new Promise<undefined>((resolve) => void taken.push(resolve));
  const { topics, clock } = open({ publish });
  topics.publish("a", "1");
  const closed = topics.close({ timeout: Infinity });
  await clock.advance(10_000);
  assertEquals(topics.stats().backplane?.waiting, 1);
  for (const take of taken) take(undefined);
  await closed;
  assertEquals(topics.stats().backplane?.taken, 1);
});

test("a driver is closed once, also when a hook closes the topics that are being closed", async () => {
  const promises: Promise<void>[] = [];
  const { topics, driver } = open({}, {
    onLastSubscriber: () => void promises.push(topics.close()),
  });
  for (const name of ["a", "b"]) await topics.subscribe(name, () => {});
  const closed = topics.close();
  await closed;
  assertEquals(driver.calls.filter((call) => call === "close").length, 1);
  assertEquals(promises.length, 2);
  for (const promise of promises) assert(promise === closed);
});

test("a subscription that the hook for the first one ends is not joined, or left again", async () => {
  const listener = (): void => {};
  const { topics, clock, driver } = open({}, {
    onFirstSubscriber: (topic) => void topics.unsubscribe(topic, listener),
  });
  assertEquals(await topics.subscribe("a", listener), { joined: false });
  await clock.advance(2_000);
  assertEquals(topics.stats().backplane?.channels, 1);
  assert(
    !driver.calls.includes("join sansocket:t:a") || driver.calls.at(-1) === "leave sansocket:t:a",
  );
  await topics.close();
});

test("a topic that was being left when the broker went away is forgotten", async () => {
  for (const what of ["join", "leave"] as const) {
    const { topics, clock, driver } = open({});
    const listener = (): void => {};
    if (what === "leave") await topics.subscribe("a", listener);
    driver[what] = () => NEVER;
    if (what === "join") void topics.subscribe("a", listener);
    await clock.advance(0);
    topics.unsubscribe("a", listener);
    await clock.advance(2_000);
    driver.sink!.down(new Error("away"));
    driver.sink!.up();
    await clock.advance(10_000);
    assertEquals(topics.stats().backplane?.channels, 1);
    await topics.close({ timeout: 1 });
  }
});

test("a driver that calls up() or down() twice is told of once", async () => {
  const { topics, driver, states } = open({});
  driver.sink!.up();
  driver.sink!.down(new Error("1"));
  driver.sink!.down(new Error("2"));
  driver.sink!.up();
  driver.sink!.up();
  assertEquals(states, ["up", "down", "up"]);
  await topics.close();
});

test("a store of presence that gives no lists, throws or never answers is reported, and no more", async () => {
  const faults: readonly unknown[] = [
    () => undefined,
    () => Promise.resolve(null),
    () => Promise.resolve([undefined]),
    () => Promise.resolve([{ lease: 1, key: "a" }]),
    () => Promise.resolve("ab"),
    fail("thrown"),
    () => Promise.reject(new Error("rejected")),
    () => NEVER,
  ];
  for (const fault of faults) {
    const presence = { renew: fault, alive: fault, write: fault, read: fault };
    const { topics, clock, errors } = open({ presence });
    const iterator = topics.presence("a")[Symbol.asyncIterator]();
    const first = iterator.next();
    const refused = assertRejects(() => topics.presence("a").list(), Error);
    await clock.advance(10_000);
    await refused;
    assertEquals(errors.length > 0, true);
    await topics.close({ timeout: 1 });
    assertEquals(await first, { done: true, value: undefined });
    assertEquals(clock.pending, []);
  }
});

test("a store of presence that does not say which leases last is reported, and its members stay", async () => {
  const member = { lease: "other", key: "anna", info: "[1,null]" };
  for (const alive of [undefined, null, [], [true, true], "a"]) {
    const presence = { alive: () => alive, read: () => Promise.resolve([member]) };
    const { topics, clock, errors } = open({ presence });
    const iterator = topics.presence("a")[Symbol.asyncIterator]();
    const first = iterator.next();
    await clock.advance(25_000);
    const members = [{ key: "anna", info: null }];
    assertEquals((await first).value, { type: "snapshot", members });
    assertEquals(await topics.presence("a").list(), members);
    assertEquals(errors.filter((error) => error.includes("alive() of the store")).length > 0, true);
    await iterator.return!();
    await topics.close({ timeout: 1 });
    assertEquals(clock.pending, []);
  }
});
