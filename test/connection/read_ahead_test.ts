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
import { encodeFrames } from "../support/frames.ts";
import { test } from "../support/test.ts";

/**
 * Both ends of a connection with context takeover unless told: the server's, and what compresses as its client does.
 * `inflated` has the octets of each payload that the server inflates.
 */
function open(
  options: FakeConnectionOptions = {},
  takeover = true,
): { fake: FakeConnection; peer: PerMessageDeflate; inflated: number[] } {
  const settings = resolveCompression({ threshold: 0 })!;
  const parameters = {
    sendTakeover: takeover,
    sendWindowBits: 15,
    receiveTakeover: takeover,
    receiveWindowBits: 15,
  };
  const end = (): PerMessageDeflate => new PerMessageDeflate(backends.public, parameters, settings);
  const transform = end();
  const inflated: number[] = [];
  const decode = transform.decode.bind(transform);
  transform.decode = (payload, maxLength) => {
    inflated.push(payload.length);
    return decode(payload, maxLength);
  };
  const fake = openFake({ ...options, compression: { extensions: [], transform } });
  return { fake, peer: end(), inflated };
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

/** A compressed message in frames of 1,000 octets. */
function* fragments(payload: Uint8Array<ArrayBuffer>) {
  for (let at = 0; at < payload.length; at += 1_000) {
    yield {
      opcode: at === 0 ? 2 : 0,
      reserved: at === 0 ? 4 : 0,
      fin: at + 1_000 >= payload.length,
      payload: payload.slice(at, at + 1_000),
    } as const;
  }
}

/** 16 messages that wait: no other may. */
const FULL = Array.from({ length: 16 }, (_, i) => `${i}`);

for (const last of ["takes the next message when it comes", "asks while it is being dropped"]) {
  test(`a compressed message that exceeds what may wait is neither collected nor inflated without context takeover, by who ${last}`, async () => {
    const both = open({ handler: {}, maxMessageSize: 1_000_000 }, false);
    await using fake = both.fake;
    const { connection: ws, transport } = fake;
    send(both, ...FULL);
    const frames = [...fragments(both.peer.encode(noise(200_000)))];
    // Whole in a frame, it would be read into the memory that it ends in.
    const payload = new Uint8Array(200_000).fill(0xff);
    const [whole] = [encodeFrames({ opcode: 2, reserved: 4, payload, key: new Uint8Array(4) })];
    for (let at = 0; at < whole!.length; at += 50_000) {
      transport.sink.data(whole!.slice(at, at + 50_000));
      assertEquals(transport.sink.room, undefined);
    }
    // It is no DEFLATE, which nobody has found out.
    assertEquals([ws.ignored, fake.endpoint.open, both.inflated], [1, true, []]);
    const half = frames.length >> 1;
    fake.receiveFrames(...frames.slice(0, half));
    await settled();
    const taken: Message[] = [];
    const take = async () => {
      for (let i = 0; i < FULL.length; i++) taken.push(await ws.receive());
    };
    if (last.startsWith("asks")) await take();
    const waits = last.startsWith("asks") ? ws.receive() : undefined;
    fake.receiveFrames(...frames.slice(half));
    await settled();
    assertEquals([ws.ignored, both.inflated.length], [2, taken.length]);
    if (waits === undefined) await take();
    assertEquals(taken, FULL);
    const next = waits ?? ws.receive();
    send(both, "next");
    assertEquals([await next, both.inflated.length], ["next", 17]);
    both.peer.close();
  });
}

test("a compressed message that exceeds what may wait holds at most what maxMessageSize allows with context takeover", async () => {
  const maxMessageSize = 100_000;
  const both = open({ handler: {}, maxMessageSize });
  await using fake = both.fake;
  const { connection: ws } = fake;
  send(both, ...FULL);
  // As large as it may be: it is inflated, for the next refers to it.
  const large = noise(maxMessageSize);
  const encoded = both.peer.encode(large);
  fake.receiveFrames(...fragments(encoded));
  await settled();
  assertEquals([ws.ignored, Math.max(...both.inflated)], [1, encoded.length]);
  // What is larger is refused before it is there: the octets that came are all that could be held.
  let held = 0;
  for (const frame of fragments(new Uint8Array(1_000_000))) {
    fake.receiveFrames(frame);
    if (fake.transport.paused) break;
    held += frame.payload.length;
  }
  await settled();
  assertEquals(held, 114_000);
  assert(held <= maxMessageSize * 8 / 7 + 64);
  assert(fake.frames().at(-1)?.startsWith("88 03f1"), fake.frames().at(-1));
  both.peer.close();
});

test("a bomb that exceeds what may wait is inflated to no more than maxMessageSize", async () => {
  const both = open({ handler: {}, maxMessageSize: 100_000 });
  await using fake = both.fake;
  send(both, ...FULL, "0".repeat(100_001));
  await settled();
  assert(fake.frames().at(-1)?.startsWith("88 03f1"), fake.frames().at(-1));
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
