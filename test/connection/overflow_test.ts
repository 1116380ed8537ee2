// `maxBufferedAmount` and `overflow`, by what a user can see: what waits before a message is sent decides, not its size.

import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import {
  ConnectionClosed,
  type Message,
  type Overflow,
  PreparedMessage,
  serve,
  WebSocket,
  type WebSocketConnection,
  WebSocketStream,
} from "@sansocket/ws";
import { concat } from "../../src/util/bytes.ts";
import { isPending, networks, open, settled, withResolvers } from "../support/connections.ts";
import { openFake } from "../support/established.ts";
import { decodeFrames } from "../support/frames.ts";
import { test } from "../support/test.ts";

const MIB = 1_048_576;
const LARGE = 20 * MIB;
const limits = { maxBufferedAmount: MIB, maxMessageSize: 32 * MIB };

/** Everything that can be sent, of so many octets. */
const kinds: { [kind: string]: (size: number) => Parameters<WebSocketConnection["send"]>[0] } = {
  bytes: (size) => new Uint8Array(size),
  "an ArrayBuffer": (size) => new ArrayBuffer(size),
  "a text": (size) => "x".repeat(size),
  "a PreparedMessage": (size) => new PreparedMessage(new Uint8Array(size)),
  "a Blob": (size) => new Blob([new Uint8Array(size)]),
  "one chunk": (size) => [new Uint8Array(size)],
  "many chunks": function* (size) {
    for (let rest = size; rest > 0; rest -= MIB) yield new Uint8Array(Math.min(rest, MIB));
  },
};

/** What the error says of a limit of 1 MiB, when so many octets waited at least. */
function assertNames(error: ConnectionClosed, least: number): void {
  assertInstanceOf(error.cause, Error);
  const text = error.cause.message;
  assertMatch(
    text,
    /^More than 1048576 octets \(maxBufferedAmount\) waited to be sent: \d+; await send\(\)/,
  );
  const waiting = Number(/sent: (\d+)/.exec(text)?.[1]);
  assert(waiting > MIB && waiting >= least, text);
  assert(error.message.includes(text), error.message);
}

for (const [kind, create] of Object.entries(networks)) {
  test(`send() of more than maxBufferedAmount arrives while nothing waits (${kind})`, async () => {
    await using ends = await open(create(), limits, limits);
    const { client, server } = ends;
    for (const [from, to] of [[client, server], [server, client]] as const) {
      for (const [what, make] of Object.entries(kinds)) {
        const sent = from.send(make(LARGE));
        assertEquals((await to.receive()).length, LARGE, what);
        await sent;
      }
    }
    const writer = client.writable.getWriter();
    const written = writer.write(new Uint8Array(LARGE));
    assertEquals((await server.receive()).length, LARGE);
    await written;
    assertEquals([client.bufferedAmount, server.bufferedAmount], [0, 0]);
  });

  test(`send() above maxBufferedAmount cuts, and all that waits is told why (${kind})`, async () => {
    for (const role of ["client", "server"] as const) {
      for (const [what, make] of Object.entries(kinds)) {
        await using ends = await open(create(), limits, limits);
        const from = ends[role];
        const first = from.send(new Uint8Array(LARGE));
        assertEquals(await isPending(first), true, what);
        const second = from.send(make(1));
        const error = await assertRejects(() => second, ConnectionClosed);
        // What the system holds does not wait.
        assertNames(error, LARGE / 2);
        assertNames(await assertRejects(() => first, ConnectionClosed), LARGE / 2);
        const { code, wasClean, initiator, cause } = await from.closed;
        assertEquals([code, wasClean, initiator], [1006, false, "local"]);
        assertEquals(error.cause, cause);
        await assertRejects(() => from.send("later"), ConnectionClosed, "maxBufferedAmount");
      }
    }
  });

  test(`send() at maxBufferedAmount is accepted, and the next is not (${kind})`, async () => {
    await using ends = await open(create(), limits, limits);
    const { client, server } = ends;
    await Promise.all([client.send(new Uint8Array(LARGE)), server.receive()]);
    // Until the system holds no more; then what waits is known to the octet.
    while (client.bufferedAmount === 0) {
      void client.send(new Uint8Array(10_000));
      await settled();
    }
    while (client.bufferedAmount < MIB) {
      const room = MIB - client.bufferedAmount;
      void client.send(new Uint8Array(Math.min(Math.max(room - 14, 0), 10_000)));
      await settled();
    }
    const sent = [client.send(new Uint8Array(LARGE))];
    if (client.bufferedAmount < LARGE) {
      // It was above the limit by a few octets, for a header has four at least.
      await assertRejects(() => sent[0]!, ConnectionClosed);
    } else {
      assertEquals(await isPending(sent[0]!), true);
      await assertRejects(() => client.send(""), ConnectionClosed, "maxBufferedAmount");
    }
  });

  for (const overflow of ["close", "wait", "drop-newest", "drop-oldest"] as const) {
    test(
      `overflow "${overflow}": of 100 messages of 100 KiB survive those that it says (${kind})`,
      async () => {
        for (const role of ["client", "server"] as const) {
          const options = { ...limits, overflow };
          await using ends = await open(create(), options, options);
          const [from, to] = role === "client"
            ? [ends.client, ends.server]
            : [ends.server, ends.client];
          const sent: Promise<void>[] = [];
          for (let i = 0; i < 100; i++) {
            sent.push(from.send(new Uint8Array(100 * 1_024).fill(i + 1)));
            // So much is handed over that the system does not take more, or all of it.
            await settled();
          }
          const { dropped, bufferedAmount } = from;
          if (overflow === "close") {
            const reasons = (await Promise.allSettled(sent)).map(({ status }) => status);
            assertEquals(reasons.includes("rejected"), true);
            const last = await sent.at(-1)!.catch((error) => error);
            assertNames(last, 0);
            const { cause } = await from.closed;
            assertMatch(cause?.message ?? "", /maxBufferedAmount/);
            // Of a network in memory it is known: 64 KiB are on their way, and the limit is above ten.
            if (kind === "memory") assertEquals(reasons.indexOf("rejected") <= 11, true);
            continue;
          }
          assert(bufferedAmount <= (overflow === "wait" ? 100 : 1) * 102_416 + MIB);
          const received: number[] = [];
          for (let i = dropped; i < 100; i++) {
            const message = await to.receive() as Uint8Array;
            assertEquals(message.length, 100 * 1_024);
            assertEquals(message.every((octet) => octet === message[0]), true);
            received.push(message[0]!);
          }
          await Promise.all(sent);
          assertEquals(received, expectedSurvivors(overflow, received));
          await Promise.all([from.send("end"), to.receive()]);
          assertEquals([from.dropped, from.bufferedAmount], [100 - received.length, 0]);
        }
      },
      { timeout: 120_000 },
    );
  }
}

