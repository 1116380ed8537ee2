// Topics with history over a broker in memory, whose faults the test commands.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  createTopics,
  FlushError,
  type TopicPosition,
  type Topics,
  type TopicsOptions,
} from "@sansocket/ws";
import { createClock, type TestClock } from "@sansocket/ws/testing";
import { type MemoryBackplane, MemoryBus } from "../support/memory_backplane.ts";
import { withResolvers } from "../support/connections.ts";
import { test } from "../support/test.ts";
import { openHall, take } from "./support.ts";

interface Process {
  readonly topics: Topics;
  readonly driver: MemoryBackplane;
  readonly gaps: [missed: number, reason: string | undefined][];
  readonly errors: string[];
}

interface Stage {
  readonly bus: MemoryBus;
  readonly clock: TestClock;
  readonly processes: Process[];
}

const SIZE = 10;
const DEFERRED = { delivered: 0, queued: 0, dropped: 0, deferred: true };

/** Runs a test with so many processes. */
async function withProcesses(
  count: number,
  body: (stage: Stage) => Promise<void>,
  kind: "consecutive" | "sparse" = "consecutive",
  options: TopicsOptions = {},
): Promise<void> {
  const bus = new MemoryBus();
  const clock = createClock();
  const processes = Array.from({ length: count }, (): Process => {
    const driver = bus.driver({ clock: clock.source, history: kind });
    const gaps: Process["gaps"] = [];
    const errors: string[] = [];
    const topics = createTopics({
      backplane: driver,
      history: [{
        prefix: "room:",
        size: SIZE,
        format: (data, { offset }) => `${offset} ${data}`,
      }],
      onGap: ({ missed, reason }) => void gaps.push([missed, reason]),
      error: (error) => void errors.push((error as Error).message),
      ...options,
    });
    return { topics, driver, gaps, errors };
  });
  await clock.advance(0);
  try {
    await body({ bus, clock, processes });
  } finally {
    bus.slow = false;
    bus.take();
    await Promise.all(processes.map(({ topics }) => topics.close({ timeout: 1 })));
  }
}

async function hear({ topics }: Process, topic = "room:1"): Promise<string[]> {
  const heard: string[] = [];
  assertEquals((await topics.subscribe(topic, (data) => void heard.push(`${data}`))).joined, true);
  return heard;
}

function publish({ topics }: Process, from: number, to: number, topic = "room:1"): void {
  for (let i = from; i <= to; i++) assertEquals(topics.publish(topic, `${i}`), DEFERRED);
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `${from + i}`);
}

