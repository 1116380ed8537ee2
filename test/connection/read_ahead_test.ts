// Compressed messages that wait: they are inflated when they are taken, in order, and one that is not valid ends them.

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { type CloseInfo, ConnectionClosed, type Message, ProtocolError } from "@sansocket/ws";
import { resolveCompression } from "../../src/deflate/options.ts";
import { PerMessageDeflate } from "../../src/deflate/permessage.ts";
import { settled, withResolvers } from "../support/connections.ts";
import { backends, json, noise } from "../support/deflate.ts";
import {
  type FakeConnection,
  type FakeConnectionOptions,
  openFake,
  utf8,
} from "../support/established.ts";
import { test } from "../support/test.ts";

/** Both ends of a connection with context takeover: the server's, and what compresses as its client does. */
function open(
  options: FakeConnectionOptions = {},
): { fake: FakeConnection; peer: PerMessageDeflate } {
  const settings = resolveCompression({ threshold: 0 })!;
  const parameters = {
    sendTakeover: true,
    sendWindowBits: 15,
    receiveTakeover: true,
    receiveWindowBits: 15,
  };
  const end = (): PerMessageDeflate => new PerMessageDeflate(backends.public, parameters, settings);
  const fake = openFake({ ...options, compression: { extensions: [], transform: end() } });
  return { fake, peer: end() };
}

function send({ fake, peer }: ReturnType<typeof open>, ...messages: readonly string[]): void {
  for (const message of messages) {
    fake.receiveFrames({ opcode: 1, reserved: 4, payload: peer.encode(utf8(message)) });
  }
}

const repeated = Array.from({ length: 30 }, (_, i) => `${i} ${json(500)}`);

test("compressed messages wait compressed, and come out in order whenever they are taken", async () => {
  const both = open();
  await using fake = both.fake;
  send(both, ...repeated.slice(0, 16));
  await settled();
  assertEquals([fake.endpoint.draining, fake.transport.paused], [true, false]);
  for (const expected of repeated.slice(0, 8)) {
    assertEquals(await fake.connection.receive(), expected);
  }
  send(both, ...repeated.slice(16, 24));
  for (const expected of repeated.slice(8, 24)) {
    assertEquals(await fake.connection.receive(), expected);
  }
  // Nothing waits: the context goes on with the next.
  const next = fake.connection.receive();
  send(both, repeated[24]!);
  assertEquals(await next, repeated[24]);
  both.peer.close();
});

test("compressed messages count as they came, not as they are", async () => {
  const both = open();
  await using fake = both.fake;
  // Each is larger than all that may wait, but small compressed.
  const messages = Array.from({ length: 16 }, (_, i) => `${i}`.repeat(40_000));
  send(both, ...messages);
  await settled();
  assertEquals(fake.transport.paused, false);
  for (const expected of messages) assertEquals(await fake.connection.receive(), expected);
  both.peer.close();
});

test("compressed messages are inflated behind the peer's end, and what inflates them is let go of after the last", async () => {
  const both = open();
  await using fake = both.fake;
  send(both, ...repeated.slice(0, 3));
  await settled();
  fake.transport.sink.closed(new Error("ECONNRESET"));
  await fake.connection.closed;
  for (const expected of repeated.slice(0, 3)) {
    assertEquals(fake.endpoint.finished, false);
    assertEquals(await fake.connection.receive(), expected);
  }
  await assertRejects(() => fake.connection.receive(), ConnectionClosed);
  assertEquals(fake.endpoint.finished, true);
  both.peer.close();
});

const INVALID = { opcode: 1, reserved: 4, payload: Uint8Array.of(0xff, 0xff, 0xff) } as const;

test("a compressed message that waits and is not valid fails the connection with 1007 when it is taken", async () => {
  const both = open();
  await using fake = both.fake;
  send(both, "right");
  fake.receiveFrames(INVALID);
  send(both, "never seen");
  await settled();
  assertEquals([await fake.connection.receive(), fake.endpoint.open], ["right", true]);
  const received = fake.connection.receive();
  await settled();
  assert(fake.frames()[0]?.startsWith("88 03ef"), fake.frames()[0]);
  fake.transport.sink.closed();
  const { cause } = await assertRejects(() => received, ConnectionClosed);
  assertInstanceOf(cause, ProtocolError);
  both.peer.close();
});

test("a compressed message that waits and is not valid is told, also behind the end", async () => {
  const reported: unknown[] = [];
  const closed = withResolvers<CloseInfo>();
  const gate = withResolvers<void>();
  const seen: Message[] = [];
  const both = open({
    handler: {
      async message(_ws, data) {
        seen.push(data);
        await gate.promise;
      },
      close: (_ws, info) => closed.resolve(info),
      error: (_ws, error) => void reported.push(error),
    },
  });
  await using fake = both.fake;
  send(both, "right");
  fake.receiveFrames(INVALID);
  await settled();
  fake.transport.sink.closed(new Error("ECONNRESET"));
  await fake.connection.closed;
  gate.resolve();
  await closed.promise;
  assertEquals([seen, reported.length], [["right"], 1]);
  assertInstanceOf(reported[0], ProtocolError);
  assertEquals(reported[0].code, 1007);

  const other = open();
  await using second = other.fake;
  second.receiveFrames(INVALID);
  await settled();
  second.transport.sink.closed();
  await second.connection.closed;
  await assertRejects(() => second.connection.receive(), ProtocolError);
  both.peer.close();
  other.peer.close();
});

test("compressed messages that exceed what may wait are dropped without breaking the context", async () => {
  const both = open({ handler: {} });
  await using fake = both.fake;
  const { connection: ws } = fake;
  send(both, ...repeated.slice(0, 20));
  await settled();
  assertEquals(ws.ignored, 4);
  const kept: Message[] = [];
  for (let i = 0; i < 16; i++) kept.push(await ws.receive());
  assertEquals(kept, repeated.slice(0, 16));
  const next = ws.receive();
  send(both, repeated[20]!);
  assertEquals(await next, repeated[20]);
  both.peer.close();
});

test("compressed messages that exceed what may wait leave no more than that waiting once they are inflated", async () => {
  const both = open({ handler: {} });
  await using fake = both.fake;
  const { connection: ws } = fake;
  const messages = Array.from(
    { length: 17 },
    (_, i) => `${String.fromCharCode(97 + i)}`.repeat(20_000),
  );
  send(both, ...messages);
  await settled();
  // Three of 20,000 octets fit; the others are counted.
  assertEquals(ws.ignored, 14);
  for (const expected of messages.slice(0, 3)) assertEquals(await ws.receive(), expected);
  const next = ws.receive();
  send(both, "the context is whole");
  assertEquals(await next, "the context is whole");
  both.peer.close();
});

test("an incompressible message counts for what it has", async () => {
  const both = open();
  await using fake = both.fake;
  fake.receiveFrames({ opcode: 2, reserved: 4, payload: both.peer.encode(noise(70_000)) });
  await settled();
  assertEquals(fake.endpoint.blocked, true);
  assertEquals(await fake.connection.receive(), noise(70_000));
  both.peer.close();
});
