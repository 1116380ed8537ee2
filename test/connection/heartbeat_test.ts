// Heartbeat, idle time and lifetime, by a clock that the tests drive: their times are those of the real world. One test
// waits for the system's clock, over TCP.

import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { serve, type WebSocketConnection } from "@sansocket/ws";
import { createClock, createNetwork } from "@sansocket/ws/testing";
import { computeAccept } from "../../src/handshake/key.ts";
import { createClocked } from "../support/clocked.ts";
import { withResolvers } from "../support/connections.ts";
import {
  type FakeConnection,
  type FakeConnectionOptions,
  openFake,
} from "../support/established.ts";
import { RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

const heartbeat = { interval: 25_000, timeout: 20_000 };
const SILENCE = "Nothing came within 20000 ms of a Ping";

const clock = createClock();

/** A fake connection whose byte stream ends when it is dropped. */
function openMortal(options: FakeConnectionOptions): FakeConnection {
  const fake = openFake({ clock, ...options });
  fake.transport.destroy = () => {
    fake.transport.destroyed = true;
    queueMicrotask(() => fake.transport.sink.closed());
  };
  return fake;
}

/** Calls `act` before each look at the connections, until `other` has ended. */
async function during(other: FakeConnection, act: () => void): Promise<void> {
  for (act(); other.connection.state !== "closed"; act()) await clock.advance(500);
}

test("heartbeat drops a peer that answers nothing, and tells why", async () => {
  await using fake = openMortal({ heartbeat });
  await clock.advance(44_000);
  assertEquals(fake.endpoint.open, true);
  await clock.advance(2_000);
  const info = await fake.connection.closed;
  assertEquals([info.code, info.wasClean, info.initiator], [1006, false, "local"]);
  assertEquals(info.cause?.message, SILENCE);
  // One Ping of eight random octets.
  assertEquals(fake.frames().length, 1);
  assert(/^89 [0-9a-f]{16}$/.test(fake.frames()[0]!));
});

for (
  const [what, hex] of [
    ["a Pong that nobody asked for", "8a80 00000000"],
    ["a Ping", "8980 00000000"],
    ["a message", "8181 00000000 61"],
  ] as const
) {
  test(`heartbeat takes ${what} for a sign of life, and sends no Ping`, async () => {
    await using alive = openMortal({ heartbeat, handler: {} });
    await using dead = openMortal({ heartbeat });
    await during(dead, () => alive.receive(hex));
    assertEquals(alive.endpoint.open, true);
    assertEquals(alive.frames().some((line) => line.startsWith("89")), false);
  });
}

test("heartbeat takes a single octet of a frame for a sign of life", async () => {
  await using alive = openMortal({ heartbeat, handler: {} });
  await using dead = openMortal({ heartbeat });
  alive.receive("82ff 0000000000010000 00000000");
  await during(dead, () => alive.receive("00"));
  assertEquals([alive.endpoint.open, alive.frames()], [true, []]);
});

test("heartbeat takes what comes behind its Ping for a sign of life, whatever it is", async () => {
  await using fake = openMortal({ heartbeat });
  const { transport } = fake;
  const write = transport.write.bind(transport);
  let pings = 0;
  transport.write = (chunk) => {
    if (chunk[0] === 0x89) pings++;
    // Not its Pong: any traffic counts.
    queueMicrotask(() => fake.receive("8a80 00000000"));
    return write(chunk);
  };
  await clock.advance(100_000);
  assertEquals([pings, fake.endpoint.open], [3, true]);
});

test("heartbeat does not drop a connection whose consumer is behind", async () => {
  await using busy = openMortal({ heartbeat });
  busy.receive("8181 00000000 61".repeat(17));
  assertEquals(busy.endpoint.blocked, true);
  await clock.advance(600_000);
  // It is pinged all the same: what cannot be delivered shows that a peer is gone.
  const pings = busy.frames();
  assertGreater(pings.length, 20);
  assertEquals([busy.endpoint.open, pings.every((frame) => frame.startsWith("89"))], [true, true]);
  // Once it has caught up, silence counts again.
  for (let i = 0; i < 17; i++) assertEquals(await busy.connection.receive(), "a");
  await clock.advance(46_000);
  assertEquals((await busy.connection.closed).cause?.message, SILENCE);
});

test("heartbeat does not drop a peer that reads slowly", async () => {
  await using slow = openMortal({ heartbeat, maxBufferedAmount: 2 ** 30 });
  await using stuck = openMortal({ heartbeat, maxBufferedAmount: 2 ** 30 });
  for (const { transport } of [slow, stuck]) {
    transport.congested = true;
    transport.bufferedAmount = 2 ** 29;
  }
  await during(stuck, () => void slow.transport.bufferedAmount--);
  assertEquals([slow.endpoint.open, slow.transport.destroyed], [true, false]);
  assertEquals(stuck.transport.destroyed, true);
});

test("heartbeat: false sends no Ping and drops no connection", async () => {
  await using quiet = openMortal({ heartbeat: false });
  await clock.advance(86_400_000);
  assertEquals([quiet.endpoint.open, quiet.frames()], [true, []]);
});

test("heartbeat leaves the round trip in roundTrip", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const server = await network.serve({ heartbeat, websocket: (ws) => ws.closed });
  const ws = await network.connect(server.url, { heartbeat: false });
  const [connection] = server.connections;
  network.link(ws).delay(40);
  await clock.advance(24_000);
  assertEquals(connection!.roundTrip, undefined);
  // The client's Pong is the first thing that comes.
  await clock.advance(3_000);
  assertEquals(connection!.roundTrip, 80);
  network.link(ws).restore();
  await server.close();
});

