// Peers that vanish, reset, half-close, or never answer: the connection ends, and says how.

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { encodeHex } from "@std/encoding";
import {
  type CloseInfo,
  ConnectionClosed,
  serve,
  type ServerOptions,
  type WebSocketConnection,
} from "@sansocket/ws";
import type { TestClock } from "@sansocket/ws/testing";
import { createClocked, createTcp, type RawNetwork } from "../support/clocked.ts";
import { isPending, withResolvers } from "../support/connections.ts";
import { RawPeer } from "../support/raw.ts";
import { closeInfo } from "../support/close_info.ts";
import { test } from "../support/test.ts";

interface Scene {
  readonly clock: TestClock;
  readonly peer: RawPeer;
  readonly ws: WebSocketConnection;
  readonly info: Promise<CloseInfo>;
}

/** Runs `body` with a raw connection that has been upgraded, and asserts that the server is unharmed. */
function scene(
  name: string,
  body: (scene: Scene) => Promise<void>,
  options: ServerOptions = {},
  network: () => RawNetwork = createTcp,
): void {
  test(`serve() ${name}`, async () => {
    const { clock, serve, connect, dial } = network();
    const reported: unknown[] = [];
    const opened = withResolvers<WebSocketConnection>();
    const server = await serve({
      port: 0,
      error: (error) => reported.push(error),
      websocket: { open: (ws) => opened.resolve(ws), message: (ws, data) => ws.send(data) },
      ...options,
    });
    const peer = await dial(server.port);
    await peer.upgrade();
    const ws = await opened.promise;
    await body({ clock, peer, ws, info: ws.closed });
    assertEquals(reported, []);
    const other = await connect(server.url);
    await other.send("still here");
    assertEquals(await other.receive(), "still here");
    await other.close();
    await ws.closed;
    assertEquals(server.connections.has(ws), false);
    await peer[Symbol.asyncDispose]();
    await server.close();
  });
}

scene("says 1006 for a peer that ends without a close", async ({ peer, info }) => {
  peer.end();
  assertEquals((await peer.takeRest()).length, 0);
  await peer.closed;
  const ended = await info;
  const { cause } = ended;
  assertEquals(cause?.message, "The peer ended the connection without a Close frame");
  assertEquals(ended, closeInfo({ code: 1006, wasClean: false, endedBy: "transport", cause }));
});

scene("says 1006 for a peer that ends within a frame", async ({ peer, info }) => {
  peer.sendHex("81fe03e8 00000000 6161");
  peer.end();
  assertEquals((await peer.takeRest()).length, 0);
  assertEquals((await info).code, 1006);
});

scene("answers what a peer sent before it ended its side", async ({ peer, info }) => {
  peer.sendHex("8181 00000000 61");
  peer.end();
  assertEquals(encodeHex(await peer.takeRest()), "810161");
  assertEquals((await info).code, 1006);
});

scene("closes in order with a peer that has ended its side behind its close", async (scene) => {
  const { peer, info } = scene;
  peer.sendHex("8181 00000000 61" + "8882 00000000 03e8");
  peer.end();
  assertEquals(encodeHex(await peer.takeRest()), "810161" + "880203e8");
  await peer.closed;
  const { code, wasClean, initiator, cause } = await info;
  assertEquals({ code, wasClean, initiator, cause }, {
    code: 1000,
    wasClean: true,
    initiator: "remote",
    cause: undefined,
  });
});

scene("says 1006 and the error for a peer that resets", async ({ peer, ws, info }) => {
  const received = ws.ping().catch((error) => error);
  await peer.take(10);
  peer.reset();
  const { code, wasClean, initiator, cause } = await info;
  assertEquals({ code, wasClean, initiator }, {
    code: 1006,
    wasClean: false,
    initiator: "remote",
  });
  assertInstanceOf(cause, Error);
  assertInstanceOf(await received, ConnectionClosed);
  await assertRejects(() => ws.send("x"), ConnectionClosed);
});

scene("says 1006 for a peer that vanishes while it is sent to", async ({ peer, ws, info }) => {
  let over = false;
  info.then(() => over = true);
  peer.pause();
  await peer[Symbol.asyncDispose]();
  while (!over) {
    await Promise.race([ws.send(new Uint8Array(65_536)).catch(() => {}), info]);
    await isPending(info);
  }
  const { code, initiator, cause } = await info;
  assertEquals({ code, initiator }, { code: 1006, initiator: "remote" });
  assertInstanceOf(cause, Error);
});

