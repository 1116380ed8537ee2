// What a connection can be asked, and what it can be told besides messages: the same on both ends.

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  connect,
  ConnectionClosed,
  createDevelopmentCertificate,
  serve,
  type WebSocketConnection,
} from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import { networks, open, withResolvers } from "../support/connections.ts";
import { start } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";

for (const [kind, create] of Object.entries(networks)) {
  test(`state is open, then closing, then closed, on both ends (${kind})`, async () => {
    await using ends = await open(create());
    const { client, server } = ends;
    assertEquals([client.state, server.state], ["open", "open"]);
    const closed = client.close();
    assertEquals(client.state, "closing");
    await Promise.all([closed, server.closed]);
    assertEquals([client.state, server.state], ["closed", "closed"]);
  });

  test(`state is closing, then closed, after terminate() (${kind})`, async () => {
    await using ends = await open(create());
    ends.client.terminate();
    assertEquals(ends.client.state, "closing");
    await ends.client.closed;
    assertEquals(ends.client.state, "closed");
  });

  test(`id is one name for each connection, and stays (${kind})`, async () => {
    await using one = await open(create());
    await using other = await open(create());
    const all = [one.client, one.server, other.client, other.server];
    const ids = all.map((ws) => ws.id);
    assertEquals(new Set(ids).size, 4);
    assertEquals(all.map((ws) => ws.id), ids);
  });

  test(`localAddress is the peer's remoteAddress (${kind})`, async () => {
    await using ends = await open(create());
    const { client, server } = ends;
    assert(client.localAddress !== undefined && server.localAddress !== undefined);
    assertEquals(client.localAddress, server.remoteAddress);
    assertEquals(server.localAddress, client.remoteAddress);
    assertEquals([client.tls, server.tls], [undefined, undefined]);
  });

  test(`await using closes a connection with 1000 (${kind})`, async () => {
    await using ends = await open(create());
    {
      await using client = ends.client;
      assertEquals(client.state, "open");
    }
    assertEquals(ends.client.state, "closed");
    const { code, wasClean, initiator } = await ends.server.closed;
    assertEquals([code, wasClean, initiator], [1000, true, "remote"]);
  });

  test(`pong() reaches the peer's hook with its payload (${kind})`, async () => {
    const network = create();
    const { promise, resolve } = withResolvers<Uint8Array>();
    await using server = await network.serve({
      port: 0,
      websocket: { pong: (_ws, payload) => resolve(payload) },
    });
    const ws = await network.connect(server.url);
    await ws.pong(new Uint8Array([0x01, 0xff]));
    assertEquals([...await promise], [0x01, 0xff]);
    await ws.close();
    await assertRejects(() => ws.pong(), ConnectionClosed);
  });

  test(`pong() refuses more than 125 octets (${kind})`, async () => {
    await using ends = await open(create());
    assertThrows(
      () => ends.client.pong("x".repeat(126)),
      RangeError,
      "Pong payload",
    );
    await ends.client.pong("x".repeat(125));
    assertEquals(ends.client.state, "open");
  });

  test(`autoPong: false leaves a Ping to the hook (${kind})`, async () => {
    const network = create();
    const pings = withResolvers<[WebSocketConnection, Uint8Array]>();
    await using server = await network.serve({
      port: 0,
      autoPong: false,
      websocket: { ping: (ws, payload) => pings.resolve([ws, payload]) },
    });
    const ws = await network.connect(server.url);
    let answered = false;
    const roundTrip = ws.ping("hi");
    roundTrip.then(() => answered = true);
    const [peer, payload] = await pings.promise;
    // What is sent behind the Ping comes back first: no Pong was on its way.
    await peer.send("not yet");
    assertEquals(await ws.receive(), "not yet");
    assertEquals(answered, false);
    await peer.pong(payload);
    assert(await roundTrip >= 0);
    await ws.close();
  });

  test(`connect() calls hooks for what is no message, and receive() gets the messages (${kind})`, async () => {
    const network = create();
    const seen: string[] = [];
    const text = new TextDecoder();
    await using server = await network.serve({
      port: 0,
      websocket: async (ws) => {
        await ws.send("one");
        await ws.ping("p");
        await ws.pong("q");
        // More than waits for a consumer that is behind: none of it is dropped.
        for (let i = 0; i < 40; i++) ws.send(`${i}`);
        await ws.closed;
      },
    });
    const ws = await network.connect(server.url, {
      hooks: {
        ping: (_ws, payload) => seen.push(`ping ${text.decode(payload)}`),
        pong: (_ws, payload) => seen.push(`pong ${text.decode(payload)}`),
        close: (ended, { code }) => seen.push(`close ${code} ${ended === ws}`),
      },
    });
    assertEquals(await ws.receive(), "one");
    for (let i = 0; i < 40; i++) assertEquals(await ws.receive(), `${i}`);
    assertEquals(ws.ignored, 0);
    await ws.close(3001);
    assertEquals(seen, ["ping p", "pong q", "close 3001 true"]);
  });

  test(`a hook of connect() that throws closes with 1011 and tells the error hook (${kind})`, async () => {
    const network = create();
    const told = withResolvers<unknown>();
    const mistake = new Error("a mistake in a hook");
    const ended = withResolvers<number>();
    await using server = await network.serve({
      port: 0,
      websocket: {
        open: (ws) => void ws.ping(),
        close: (_ws, { code }) => ended.resolve(code),
      },
    });
    await network.connect(server.url, {
      hooks: {
        ping() {
          throw mistake;
        },
        error: (_ws, error) => told.resolve(error),
      },
    });
    assertStrictEquals(await told.promise, mistake);
    assertEquals(await ended.promise, 1011);
  });
}

test("tls tells both ends of a connection over TLS what is known", async () => {
  const certificate = await createDevelopmentCertificate();
  const accepted = withResolvers<WebSocketConnection>();
  await using server = await serve({
    port: 0,
    tls: certificate,
    websocket: (ws) => {
      accepted.resolve(ws);
      return ws.closed;
    },
  });
  await using ws = await connect(server.url, {
    tls: { ca: certificate.cert, servername: "localhost" },
  });
  const peer = await accepted.promise;
  assertEquals(peer.tls?.servername, "localhost");
  assertEquals(peer.tls?.peerCertificate, undefined);
  assert((ws.tls?.peerCertificate?.length ?? 0) > 0);
  assert(ws.localAddress !== undefined);
  assertNotEquals(ws.localAddress, ws.remoteAddress);
});

test("connect() refuses hooks that take messages, and names those that there are", async () => {
  const network = createNetwork();
  const error = await assertRejects(
    // @ts-expect-error: not a hook of a client
    () => network.connect("ws://127.0.0.1:1", { hooks: { message() {} } }),
    TypeError,
  );
  assertMatch(error.message, /message/);
});

test("unref() lets the process end though the connection is open", async () => {
  const accepted = withResolvers<WebSocketConnection>();
  await using server = await serve({
    port: 0,
    websocket: (ws) => {
      ws.ignoreMessages();
      accepted.resolve(ws);
      return ws.closed;
    },
  });
  const child = start(runtime, "test/connection/programs/unref_client.ts", [server.url]);
  const ws = await accepted.promise;
  assertEquals(await child.exit, 0, child.output());
  assertMatch(child.output(), /connected/);
  assertEquals((await ws.closed).wasClean, false);
});