for (const kind of ["consecutive", "sparse"] as const) {
  test(`with history all processes hear one order, their own messages in it (${kind})`, async () => {
    await withProcesses(3, async ({ clock, processes }) => {
      const lists = [];
      for (const process of processes) lists.push(await hear(process));
      for (let i = 0; i < 30; i++) {
        for (const [p, { topics }] of processes.entries()) topics.publish("room:1", `${p} ${i}`);
      }
      await clock.advance(0);
      assertEquals(lists[0]!.length, 90);
      assertEquals(lists[1], lists[0]);
      assertEquals(lists[2], lists[0]);
      for (const { topics, gaps, errors } of processes) {
        const { received, missed, filled, repeated } = topics.stats().backplane!;
        assertEquals([received, missed, filled, repeated, gaps, errors], [90, 0, 0, 0, [], []]);
      }
    }, kind);
  });

  test(`a message that is lost on the way is read from the store (${kind})`, async () => {
    await withProcesses(2, async ({ bus, clock, processes }) => {
      const [one, two] = processes as [Process, Process];
      const heard = await hear(two);
      publish(one, 1, 2);
      await clock.advance(0);
      bus.held = true;
      publish(one, 3, 6);
      await clock.advance(0);
      bus.drop(0);
      bus.drop(1);
      while (bus.pending.length > 0) bus.deliver();
      await clock.advance(0);
      assertEquals(heard, numbers(1, 6));
      assertEquals(two.gaps, []);
      // The last one is lost: its publisher says after 1 s where it was.
      publish(one, 7, 7);
      await clock.advance(0);
      bus.drop();
      bus.held = false;
      await clock.advance(1_500);
      assertEquals(heard, numbers(1, 7));
      assertEquals(two.gaps, []);
      assert(two.topics.stats().backplane!.filled >= 3);
    }, kind);
  });

  test(`what comes twice or late is dropped (${kind})`, async () => {
    await withProcesses(2, async ({ bus, clock, processes }) => {
      const [one, two] = processes as [Process, Process];
      const heard = await hear(two);
      bus.held = true;
      publish(one, 1, 4);
      await clock.advance(0);
      for (
        const [index, keep] of [[0, true], [0, false], [2, false], [0, true], [0, false]] as const
      ) {
        bus.deliver(index, keep);
        await clock.advance(0);
      }
      while (bus.pending.length > 0) bus.deliver();
      await clock.advance(0);
      assertEquals(heard, numbers(1, 4));
      assertEquals(two.gaps, []);
    }, kind);
  });

  test(`after an outage what was published meanwhile is read (${kind})`, async () => {
    await withProcesses(2, async ({ bus, clock, processes }) => {
      const [one, two] = processes as [Process, Process];
      const [own, heard] = [await hear(one), await hear(two)];
      publish(one, 1, 2);
      await clock.advance(0);
      bus.outage(undefined, two.driver);
      publish(one, 3, 6);
      await clock.advance(0);
      assertEquals(heard, numbers(1, 2));
      bus.recover(two.driver);
      await clock.advance(0);
      assertEquals([heard, two.gaps], [numbers(1, 6), []]);
      // More than is kept: what is gone is told, exactly where the store counts 1, 2, 3.
      bus.outage(undefined, two.driver);
      publish(one, 7, 7 + SIZE + 2);
      await clock.advance(0);
      bus.recover(two.driver);
      await clock.advance(0);
      assertEquals(heard, [...numbers(1, 6), ...numbers(10, 19)]);
      assertEquals(two.gaps, [[kind === "consecutive" ? 3 : 1, "expired"]]);
      assertEquals(own, numbers(1, 19));
    }, kind);
  });

  test(`a connection that comes back gets exactly what it has missed (${kind})`, async () => {
    await withProcesses(2, async ({ bus, clock, processes }) => {
      const [one, two] = processes as [Process, Process];
      await using hall = await openHall({ topics: two.topics });
      const { server } = await hall.enter();
      const first = await server.subscribe("room:1", { since: { last: 0 } });
      assertEquals([first.joined, first.recovered, first.position?.offset], [true, true, 0]);
      const positions: TopicPosition[] = [first.position!];
      await two.topics.subscribe("room:1", (_, position) => void positions.push(position!));
      publish(one, 1, 5);
      await clock.advance(0);
      assertEquals(positions.length, 6);
      const formatted = (from: number): string[] =>
        numbers(from, 9).map((text) => `${positions[Number(text)]!.offset} ${text}`);
      const clients = [];
      for (const since of positions) {
        const { server, client } = await hall.enter();
        const result = await server.subscribe("room:1", { since });
        assertEquals([result.recovered, result.reason], [true, undefined]);
        clients.push(client);
      }
      publish(one, 6, 9);
      await clock.advance(0);
      for (const [i, client] of clients.entries()) {
        assertEquals(await take(client, 9 - i), formatted(i + 1));
      }
      const { reads } = bus;
      assert(reads <= (kind === "consecutive" ? 2 : 8), `${reads} reads`);
    }, kind);
  });
}

