// What the sender is told of what had not left when the connection ended: `CloseInfo.unsent`.

import { assert, assertEquals, assertGreater, assertLessOrEqual, assertMatch } from "@std/assert";
import { connect, ConnectionClosed, createDevelopmentCertificate, serve } from "@sansocket/ws";
import type { WebSocketConnection } from "@sansocket/ws";
import { createWebRuntime } from "../../runtimes/web/runtime.ts";
import { createConnect } from "../../src/client/connect.ts";
import { computeAccept } from "../../src/handshake/key.ts";
import { createServe } from "../../src/server/serve.ts";
import { createClocked } from "../support/clocked.ts";
import { networks, open, settled, withResolvers } from "../support/connections.ts";
import { withoutRow } from "../support/error_rows.ts";
import { openFake } from "../support/established.ts";
import { RawPeer, RawServer } from "../support/raw.ts";
import { runtime, test } from "../support/test.ts";

const SIZE = 8 << 20;
const COUNT = 32;
/** What a transport hands to the system at a time; of that it is not known how much has left. */
const PART = 262_144;
const limits = { maxMessageSize: SIZE, maxBufferedAmount: 2 ** 30 };

const certificate = await createDevelopmentCertificate();

const kinds = {
  ...networks,
  tls: () => ({
    serve:
      ((options: Parameters<typeof serve>[0]) =>
        serve({ ...options, tls: certificate })) as typeof serve,
    connect:
      ((url, options) =>
        connect(url, { ...options, tls: { ca: certificate.cert } })) as typeof connect,
  }),
  web: () => {
    const waiting: ReadableStreamDefaultController<{
      readable: ReadableStream<Uint8Array>;
      writable: WritableStream<Uint8Array>;
    }>[] = [];
    const incoming = new ReadableStream<{
      readable: ReadableStream<Uint8Array>;
      writable: WritableStream<Uint8Array>;
    }>({ start: (controller) => void waiting.push(controller) });
    const runtime = createWebRuntime({
      incoming,
      open: () => {
        const there = new TransformStream<Uint8Array, Uint8Array>();
        const back = new TransformStream<Uint8Array, Uint8Array>();
        waiting[0]!.enqueue({ readable: there.readable, writable: back.writable });
        return { readable: back.readable, writable: there.writable };
      },
    });
    return { serve: createServe(runtime), connect: createConnect(runtime) };
  },
};

/** Sends 8 MiB that the peer does not read, and resolves when no more of it leaves. */
async function stall(ws: WebSocketConnection): Promise<{ sent: Promise<unknown> }> {
  let sent!: Promise<unknown>;
  for (let i = 0; i < COUNT; i++) {
    sent = ws.send(new Uint8Array(SIZE / COUNT)).then(() => undefined, (error: unknown) => error);
  }
  for (let before = -1, quiet = 0; quiet < 10; quiet++) {
    if (ws.bufferedAmount !== before) quiet = 0;
    before = ws.bufferedAmount;
    await settled();
  }
  return { sent };
}

for (const [kind, create] of Object.entries(kinds)) {
  for (const role of ["client", "server"] as const) {
    test(`CloseInfo.unsent counts what waits when the ${role} terminates, or its peer does (${kind})`, async () => {
      for (const ends of [role, role === "client" ? "server" : "client"] as const) {
        await using pair = await open(create(), limits, limits);
        const from = pair[role];
        const { sent } = await stall(from);
        const waiting = from.bufferedAmount;
        pair[ends].terminate();
        const { unsent, wasClean } = await from.closed;
        assertEquals([wasClean, from.bufferedAmount], [false, 0]);
        // Deno's node:tls takes all that waits when the peer has reset the connection, and says that it has left.
        if (runtime === "deno" && kind === "tls" && ends !== role) continue;
        assertGreater(unsent, SIZE / 4);
        assertLessOrEqual(unsent, waiting);
        const error = await sent;
        assert(error instanceof ConnectionClosed);
        assertMatch(withoutRow(error.message), new RegExp(`; ${unsent} octets had not left$`));
        assertEquals(error.info.unsent, unsent);
      }
    });

    test(`CloseInfo.unsent is 0 behind a clean end of the ${role} (${kind})`, async () => {
      await using pair = await open(create(), limits, limits);
      const from = pair[role];
      const to = pair[role === "client" ? "server" : "client"];
      void from.send(new Uint8Array(SIZE));
      void from.send("last");
      const closed = from.close();
      // This end has begun to close, and so has the other once it has read all.
      assertEquals((await to.receive()).length, SIZE);
      assertEquals(await to.receive(), "last");
      for (const { wasClean, unsent } of [await closed, await to.closed]) {
        assertEquals([wasClean, unsent], [true, 0]);
      }
    });
  }

  test(`CloseInfo.unsent counts the Close frame that waits when the close timer runs out (${kind})`, async () => {
    for (const role of ["client", "server"] as const) {
      // In memory by a clock: the others are not driven by one.
      const clocked = kind === "memory" ? createClocked() : undefined;
      const closeTimeout = clocked === undefined ? 50 : 10_000;
      const timed = { ...limits, closeTimeout };
      await using pair = await open(clocked ?? create(), timed, timed);
      const from = pair[role];
      await stall(from);
      const waiting = from.bufferedAmount;
      const closed = from.close(4000, "enough");
      await clocked?.clock.advance(closeTimeout);
      const { unsent, wasClean, cause } = await closed;
      assertEquals([wasClean, cause?.message], [
        false,
        `The connection did not close within ${closeTimeout} ms`,
      ]);
      assertGreater(unsent, SIZE / 4);
      const frame = 2 + 2 + "enough".length + (role === "client" ? 4 : 0);
      assertLessOrEqual(unsent, waiting + frame);
    }
  });
}

