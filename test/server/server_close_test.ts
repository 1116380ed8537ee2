// How a server stops: `close()` with its options, and what becomes of whoever is connected, or comes meanwhile.

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  HandshakeError,
  type ServeOptions,
  type Server,
  type ServerCloseOptions,
  type WebSocketHandler,
} from "@sansocket/ws";
import { createClocked } from "../support/clocked.ts";
import { isPending, networks, settled, withResolvers } from "../support/connections.ts";
import { RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

const { serve, connect } = networks.tcp();

for (const [kind, create] of Object.entries(networks)) {
  test(`Server close() closes with the code and the reason that it is given (${kind})`, async () => {
    const { serve, connect } = create();
    const server = await serve({ port: 0, websocket: {} });
    const ws = await connect(server.url);
    const closed = server.close({ code: 1012, reason: "Back soon" });
    const { code, reason, wasClean, initiator } = await ws.closed;
    assertEquals({ code, reason, wasClean, initiator }, {
      code: 1012,
      reason: "Back soon",
      wasClean: true,
      initiator: "remote",
    });
    await closed;
  });

  test(`Server close() lets what is queued arrive before the Close frame (${kind})`, async () => {
    const { serve, connect } = create();
    const server = await serve({ port: 0, websocket: (ws) => ws.closed });
    const ws = await connect(server.url);
    const count = 100;
    for (const connection of server.connections) {
      // 6 MiB, more than the kernel takes at once.
      for (let i = 0; i < count; i++) connection.send(new Uint8Array(2 ** 16).fill(i));
    }
    const closed = server.close();
    let received = 0;
    for await (const message of ws) assertEquals(message[0], received++);
    assertEquals([received, (await ws.closed).code], [count, 1001]);
    await closed;
  });
}

test("Server close({ spread }) closes one connection behind the other, all with the code", async () => {
  const { clock, serve, connect } = createClocked();
  const server = await serve({ websocket: {} });
  const ends: [client: number, code: number, at: number][] = [];
  for (let i = 0; i < 10; i++) {
    const ws = await connect(server.url);
    ws.closed.then(({ code }) => ends.push([i, code, clock.now]));
  }
  const closed = server.close({ code: 4000, spread: 100_000 });
  await clock.advance(100_000);
  await closed;
  // It looks every 20 ms which are due.
  assertEquals(ends, Array.from({ length: 10 }, (_, i) => [i, 4000, i * 10_000 + 20]));
});

test("Server close({ spread }) answers new handshakes with 503 and Retry-After meanwhile", async () => {
  const { clock, serve, connect } = createClocked();
  const server = await serve({ port: 0, websocket: {} });
  const clients = [await connect(server.url), await connect(server.url)];
  const closed = server.close({ spread: 60_000 });
  const error = await assertRejects(() => connect(server.url), HandshakeError);
  assertEquals([error.status, error.headers?.get("retry-after")], [503, "5"]);
  assertEquals(error.body, "The server is shutting down");
  // With nobody left, nothing is waited for.
  for (const ws of clients) ws.close();
  await clock.advance(100);
  await closed;
  await assertRejects(() => connect(server.url), Error);
});

test("Server close({ spread }) still answers requests meanwhile, and ends their connections", async () => {
  const { clock, serve, connect, dial } = createClocked();
  const server = await serve({
    port: 0,
    fetch: (request, { upgrade }) =>
      request.headers.has("upgrade") ? upgrade({}) : new Response("still here"),
  });
  const ws = [await connect(server.url), await connect(server.url)];
  const closed = server.close({ spread: 60_000 });
  const peer = await dial(server.port);
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const { body, get } = await peer.takeResponse();
  assertEquals([body, get("connection")], ["still here", "close"]);
  peer.end();
  for (const client of ws) client.terminate();
  await clock.advance(100);
  await closed;
});

test("Server close({ spread }) drops connections that wait for a request when the last has been closed", async () => {
  const { clock, serve, connect, dial } = createClocked();
  const server = await serve({ port: 0, websocket: {} });
  const ws = [await connect(server.url), await connect(server.url)];
  const closed = server.close({ spread: 60_000 });
  await clock.advance(25_000);
  const peer = await dial(server.port);
  peer.send("GET / HTTP/1.1\r\n");
  await clock.advance(5_000);
  assertEquals(await isPending(closed), true);
  await clock.advance(100);
  await closed;
  assertEquals((await peer.takeRest()).length, 0);
  assertEquals((await ws[1]!.closed).code, 1001);
});

test("Server close() refuses a handshake whose decision comes too late", async () => {
  const arrived = withResolvers<void>();
  const gate = withResolvers<void>();
  const server = await serve({
    port: 0,
    fetch: async (_request, { upgrade }) => {
      arrived.resolve();
      await gate.promise;
      return upgrade({});
    },
  });
  const refused = assertRejects(() => connect(server.url), HandshakeError);
  await arrived.promise;
  const closed = server.close();
  gate.resolve();
  const { status, headers } = await refused;
  assertEquals([status, headers?.get("retry-after")], [503, "5"]);
  await closed;
});

const deciders: Record<string, (handler: WebSocketHandler) => Partial<ServeOptions>> = {
  "hooks alone": (websocket) => ({ websocket }),
  "a route": (websocket) => ({ routes: { "/": { websocket } } }),
  "a function": (handler) => ({ fetch: (_request, { upgrade }) => upgrade(handler) }),
  "an async function": (handler) => ({
    // deno-lint-ignore require-await -- As users write it.
    fetch: async (_request, { upgrade }) => upgrade(handler),
  }),
};

for (const [name, decide] of Object.entries(deciders)) {
  for (const [kind, create] of Object.entries(networks)) {
    test(`Server close() within the open hook closes the connection in order (${name}, ${kind})`, async () => {
      const { serve, connect } = create();
      let closed: Promise<void> | undefined;
      const server: Server = await serve({
        port: 0,
        ...decide({ open: () => void (closed = server.close({ code: 1012 })) }),
      } as ServeOptions);
      const ws = await connect(server.url);
      const { code, wasClean } = await ws.closed;
      assertEquals([code, wasClean], [1012, true]);
      await closed;
      assertEquals(server.stats().sockets, 0);
    });
  }
}

const askers: Record<string, (close: () => void) => ServeOptions> = {
  "which origins may connect": (close) => ({
    websocket: {},
    origins: () => {
      close();
      return true;
    },
  }),
  "for the subprotocol": (close) => ({
    origins: () => true,
    routes: {
      "/": {
        websocket: {},
        protocol: () => {
          close();
          return undefined;
        },
      },
    },
  }),
};

for (const [name, options] of Object.entries(askers)) {
  test(`Server close() within the function that is asked ${name} refuses the handshake with 503`, async () => {
    let closed: Promise<void> | undefined;
    const server: Server = await serve({ ...options(() => closed = server.close()), port: 0 });
    const attempt = connect(server.url, {
      headers: { origin: "https://other.test" },
      protocols: ["a"],
    });
    const { status } = await assertRejects(() => attempt, HandshakeError);
    assertEquals(status, 503);
    await closed;
    assertEquals(server.stats().sockets, 0);
  });
}

for (
  const [what, text, status] of [
    ["malformed", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400],
    ["too large", `GET /${"a".repeat(1_000)} HTTP/1.1\r\n`, 414],
    ["no handshake", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 426],
  ] as const
) {
  test(`Server close() within the refused hook still answers the request that is ${what}`, async () => {
    let closed: Promise<void> | undefined;
    const server: Server = await serve({
      port: 0,
      maxHeadSize: 500,
      websocket: {},
      refused: () => void (closed ??= server.close()),
    });
    await using peer = await RawPeer.dial(server.port);
    peer.send(text);
    assertEquals((await peer.takeResponse()).status, status);
    assertEquals((await peer.takeRest()).length, 0);
    peer.end();
    await closed;
    assertEquals(server.stats().sockets, 0);
  });
}

test("Server close({ timeout }) cuts who does not answer", async () => {
  const { clock, serve, dial } = createClocked();
  const ended = withResolvers<number>();
  const server = await serve({
    port: 0,
    websocket: { close: (_ws, { code }) => ended.resolve(code) },
  });
  const peer = await dial(server.port);
  await peer.upgrade();
  const closed = server.close({ timeout: 10_000 });
  await clock.advance(9_999);
  assertEquals(await isPending(closed), true);
  await clock.advance(1);
  await closed;
  assertEquals(await peer.takeClose(), { code: 1001, reason: "" });
  assertEquals((await peer.takeRest()).length, 0);
  assertEquals(await ended.promise, 1006);
});

test("Server close({ timeout }) does not wait for ever for a handler that never ends", async () => {
  const { clock, serve, connect } = createClocked();
  const server = await serve({ port: 0, websocket: () => new Promise(() => {}) });
  const ws = await connect(server.url);
  const closed = server.close({ timeout: 10_000 });
  await clock.advance(9_999);
  assertEquals(await isPending(closed), true);
  await clock.advance(1);
  await closed;
  assertEquals((await ws.closed).code, 1001);
});

test("Server close({ timeout }) has called the close hook of each connection that it cuts", async () => {
  const { clock, serve, dial } = createClocked();
  const codes: number[] = [];
  const server = await serve({
    port: 0,
    websocket: {
      close(_ws, { code }) {
        codes.push(code);
        return new Promise(() => {});
      },
    },
  });
  const peers = [await dial(server.port), await dial(server.port)];
  for (const peer of peers) await peer.upgrade();
  const closed = server.close({ timeout: 10_000 });
  await clock.advance(9_999);
  assertEquals(await isPending(closed), true);
  await clock.advance(1);
  await closed;
  assertEquals(codes, [1006, 1006]);
  for (const peer of peers) await peer[Symbol.asyncDispose]();
});

test("Server close() waits for a handler that still gets what came before its peer's end, and cuts it off after timeout", async () => {
  const { clock, serve, connect } = createClocked();
  for (const ends of [true, false]) {
    const gate = withResolvers<void>();
    const log: unknown[] = [];
    const server = await serve({
      port: 0,
      websocket: {
        async message(_ws, data) {
          log.push(data);
          await gate.promise;
        },
        close: () => void log.push("close"),
      },
    });
    const ws = await connect(server.url);
    for (const data of ["a", "b", "c"]) ws.send(data);
    await ws.close();
    // The server's end of the stream ends a moment after ours.
    while (server.connections.size > 0) await settled();
    assertEquals([server.connections.size, log], [0, ["a"]]);
    const closed = server.close({ timeout: 20_000 });
    await clock.advance(19_999);
    assertEquals(await isPending(closed), true);
    if (ends) gate.resolve();
    else await clock.advance(1);
    await closed;
    gate.resolve();
    await settled();
    // What is cut off gets no more messages.
    assertEquals(log, ends ? ["a", "b", "c", "close"] : ["a", "close"]);
  }
});

test("Server close({ timeout }) gives a function nothing more either", async () => {
  const { clock, serve, connect } = createClocked();
  const got: unknown[] = [];
  const gate = withResolvers<void>();
  const server = await serve({
    port: 0,
    guard: { maxConnections: 1 },
    websocket: async (ws) => {
      for await (const message of ws) {
        got.push(message);
        await gate.promise;
      }
      got.push("end");
    },
  });
  const ws = await connect(server.url);
  for (const data of ["a", "b", "c"]) ws.send(data);
  await ws.close();
  while (server.connections.size > 0) await settled();
  // What still has to be handled counts.
  const refused = await assertRejects(() => connect(server.url), HandshakeError);
  assertEquals([got, refused.status], [["a"], 503]);
  const closed = server.close({ timeout: 10_000 });
  await clock.advance(9_999);
  assertEquals(await isPending(closed), true);
  await clock.advance(1);
  await closed;
  gate.resolve();
  await settled();
  assertEquals(got.includes("b"), false);
});

test("Server close({ timeout }) as long as you like waits for a handler", async () => {
  for (const timeout of [Infinity, 2 ** 40]) {
    const gate = withResolvers<void>();
    const server = await serve({
      port: 0,
      websocket: async (ws) => {
        await ws.closed;
        await gate.promise;
      },
    });
    const ws = await connect(server.url);
    const closed = server.close({ timeout });
    await ws.closed;
    await settled();
    assertEquals(await isPending(closed), true);
    gate.resolve();
    await closed;
  }
});

const wrong: [ServerCloseOptions, string][] = [
  [{ code: 1005 }, "got 1005"],
  [{ code: 1006 }, "got 1006"],
  [{ code: 999 }, "got 999"],
  [{ reason: "ü".repeat(62) }, "got 124"],
  [{ timeout: 0 }, "Expected timeout to be a number of milliseconds, 1 or more, got 0"],
  [{ timeout: NaN }, "Expected timeout to be a number of milliseconds, 1 or more, got NaN"],
  [{ spread: -1 }, "Expected spread to be a number of milliseconds from 0 to 2147483647, got -1"],
  [{ spread: NaN }, "Expected spread to be a number of milliseconds from 0 to 2147483647, got NaN"],
  [
    { spread: Infinity },
    "Expected spread to be a number of milliseconds from 0 to 2147483647, got Infinity",
  ],
];

for (const [options, message] of wrong) {
  test(`Server close(${JSON.stringify(options)}) rejects (${message}) and does nothing`, async () => {
    const { serve, connect } = networks.memory();
    const server = await serve({ websocket: { message: (ws, data) => ws.send(data) } });
    await assertRejects(() => server.close(options), RangeError, message);
    const ws = await connect(server.url);
    await ws.send("unharmed");
    assertEquals(await ws.receive(), "unharmed");
    const closed = server.close();
    assertStrictEquals(server.close({ code: 4000 }), closed);
    await closed;
    assert((await ws.closed).code === 1001);
  });
}