test("100 pages that come back at once cost one read", async () => {
  await withProcesses(1, async ({ bus, clock, processes }) => {
    const [one] = processes as [Process];
    await using hall = await openHall({ topics: one.topics });
    await hear(one);
    publish(one, 1, 8);
    await clock.advance(0);
    const ends = [];
    for (let i = 0; i < 100; i++) ends.push(await hall.enter());
    const { position } = await one.topics.history("room:1");
    const before = bus.reads;
    const results = ends.map(({ server }, i) =>
      server.subscribe("room:1", {
        since: i % 2 === 0 ? { last: 3 } : { ...position!, offset: i % 8 },
      })
    );
    for (const { recovered } of await Promise.all(results)) assertEquals(recovered, true);
    assertEquals(bus.reads - before, 1);
    // Those that come within a second, too, and with what was published meanwhile.
    publish(one, 9, 9);
    await clock.advance(999);
    const { server, client } = await hall.enter();
    await server.subscribe("room:1", { since: { last: 2 } });
    assertEquals(await take(client, 2), ["8 8", "9 9"]);
    assertEquals(bus.reads - before, 1);
    await clock.advance(1);
    await (await hall.enter()).server.subscribe("room:1", { since: { last: 2 } });
    assertEquals(bus.reads - before, 2);
  });
});

test("what is published while a history is read is neither lost nor sent twice", async () => {
  for (const early of [true, false]) {
    await withProcesses(2, async ({ bus, clock, processes }) => {
      const [one, two] = processes as [Process, Process];
      await using hall = await openHall({ topics: two.topics });
      if (early) await hear(two);
      publish(one, 1, 3);
      await clock.advance(0);
      const { server, client } = await hall.enter();
      let read!: () => void;
      bus.reading = new Promise<void>((resolve) => read = resolve);
      bus.held = true;
      publish(one, 4, 4); // kept, and not delivered yet
      const recovering = server.subscribe("room:1", { since: { last: 10 } });
      await clock.advance(0);
      publish(one, 5, 6); // not in what was read
      await clock.advance(0);
      bus.deliver();
      read();
      assertEquals((await recovering).recovered, true);
      while (bus.pending.length > 0) bus.deliver();
      bus.held = false;
      publish(one, 7, 7);
      await clock.advance(0);
      assertEquals(await take(client, 7), numbers(1, 7).map((text) => `${text} ${text}`));
    });
  }
});

test("a store that counts anew is told, and what it has since is delivered", async () => {
  await withProcesses(2, async ({ bus, clock, processes }) => {
    const [one, two] = processes as [Process, Process];
    const heard = await hear(two);
    await using hall = await openHall({ topics: two.topics });
    publish(one, 1, 3);
    await clock.advance(0);
    const { position } = await two.topics.history("room:1");
    bus.outage();
    bus.forget();
    bus.recover(one.driver);
    bus.up = true;
    publish(one, 4, 5);
    await clock.advance(0);
    bus.recover();
    await clock.advance(0);
    publish(one, 6, 6);
    await clock.advance(0);
    assertEquals(heard, numbers(1, 6));
    assertEquals(two.gaps, [[0, "epoch"]]);
    const { server, client } = await hall.enter();
    const result = await server.subscribe("room:1", { since: position! });
    assertEquals([result.recovered, result.reason], [false, "epoch"]);
    assertEquals(await take(client, 3), ["1 4", "2 5", "3 6"]);
  });
});

test("a store that loses its data without an outage is found by the next message", async () => {
  await withProcesses(2, async ({ bus, clock, processes }) => {
    const [one, two] = processes as [Process, Process];
    const heard = await hear(two);
    await using hall = await openHall({ topics: two.topics });
    publish(one, 1, 3);
    await clock.advance(0);
    bus.forget();
    // A connection that comes back is the first to see it.
    const { server, client } = await hall.enter();
    const { recovered } = await server.subscribe("room:1", { since: { last: 5 } });
    assertEquals([recovered, two.gaps], [true, [[0, "epoch"]]]);
    publish(one, 4, 5);
    await clock.advance(0);
    bus.forget();
    publish(one, 6, 7);
    await clock.advance(0);
    assertEquals([heard, two.gaps], [numbers(1, 7), [[0, "epoch"], [0, "epoch"]]]);
    assertEquals(await take(client, 4), ["1 4", "2 5", "1 6", "2 7"]);
  });
});

