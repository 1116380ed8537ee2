// The clock of a test: it moves only when it is told to, and the library waits by it.

import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { createClock, createNetwork, pair } from "@sansocket/ws/testing";
import { test } from "../support/test.ts";

test("createClock stands still until it is advanced", async () => {
  const clock = createClock();
  assertEquals([clock.now, clock.pending], [0, []]);
  await clock.advance(1_500);
  assertEquals(clock.now, 1_500);
  await clock.advance(0.5);
  assertEquals(clock.now, 1_500.5);
});

test("advance() ends what is due, in the order of time, each at its own time", async () => {
  const clock = createClock();
  const seen: string[] = [];
  const note = (name: string) => () => void seen.push(`${name} at ${clock.now}`);
  clock.sleep(30).then(note("third"));
  clock.sleep(10).then(note("first"));
  clock.sleep(30).then(note("fourth"));
  clock.sleep(20).then(async () => {
    note("second")();
    await clock.sleep(15);
    note("fifth")();
  });
  await clock.advance(34);
  assertEquals(seen, ["first at 10", "second at 20", "third at 30", "fourth at 30"]);
  await clock.advance(1);
  assertEquals(seen[4], "fifth at 35");
});

test("advance() calls that overlap follow each other", async () => {
  const clock = createClock();
  const times: number[] = [];
  clock.sleep(10).then(() => times.push(clock.now));
  clock.sleep(25).then(() => times.push(clock.now));
  await Promise.all([clock.advance(20), clock.advance(20)]);
  assertEquals([clock.now, times], [40, [10, 25]]);
});

test("advance() lets messages arrive and handlers run, however many turns they take", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const server = await network.serve({
    websocket: { message: (ws, data) => ws.send(String(Number(data) - 1)) },
  });
  const ws = await network.connect(server.url);
  let last = 100;
  (async () => {
    for await (const data of ws) {
      last = Number(data);
      if (last > 0) await ws.send(String(last));
    }
  })();
  await ws.send("100");
  await clock.advance(0);
  assertEquals(last, 0);
  await server.close();
});

for (const milliseconds of [-1, Infinity, NaN, 1e300]) {
  test(`advance() and sleep() refuse ${milliseconds}`, async () => {
    const clock = createClock();
    for (const call of ["advance", "sleep"] as const) {
      await assertRejects(
        () => clock[call](milliseconds),
        RangeError,
        `${call}() expected milliseconds from 0 to 31622400000, a year, got ${milliseconds}`,
      );
    }
    assertEquals(clock.now, 0);
  });
}

test("advance() of a program that never comes to rest rejects and names what waits", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const server = await network.serve({
    websocket: { message: (ws, data) => ws.send(data) },
  });
  const ws = await network.connect(server.url);
  let going = true;
  (async () => {
    for await (const data of ws) if (going) ws.send(data);
  })();
  ws.send("round and round");
  const { message } = await assertRejects(() => clock.advance(10), Error);
  assert(
    message.startsWith("The program did not come to rest while it sent 250000 times"),
    message,
  );
  assert(message.includes("these wait: the heartbeat (due in 1000 ms)"), message);
  going = false;
  await server.close();
});

test("sleep() ends early with the reason of its signal", async () => {
  const clock = createClock();
  const controller = new AbortController();
  const reason = new Error("Enough");
  const slept = clock.sleep(1_000, controller.signal);
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => slept, Error), reason);
  assertEquals(clock.pending, []);
  assertStrictEquals(await assertRejects(() => clock.sleep(1, controller.signal), Error), reason);
});

test("pending names timers in the order in which they are due, then handlers", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  let open!: () => void;
  const server = await network.serve({
    heartbeat: { interval: 30_000, timeout: 10_000 },
    closeTimeout: 700,
    websocket: {
      open: () => clock.sleep(400),
      message: () => new Promise<void>((resolve) => open = resolve),
    },
  });
  const ws = await network.connect(server.url);
  await clock.advance(0);
  const names = () =>
    clock.pending.map(({ waits, due }) => `${waits.replace(/\w+-\d+/, "X")}: ${due}`);
  assertEquals(names(), [
    "sleep() of the program: 400",
    "the heartbeat: 1000",
    "a hook of connection X: undefined",
  ]);
  ws.send("stays");
  await clock.advance(400);
  assertEquals(names(), ["the heartbeat: 600", "a hook of connection X: undefined"]);
  open();
  await clock.advance(0);
  assertEquals(names(), ["the heartbeat: 600"]);
  network.link(ws).halfOpen();
  ws.close();
  assertEquals(names()[1], "the end of a connection that is closing: 10000");
  await clock.advance(60_000);
  assertEquals([ws.state, names()], ["closed", []]);
  await server.close();
});

test("pending names a function that handles a connection, and a handshake that does not come", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const server = await network.serve({ websocket: (ws) => ws.closed });
  const ws = await network.connect(server.url);
  const names = () => clock.pending.map(({ waits }) => waits.replace(/\w+-\d+/, "X"));
  assertEquals(names().at(-1), "the function that handles connection X");
  network.refuse({ with: "timeout" });
  const refused = assertRejects(() => network.connect(server.url), Error, "took more than 10000");
  assertEquals(names()[1], "the opening handshake of connect()");
  await clock.advance(10_000);
  await refused;
  await ws.close();
  await clock.advance(0);
  assertEquals(names(), []);
  await server.close();
});