/** The messages that arrive, by number, when as many do of 100 that are sent to a peer that does not read. */
function expectedSurvivors(overflow: Overflow, received: number[]): number[] {
  const count = received.length;
  const range = (first: number, last: number): number[] =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i);
  if (overflow === "wait") return range(1, 100);
  if (overflow === "drop-newest") return range(1, count);
  // What the system and the transport have cannot be dropped. Behind it the newest ten wait, or one more where the
  // transport has only the end of a message.
  const newest = received.indexOf(90) < 0 ? 10 : 11;
  return [...range(1, count - newest), ...range(101 - newest, 100)];
}

for (const overflow of ["close", "wait", "drop-newest", "drop-oldest"] as const) {
  test(`overflow "${overflow}": on a transport that takes nothing it is known to the message what survives`, async () => {
    await using fake = openFake({ overflow, maxBufferedAmount: MIB });
    const { connection: ws, transport } = fake;
    transport.congested = true;
    const sent = Array.from(
      { length: 100 },
      (_, i) => ws.send(new Uint8Array(102_400).fill(i + 1)),
    );
    // Ten are below the limit, so the eleventh is accepted.
    if (overflow === "close") {
      assertEquals([transport.destroyed, transport.writes.length], [true, 22]);
      transport.sink.closed();
      for (const promise of sent.slice(0, 12)) {
        assertNames(await assertRejects(() => promise, ConnectionClosed), 11 * 102_410);
      }
      return;
    }
    transport.drain();
    await Promise.all(sent);
    const received = decodeFrames(concat(transport.writes)).map(({ payload }) => payload[0]!);
    assertEquals(received.length, overflow === "wait" ? 100 : 11);
    assertEquals(received, expectedSurvivors(overflow, received));
    assertEquals([ws.dropped, ws.bufferedAmount], [100 - received.length, 0]);
  });
}

test("WebSocket and WebSocketStream send more than maxBufferedAmount", async () => {
  await using server = await serve({
    port: 0,
    ...limits,
    websocket: { message: (ws, data) => ws.send(`${data.length}`) },
  });
  const ws = new WebSocket(server.url, { ...limits, protocols: [] });
  const answer = withResolvers<Message>();
  ws.onopen = () => ws.send(new Uint8Array(LARGE));
  ws.onmessage = ({ data }) => answer.resolve(data as string);
  ws.onclose = ({ code }) => answer.reject(new Error(`Closed with ${code}`));
  assertEquals(await answer.promise, `${LARGE}`);
  ws.onclose = null;
  ws.close();

  const stream = new WebSocketStream(server.url, limits);
  const { readable, writable } = await stream.opened;
  const [writer, reader] = [writable.getWriter(), readable.getReader()];
  for (const chunk of [new Uint8Array(LARGE), "x".repeat(LARGE)]) {
    const [, { value }] = await Promise.all([writer.write(chunk), reader.read()]);
    assertEquals(value, `${LARGE}`);
  }
  stream.close();
  await stream.closed;
});

test("an echo of more than maxBufferedAmount comes back, at the default limit too", async () => {
  const large = { maxMessageSize: 32 * MIB };
  for (const [, create] of Object.entries(networks)) {
    const { serve, connect } = create();
    const server = await serve({
      port: 0,
      ...large,
      websocket: { message: (ws, data) => ws.send(data) },
    });
    const client = await connect(server.url, large);
    for (const data of [new Uint8Array(LARGE), "x".repeat(LARGE)]) {
      await client.send(data);
      assertEquals((await client.receive()).length, LARGE);
    }
    await client.close();
    await server.close();
  }
});