test("a store that comes back with older data goes on from there, and that is told", async () => {
  await withProcesses(2, async ({ bus, clock, processes }) => {
    const [one, two] = processes as [Process, Process];
    const heard = await hear(two);
    publish(one, 1, 3);
    await clock.advance(0);
    const restore = bus.backUp();
    publish(one, 4, 6);
    await clock.advance(0);
    const { position } = await two.topics.history("room:1");
    bus.outage();
    restore();
    bus.recover();
    await clock.advance(0);
    publish(one, 7, 8);
    await clock.advance(0);
    assertEquals([heard, two.gaps], [numbers(1, 8), [[0, "epoch"]]]);
    await using hall = await openHall({ topics: two.topics });
    const { server } = await hall.enter();
    assertEquals((await server.subscribe("room:1", { since: position! })).reason, "epoch");
  });
});

test("while the store is away nothing is delivered, and it is dropped and counted, or held", async () => {
  for (const outage of ["drop", "hold"] as const) {
    await withProcesses(
      2,
      async ({ bus, clock, processes }) => {
        const [one, two] = processes as [Process, Process];
        const [own, heard] = [await hear(one), await hear(two)];
        publish(one, 1, 2);
        await clock.advance(0);
        bus.slow = true;
        publish(one, 3, 3); // under way when it goes: taken or not, nobody knows
        bus.outage();
        publish(one, 4, 6);
        assertEquals((await two.topics.history("room:1")).reason, "unavailable");
        await clock.advance(0);
        assertEquals([own, heard], [numbers(1, 2), numbers(1, 2)]);
        const error = await assertRejects(() => one.topics.flush(), FlushError);
        assertEquals(error.count, 4);
        bus.slow = false;
        bus.recover();
        await clock.advance(1_000);
        publish(one, 7, 7);
        await clock.advance(0);
        const all = outage === "drop" ? ["1", "2", "7"] : ["1", "2", "4", "5", "6", "7"];
        assertEquals([own, heard], [all, all]);
        assertEquals(two.gaps, []);
        assertEquals(one.topics.stats().backplane!.notTaken, outage === "drop" ? 4 : 1);
      },
      "consecutive",
      { outage },
    );
  }
});

test("a connection that comes while the store is away is told, and gets what comes later", async () => {
  await withProcesses(1, async ({ bus, clock, processes }) => {
    const [one] = processes as [Process];
    await using hall = await openHall({ topics: one.topics });
    bus.outage();
    const { server, client } = await hall.enter();
    assertEquals(await server.subscribe("room:1", { since: { last: 5 } }), {
      joined: false,
      recovered: false,
      position: undefined,
      reason: "unavailable",
    });
    bus.recover();
    await clock.advance(0);
    publish(one, 1, 1);
    await clock.advance(0);
    assertEquals(await take(client, 1), ["1 1"]);
    // The store goes while it is read.
    let read!: () => void;
    bus.reading = new Promise<void>((resolve) => read = resolve);
    const second = await hall.enter();
    const recovering = second.server.subscribe("room:1", { since: { last: 5 } });
    await clock.advance(0);
    bus.outage();
    assertEquals((await recovering).reason, "unavailable");
    read();
    bus.recover();
    await clock.advance(0);
    publish(one, 2, 2);
    await clock.advance(0);
    assertEquals(await take(second.client, 1), ["2 2"]);
  });
});

test("a store that does not read in time, or refuses, is told as unavailable", async () => {
  await withProcesses(2, async ({ bus, clock, processes }) => {
    const [one, two] = processes as [Process, Process];
    const heard = await hear(two);
    await using hall = await openHall({ topics: two.topics });
    publish(one, 1, 1);
    await clock.advance(0);
    bus.reading = new Promise(() => {});
    const { server, client } = await hall.enter();
    const recovering = server.subscribe("room:1", { since: { last: 5 } });
    await clock.advance(5_000);
    assertEquals((await recovering).reason, "unavailable");
    bus.reading = Promise.resolve();
    bus.refusesRead = new Error("NOPERM");
    assertEquals((await two.topics.history("room:1")).reason, "unavailable");
    // A hole that cannot be filled is tried again, and then told.
    bus.held = true;
    publish(one, 2, 4);
    await clock.advance(0);
    bus.drop();
    while (bus.pending.length > 0) bus.deliver();
    await clock.advance(1_000);
    assertEquals([heard, two.gaps], [["1"], []]);
    await clock.advance(1_000);
    assertEquals([heard, two.gaps], [["1", "3", "4"], [[1, "unavailable"]]]);
    assertEquals(await take(client, 2), ["3 3", "4 4"]);
    // Reported once in a while: the first.
    assertEquals(two.errors, ["The store of history has not answered in 5000 ms"]);
    bus.refusesRead = undefined;
    bus.held = false;
  });
});