test("heartbeat of a server drops a client that answers nothing, over TCP, by the system's clock", async () => {
  const opened = withResolvers<WebSocketConnection>();
  await using server = await serve({
    port: 0,
    heartbeat: { interval: 25, timeout: 25 },
    websocket: { open: (ws) => opened.resolve(ws) },
  });
  await using peer = await RawPeer.dial(server.port);
  await peer.upgrade();
  const info = await (await opened.promise).closed;
  assertEquals([info.code, info.initiator], [1006, "local"]);
  assertEquals(info.cause?.message, "Nothing came within 25 ms of a Ping");
  const { first, payload } = await peer.takeFrame();
  assertEquals([first, payload.length], [0x89, 8]);
  assertEquals((await peer.takeRest()).length, 0);
  assertEquals(server.connections.size, 0);
});

test("heartbeat of a client drops a server that answers nothing", async () => {
  const { clock, connect, listen } = createClocked();
  const server = await listen();
  const connecting = connect(server.url, { heartbeat });
  const peer = await server.accept();
  const head = await peer.takeThrough("\r\n\r\n");
  const key = /sec-websocket-key: (\S+)/i.exec(head)![1]!;
  peer.send(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${computeAccept(key)}\r\n\r\n`,
  );
  const ws = await connecting;
  await clock.advance(46_000);
  const info = await ws.closed;
  assertEquals([info.code, info.initiator, info.cause?.message], [1006, "local", SILENCE]);
  const { first, masked, payload } = await peer.takeFrame();
  assertEquals([first, masked, payload.length], [0x89, true, 8]);
  await peer.takeRest();
});

test("heartbeat keeps two ends that say nothing together", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const server = await network.serve({ heartbeat, websocket: (ws) => ws.closed });
  const ws = await network.connect(server.url, { heartbeat });
  await clock.advance(600_000);
  assertEquals([ws.state, server.connections.size], ["open", 1]);
  const [connection] = server.connections;
  assert((ws.roundTrip ?? connection!.roundTrip) !== undefined);
  await server.close();
});

test("idleTimeout closes with 1001 what carries no message, though Pings come", async () => {
  await using fake = openMortal({ idleTimeout: 30_000, heartbeat: false });
  for (let second = 0; second < 32; second++) {
    assertEquals(fake.frames().includes("88 03e949646c6520666f7220746f6f206c6f6e67"), second >= 30);
    fake.receive("8980 00000000");
    await clock.advance(1_000);
  }
  fake.receive("8882 00000000 03e9");
  fake.transport.sink.closed();
  const { sent, wasClean, initiator } = await fake.connection.closed;
  assertEquals({ sent, wasClean, initiator }, {
    sent: { code: 1001, reason: "Idle for too long" },
    wasClean: true,
    initiator: "local",
  });
});

for (const direction of ["sent", "received"] as const) {
  test(`idleTimeout counts messages that are ${direction}`, async () => {
    const limits = { idleTimeout: 300_000, heartbeat: false } as const;
    await using busy = openMortal({ ...limits, handler: {} });
    await using idle = openMortal(limits);
    await during(idle, () => {
      if (direction === "sent") busy.connection.send("a");
      else busy.receive("8181 00000000 61");
    });
    assertEquals(busy.endpoint.open, true);
    const { sent } = await idle.connection.closed;
    assertEquals(sent, { code: 1001, reason: "Idle for too long" });
  });
}

test("maxLifetime closes with 1001, however busy the connection is", async () => {
  const limits = { maxLifetime: 40_000, heartbeat: false } as const;
  await using busy = openMortal({ ...limits, handler: {} });
  await during(busy, () => busy.receive("8181 00000000 61"));
  const { sent, initiator } = await busy.connection.closed;
  assertEquals([sent, initiator], [{ code: 1001, reason: "Lifetime is over" }, "local"]);
});

test("maxLifetime is spread by a tenth either way", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const server = await network.serve({
    heartbeat: false,
    maxLifetime: 100_000,
    websocket: (ws) => ws.closed,
  });
  const lives: number[] = [];
  // That none of them lives so short or so long has a probability of 1 to 10^12.
  for (let i = 0; i < 100; i++) {
    const ws = await network.connect(server.url);
    ws.closed.then(({ reason }) => lives.push(reason === "Lifetime is over" ? clock.now : NaN));
  }
  await clock.advance(89_000);
  assertEquals(lives, []);
  await clock.advance(22_000);
  assertEquals(lives.length, 100);
  assertLessOrEqual(lives[0]!, 95_000);
  assertGreater(lives[99]!, 105_000);
  await server.close();
});

test("watch leaves one timer for all connections, and none behind the last", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const running = () => clock.pending.filter(({ waits }) => waits === "the heartbeat").length;
  const servers = await Promise.all(
    [
      {},
      { heartbeat },
      { idleTimeout: 60_000 },
      { heartbeat: false, guard: { frameTimeout: Infinity, stallTimeout: Infinity } } as const,
    ].map((limits) => network.serve({ ...limits, port: 0, websocket: (ws) => ws.closed })),
  );
  const clients = await Promise.all(
    servers.map(({ url }) => network.connect(url, { heartbeat: false })),
  );
  assertEquals(running(), 1);
  for (const server of servers.slice(0, 3)) await server.close();
  assertEquals([running(), clients[3]!.state], [0, "open"]);
  await servers[3]!.close();
});
