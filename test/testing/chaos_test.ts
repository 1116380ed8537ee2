// Faults by chance: a program that recovers gets there under every seed, and one that cannot is named.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { createClock, createNetwork, type Network, type TestClock } from "@sansocket/ws/testing";
import { test } from "../support/test.ts";

/** A server that counts what it has not had before, and a client that repeats what was not acknowledged. */
async function startCounting(network: Network, clock: TestClock, wanted: number) {
  const seen: number[] = [];
  const options = { heartbeat: { interval: 2_000, timeout: 1_000 }, closeTimeout: 1_000 } as const;
  const server = await network.serve({
    ...options,
    websocket: {
      message: (ws, data) => {
        if (Number(data) === seen.length) seen.push(Number(data));
        return ws.send(String(seen.length));
      },
    },
  });
  let acknowledged = 0;
  let attempts = 0;
  const run = async () => {
    while (acknowledged < wanted) {
      attempts++;
      try {
        const ws = await network.connect(server.url, { ...options, handshakeTimeout: 2_000 });
        while (acknowledged < wanted) {
          await ws.send(String(acknowledged));
          acknowledged = Number(await ws.receive());
          await clock.sleep(10);
        }
        await ws.close();
      } catch {
        await clock.sleep(500);
      }
    }
  };
  const done = run();
  return { seen, server, done, progress: () => ({ acknowledged, attempts }) };
}

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`chaos() with seed ${seed} lets a client that recovers get everything across once`, async () => {
    const clock = createClock();
    const network = createNetwork({ clock });
    const { seen, server, done, progress } = await startCounting(network, clock, 500);
    const report = await network.chaos({
      seed,
      until: () => progress().acknowledged === 500,
    });
    await clock.advance(60_000);
    await done;
    assertEquals(seen, Array.from({ length: 500 }, (_, i) => i));
    assertEquals([report.seed, report.schedule.length], [seed, report.rounds]);
    await Promise.all([server.close(), clock.advance(60_000)]);
  });
}

test("chaos() repeats its schedule by the seed", async () => {
  const schedules: (readonly string[])[] = [];
  for (const seed of [7, 7, 8]) {
    const clock = createClock();
    const network = createNetwork({ clock });
    const { server, progress } = await startCounting(network, clock, 1e9);
    let rounds = 0;
    const { schedule } = await network.chaos({ seed, until: () => rounds++ === 60 });
    assert(progress().attempts > 1);
    schedules.push(schedule);
    await Promise.all([server.close(), clock.advance(60_000)]);
  }
  assertEquals(schedules[0], schedules[1]);
  assert(JSON.stringify(schedules[1]) !== JSON.stringify(schedules[2]));
});

test("chaos() that cannot end stops, and names its seed, what waits and the links", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const server = await network.serve({ heartbeat: false, websocket: (ws) => ws.closed });
  await network.connect(server.url, { heartbeat: false });
  const { message } = await assertRejects(
    () => network.chaos({ seed: 12, rounds: 20, until: () => false }),
    Error,
    "chaos() with seed 12 did not come to its end within 20 rounds and ",
  );
  assert(/these wait: |nothing waits/.test(message), message);
  assert(/; (from 127\.0\.0\.1:\d+ to|no connection is open)/.test(message), message);
  await assertRejects(
    () => network.chaos({ seed: 3, time: 5_000, rounds: 100_000, until: () => false }),
    Error,
    "within ",
  );
  await Promise.all([server.close(), clock.advance(60_000)]);
});

test("chaos() refuses a network without a clock, and options that are none", async () => {
  const until = () => true;
  await assertRejects(() => createNetwork().chaos({ seed: 1, until }), TypeError, "with a clock");
  const network = createNetwork({ clock: createClock() });
  await assertRejects(() => network.chaos({ seed: -1, until }), TypeError, "seed");
  await assertRejects(() => network.chaos({ seed: 1 } as never), TypeError, "until");
  await assertRejects(
    () => network.chaos({ seed: 1, until: (() => Promise.resolve(true)) as never }),
    TypeError,
    "expected until() to return true or false, got an object",
  );
  assertEquals((await network.chaos({ seed: 1, until })).rounds, 0);
});