test("more than a hole can wait for is read from the store in the end", async () => {
  await withProcesses(
    2,
    async ({ bus, clock, processes }) => {
      const [one, two] = processes as [Process, Process];
      const heard = await hear(two);
      publish(one, 1, 1);
      await clock.advance(0);
      let read!: () => void;
      bus.reading = new Promise<void>((resolve) => read = resolve);
      bus.held = true;
      publish(one, 2, 3);
      await clock.advance(0);
      bus.drop();
      bus.deliver();
      for (let i = 4; i <= 3_003; i += 100) {
        publish(one, i, i + 99);
        await clock.advance(0);
        while (bus.pending.length > 0) bus.deliver();
      }
      read();
      await clock.advance(0);
      assertEquals(heard, numbers(1, 3_003));
      assertEquals(two.gaps, []);
    },
    "consecutive",
    { history: [{ prefix: "room:", size: 4_000 }] },
  );
});

for (const kind of ["consecutive", "sparse"] as const) {
  test(`a history of which more comes while it is read than is kept is read on (${kind})`, async () => {
    // One that comes back gets all, unless more has come than the history holds.
    const cases = [
      [10_000, undefined, numbers(2, 5_001), 3],
      [2_000, "expired", numbers(3_002, 5_001), 3],
      [10, "overflow", numbers(3_492, 3_501), 2],
    ] as const;
    for (const [size, reason, history, reads] of cases) {
      await withProcesses(
        2,
        async ({ bus, clock, processes }) => {
          const [one, two] = processes as [Process, Process];
          await hear(two);
          await using hall = await openHall({ topics: two.topics });
          publish(one, 1, 1);
          await clock.advance(0);
          const { position } = await two.topics.history("room:1");
          const { server, client } = await hall.enter();
          let published = 1;
          // What comes while the store is read.
          const flood = async (count: number): Promise<void> => {
            for (const end = published + count; published < end; published += 100) {
              publish(one, published + 1, published + 100);
              await clock.advance(0);
            }
          };
          const holdRead = (): () => void => {
            const { promise, resolve } = withResolvers<void>();
            bus.reading = promise;
            return resolve;
          };
          const before = bus.reads;
          const first = holdRead();
          const recovering = server.subscribe("room:1", { since: position! });
          await flood(2_500);
          const second = holdRead();
          first();
          await clock.advance(0);
          await flood(2_500);
          bus.reading = Promise.resolve();
          second();
          const result = await recovering;
          assertEquals([result.recovered, result.reason], [reason === undefined, reason]);
          publish(one, 5_002, 5_002);
          await clock.advance(0);
          const got = await take(client, history.length + 1);
          assertEquals(got.map(String), [...history, "5002"]);
          assertEquals(two.gaps, []);
          // A store that leaves numbers out is asked whether something has gone.
          const asked = kind === "sparse" && reason === "expired" ? 1 : 0;
          assertEquals(bus.reads - before, reads + asked);
        },
        kind,
        { history: [{ prefix: "room:", size }] },
      );
    }
  });
}

