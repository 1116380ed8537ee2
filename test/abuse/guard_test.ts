// The limits of `guard` on an open connection: floods, slow-loris in each of its places, readers that take nothing.

import { assertEquals, assertInstanceOf } from "@std/assert";
import { decodeHex } from "@std/encoding";
import { connect, ProtocolError, serve } from "@sansocket/ws";
import type { CloseInfo, ServerOptions, ServerStats, WebSocketConnection } from "@sansocket/ws";
import type { TestClock } from "@sansocket/ws/testing";
import { createClocked, createTcp, type RawNetwork } from "../support/clocked.ts";
import { withResolvers } from "../support/connections.ts";
import type { RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

const KEY = "00000000";

interface Scene {
  readonly clock: TestClock;
  readonly peer: RawPeer;
  readonly ws: WebSocketConnection;
  readonly info: Promise<CloseInfo>;
  readonly stats: () => ServerStats;
  readonly received: unknown[];
}

function scene(
  name: string,
  options: ServerOptions,
  body: (scene: Scene) => Promise<void>,
  network: () => RawNetwork = createClocked,
): void {
  test(`serve() ${name}`, async () => {
    const { clock, serve, connect, dial } = network();
    const opened = withResolvers<WebSocketConnection>();
    const received: unknown[] = [];
    const server = await serve({
      ...options,
      port: 0,
      websocket: {
        open: (ws) => opened.resolve(ws),
        message: (_ws, data) => void received.push(data),
      },
    });
    const peer = await dial(server.port);
    await peer.upgrade();
    const ws = await opened.promise;
    await body({ clock, peer, ws, info: ws.closed, stats: () => server.stats(), received });
    await peer[Symbol.asyncDispose]();
    await ws.closed;
    // Nobody else is harmed.
    const other = await connect(server.url);
    await other.send("x");
    await other.close();
    assertEquals(received.at(-1), "x");
    await server.close();
  });
}

/** Takes frames up to the Close frame. */
async function takeClose(peer: RawPeer): Promise<{ code: number; reason: string }> {
  for (;;) {
    const { first, payload } = await peer.takeFrame();
    if (first !== 0x88) continue;
    const code = payload[0]! * 256 + payload[1]!;
    return { code, reason: new TextDecoder().decode(payload.subarray(2)) };
  }
}

function repeat(hex: string, count: number): Uint8Array {
  const frame = decodeHex(hex.replaceAll(" ", ""));
  const all = new Uint8Array(frame.length * count);
  for (let i = 0; i < count; i++) all.set(frame, i * frame.length);
  return all;
}

// More than two seconds' worth at once, so the clock cannot save the peer.
const floods: [string, ServerOptions["guard"] & object, Uint8Array, string][] = [
  ["Pings", { controlFramesPerSecond: 10 }, repeat(`8980 ${KEY}`, 50), "controlFramesPerSecond"],
  ["Pongs", { controlFramesPerSecond: 10 }, repeat(`8a80 ${KEY}`, 50), "controlFramesPerSecond"],
  ["messages", { messagesPerSecond: 10 }, repeat(`8181 ${KEY} 61`, 50), "messagesPerSecond"],
  [
    "octets",
    { bytesPerSecond: 100 },
    repeat(`82fe 03e8 ${KEY} ${"61".repeat(1000)}`, 1),
    "bytesPerSecond",
  ],
  [
    "tiny fragments",
    { tinyFragmentsPerSecond: 10 },
    decodeHex(`0181${KEY}61` + `0080${KEY}`.repeat(50)),
    "tinyFragmentsPerSecond",
  ],
];

for (const [what, guard, bytes, limit] of floods) {
  scene(`closes a peer that floods it with ${what} with 1008`, { guard }, async (scene) => {
    const { peer, info, stats, received } = scene;
    peer.send(bytes);
    const { code, reason } = await takeClose(peer);
    assertEquals([code, reason.endsWith(`(guard.${limit})`)], [1008, true]);
    peer.end();
    const { cause, initiator } = await info;
    assertInstanceOf(cause, ProtocolError);
    assertEquals(initiator, "local");
    const { closed } = stats();
    assertEquals([closed[limit as "bytesPerSecond"], closed.failed], [1, 0]);
    assertEquals(received.length <= 20, true);
  });
}

scene("lets the default limits pass what honest peers send", {}, async ({ peer, received }) => {
  peer.send(repeat(`8980 ${KEY}`, 500));
  peer.send(repeat(`8181 ${KEY} 61`, 5000));
  peer.send(decodeHex(`0181${KEY}61` + `0081${KEY}61`.repeat(5000) + `8080${KEY}`));
  peer.sendHex(`8882 ${KEY} 03e8`);
  assertEquals((await takeClose(peer)).code, 1000);
  assertEquals(received.length, 5001);
});

const places: [string, string][] = [
  ["within a frame header", "82"],
  ["within an extended length", `82ff 000000`],
  ["within a masking key", `8281 0000`],
  ["before a payload", `8281 ${KEY}`],
  ["within a payload", `82fe 03e8 ${KEY} 6161`],
  ["within a Ping", `8982 ${KEY} 61`],
  ["between fragments", `0181 ${KEY} 61`],
];

for (const [place, hex] of places) {
  scene(`closes a peer that stops ${place}, after frameTimeout`, {
    guard: { frameTimeout: 20_000 },
  }, async ({ clock, peer, info, stats }) => {
    peer.sendHex(hex);
    await clock.advance(19_000);
    assertEquals(peer.available, 0);
    await clock.advance(3_000);
    assertEquals(await peer.takeClose(), {
      code: 1008,
      reason: "A message that had begun did not get on within 20000 ms (guard.frameTimeout)",
    });
    peer.end();
    await info;
    assertEquals(stats().closed.frameTimeout, 1);
  });
}

scene("closes a peer that dribbles a payload", {
  guard: { frameTimeout: 20_000 },
}, async ({ clock, peer, info, stats }) => {
  peer.sendHex(`82fe ffff ${KEY}`);
  let over = false;
  info.then(() => over = true);
  peer.takeClose().then(() => peer.end());
  for (; !over && clock.now < 60_000; await clock.advance(500)) {
    await peer.flush(Uint8Array.of(0x61)).catch(() => {});
  }
  assertEquals(stats().closed.frameTimeout, 1);
});

test("serve() does not hold a peer's silence against it while the consumer is behind", async () => {
  const { clock, serve, dial } = createClocked();
  const { promise: going, resolve: go } = withResolvers<void>();
  const received: unknown[] = [];
  const second = withResolvers<void>();
  const server = await serve({
    port: 0,
    guard: { frameTimeout: 20_000 },
    websocket: {
      async message(_ws, data) {
        received.push(data);
        if (received.length === 1) await going;
        else if (received.length === 18) second.resolve();
      },
    },
  });
  const peer = await dial(server.port);
  await peer.upgrade();
  // As many wait as may. The next has begun, and is not read on while the first is not done.
  peer.sendHex(`8181 ${KEY} 61`.repeat(17) + `8182 ${KEY} 62`);
  // Another who stops there by itself shows when the time is up.
  const other = await dial(server.port);
  await other.upgrade();
  const served = [...server.connections].at(-1);
  other.sendHex(`8182 ${KEY} 62`);
  await clock.advance(60_000);
  assertEquals((await other.takeClose()).code, 1008);
  other.end();
  await served?.closed;
  assertEquals([server.connections.size, received.length], [1, 1]);
  peer.sendHex("63");
  go();
  await second.promise;
  assertEquals(received, [...Array(17).fill("a"), "bc"]);
  await peer[Symbol.asyncDispose]();
  await server.close();
});

scene("cuts a peer that takes nothing of what waits, after stallTimeout", {
  guard: { stallTimeout: 30_000 },
  maxBufferedAmount: 2 ** 30,
}, async ({ clock, peer, ws, info, stats }) => {
  peer.pause();
  // More than the network takes.
  ws.send(new Uint8Array(1 << 20)).catch(() => {});
  await clock.advance(29_000);
  assertEquals(ws.state, "open");
  await clock.advance(3_000);
  const { code, reason, cause, sent } = await info;
  assertEquals([code, sent], [1008, undefined]);
  assertEquals(reason.endsWith("none left within 30000 ms (guard.stallTimeout)"), true);
  assertInstanceOf(cause, ProtocolError);
  assertEquals(stats().closed.stallTimeout, 1);
});

scene("cuts a peer that takes nothing of what waits, over TCP by the system's clock", {
  guard: { stallTimeout: 60 },
  maxBufferedAmount: 2 ** 30,
}, async ({ peer, ws, info, stats }) => {
  peer.pause();
  // More than the kernel takes.
  const block = new Uint8Array(1 << 20);
  for (let i = 0; i < 64; i++) ws.send(block).catch(() => {});
  const { code, reason } = await info;
  assertEquals([code, reason.endsWith("within 60 ms (guard.stallTimeout)")], [1008, true]);
  assertEquals(stats().closed.stallTimeout, 1);
}, createTcp);

test("serve() refuses a message that inflates above guard.maxInflateRatio with 1009", async () => {
  await using server = await serve({
    port: 0,
    compression: true,
    guard: { maxInflateRatio: 20 },
    websocket: { message: (ws, data) => ws.send(data) },
  });
  const ws = await connect(server.url, { compression: true });
  const honest = Array.from({ length: 2000 }, (_, i) => `${i * i}`).join();
  await ws.send(honest);
  assertEquals(await ws.receive(), honest);
  const [served] = server.connections;
  await ws.send("a".repeat(100_000));
  const { code, reason } = await ws.closed;
  assertEquals(code, 1009);
  assertEquals(
    reason,
    "Message of more than 20 times its compressed size (guard.maxInflateRatio)",
  );
  await served?.closed;
  assertEquals(server.stats().closed.maxInflateRatio, 1);
});

test("Server stats() counts connections, messages, octets and ends", async () => {
  await using server = await serve({
    port: 0,
    websocket: { message: (ws, data) => ws.send(data) },
  });
  const zero = server.stats();
  assertEquals(Object.values(zero.closed).reduce((sum, count) => sum + count), 0);
  const [a, b] = [await connect(server.url), await connect(server.url)];
  for (const ws of [a, b]) {
    await ws.send("hello");
    assertEquals(await ws.receive(), "hello");
  }
  const { connections, sockets, totalConnections, messagesReceived, messagesSent } = server.stats();
  assertEquals([connections, sockets, totalConnections], [2, 2, 2]);
  assertEquals([messagesReceived, messagesSent], [2, 2]);
  // A masked frame of 5 octets has a header of 6, one from the server of 2.
  assertEquals([server.stats().bytesReceived, server.stats().bytesSent], [22, 14]);
  const served = [...server.connections].map((ws) => ws.closed);
  await a.close();
  b.terminate();
  await Promise.all(served);
  assertEquals([server.stats().connections, server.stats().closed.clean], [0, 1]);
  assertEquals(server.stats().closed.lost, 1);
  assertEquals(zero.totalConnections, 0);
});
