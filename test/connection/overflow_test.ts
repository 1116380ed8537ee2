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
import { setImmediate } from "node:timers";
import { type Bytes, concat } from "../../src/util/bytes.ts";
import { encodeUtf8 } from "../../src/util/utf8.ts";
import { isPending, networks, open, settled, withResolvers } from "../support/connections.ts";
import { openFake } from "../support/established.ts";
import { decodeFrames } from "../support/frames.ts";
import { test } from "../support/test.ts";

const MIB = 1_048_576;
/** More than `maxBufferedAmount`. */
const MORE = 4 * MIB;
/** More than the system holds besides, and more than the default limit. */
const LARGE = 20 * MIB;
const limits = { maxBufferedAmount: MIB, maxMessageSize: 32 * MIB };

/** Everything that can be sent, of so many octets. */
const kinds: { [kind: string]: (size: number) => Sendable } = {
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

const COUNT = 100;
const SIZE = 100 * 1_024;
/** The most that a message counts besides its octets. */
const COST = 528;

type Sendable = Parameters<WebSocketConnection["send"]>[0];

/** A message of 100 KiB that ends with the octet `i`, as everything that has a size before it is sent. */
const numbered: { [what: string]: (i: number) => Sendable } = {
  bytes: octets,
  "an ArrayBuffer": (i) => octets(i).buffer,
  "a text": (i) => String.fromCharCode(i).repeat(SIZE),
  "a text beyond ASCII": (i) => "\u20ac".repeat(34_133) + String.fromCharCode(i),
  "a PreparedMessage": (i) => new PreparedMessage(octets(i)),
  "a Blob": (i) => new Blob([octets(i)]),
  "an array of bytes": (i) => [octets(i).subarray(0, 70_000), octets(i).subarray(70_000)],
  "an array of views": (i) => [octets(i).buffer.slice(1), new DataView(octets(i).buffer, 0, 1)],
  "an array of texts": (i) =>
    Array.from({ length: 100 }, () => String.fromCharCode(i).repeat(1_024)),
  "an array of texts beyond ASCII": (i) => ["\u20ac".repeat(34_133), String.fromCharCode(i)],
};

const OVER_TCP = ["bytes", "a Blob", "an array of bytes", "an array of texts"];

function octets(i: number): Bytes {
  return new Uint8Array(SIZE).fill(i);
}

/** Which of these messages it is, once it was found to be whole. */
function numberOf(message: Message): number {
  const payload = typeof message === "string" ? encodeUtf8(message) : message;
  assertEquals(payload.length, SIZE);
  const last = payload.at(-1)!;
  assertEquals(payload[0] === last || payload[0] === 0xe2, true);
  return last;
}

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
        const sent = from.send(make(MORE));
        assertEquals((await to.receive()).length, MORE, what);
        await sent;
      }
    }
    const writer = client.writable.getWriter();
    const written = writer.write(new Uint8Array(MORE));
    assertEquals((await server.receive()).length, MORE);
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
      await turn();
      if (client.bufferedAmount > 0) await settled();
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
    for (const [what, make] of Object.entries(numbered)) {
      if (kind === "tcp" && !OVER_TCP.includes(what)) continue;
      test(
        `overflow "${overflow}": of 100 times ${what} of 100 KiB survive those that it says (${kind})`,
        async () => {
          for (const role of ["client", "server"] as const) {
            const options = { ...limits, overflow };
            await using ends = await open(create(), options, options);
            const other = role === "client" ? "server" : "client";
            await assertSurvivors(overflow, ends[role], ends[other], make);
          }
        },
        { timeout: 120_000 },
      );
    }
  }
}

