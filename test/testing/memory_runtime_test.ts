// The runtime of a network in memory: who listens, and how attempts to connect end.

import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { HandshakeError } from "@sansocket/ws";
import { createClock, createMemoryRuntime, createNetwork } from "@sansocket/ws/testing";
import { settled } from "../support/connections.ts";
import { test } from "../support/test.ts";

const address = { hostname: "127.0.0.1", port: 0 };
const notAborted = { signal: undefined };

test("createMemoryRuntime gives each network its own ports", async () => {
  const [one, two] = [createMemoryRuntime(), createMemoryRuntime()];
  const listener = await one.listen({ ...address, port: 80 }, () => {});
  assertEquals(listener.address, { hostname: "127.0.0.1", port: 80 });
  await assertRejects(() => two.dial(listener.address, notAborted), Error, ":80: nothing listens");
  await assertRejects(
    () => one.listen(listener.address, () => {}),
    Error,
    "127.0.0.1:80: the port is in use",
  );
  await listener.close();
  await assertRejects(() => one.dial(listener.address, notAborted), Error, ":80: nothing listens");
});

test("createMemoryRuntime chooses a free port for port 0", async () => {
  const runtime = createMemoryRuntime();
  const ports = new Set<number>();
  for (let i = 0; i < 3; i++) ports.add((await runtime.listen(address, () => {})).address.port);
  assertEquals(ports.size, 3);
  assertEquals(ports.has(0), false);
});

test("createMemoryRuntime dial() rejects with the reason of a signal that has fired", async () => {
  const runtime = createMemoryRuntime();
  const { address: listening } = await runtime.listen(address, () => {});
  const reason = new Error("Changed my mind");
  const signal = AbortSignal.abort(reason);
  assertStrictEquals(await assertRejects(() => runtime.dial(listening, { signal }), Error), reason);
});

test("createMemoryRuntime refuses TLS and unix sockets rather than go on without", async () => {
  const runtime = createMemoryRuntime();
  for (const more of [{ tls: { key: "", cert: "" } }, { path: "/run/chat.sock" }]) {
    await assertRejects(() => runtime.listen({ ...address, ...more }, () => {}), TypeError);
    await assertRejects(() => runtime.dial(address, { ...notAborted, ...more }), TypeError);
  }
});

test("createMemoryRuntime tells hosts with the same port apart", async () => {
  const runtime = createMemoryRuntime();
  const got: string[] = [];
  for (const hostname of ["a", "b", "0.0.0.0"]) {
    await runtime.listen({ hostname, port: 80 }, () => got.push(hostname));
  }
  for (const hostname of ["b", "localhost", "a", "::1"]) {
    await runtime.dial({ hostname, port: 80 }, notAborted);
  }
  assertEquals(got, ["b", "0.0.0.0", "a", "0.0.0.0"]);
  await assertRejects(
    () => runtime.dial({ hostname: "c", port: 80 }, notAborted),
    Error,
    "Could not connect to c:80: nothing listens there",
  );
});

test("refuse() answers with a status, resets or does not answer, so many times", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const server = await network.serve({ websocket: { message: (ws, data) => ws.send(data) } });
  network.refuse({ times: 2, with: 503 });
  network.refuse();
  network.refuse({ with: "timeout" });
  const outcomes: unknown[] = [];
  for (let i = 0; i < 5; i++) {
    const attempt = network.connect(server.url, { handshakeTimeout: 5_000 })
      .then((ws) => outcomes.push(ws.state), (error) => outcomes.push(error.status ?? error.code));
    await clock.advance(5_000);
    await attempt;
  }
  assertEquals(outcomes, [503, 503, "ECONNRESET", "ETIMEDOUT", "open"]);
  // 503 passes through the real parser of answers, with its reason.
  network.refuse({ times: 3, with: 429 });
  const error = await assertRejects(() => network.connect(server.url), HandshakeError);
  assertEquals(error.body, "The test refuses this connection");
  network.refuse({ times: 0 });
  network.refuse({ times: Infinity, with: "reset" });
  for (let i = 0; i < 3; i++) {
    await assertRejects(() => network.connect(server.url), Error, "reset");
  }
  network.refuse({ times: 0 });
  const ws = await network.connect(server.url);
  ws.send("again");
  assertEquals(await ws.receive(), "again");
  await server.close();
});

test("partition() separates two hosts until heal(), and their new connections wait", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const server = await network.serve({
    hostname: "b",
    heartbeat: false,
    websocket: { message: (ws, data) => ws.send(data) },
  });
  const [a, c] = await Promise.all(
    ["a", "c"].map((from) => network.connect(server.url, { from, heartbeat: false })),
  );
  network.partition("a", "b");
  const late = network.connect(server.url, {
    from: "a",
    heartbeat: false,
    handshakeTimeout: 120_000,
  });
  const given = network.connect(server.url, { from: "a", handshakeTimeout: 1_000 });
  const failed = assertRejects(() => given, Error, "took more than 1000 ms");
  const answers = [a, c].map((ws) => {
    ws!.send("hi");
    return ws!.receive();
  });
  assertEquals(await answers[1], "hi");
  await clock.advance(60_000);
  await failed;
  assertEquals(a!.state, "open");
  assertEquals(network.links.map(({ from, to }) => `${from} ${to}`), ["a b", "c b"]);
  network.heal("a", "b");
  assertEquals(await answers[0], "hi");
  assertEquals((await late).localAddress!.hostname, "a");
  network.partition("a", "b");
  network.partition("c", "b");
  network.heal();
  for (const ws of [a, c, await late]) {
    ws!.send("both");
    assertEquals(await ws!.receive(), "both");
  }
  await server.close();
});

test("partition() and heal() know hosts by any of their names, and refuse what is none", async () => {
  const network = createNetwork();
  const server = await network.serve({
    hostname: "Srv",
    websocket: { message: (ws, data) => ws.send(data) },
  });
  const ws = await network.connect(server.url, { from: "localhost" });
  network.partition("127.0.0.1", "srv");
  let got: unknown;
  const received = ws.receive().then((message) => got = message);
  ws.send("held");
  await settled();
  assertEquals(got, undefined);
  for (const wrong of [["127.0.0.1"], ["a", 5], [null, null]]) {
    assertThrows(() => network.heal(...wrong as [string, string]), TypeError, "two hosts");
    assertThrows(() => network.partition(...wrong as [string, string]), TypeError, "two hosts");
  }
  assertEquals(got, undefined);
  network.heal("localhost", "SRV");
  await received;
  assertEquals(got, "held");
  await ws.close();
  await server.close();
});

test("listen() and connect() judge ports, addresses and functions", async () => {
  const network = createNetwork();
  const accept = () => {};
  for (const port of [-1, NaN, "x", 70_000]) {
    await assertRejects(() => network.listen({ port } as { port: number }, accept), Error, "port");
  }
  await assertRejects(() => network.listen({ port: 0 }, 5 as never), TypeError, "accept");
  await assertRejects(
    () => network.connect("ws://a/", { remoteAddress: "203.0.113.7" as never }),
    TypeError,
    "remoteAddress",
  );
  await assertRejects(
    () => network.connect("ws://a/", { tlsInfo: 5 as never }),
    TypeError,
    "tlsInfo",
  );
});
