// Application code that fails: each failure ends its own connection, is reported once, and leaves nothing.

import { assertEquals, assertLessOrEqual, assertStringIncludes } from "@std/assert";
import { connect, serve, type WebSocketHandler } from "@sansocket/ws";
import { RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";
import { memoryInUse } from "./memory.ts";
import { dropPeers, emptied, openPeers, show, size, timers } from "./measure.ts";

const failure = new Error("handler failed");
const fail = (): never => {
  throw failure;
};
// deno-lint-ignore require-await -- an async function is what is tested
const failLater = async (): Promise<never> => fail();

const failing: [string, WebSocketHandler][] = [
  ["an open hook that throws", { open: fail }],
  ["an open hook that rejects", { open: failLater }],
  ["a message hook that throws", { message: fail }],
  ["a message hook that rejects", { message: failLater }],
  ["a function that throws", fail],
  ["a function that rejects", failLater],
];

for (const [what, websocket] of failing) {
  test(
    `serve() closes with 1011 for ${what}, and reports it once for each connection`,
    async () => {
      const reported: unknown[] = [];
      await using server = await serve({
        port: 0,
        closeTimeout: 1_000,
        error: (error) => reported.push(error),
        websocket,
      });
      const before = timers();
      const count = size(50, 1_000);
      const peers = await openPeers(server.port, count);
      for (const peer of peers) peer.sendHex("818100000000" + "61");
      const closes = await Promise.all(peers.map((peer) => peer.takeClose()));
      await dropPeers(peers);
      const { connections } = await emptied(server);
      show(`${count} times ${what}`, { reported: reported.length });
      assertEquals(closes.filter(({ code }) => code === 1011).length, count);
      assertEquals([reported.length, new Set(reported).size, connections], [count, 1, 0]);
      assertEquals(timers() <= before, true);
    },
    { timeout: 120_000 },
  );
}

const never = (): Promise<never> => new Promise(() => {});
const pending: [string, WebSocketHandler][] = [
  ["an open hook", { open: never }],
  ["a message hook", { message: never }],
  ["a function", never],
  ["a close hook", { close: never }],
];

for (const [what, websocket] of pending) {
  test(`serve() lets go of connections with ${what} that is pending forever`, async () => {
    // A peer that is gone while nothing is read shows when a Ping cannot be delivered.
    const heartbeat = { interval: 50 };
    const server = await serve({ port: 0, closeTimeout: 300, heartbeat, websocket });
    const before = timers();
    const count = size(50, 1_000);
    const peers = await openPeers(server.port, count);
    for (const peer of peers) peer.sendHex("818100000000" + "61");
    // Each of them is answered all the same: a Ping by a Pong, a close by a cut at the latest.
    for (const peer of peers) peer.sendHex("898000000000");
    await dropPeers(peers);
    const { totalConnections } = await emptied(server);
    assertEquals([totalConnections, timers() <= before], [count, true]);
    // The same again costs next to nothing: what never settles is held by nobody.
    const memory = memoryInUse();
    await dropPeers(await openPeers(server.port, count));
    await emptied(server);
    await new Promise((resolve) => setTimeout(resolve, 0));
    const left = Math.round((memoryInUse() - memory) / count);
    assertLessOrEqual(left, 2048 + 2_097_152 / count);
    const started = performance.now();
    await server.close({ timeout: 300 });
    show(`${count} times ${what} that is pending forever`, {
      "left of each": `${left} octets`,
      "close() took": `${Math.round(performance.now() - started)} ms`,
    });
  }, { timeout: 120_000 });
}

test(
  "serve() cuts the connection of a Response body that throws midway, and reports it",
  async () => {
    const reported: unknown[] = [];
    await using server = await serve({
      port: 0,
      error: (error) => reported.push(error),
      fetch(request, { upgrade }) {
        if (request.headers.has("upgrade")) return upgrade({});
        let pieces = 0;
        return new Response(
          new ReadableStream({
            pull(controller) {
              if (++pieces > 2) throw failure;
              controller.enqueue(new TextEncoder().encode("piece"));
            },
          }),
        );
      },
    });
    const count = size(50, 1_000);
    for (let i = 0; i < count; i++) {
      await using peer = await RawPeer.dial(server.port);
      peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      const rest = new TextDecoder().decode(await peer.takeRest());
      assertStringIncludes(rest, "HTTP/1.1 200");
      // The last chunk is missing, so nobody takes it for whole.
      assertEquals(rest.endsWith("0\r\n\r\n"), false);
    }
    const { sockets } = await emptied(server);
    show(`${count} bodies that throw midway`, { reported: reported.length });
    assertEquals([reported.length, sockets], [count, 0]);
    const ws = await connect(server.url);
    assertEquals((await ws.close()).code, 1000);
  },
  { timeout: 120_000 },
);
