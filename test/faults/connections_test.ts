// Many connections at once on a server in a process of its own: idle, reset, and more than it may have.

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import type { ServerStats } from "@sansocket/ws";
import { type Child, commandOf, run } from "../support/process.ts";
import { RawPeer } from "../support/raw.ts";
import { runtime, test } from "../support/test.ts";
import { dropPeers, mebibytes, openPeers, show, size, until } from "./measure.ts";

type Report = ServerStats & { readonly memory: number; readonly resident: number };

interface Process extends AsyncDisposable {
  readonly child: Child;
  readonly port: number;
  readonly ask: () => Promise<Report>;
}

/** Starts the server; `before` is shell text that comes before it. */
async function startServer(before = ""): Promise<Process> {
  const command = commandOf(runtime, "test/faults/server.ts");
  const child = run(
    before === "" ? command : ["sh", "-c", `${before} exec "$@"`, "sh", ...command],
  );
  const port = Number((await child.waitFor(/port (\d+)/))[1]);
  return {
    child,
    port,
    async ask() {
      await using peer = await RawPeer.dial(port);
      peer.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      return JSON.parse((await peer.takeResponse()).body);
    },
    [Symbol.asyncDispose]: async () => void await child.stop(),
  };
}

/** Waits until the process holds no connection but the one that asks. */
async function emptied({ ask }: Process): Promise<Report> {
  await until(async () => (await ask()).sockets === 1);
  return await ask();
}

test("serve() holds thousands of idle connections, and lets go of them", async () => {
  await using server = await startServer();
  const count = size(500, 10_000);
  const before = await server.ask();
  let after: Report | undefined;
  for (let round = 1; round <= 2; round++) {
    const peers = await openPeers(server.port, count);
    const open = await server.ask();
    assertEquals(open.connections, count);
    // Each of them still works.
    for (const peer of peers) peer.sendHex("818100000000" + "61");
    for (const peer of peers) assertEquals(encodeHex(await peer.take(3)), "810161");
    await dropPeers(peers);
    const left = await emptied(server);
    show(`${count} idle connections, round ${round}`, {
      "octets each": Math.round((open.memory - before.memory) / count),
      "resident each": Math.round((open.resident - before.resident) / count),
      "in use before": mebibytes(before.memory),
      "in use open": mebibytes(open.memory),
      "in use after": mebibytes(left.memory),
    });
    assertLessOrEqual((open.memory - before.memory) / count, 32_768);
    // The first round warms caches up; the second may leave nothing more than noise.
    if (after !== undefined) assertLessOrEqual(left.memory - after.memory, 256 * count + 1_048_576);
    after = left;
  }
  assertEquals([after?.connections, after?.closed.lost], [0, 2 * count]);
}, { timeout: 180_000 });

test(
  "serve() holds for a stalled handler no more than may wait, and the chunk at hand",
  async () => {
    await using server = await startServer();
    const count = 1_000;
    const peers = await openPeers(server.port, count, "GET /stalled HTTP/1.1");
    const before = await server.ask();
    // One for the handler, then more than may wait, in messages of 1,000 octets.
    const message = "82fe03e800000000" + "61".repeat(1_000);
    const flood = decodeHex(message.repeat(66));
    for (const peer of peers) peer.send(flood);
    // 16 wait behind the one at work; what counts as a message is what was parsed.
    await until(async () => (await server.ask()).messagesReceived >= 17 * count);
    const open = await server.ask();
    const each = (open.memory - before.memory) / count;
    show(`${count} stalled handlers`, {
      "octets each": Math.round(each),
      "resident each": Math.round((open.resident - before.resident) / count),
    });
    assertEquals(open.messagesReceived, 17 * count);
    // The chunk at hand is at most what came, and what a runtime reads at once.
    assertLessOrEqual(each, Math.max(flood.length, 262_144) + 65_536 + 16 * 64);
    await dropPeers(peers);
  },
  { timeout: 180_000 },
);

test("serve() survives many resets at once", async () => {
  await using server = await startServer();
  const count = size(200, 1_000);
  const peers = await openPeers(server.port, count);
  const started = performance.now();
  for (const peer of peers) peer.reset();
  await Promise.all(peers.map((peer) => peer.closed));
  const { closed, connections } = await emptied(server);
  show(`${count} resets at once`, {
    "all gone after": `${Math.round(performance.now() - started)} ms`,
  });
  assertEquals([connections, closed.lost], [0, count]);
}, { timeout: 120_000 });

test(
  "serve() accepts again when file descriptors are free again, and reports their lack once",
  async () => {
    await using server = await startServer("ulimit -n 64;");
    const count = 100;
    const peers = await Promise.all(Array.from({ length: count }, () => RawPeer.dial(server.port)));
    let answered = 0;
    const upgrades = peers.map((peer) =>
      peer.upgrade().then(({ status }) => (answered++, status), () => "cut")
    );
    // Some come through in any case; the others wait in the backlog, or are cut where the runtime does that (Node).
    await until(() => answered >= 10);
    if (runtime === "deno") await server.child.waitFor(/reported: /);
    await dropPeers(peers);
    const statuses = await Promise.all(upgrades);
    const served = statuses.filter((status) => status === 101).length;
    assert(served < count, `Expected some of ${count} to wait, got ${served}`);
    const { connections } = await emptied(server);
    assertEquals(connections, 0);
    const [again] = await openPeers(server.port, 1);
    await again?.[Symbol.asyncDispose]();
    const reports = server.child.output().split("reported:").length - 1;
    show(`${count} connections with 64 file descriptors`, { served, reports });
    assertEquals(reports, runtime === "deno" ? 1 : 0);
  },
  { timeout: 120_000 },
);