test("CloseInfo.unsent is what the peer never gets, on both ends", async () => {
  // terminate(): the system still sends what it has.
  const accepted = withResolvers<WebSocketConnection>();
  await using server = await serve({
    port: 0,
    ...limits,
    websocket: (ws) => {
      accepted.resolve(ws);
      return ws.closed;
    },
  });
  await using peer = await RawPeer.dial(server.port);
  await peer.upgrade();
  peer.pause();
  const ws = await accepted.promise;
  await stall(ws);
  ws.terminate();
  const { unsent } = await ws.closed;
  peer.resume();
  const received = (await peer.takeRest()).length;
  const total = SIZE + COUNT * 10;
  assert(received + unsent >= total && received + unsent <= total + PART, `${received}, ${unsent}`);
});

test("CloseInfo.unsent counts what waits when the peer resets behind its Close frame", async () => {
  await using server = await RawServer.listen();
  const dialling = connect(server.url, limits);
  await using peer = await server.accept();
  const key = /Sec-WebSocket-Key: (.*)\r\n/.exec(await peer.takeThrough("\r\n\r\n"))![1]!;
  peer.send(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${await computeAccept(key)}\r\n\r\n`,
  );
  const ws = await dialling;
  peer.pause();
  await stall(ws);
  ws.ignoreMessages();
  peer.sendHex("8802 11d7");
  while (!await isClosing(ws));
  peer.reset();
  const { code, wasClean, unsent, received, sent } = await ws.closed;
  assertEquals([code, wasClean, received?.code, sent?.code], [4567, false, 4567, 4567]);
  assertGreater(unsent, SIZE / 4);
  assertLessOrEqual(unsent, SIZE + COUNT * 14 + 8);
});

async function isClosing(ws: WebSocketConnection): Promise<boolean> {
  await settled();
  return await ws.send("").then(() => false, () => true);
}

for (const overflow of ["drop-newest", "drop-oldest"] as const) {
  test(`CloseInfo.unsent counts what could still have been dropped (${overflow})`, async () => {
    await using fake = openFake({ overflow });
    const { connection, transport } = fake;
    transport.congested = true;
    void connection.send("0123456789").catch(() => {});
    fake.endpoint.flush();
    void connection.send("0123456789").catch(() => {});
    void connection.send(new Uint8Array(200)).catch(() => {});
    const waiting = connection.bufferedAmount;
    assertEquals(waiting, 12 + (10 + 16) + (200 + 16));
    transport.sink.closed(new Error("read ECONNRESET"));
    assertEquals((await connection.closed).unsent, waiting);
  });
}

test("CloseInfo.unsent counts what waits behind a message in chunks when this end closes", async () => {
  for (const [, create] of Object.entries(networks)) {
    await using pair = await open(create());
    const next = withResolvers<void>();
    const chunks = pair.client.send((async function* () {
      yield "one";
      await next.promise;
    })()).then(() => undefined, (error: unknown) => error);
    const behind = pair.client.send("behind").then(() => undefined, (error: unknown) => error);
    const closed = pair.client.close();
    next.resolve();
    const { unsent, wasClean } = await closed;
    assertEquals([unsent, wasClean], [6 + 16, true]);
    assert(await chunks instanceof ConnectionClosed);
    assert(await behind instanceof ConnectionClosed);
  }
});

test("CloseInfo.unsent counts what is sent in the turn that ends the connection", async () => {
  for (const [, create] of Object.entries(kinds)) {
    await using pair = await open(create());
    void pair.client.send("0123456789").catch(() => {});
    pair.client.terminate();
    assertEquals((await pair.client.closed).unsent, 16);
  }
});

test("CloseInfo.unsent counts what a hook sends when the stream has gone", async () => {
  await using fake = openFake({ handler: { message: (ws, data) => ws.send(data) } });
  const { connection, transport } = fake;
  transport.sink.closed(new Error("read ECONNRESET"), Uint8Array.of(0x81, 0x81, 0, 0, 0, 0, 0x78));
  assertEquals((await connection.closed).unsent, 3);
});
