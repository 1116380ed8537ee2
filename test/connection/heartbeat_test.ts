// Heartbeat, idle time and lifetime. Periods are short and every test awaits what must happen; how long that takes
// decides nothing. What must not happen is shown by a second connection that shares the timer, and to which it happens.

import { assert, assertEquals } from "@std/assert";
import { connect, serve, type WebSocketConnection } from "@sansocket/ws";
import { createClock, createNetwork } from "@sansocket/ws/testing";
import { networks, open, withResolvers } from "../support/connections.ts";
import {
  type FakeConnection,
  type FakeConnectionOptions,
  openFake,
} from "../support/established.ts";
import { RawPeer, RawServer } from "../support/raw.ts";
import { test } from "../support/test.ts";

const heartbeat = { interval: 25, timeout: 25 };
const SILENCE = "Nothing came within 25 ms of a Ping";

/** A fake connection whose byte stream ends when it is dropped. */
function openMortal(options: FakeConnectionOptions): FakeConnection {
  const fake = openFake(options);
  fake.transport.destroy = () => {
    fake.transport.destroyed = true;
    queueMicrotask(() => fake.transport.sink.closed());
  };
  return fake;
}

/** Calls `act` before each look at the connections, until `other` has ended. */
async function during(other: FakeConnection, act: () => void): Promise<void> {
  act();
  const timer = setInterval(act, 1);
  await other.connection.closed;
  clearInterval(timer);
}

test("heartbeat drops a peer that answers nothing, and tells why", async () => {
  await using fake = openMortal({ heartbeat });
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
    await using alive = openMortal({ heartbeat: { interval: 200, timeout: 200 }, handler: {} });
    await using dead = openMortal({ heartbeat: { interval: 200, timeout: 200 } });
    await during(dead, () => alive.receive(hex));
    assertEquals(alive.endpoint.open, true);
    assertEquals(alive.frames().some((line) => line.startsWith("89")), false);
  });
}

test("heartbeat takes a single octet of a frame for a sign of life", async () => {
  await using alive = openMortal({ heartbeat: { interval: 200, timeout: 200 }, handler: {} });
  await using dead = openMortal({ heartbeat: { interval: 200, timeout: 200 } });
  alive.receive("82ff 0000000000010000 00000000");
  await during(dead, () => alive.receive("00"));
  assertEquals([alive.endpoint.open, alive.frames()], [true, []]);
});

test("heartbeat takes what comes behind its Ping for a sign of life, whatever it is", async () => {
  await using fake = openMortal({ heartbeat });
  const { transport } = fake;
  const write = transport.write.bind(transport);
  let pings = 0;
  const enough = withResolvers<void>();
  transport.write = (chunk) => {
    if (chunk[0] === 0x89 && ++pings === 3) enough.resolve();
    // Not its Pong: any traffic counts.
    queueMicrotask(() => fake.receive("8a80 00000000"));
    return write(chunk);
  };
  await enough.promise;
  assertEquals(fake.endpoint.open, true);
});

test("heartbeat does not drop a connection whose consumer is behind", async () => {
  await using busy = openMortal({ heartbeat });
  await using dead = openMortal({ heartbeat });
  busy.receive("8181 00000000 61".repeat(17));
  assertEquals(busy.endpoint.blocked, true);
  await dead.connection.closed;
  // It is pinged all the same: what cannot be delivered shows that a peer is gone.
  const pings = busy.frames();
  assertEquals([busy.endpoint.open, pings.every((frame) => frame.startsWith("89"))], [true, true]);
  // Once it has caught up, silence counts again.
  for (let i = 0; i < 17; i++) assertEquals(await busy.connection.receive(), "a");
  assertEquals((await busy.connection.closed).cause?.message, SILENCE);
});

test("heartbeat does not drop a peer that reads slowly", async () => {
  const times = { interval: 200, timeout: 200 };
  await using slow = openMortal({ heartbeat: times, maxBufferedAmount: 2 ** 30 });
  await using stuck = openMortal({ heartbeat: times, maxBufferedAmount: 2 ** 30 });
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
  await using other = openMortal({ heartbeat });
  await other.connection.closed;
  assertEquals([quiet.endpoint.open, quiet.frames()], [true, []]);
});

