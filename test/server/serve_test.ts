import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { connect, type ServeOptions, type WebSocketConnection } from "@sansocket/ws";
import { createMemoryRuntime } from "@sansocket/ws/testing";
import { createConnect } from "../../src/client/connect.ts";
import { createServe } from "../../src/server/serve.ts";
import { createClocked } from "../support/clocked.ts";
import { isPending, networks, settled, withResolvers } from "../support/connections.ts";
import { RawPeer } from "../support/raw.ts";
import { recordRuntime } from "../support/transports.ts";
import { test } from "../support/test.ts";

const { serve } = networks.tcp();

test("serve() says where it listens", async () => {
  await using server = await serve({ port: 0, websocket: {} });
  assert(server.port > 0);
  assertEquals(server.hostname, "127.0.0.1");
  assertEquals(server.url, `http://127.0.0.1:${server.port}/`);
  assertEquals(server.connections.size, 0);
});

test("serve() gives a url that a client on this machine can use", async () => {
  const { serve } = networks.memory();
  const urls = [];
  for (const [i, hostname] of ["0.0.0.0", "::", "::1", "10.0.0.1", "localhost"].entries()) {
    const server = await serve({ port: i + 1, hostname, websocket: {} });
    urls.push(server.url);
    await server.close();
  }
  assertEquals(urls, [
    "http://127.0.0.1:1/",
    "http://[::1]:2/",
    "http://[::1]:3/",
    "http://10.0.0.1:4/",
    "http://localhost:5/",
  ]);
});

test("serve() listens on port 8000 unless told", async () => {
  const server = await networks.memory().serve({ websocket: {} });
  assertEquals(server.port, 8000);
  await server.close();
});

const wrong: [string, unknown, string][] = [
  [
    "neither fetch nor websocket",
    {},
    "TypeError: Expected websocket, fetch or routes, got none of them",
  ],
  [
    "both",
    { fetch: () => {}, websocket: {} },
    "TypeError: Expected either websocket or fetch, got both",
  ],
  ["a limit of 0", { websocket: {}, maxHeadSize: 0 }, "RangeError: Expected maxHeadSize to be"],
  ["a body limit of -1", { websocket: {}, maxBodySize: -1 }, "RangeError: Expected maxBodySize"],
  ["a timeout of NaN", { websocket: {}, closeTimeout: NaN }, "RangeError: Expected closeTimeout"],
];

for (const [what, options, message] of wrong) {
  test(`serve() rejects ${what}`, async () => {
    const error = await assertRejects(() => serve({ port: 0, ...options as ServeOptions }), Error);
    assertStringIncludes(String(error), message);
  });
}

test("serve() rejects a port that is in use", async () => {
  await using server = await serve({ port: 0, websocket: {} });
  await assertRejects(() => serve({ port: server.port, websocket: {} }), Error, `${server.port}`);
});

test("serve() answers pages and sockets on one port", async () => {
  await using server = await serve({
    port: 0,
    fetch(request, { upgrade }) {
      if (new URL(request.url).pathname === "/socket") return upgrade((ws) => ws.send("socket"));
      return new Response(`${request.method} ${request.url}`);
    },
  });
  const response = await fetch(`${server.url}page`);
  assertEquals(await response.text(), `GET ${server.url}page`);
  const ws = await connect(`${server.url}socket`);
  assertEquals(await ws.receive(), "socket");
  assertEquals((await ws.closed).code, 1000);
});

for (
  const [style, handler] of [
    ["a hook", { message: (ws, data) => ws.send(data) }],
    ["an async hook", {
      message: async (ws, data) => {
        await Promise.resolve();
        await ws.send(data);
      },
    }],
    ["a function", async (ws) => {
      for await (const message of ws) await ws.send(message);
    }],
  ] as [string, NonNullable<ServeOptions["websocket"]>][]
) {
  test(`serve() writes all replies of ${style} to one chunk at once`, async () => {
    const { runtime, accepted } = recordRuntime(createMemoryRuntime());
    const server = await createServe(runtime)({ websocket: handler });
    const ws = await createConnect(runtime)(server.url);
    for (let i = 0; i < 32; i++) ws.send(`message ${i}`);
    for (let i = 0; i < 32; i++) assertEquals(await ws.receive(), `message ${i}`);
    const [recording] = accepted;
    // The handshake's head, and one chunk of 32 frames.
    assertEquals([recording?.reads.length, recording?.writes.length], [2, 2]);
    await ws.close();
    await server.close();
  });
}

test("serve() reads nothing more while a handler is behind", async () => {
  const { runtime, accepted } = recordRuntime(createMemoryRuntime());
  const gate = withResolvers<void>();
  const taken: unknown[] = [];
  const server = await createServe(runtime)({
    websocket: {
      async message(_ws, data) {
        taken.push(data);
        if (taken.length === 1) await gate.promise;
      },
    },
  });
  const ws = await createConnect(runtime)(server.url, { compression: false });
  await ws.send("first");
  await settled();
  // Each is a chunk of its own as far as the reader lets it be; 2 MiB in all.
  for (let i = 0; i < 32; i++) {
    ws.send(new Uint8Array(65_536));
    await settled();
  }
  const [recording] = accepted;
  // The handshake's head, the first message, and the one chunk that was read before the next message stood in the way.
  assertEquals([recording?.reads.length, taken.length], [3, 1]);
  assert(ws.bufferedAmount > 1 << 20);
  gate.resolve();
  await ws.ping();
  assertEquals(taken.length, 33);
  assertEquals(ws.bufferedAmount, 0);
  await ws.close();
  await server.close();
});