/** A turn of the event loop, without the millisecond of a timer: what is sent in one leaves in one write. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Sends 100 messages to a peer that does not read before the last, and judges what arrives. */
async function assertSurvivors(
  overflow: Overflow,
  from: WebSocketConnection,
  to: WebSocketConnection,
  make: (i: number) => Sendable,
): Promise<void> {
  const sent: Promise<void>[] = [];
  /** Those that come while more than the limit waits. */
  const over: number[] = [];
  for (let i = 1; i <= COUNT; i++) {
    if (from.bufferedAmount > MIB) over.push(i);
    sent.push(from.send(make(i)));
    if (overflow !== "wait") assert(from.bufferedAmount <= MIB + SIZE + COST, `message ${i}`);
    // So much is handed over that the system does not take more, or all of it.
    await turn();
  }
  const [first = 0] = over;
  assert(first > 1, "too little waited");
  if (overflow === "close") {
    const results = await Promise.allSettled(sent);
    // Not before the limit, and from then on all.
    for (const { status } of results.slice(first - 1)) assertEquals(status, "rejected");
    for (const promise of sent.slice(first - 1)) {
      assertNames(await assertRejects(() => promise, ConnectionClosed), 0);
    }
    assertMatch((await from.closed).cause?.message ?? "", /maxBufferedAmount/);
    return;
  }
  const { dropped } = from;
  const received: number[] = [];
  for (let i = dropped; i < COUNT; i++) received.push(numberOf(await to.receive()));
  await Promise.all(sent);
  if (overflow === "wait") assertEquals(received, range(1, COUNT));
  if (overflow === "drop-newest") {
    assertEquals(received, range(1, COUNT).filter((i) => !over.includes(i)));
  }
  if (overflow === "drop-oldest") {
    // What the system and the transport have cannot be dropped, nor what is being sent in chunks. Behind it wait as many
    // of the newest as are within the limit, and one more.
    const left = received.filter((i, at) => i === at + 1).length;
    const kept = received.length - left;
    assertEquals(received, [...range(1, left), ...range(COUNT + 1 - kept, COUNT)]);
    assert(kept >= 9 && kept <= 11, `${kept} were kept`);
  }
  await Promise.all([from.send("end"), to.receive()]);
  assertEquals([from.dropped, from.bufferedAmount], [COUNT - received.length, 0]);
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

for (const overflow of ["close", "wait", "drop-newest", "drop-oldest"] as const) {
  for (const [what, make] of Object.entries(numbered)) {
    test(`overflow "${overflow}": on a transport that takes nothing it is known which of 100 times ${what} survive`, async () => {
      await using fake = openFake({ overflow, maxBufferedAmount: MIB });
      const { connection: ws, transport } = fake;
      transport.congested = true;
      const sent: Promise<void>[] = [];
      let accepted = 0;
      for (let i = 1; i <= COUNT; i++) {
        sent.push(ws.send(make(i)));
        if (!transport.destroyed) accepted++;
      }
      // Ten are below the limit, so the eleventh is accepted.
      assertEquals(accepted, overflow === "close" ? 11 : COUNT);
      if (overflow === "close") {
        transport.sink.closed();
        for (const promise of sent) {
          assertNames(await assertRejects(() => promise, ConnectionClosed), 11 * SIZE);
        }
        return;
      }
      transport.drain();
      await Promise.all(sent);
      await settled();
      const expected = {
        "wait": range(1, COUNT),
        "drop-newest": range(1, 11),
        "drop-oldest": [1, ...range(91, COUNT)],
      }[overflow];
      assertEquals(messagesOf(transport.writes).map(numberOf), expected);
      assertEquals([ws.dropped, ws.bufferedAmount], [COUNT - expected.length, 0]);
    });
  }
}

/** The messages in what was written, put together from their frames. */
function messagesOf(writes: readonly Uint8Array[]): Bytes[] {
  const messages: Bytes[] = [];
  let pieces: Bytes[] = [];
  for (const { fin, payload } of decodeFrames(concat(writes))) {
    pieces.push(payload as Bytes);
    if (!fin) continue;
    messages.push(concat(pieces));
    pieces = [];
  }
  return messages;
}

test("bufferedAmount counts what is known of a message in chunks, while it waits and while it is sent", async () => {
  const sources: [string, Sendable, number][] = [
    ["a Blob", new Blob([new Uint8Array(200_000)]), 200_000],
    ["an array of bytes", [new Uint8Array(65_536), new Uint8Array(134_464)], 200_000],
    ["an array of texts", ["x".repeat(65_536), "\u20ac".repeat(40_000), "\u{1d11e}"], 185_540],
    [
      "a generator",
      (function* () {
        yield new Uint8Array(65_536);
        yield new Uint8Array(134_464);
      })(),
      0,
    ],
  ];
  for (const [what, source, size] of sources) {
    await using fake = openFake();
    const { connection: ws, transport } = fake;
    transport.congested = true;
    void ws.send(new Uint8Array(65_536));
    const encoded = 65_546;
    assertEquals(ws.bufferedAmount, encoded, what);
    const sent = [ws.send(source), ws.send(["behind it"])];
    const behind = 528 + 9;
    assertEquals(ws.bufferedAmount, encoded + size + behind, what);
    await settled();
    assertEquals(ws.bufferedAmount, encoded + size + behind, what);
    transport.drain();
    transport.congested = true;
    await settled();
    // Now its first fragment is what the transport has.
    const rest = Math.max(size - 65_536, 0);
    assertEquals(ws.bufferedAmount, encoded + rest + behind, what);
    while (transport.bufferedAmount > 0) {
      transport.drain();
      await settled();
    }
    await Promise.all(sent);
    assertEquals(ws.bufferedAmount, 0, what);
  }
});

test("bufferedAmount and the limit stay right when a source is not what it was when it was sent", async () => {
  await using fake = openFake({ overflow: "drop-newest", maxBufferedAmount: MIB });
  const { connection: ws, transport } = fake;
  transport.congested = true;
  void ws.send(new Uint8Array(65_536));
  const chunks = [new Uint8Array(10), new Uint8Array(10)];
  const sent = ws.send(chunks);
  chunks.push(new Uint8Array(200_000));
  const transferred = new Uint8Array(100_000);
  const alsoSent = ws.send([transferred]);
  structuredClone(transferred.buffer, { transfer: [transferred.buffer] });
  assertEquals(ws.bufferedAmount, 65_546 + 20 + 100_000 + 2 * COST);
  transport.drain();
  await Promise.all([sent, alsoSent]);
  await settled();
  assertEquals([ws.bufferedAmount, ws.dropped], [0, 0]);
  assertEquals(messagesOf(transport.writes).map(({ length }) => length), [65_536, 200_020, 0]);
});

test("WebSocket and WebSocketStream send more than maxBufferedAmount", async () => {
  await using server = await serve({
    port: 0,
    ...limits,
    websocket: { message: (ws, data) => ws.send(`${data.length}`) },
  });
  const ws = new WebSocket(server.url, { ...limits, protocols: [] });
  const answer = withResolvers<Message>();
  ws.onopen = () => ws.send(new Uint8Array(MORE));
  ws.onmessage = ({ data }) => answer.resolve(data as string);
  ws.onclose = ({ code }) => answer.reject(new Error(`Closed with ${code}`));
  assertEquals(await answer.promise, `${MORE}`);
  ws.onclose = null;
  ws.close();

  const stream = new WebSocketStream(server.url, limits);
  const { readable, writable } = await stream.opened;
  const [writer, reader] = [writable.getWriter(), readable.getReader()];
  for (const chunk of [new Uint8Array(MORE), "x".repeat(MORE)]) {
    const [, { value }] = await Promise.all([writer.write(chunk), reader.read()]);
    assertEquals(value, `${MORE}`);
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