test("heartbeat leaves the round trip in roundTrip", async () => {
  for (const create of Object.values(networks)) {
    await using ends = await open(create(), { heartbeat: { interval: 20 } }, { heartbeat: false });
    const { server } = ends;
    assertEquals(server.roundTrip, undefined);
    // The client's Pong is the first thing that comes.
    const told = withResolvers<void>();
    const timer = setInterval(() => {
      if (server.roundTrip !== undefined) told.resolve();
    }, 1);
    await told.promise;
    clearInterval(timer);
    assert(server.roundTrip! >= 0);
  }
});

test("heartbeat of a server drops a client that answers nothing, over TCP", async () => {
  const opened = withResolvers<WebSocketConnection>();
  await using server = await serve({
    port: 0,
    heartbeat,
    websocket: { open: (ws) => opened.resolve(ws) },
  });
  await using peer = await RawPeer.dial(server.port);
  await peer.upgrade();
  const info = await (await opened.promise).closed;
  assertEquals([info.code, info.initiator, info.cause?.message], [1006, "local", SILENCE]);
  const { first, payload } = await peer.takeFrame();
  assertEquals([first, payload.length], [0x89, 8]);
  assertEquals((await peer.takeRest()).length, 0);
  assertEquals(server.connections.size, 0);
});

test("heartbeat of a client drops a server that answers nothing, over TCP", async () => {
  await using server = await RawServer.listen();
  const connecting = connect(server.url, { heartbeat });
  const peer = await server.accept();
  const head = await peer.takeThrough("\r\n\r\n");
  const key = /sec-websocket-key: (\S+)/i.exec(head)![1]!;
  const digest = await crypto.subtle.digest(
    "SHA-1",
    new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`),
  );
  const accept = btoa(String.fromCharCode(...new Uint8Array(digest)));
  peer.send(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  const ws = await connecting;
  const info = await ws.closed;
  assertEquals([info.code, info.initiator, info.cause?.message], [1006, "local", SILENCE]);
});

test("heartbeat keeps two ends that say nothing together", async () => {
  await using dead = openMortal({ heartbeat: { interval: 100, timeout: 100 } });
  await using ends = await open(networks.memory(), { heartbeat }, { heartbeat });
  await dead.connection.closed;
  await ends.client.ping();
  assert(ends.client.roundTrip !== undefined);
});

test("idleTimeout closes with 1001 what carries no message, though Pings come", async () => {
  await using fake = openMortal({ idleTimeout: 30, heartbeat: false });
  const written = withResolvers<void>();
  const write = fake.transport.write.bind(fake.transport);
  fake.transport.write = (chunk) => {
    if (chunk[0] === 0x88) written.resolve();
    return write(chunk);
  };
  const timer = setInterval(() => fake.receive("8980 00000000"), 1);
  await written.promise;
  clearInterval(timer);
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
    const limits = { idleTimeout: 300, heartbeat: false, closeTimeout: 1 } as const;
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
  const limits = { maxLifetime: 40, heartbeat: false, closeTimeout: 1 } as const;
  await using busy = openMortal({ ...limits, handler: {} });
  await during(busy, () => busy.receive("8181 00000000 61"));
  const { sent, initiator } = await busy.connection.closed;
  assertEquals([sent, initiator], [{ code: 1001, reason: "Lifetime is over" }, "local"]);
});

test("maxLifetime is spread by a tenth either way", async () => {
  const random = Math.random;
  const lives: number[] = [];
  try {
    for (const part of [0, 0.5, 0.999_999_999]) {
      Math.random = () => part;
      const clock = createClock();
      const network = createNetwork({ clock });
      await using server = await network.serve({
        heartbeat: false,
        maxLifetime: 100_000,
        websocket: (ws) => ws.closed,
      });
      const ws = await network.connect(server.url);
      while (ws.state === "open") await clock.advance(500);
      lives.push(clock.now);
      assertEquals((await ws.closed).reason, "Lifetime is over");
    }
  } finally {
    Math.random = random;
  }
  assertEquals(lives, [90_000, 100_000, 110_000]);
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