test("a topic that was left begins anew, and one that lingers goes on", async () => {
  await withProcesses(2, async ({ clock, processes }) => {
    const [one, two] = processes as [Process, Process];
    const heard: string[] = [];
    const listener = (data: unknown): void => void heard.push(`${data}`);
    await two.topics.subscribe("room:1", listener);
    publish(one, 1, 1);
    await clock.advance(0);
    two.topics.unsubscribe("room:1", listener);
    publish(one, 2, 2);
    await clock.advance(1_000);
    await two.topics.subscribe("room:1", listener);
    publish(one, 3, 3);
    await clock.advance(0);
    two.topics.unsubscribe("room:1", listener);
    await clock.advance(2_000);
    publish(one, 4, 4);
    await clock.advance(0);
    await two.topics.subscribe("room:1", listener);
    publish(one, 5, 5);
    await clock.advance(0);
    assertEquals([heard, two.gaps], [["1", "3", "5"], []]);
  });
});

test("what is no message of the library is counted, and stops nothing", async () => {
  await withProcesses(2, async ({ bus, clock, processes }) => {
    const [one, two] = processes as [Process, Process];
    const heard = await hear(two);
    publish(one, 1, 1);
    await clock.advance(0);
    const channel = "sansocket:h:room%3A1";
    const malformed = [[], [0x00], [0x01, 0xff], [0x01, 0x01, ...new Array(18).fill(1), 0x78]];
    const retention = { size: SIZE, ttl: 1_000_000 };
    for (const octets of malformed) {
      await one.driver.publish(channel, new Uint8Array(octets));
      await one.driver.history!.publish(channel, new Uint8Array(octets), retention);
    }
    publish(one, 2, 2);
    await clock.advance(0);
    assertEquals([heard, two.gaps], [numbers(1, 2), []]);
    assert(two.topics.stats().backplane!.malformed >= 2 * malformed.length);
    const { messages, recovered } = await two.topics.history("room:1");
    assertEquals([messages.map(({ data }) => data), recovered], [["1", "2"], true]);
    bus.held = false;
  });
});

test("ws.publish() leaves out its own connection, which the store tells of too", async () => {
  await withProcesses(2, async ({ clock, processes }) => {
    const [one, two] = processes as [Process, Process];
    await using hall = await openHall({ topics: one.topics });
    const [anna, ben] = [await hall.enter("room:1"), await hall.enter("room:1")];
    const heard = await hear(two);
    assertEquals(anna.server.publish("room:1", "a"), DEFERRED);
    await clock.advance(0);
    assertEquals([await take(ben.client, 1), heard], [["1 a"], ["a"]]);
    anna.server.send("end");
    assertEquals(await take(anna.client, 1), ["end"]);
  });
});

test("a publisher of which the store has taken nothing repeats nothing", async () => {
  await withProcesses(2, async ({ clock, processes }) => {
    const [one, two] = processes as [Process, Process];
    await hear(two);
    one.driver.refusesPublish = new Error("no");
    publish(one, 1, 1);
    await clock.advance(0);
    one.driver.refusesPublish = undefined;
    await clock.advance(2_000);
    assertEquals(two.topics.stats().backplane!.malformed, 0);
  });
});

test("topics.history() waits for the start, and not for longer", async () => {
  const bus = new MemoryBus();
  const clock = createClock();
  const options = { clock: clock.source, history: "consecutive" } as const;
  const history = [{ prefix: "" }];
  const first = createTopics({ backplane: bus.driver(options), history });
  const early = first.history("a");
  first.publish("a", "x");
  assertEquals((await early).recovered, true);
  await first.flush();
  bus.up = false;
  const late = createTopics({ backplane: bus.driver(options), history, error: () => {} });
  const reading = late.history("a");
  await clock.advance(5_000);
  assertEquals((await reading).reason, "unavailable");
  const closed = createTopics({ backplane: bus.driver(options), history, error: () => {} });
  const ended = closed.history("a");
  await closed.close();
  assertEquals((await ended).reason, "unavailable");
  for (const topics of [first, late]) await topics.close({ timeout: 1 });
});

test("a backplane without history refuses the option by name", () => {
  const backplane = new MemoryBus().driver();
  assertThrows(
    () => createTopics({ backplane, history: [{ prefix: "" }] }),
    TypeError,
    "got memory, which has none: use Redis, or NATS with JetStream",
  );
});