test("serve() holds a client back that a handler cannot follow, over TCP", async () => {
  const gate = withResolvers<void>();
  let taken = 0;
  await using server = await serve({
    port: 0,
    websocket: {
      async message() {
        if (++taken === 1) await gate.promise;
      },
    },
  });
  const ws = await connect(server.url, { maxBufferedAmount: 1 << 28, compression: false });
  // 24 MiB are more than the kernel holds.
  for (let i = 0; i < 48; i++) ws.send(new Uint8Array(1 << 19));
  const last = ws.send("last");
  const other = await connect(server.url);
  for (let i = 0; i < 20; i++) await other.ping();
  assertEquals([taken, await isPending(last)], [1, true]);
  assert(ws.bufferedAmount > 0);
  gate.resolve();
  await last;
  await ws.ping();
  assertEquals(taken, 49);
});

for (const [kind, create] of Object.entries(networks)) {
  test(`Server close() closes each connection with 1001, and waits (${kind})`, async () => {
    const { serve, connect } = create();
    const codes: unknown[] = [];
    const server = await serve({
      port: 0,
      websocket: { close: (_ws, { sent }) => codes.push(sent?.code) },
    });
    const clients: WebSocketConnection[] = [];
    for (let i = 0; i < 3; i++) clients.push(await connect(server.url));
    assertEquals(server.connections.size, 3);
    const closed = server.close();
    assertStrictEquals(server.close(), closed);
    for (const ws of clients) {
      const { code, wasClean, initiator } = await ws.closed;
      assertEquals({ code, wasClean, initiator }, {
        code: 1001,
        wasClean: true,
        initiator: "remote",
      });
    }
    await closed;
    assertEquals(codes, [1001, 1001, 1001]);
    assertEquals(server.connections.size, 0);
    await assertRejects(() => connect(server.url), Error);
    assertStrictEquals(server.close(), closed);
  });
}

test("Server close() waits for a handler that is not done", async () => {
  const { serve, connect } = networks.memory();
  const gate = withResolvers<void>();
  const server = await serve({
    websocket: async (ws) => {
      await ws.closed;
      await gate.promise;
    },
  });
  const ws = await connect(server.url);
  const closed = server.close();
  await ws.closed;
  assertEquals(await isPending(closed), true);
  gate.resolve();
  await closed;
});

test("Server close() drops idle connections and those in the middle of a head", async () => {
  const server = await serve({ port: 0, fetch: () => new Response("x") });
  await using idle = await RawPeer.dial(server.port);
  await using begun = await RawPeer.dial(server.port);
  await using used = await RawPeer.dial(server.port);
  begun.send("GET / HT");
  used.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await used.takeResponse();
  await server.close();
  for (const peer of [idle, begun, used]) assertEquals((await peer.takeRest()).length, 0);
});

test("Server close() lets a request in progress finish", async () => {
  const arrived = withResolvers<void>();
  const gate = withResolvers<void>();
  const server = await serve({
    port: 0,
    fetch: async () => {
      arrived.resolve();
      await gate.promise;
      return new Response("done");
    },
  });
  await using peer = await RawPeer.dial(server.port);
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await arrived.promise;
  const closed = server.close();
  assertEquals(await isPending(closed), true);
  gate.resolve();
  const { body, get } = await peer.takeResponse();
  assertEquals([body, get("connection")], ["done", "close"]);
  peer.end();
  await closed;
});

for (
  const [what, answer] of [
    ["a request that is never answered", () => new Promise<Response>(() => {})],
    ["a body that never ends", () => new Response(new ReadableStream())],
  ] as const
) {
  test(`Server close() cuts ${what} after closeTimeout`, async () => {
    const { clock, serve, dial } = createClocked();
    const arrived = withResolvers<void>();
    const server = await serve({
      port: 0,
      closeTimeout: 10_000,
      fetch: () => {
        arrived.resolve();
        return answer();
      },
    });
    const peer = await dial(server.port);
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await arrived.promise;
    const closed = server.close();
    await clock.advance(9_999);
    assertEquals(await isPending(closed), true);
    await clock.advance(1);
    await closed;
    await peer.takeRest();
    assertEquals(peer.available, 0);
  });
}

test("Server close() cuts a connection whose peer does not answer", async () => {
  const { clock, serve, dial } = createClocked();
  const info = withResolvers<{ code: number; message: string | undefined }>();
  const server = await serve({
    port: 0,
    closeTimeout: 10_000,
    websocket: {
      close: (_ws, { code, cause }) => info.resolve({ code, message: cause?.message }),
    },
  });
  const peer = await dial(server.port);
  await peer.upgrade();
  const closed = server.close();
  await clock.advance(10_000);
  await closed;
  assertEquals(await peer.takeClose(), { code: 1001, reason: "" });
  assertEquals(await info.promise, {
    code: 1006,
    message: "The connection did not close within 10000 ms",
  });
});

test("Server is closed by await using", async () => {
  let url: string;
  {
    await using server = await serve({ port: 0, websocket: {} });
    url = server.url;
    (await connect(url)).closed.then(() => {});
  }
  await assertRejects(() => connect(url), Error);
});
