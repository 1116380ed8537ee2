// Peers that are slow, silent or greedy, many at once: memory stays under the stated bound, and nothing is left.

import { assertEquals, assertLessOrEqual } from "@std/assert";
import { decodeHex } from "@std/encoding";
import { serve, type Server, type ServerOptions, type WebSocketConnection } from "@sansocket/ws";
import { withResolvers } from "../support/connections.ts";
import { RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";
import { memoryInUse } from "./memory.ts";
import { dropPeers, emptied, mebibytes, openPeers, show, size, timers } from "./measure.ts";

const MIB = 1_048_576;

/** Runs `body` with a server that echoes, and asserts that nothing is left of it. */
function fault(
  name: string,
  options: ServerOptions,
  body: (server: Server) => Promise<void>,
): void {
  test(`serve() ${name}`, async () => {
    const reported: unknown[] = [];
    {
      await using server = await serve({
        error: (error) => reported.push(error),
        ...options,
        port: 0,
        websocket: { message: (ws, data) => ws.send(data) },
      });
      const before = timers();
      await body(server);
      await emptied(server);
      assertLessOrEqual(timers(), before);
    }
    assertEquals(reported, []);
  }, { timeout: 120_000 });
}

/** A peer that does not read, and the server's end of its connection. */
async function stopped(
  options: ServerOptions,
  body: (ws: WebSocketConnection, peer: RawPeer) => Promise<void>,
): Promise<void> {
  const opened = withResolvers<WebSocketConnection>();
  await using server = await serve({ ...options, port: 0, websocket: { open: opened.resolve } });
  await using peer = await RawPeer.dial(server.port);
  await peer.upgrade();
  peer.pause();
  await body(await opened.promise, peer);
  await peer[Symbol.asyncDispose]();
  await emptied(server);
}

const TOTAL = 200 * MIB;
const block = new Uint8Array(65_536);

test(
  "send() that is not awaited holds at most maxBufferedAmount for a reader that has stopped",
  async () => {
    const before = memoryInUse();
    await stopped({}, async (ws) => {
      let most = 0;
      let sent = 0;
      for (; sent < TOTAL; sent += block.length) {
        ws.send(block).catch(() => {});
        if (sent % MIB === 0) await new Promise((resolve) => setTimeout(resolve, 0));
        most = Math.max(most, ws.bufferedAmount);
      }
      const { cause } = await ws.closed;
      show("200 MiB for a reader that has stopped, not awaited", {
        "most that waited": mebibytes(most),
      });
      assertLessOrEqual(most, 16 * MIB + 2 * MIB);
      assertEquals(cause?.message.includes("maxBufferedAmount"), true);
    });
    // What was in flight when the socket was cut is let go of a turn later, by a first collection.
    memoryInUse();
    await new Promise((resolve) => setTimeout(resolve, 0));
    const left = memoryInUse() - before;
    show("memory afterwards", { "in use more": mebibytes(left) });
    assertLessOrEqual(left, 16 * MIB);
  },
  { timeout: 120_000 },
);

test(
  "send() that is awaited holds no more than the high-water mark for a reader that has stopped",
  async () => {
    await stopped({}, async (ws, peer) => {
      const total = size(40, 200) * MIB;
      let most = 0;
      let sent = 0;
      const sending = (async () => {
        for (; sent < total; sent += block.length) {
          await ws.send(block);
          most = Math.max(most, ws.bufferedAmount);
        }
      })();
      // It stands still at what the kernel took, until the reader goes on.
      let last = -1;
      while (sent !== last) {
        last = sent;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      const kernel = sent;
      peer.resume();
      let taken = 0;
      while (taken < total) {
        const { payload } = await peer.takeFrame();
        taken += payload.length;
      }
      await sending;
      show(`${mebibytes(total)} for a reader that stops and goes on, awaited`, {
        "most that waited": mebibytes(most),
        "taken by the kernel": mebibytes(kernel),
      });
      assertLessOrEqual(most, MIB);
      assertEquals(taken, total);
    });
  },
  { timeout: 120_000 },
);

const KEY = "00000000";
const places: [string, string][] = [
  ["a frame header", `82fe`],
  ["a payload", `82fe 03e8 ${KEY} 61`],
  ["a fragmented message", `0181 ${KEY} 61`],
];

fault("closes slow-loris peers in each of their places", {
  guard: { frameTimeout: 300 },
  handshakeTimeout: 300,
  closeTimeout: 300,
}, async (server) => {
  const count = size(50, 1_000);
  const started = performance.now();
  const heads = await Promise.all(
    Array.from({ length: Math.min(count, 100) }, () => RawPeer.dial(server.port)),
  );
  for (const peer of heads) peer.send("GET / HTTP/1.1\r\nHo");
  const peers: RawPeer[] = [];
  for (const [, hex] of places) {
    const batch = await openPeers(server.port, count);
    for (const peer of batch) peer.send(decodeHex(hex.replaceAll(" ", "")));
    peers.push(...batch);
  }
  const answers = await Promise.all(heads.map((peer) => peer.takeRest()));
  const told = answers.map((answer) => new TextDecoder().decode(answer.subarray(0, 12)));
  // On a machine so busy that it has read nothing of one in time, there is no request to answer.
  assertEquals(told.filter((line) => line !== "HTTP/1.1 408" && line !== ""), []);
  const closes = await Promise.all(peers.map((peer) => peer.takeClose()));
  assertEquals(closes.filter(({ code }) => code === 1008).length, peers.length);
  const elapsed = Math.round(performance.now() - started);
  await dropPeers([...heads, ...peers]);
  const { closed } = await emptied(server);
  show("slow-loris", {
    "in heads": heads.length,
    "told 408": told.filter((line) => line !== "").length,
    "in messages": peers.length,
    "limit": "300 ms",
    "all answered after": `${elapsed} ms`,
  });
  assertEquals(closed.frameTimeout, peers.length);
});

fault("cuts peers that never answer a close", { closeTimeout: 200 }, async (server) => {
  const count = size(50, 1_000);
  const peers = await openPeers(server.port, count);
  const connections = [...server.connections];
  const started = performance.now();
  const infos = await Promise.all(connections.map((ws) => ws.close(4000, "enough")));
  show(`${count} peers that never answer a close`, {
    limit: "200 ms",
    "all gone after": `${Math.round(performance.now() - started)} ms`,
  });
  assertEquals(infos.filter(({ wasClean }) => wasClean).length, 0);
  const { closed } = await emptied(server);
  assertEquals(closed.cut, count);
  await dropPeers(peers);
});