scene(
  "cuts a peer that never answers a close",
  async ({ clock, peer, ws, info }) => {
    ws.close(4000, "enough");
    assertEquals(await peer.takeClose(), { code: 4000, reason: "enough" });
    await clock.advance(9_999);
    assertEquals(ws.state, "closing");
    await clock.advance(1);
    const { code, wasClean, initiator, sent, received, cause } = await info;
    assertEquals({ code, wasClean, initiator, sent, received }, {
      code: 1006,
      wasClean: false,
      initiator: "local",
      sent: { code: 4000, reason: "enough" },
      received: undefined,
    });
    assertEquals(cause?.message, "The connection did not close within 10000 ms");
    await peer.takeRest();
  },
  { closeTimeout: 10_000 },
  createClocked,
);

scene(
  "cuts a peer that sends messages in place of an answer to a close",
  async (scene) => {
    const { clock, peer, ws, info } = scene;
    ws.close();
    for (; ws.state !== "closed" && clock.now < 60_000; await clock.advance(500)) {
      await peer.flush(new Uint8Array([0x81, 0x80, 0, 0, 0, 0])).catch(() => {});
    }
    assertEquals((await info).cause?.message, "The connection did not close within 10000 ms");
  },
  { closeTimeout: 10_000 },
  createClocked,
);

scene(
  "cuts a peer that answers a close and never ends TCP",
  async (scene) => {
    const { clock, peer, ws, info } = scene;
    ws.close(4000);
    assertEquals((await peer.takeClose()).code, 4000);
    peer.sendHex("8882 00000000 0fa0");
    await clock.advance(10_000);
    assertEquals((await peer.takeRest()).length, 0);
    const { code, wasClean, cause } = await info;
    assertEquals({ code, wasClean, cause }, { code: 4000, wasClean: true, cause: undefined });
  },
  { closeTimeout: 10_000 },
  createClocked,
);

scene(
  "cuts a peer that goes on after a bad frame",
  async ({ clock, peer, ws, info }) => {
    peer.sendHex("8380 00000000");
    assertEquals((await peer.takeClose()).code, 1002);
    for (; ws.state !== "closed" && clock.now < 60_000; await clock.advance(500)) {
      await peer.flush(new Uint8Array(1024)).catch(() => {});
    }
    assertEquals([(await info).code, (await info).wasClean], [1002, false]);
  },
  { closeTimeout: 10_000 },
  createClocked,
);

scene("drops a peer that does not read above maxBufferedAmount", async ({ peer, ws, info }) => {
  peer.pause();
  let over = false;
  info.then(() => over = true);
  for (let i = 0; i < 512 && !over; i++) {
    ws.send(new Uint8Array(1 << 18));
    await isPending(info);
  }
  const { code, initiator, cause } = await info;
  assertEquals({ code, initiator }, { code: 1006, initiator: "local" });
  const expected = "More than 1000000 octets (maxBufferedAmount) waited to be sent: ";
  assertEquals(cause?.message.startsWith(expected), true);
  assertEquals(ws.bufferedAmount, 0);
}, { maxBufferedAmount: 1_000_000 });

scene("takes a message one byte at a time", async ({ peer, ws }) => {
  const bytes = [0x81, 0x83, 0x37, 0xfa, 0x21, 0x3d, 0x56, 0x98, 0x42];
  for (const byte of bytes) await peer.flush(new Uint8Array([byte]));
  assertEquals(encodeHex(await peer.take(5)), "8103616263");
  assert(ws.bufferedAmount === 0);
  ws.terminate();
});

test("serve() holds no memory for a length that is declared and does not come", async () => {
  await using server = await serve({ port: 0, maxMessageSize: 1e15, websocket: {} });
  const peers: RawPeer[] = [];
  for (let i = 0; i < 8; i++) {
    const peer = await RawPeer.dial(server.port);
    await peer.upgrade();
    // 2^48 octets are declared, and three of them sent; a Ping cannot come between, so the end tells.
    peer.sendHex("82ff 0001000000000000 00000000 616161");
    peer.end();
    peers.push(peer);
  }
  for (const peer of peers) {
    assertEquals((await peer.takeRest()).length, 0);
    await peer.closed;
  }
  assertEquals(server.connections.size, 0);
});
