// What is no HTTP, or never becomes a request: each has a defined answer, and a deadline.

import { assertEquals, assertMatch } from "@std/assert";
import { decodeHex } from "@std/encoding";
import type { ServeOptions } from "@sansocket/ws";
import type { TestClock } from "@sansocket/ws/testing";
import { createClocked, createTcp, type RawNetwork } from "../support/clocked.ts";
import type { RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

interface Scene {
  readonly clock: TestClock;
  readonly peer: RawPeer;
  /** How many connections the server has. */
  sockets(): number;
  /** Asserts that the server still works, and was told of nothing. */
  unharmed(): Promise<void>;
}

/** Runs `body` with a raw connection to an echo server. */
function scene(
  name: string,
  body: (scene: Scene) => Promise<void>,
  options: Partial<ServeOptions> = {},
  network: () => RawNetwork = createTcp,
): void {
  test(`serve() ${name}`, async () => {
    const { clock, serve, connect, dial } = network();
    const reported: unknown[] = [];
    const server = await serve({
      port: 0,
      error: (error: unknown) => void reported.push(error),
      websocket: { message: (ws, data) => ws.send(data) },
      ...options,
    } as ServeOptions);
    const peer = await dial(server.port);
    await body({
      clock,
      peer,
      sockets: () => server.stats().sockets,
      unharmed: async () => {
        assertEquals(reported, []);
        const ws = await connect(server.url);
        await ws.send("still here");
        assertEquals(await ws.receive(), "still here");
        await ws.close();
      },
    });
    await peer[Symbol.asyncDispose]();
    await server.close();
  });
}

/** Every octet once: it begins with NUL. */
const allOctets = Uint8Array.from({ length: 256 }, (_, i) => i);

const garbage: [string, Uint8Array | string, number, RegExp][] = [
  ["every octet", allOctets, 400, /^Unexpected byte 0x00 in the method$/],
  [
    "a TLS ClientHello",
    decodeHex("16030100c8010000c40303" + "00".repeat(192)),
    400,
    /^Unexpected byte 0x16 in the method$/,
  ],
  ["an SSH banner", "SSH-2.0-OpenSSH_9.2\r\n", 400, /in the method$/],
  ["a WebSocket frame", decodeHex("818537fa213d7f9f4d5158"), 400, /byte 0x81 in the method$/],
  ["the text hello", "hello\r\n\r\n", 400, /in the method$/],
  ["HTTP/0.9", "GET /\r\n", 400, /in the request-target$/],
  ["a method without end", "A".repeat(20_000), 414, /^Request-line too long$/],
  ["a target without end", "GET /" + "a".repeat(20_000), 414, /^Request-line too long$/],
  ["a field without end", "GET / HTTP/1.1\r\nA: " + "a".repeat(20_000), 431, /too large/],
  ["a name without end", "GET / HTTP/1.1\r\n" + "a".repeat(20_000), 431, /too large/],
  ["fields without end", "GET / HTTP/1.1\r\n" + "A: a\r\n".repeat(5_000), 431, /^Too many/],
  ["NUL in a field", "GET / HTTP/1.1\r\nA: \0\r\n\r\n", 400, /byte 0x00 in a field value$/],
  ["a bare CR", "GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n", 400, /in a line end$/],
];

for (const [what, bytes, status, reason] of garbage) {
  scene(`answers ${what} with ${status}, then ends`, async ({ peer, unharmed }) => {
    peer.send(bytes);
    const response = await peer.takeResponse();
    assertEquals([response.status, response.get("connection")], [status, "close"]);
    assertMatch(response.body, reason);
    assertEquals((await peer.takeRest()).length, 0);
    peer.end();
    await peer.closed;
    assertEquals(peer.error, undefined);
    await unharmed();
  });
}

scene("drops what still comes behind garbage, without a reset", async ({ peer, unharmed }) => {
  peer.send("\0");
  assertEquals((await peer.takeResponse()).status, 400);
  // Closed with bytes unread, the connection would be reset, and the answer lost with it.
  await peer.flush(new Uint8Array(1 << 20));
  assertEquals((await peer.takeRest()).length, 0);
  peer.end();
  await peer.closed;
  assertEquals(peer.error, undefined);
  await unharmed();
});

scene(
  "cuts a peer that goes on behind garbage, at closeTimeout",
  async (scene) => {
    const { clock, peer, sockets, unharmed } = scene;
    peer.send("\0");
    assertEquals((await peer.takeResponse()).status, 400);
    for (; sockets() > 0 && clock.now < 60_000; await clock.advance(500)) {
      await peer.flush(new Uint8Array(1024));
    }
    assertEquals(clock.now, 10_000);
    await unharmed();
  },
  { closeTimeout: 10_000 },
  createClocked,
);

for (const begun of ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\n"]) {
  scene(
    `answers a head that stops at ${JSON.stringify(begun)} with 408`,
    async (scene) => {
      scene.peer.send(begun);
      await scene.clock.advance(9_999);
      assertEquals(scene.peer.available, 0);
      await scene.clock.advance(1);
      const { status, body } = await scene.peer.takeResponse();
      assertEquals([status, body], [408, "The request did not arrive in time"]);
      assertEquals((await scene.peer.takeRest()).length, 0);
    },
    { handshakeTimeout: 10_000 },
    createClocked,
  );
}

scene(
  "answers a head that dribbles with 408, however long it goes on",
  async ({ clock, peer }) => {
    peer.send("GET / HTTP/1.1\r\nA: ");
    const answer = peer.takeResponse();
    let answered = false;
    answer.then(() => answered = true);
    for (; !answered && clock.now < 60_000; await clock.advance(500)) {
      await peer.flush(new Uint8Array([0x61]));
    }
    assertEquals((await answer).status, 408);
  },
  { handshakeTimeout: 10_000 },
  createClocked,
);

scene(
  "ends a connection without a byte at the deadline, without a word",
  async (scene) => {
    const { clock, peer } = scene;
    await clock.advance(10_000);
    assertEquals((await peer.takeRest()).length, 0);
    peer.end();
    await peer.closed;
    assertEquals(peer.error, undefined);
  },
  { handshakeTimeout: 10_000 },
  createClocked,
);

scene("ends an idle connection between two requests at the deadline", async ({ clock, peer }) => {
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  assertEquals((await peer.takeResponse()).body, "page");
  await clock.advance(10_000);
  assertEquals((await peer.takeRest()).length, 0);
}, {
  handshakeTimeout: 10_000,
  websocket: undefined,
  fetch: () => new Response("page"),
} as never, createClocked);

scene("closes a connection whose peer ends without a byte", async ({ peer, unharmed }) => {
  peer.end();
  assertEquals((await peer.takeRest()).length, 0);
  await peer.closed;
  await unharmed();
});

scene("closes a connection whose peer ends within a head", async ({ peer, unharmed }) => {
  peer.send("GET / HTTP/1.1\r\nHost:");
  peer.end();
  assertEquals((await peer.takeRest()).length, 0);
  await peer.closed;
  await unharmed();
});

for (const begun of ["", "GET / HT"]) {
  scene(`survives a reset after ${JSON.stringify(begun)}`, async ({ peer, unharmed }) => {
    if (begun !== "") await peer.flush(new TextEncoder().encode(begun));
    peer.reset();
    await peer.closed;
    await unharmed();
  });
}