test("the heartbeat finds a dead connection after its time on the clock, and takes none", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const server = await network.serve({
    heartbeat: { interval: 20_000, timeout: 15_000 },
    websocket: (ws) => ws.closed,
  });
  const ws = await network.connect(server.url, { heartbeat: false });
  const [connection] = server.connections;
  network.link(ws).halfOpen();
  await clock.advance(34_000);
  assertEquals(connection!.state, "open");
  await clock.advance(3_000);
  const { code, endedBy } = await connection!.closed;
  assertEquals([code, endedBy, ws.state], [1006, "timeout", "open"]);
  await server.close();
});

test("idle times, lifetimes and handshakes that do not come end by the clock", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const options = {
    port: 0,
    heartbeat: false,
    websocket: (ws: { closed: Promise<unknown> }) => ws.closed,
  } as const;
  const idle = await network.serve({ ...options, idleTimeout: 3_600_000 });
  const old = await network.serve({ ...options, maxLifetime: 86_400_000 });
  const [one, two] = await Promise.all([idle, old].map(({ url }) => network.connect(url)));
  await clock.advance(3_605_000);
  assertEquals((await one!.closed).reason, "Idle for too long");
  assertEquals(two!.state, "open");
  await clock.advance(86_400_000 * 1.1);
  assertEquals((await two!.closed).reason, "Lifetime is over");
  await Promise.all([idle.close(), old.close()]);
});

test("a shutdown spreads its closes over the clock", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const server = await network.serve({ websocket: (ws) => ws.closed });
  const all = await Promise.all(
    Array.from({ length: 100 }, () => network.connect(server.url)),
  );
  const closed = server.close({ spread: 60_000 });
  const open = () => all.filter(({ state }) => state === "open").length;
  await clock.advance(15_000);
  assertEquals(open(), 75);
  await clock.advance(30_000);
  assertEquals(open(), 25);
  await clock.advance(15_100);
  await closed;
  assertEquals(open(), 0);
});

test("limits per second are filled by the clock", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  let received = 0;
  const server = await network.serve({
    guard: { messagesPerSecond: 10 },
    websocket: { message: () => void received++ },
  });
  const ws = await network.connect(server.url);
  for (let second = 0; second < 3; second++) {
    for (let i = 0; i < 10; i++) ws.send("x");
    await clock.advance(1_000);
  }
  assertEquals([received, ws.state], [30, "open"]);
  for (let i = 0; i < 30; i++) ws.send("x");
  await clock.advance(0);
  assertEquals((await ws.closed).code, 1008);
  await server.close();
});

test("clocks of two networks know nothing of each other", async () => {
  const [one, two] = [createClock(), createClock()];
  const first = await pair({ clock: one });
  const second = await pair({ clock: two });
  first.link.halfOpen();
  second.link.halfOpen();
  await one.advance(120_000);
  assertEquals([first.server.state, second.server.state, two.now], ["closed", "open", 0]);
  second.client.terminate();
  second.server.terminate();
});

test("round trips and traces have the time of the clock", async () => {
  const clock = createClock();
  const { client, link } = await pair({ clock });
  const times: number[] = [];
  client.trace(({ time }) => times.push(time));
  await clock.advance(1_000);
  link.delay(40);
  const roundTrip = client.ping();
  await clock.advance(100);
  assertEquals(await roundTrip, 80);
  assertEquals(times, [1_000, 1_080]);
  client.terminate();
});

test("advance() lets a message of many pieces arrive, which is no endless exchange", async () => {
  const clock = createClock();
  const { client, server, link } = await pair({ clock });
  link.split(1);
  server.send(new Uint8Array(300_000));
  const received = client.receive();
  await clock.advance(0);
  assertEquals((await received).length, 300_000);
  client.terminate();
});

test("pending names a fetch that has not answered", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  let answer!: (response: Response) => void;
  const server = await network.serve({
    fetch: () => new Promise<Response>((resolve) => answer = resolve),
  });
  const refused = assertRejects(() => network.connect(new URL("/slow", server.url)), Error, "404");
  await clock.advance(0);
  const names = clock.pending.filter(({ due }) => due === undefined).map(({ waits }) => waits);
  assertEquals(names, [`the answer to GET ${server.url}slow`]);
  answer(new Response("", { status: 404 }));
  await refused;
  assertEquals(clock.pending.filter(({ due }) => due === undefined), []);
  await Promise.all([server.close(), clock.advance(60_000)]);
});

test("a clock forgets connections that have ended, also when nothing reads what is pending", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const server = await network.serve({ websocket: {} });
  const { watched } = clock.source as unknown as { watched: ReadonlySet<unknown> };
  for (let i = 0; i < 400; i++) {
    const ws = await network.connect(server.url);
    await ws.close();
  }
  assert(watched.size < 200, `${watched.size} are watched`);
  await server.close();
});

test("sleep() and createNetwork() refuse what is no signal and no clock", async () => {
  const clock = createClock();
  await assertRejects(() => clock.sleep(5, {} as AbortSignal), TypeError, "signal");
  for (const wrong of [5, {}, null, clock.source]) {
    assertThrows(() => createNetwork({ clock: wrong as never }), TypeError, "clock");
  }
});
