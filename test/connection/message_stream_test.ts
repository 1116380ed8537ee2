// A message as its chunks: the object by itself, then over a connection that the test plays by hand, then over TCP.

import {
  assert,
  assertEquals,
  assertLessOrEqual,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { connect, ConnectionClosed, serve, type WebSocketConnection } from "@sansocket/ws";
import process from "node:process";
import {
  createStream,
  failStream,
  isWanted,
  MessageStream,
  pushChunk,
} from "../../src/connection/message_stream.ts";
import { isPending, open, settled, withResolvers } from "../support/connections.ts";
import { backends, createCompressingNetwork, json } from "../support/deflate.ts";
import { openFake, utf8 } from "../support/established.ts";
import { RawPeer } from "../support/raw.ts";
import { cutAt } from "../support/split.ts";
import { test } from "../support/test.ts";

type Chunk = string | Uint8Array<ArrayBuffer>;

const TEXT = "Grüße ☎ 𝄞";

function setUpStream(text = true): { stream: MessageStream; asked: () => number } {
  let asked = 0;
  return { stream: createStream(text, () => void asked++), asked: () => asked };
}

/** The chunks that come. */
async function list(stream: MessageStream): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

test("MessageStream gives chunks in order, and asks for each that is not there", async () => {
  const { stream, asked } = setUpStream();
  pushChunk(stream, "a", false);
  assertEquals([stream.type, isWanted(stream), asked()], ["text", false, 0]);
  const chunks = stream[Symbol.asyncIterator]();
  assertEquals(await chunks.next(), { done: false, value: "a" });
  assertEquals([isWanted(stream), asked()], [false, 0]);
  const second = chunks.next();
  assertEquals([isWanted(stream), asked()], [true, 1]);
  pushChunk(stream, "b", false);
  assertEquals(isWanted(stream), false);
  assertEquals(await second, { done: false, value: "b" });
  pushChunk(stream, "c", true);
  assertEquals(await chunks.next(), { done: false, value: "c" });
  assertEquals(await chunks.next(), { done: true, value: undefined });
  assertEquals(await chunks.next(), { done: true, value: undefined });
  assertEquals(asked(), 1);
});

test("MessageStream gives no empty chunk", async () => {
  const { stream } = setUpStream();
  for (const [data, last] of [["", false], ["a", false], ["", false], ["", true]] as const) {
    pushChunk(stream, data, last);
  }
  assertEquals(await list(stream), ["a"]);
});

test("MessageStream serves calls of next() that overlap in order", async () => {
  const { stream } = setUpStream(false);
  const chunks = stream[Symbol.asyncIterator]();
  const results = Promise.all([chunks.next(), chunks.next(), chunks.next()]);
  pushChunk(stream, Uint8Array.of(1), false);
  assertEquals(isWanted(stream), true);
  pushChunk(stream, Uint8Array.of(2), true);
  assertEquals((await results).map(({ done, value }) => [done, value?.[0]]), [
    [false, 1],
    [false, 2],
    [true, undefined],
  ]);
});

test("MessageStream collect() joins what is left", async () => {
  const { stream: text } = setUpStream();
  for (const [i, data] of ["a", "b", "c"].entries()) pushChunk(text, data, i === 2);
  assertEquals(await text.collect(), "abc");
  const { stream: binary } = setUpStream(false);
  pushChunk(binary, Uint8Array.of(1, 2), false);
  pushChunk(binary, Uint8Array.of(3), true);
  assertEquals(await binary.collect(), Uint8Array.of(1, 2, 3));
  const { stream: empty } = setUpStream(false);
  pushChunk(empty, new Uint8Array(), true);
  assertEquals(await empty.collect(), new Uint8Array());
});

test("MessageStream fails behind what has come", async () => {
  const { stream } = setUpStream();
  const error = new Error("gone");
  pushChunk(stream, "a", false);
  failStream(stream, error);
  const chunks = stream[Symbol.asyncIterator]();
  assertEquals(await chunks.next(), { done: false, value: "a" });
  assertStrictEquals(await assertRejects(() => chunks.next()), error);
  assertStrictEquals(await assertRejects(() => stream.collect()), error);
});

test("MessageStream that is left early drops the rest, and does not wait for it", async () => {
  const { stream, asked } = setUpStream();
  pushChunk(stream, "a", false);
  pushChunk(stream, "b", false);
  for await (const chunk of stream) {
    assertEquals(chunk, "a");
    break;
  }
  assertEquals([isWanted(stream), asked()], [true, 1]);
  pushChunk(stream, "c", false);
  assertEquals([isWanted(stream), await list(stream)], [true, []]);
});

test("MessageStream return() ends a next() that waits", async () => {
  const { stream } = setUpStream();
  const chunks = stream[Symbol.asyncIterator]();
  const waiting = chunks.next();
  assertEquals(await chunks.return?.(), { done: true, value: undefined });
  assertEquals(await waiting, { done: true, value: undefined });
});

test("MessageStream that is left at its end asks for nothing", async () => {
  const { stream, asked } = setUpStream();
  pushChunk(stream, "a", true);
  await stream[Symbol.asyncIterator]().return?.();
  assertEquals(asked(), 0);
});

test("receiveStream() gives a small message, whole or empty", async () => {
  await using fake = openFake();
  const { connection: ws } = fake;
  for (
    const [hex, type, chunks] of [
      ["8185 00000000 48656c6c6f", "text", ["Hello"]],
      ["8180 00000000", "text", []],
      ["8282 00000000 0102", "binary", [Uint8Array.of(1, 2)]],
      ["8280 00000000", "binary", []],
    ] as const
  ) {
    const received = ws.receiveStream();
    fake.receive(hex);
    const stream = await received;
    assertEquals(stream.type, type);
    assertEquals(await list(stream), [...chunks]);
  }
});

test("receiveStream() gives text in whole characters, wherever it is split", async () => {
  await using fake = openFake();
  const { connection: ws } = fake;
  const bytes = utf8(TEXT);
  for (let at = 0; at <= bytes.length; at++) {
    const [head, tail] = cutAt(bytes, [at]) as [Uint8Array, Uint8Array];
    for (const fragments of [true, false]) {
      const received = ws.receiveStream();
      if (fragments) {
        fake.receiveFrames({ opcode: 1, fin: false, payload: head });
        if (head.length === 0) fake.receiveFrames({ opcode: 0, fin: false, payload: head });
      } else {
        fake.receive(`81${(128 + bytes.length).toString(16)} 00000000`);
        if (head.length > 0) fake.transport.sink.data(head.slice());
      }
      await settled();
      const text = received.then((stream) => list(stream));
      await settled();
      if (fragments) fake.receiveFrames({ opcode: 0, payload: tail });
      else if (tail.length > 0) fake.transport.sink.data(tail.slice());
      const chunks = await text;
      assertEquals(chunks.join(""), TEXT);
      for (const chunk of chunks) assertEquals(/[\ud800-\udbff]$|\ufffd/.test(`${chunk}`), false);
    }
  }
});

test("receiveStream() keeps a U+FEFF at the start", async () => {
  await using fake = openFake();
  const received = fake.connection.receiveStream();
  fake.receive("8183 00000000 efbbbf");
  assertEquals(await list(await received), ["\ufeff"]);
});

test("receiveStream() reads no further than 16 chunks ahead", async () => {
  await using fake = openFake();
  const { connection: ws, transport } = fake;
  const received = ws.receiveStream();
  assertEquals(transport.paused, false);
  fake.receiveFrames({ opcode: 2, fin: false, payload: Uint8Array.of(1) });
  const chunks = (await received)[Symbol.asyncIterator]();
  for (let i = 2; i <= 17; i++) {
    fake.receiveFrames({ opcode: 0, fin: false, payload: Uint8Array.of(i) });
  }
  await settled();
  assertEquals(transport.paused, false);
  fake.receiveFrames({ opcode: 0, fin: false, payload: Uint8Array.of(18) });
  await settled();
  assertEquals(transport.paused, true);
  assertEquals((await chunks.next()).value, Uint8Array.of(1));
  assertEquals(transport.paused, true);
  for (let i = 2; i <= 18; i++) assertEquals((await chunks.next()).value, Uint8Array.of(i));
  assertEquals(transport.paused, false);
  const third = chunks.next();
  assertEquals(await isPending(third), true);
  fake.receiveFrames({ opcode: 0, payload: Uint8Array.of(3) });
  assertEquals((await third).value, Uint8Array.of(3));
  assertEquals((await chunks.next()).done, true);
});

test("receiveStream() answers Pings between the fragments", async () => {
  await using fake = openFake();
  const received = fake.connection.receiveStream();
  fake.receiveFrames(
    { opcode: 1, fin: false, payload: utf8("a") },
    { opcode: 9, payload: Uint8Array.of(1) },
  );
  const text = (await received).collect();
  await settled();
  fake.receiveFrames({ opcode: 9, payload: Uint8Array.of(2) }, { opcode: 0, payload: utf8("b") });
  assertEquals(await text, "ab");
  assertEquals(fake.frames(), ["8a 01", "8a 02"]);
});

test("receiveStream() of invalid text fails the connection with 1007 and throws", async () => {
  await using fake = openFake();
  const received = fake.connection.receiveStream();
  fake.receiveFrames({ opcode: 1, fin: false, payload: utf8("good") });
  const chunks = (await received)[Symbol.asyncIterator]();
  assertEquals((await chunks.next()).value, "good");
  const second = chunks.next();
  fake.receiveFrames({ opcode: 0, fin: false, payload: Uint8Array.of(0xff) });
  assertEquals(fake.frames(), [
    `88 03ef${Array.from(utf8("Text is not valid UTF-8"), (o) => o.toString(16)).join("")}`,
  ]);
  fake.transport.sink.closed();
  const { info } = await assertRejects(() => second, ConnectionClosed);
  assertEquals(info?.code, 1007);
});

test("receiveStream() of text that ends within a character fails with 1007", async () => {
  await using fake = openFake();
  const received = fake.connection.receiveStream();
  fake.receiveFrames({ opcode: 1, fin: false, payload: utf8("a") });
  const text = (await received).collect();
  await settled();
  fake.receiveFrames({ opcode: 0, payload: Uint8Array.of(0xc3) });
  fake.transport.sink.closed();
  assertEquals((await assertRejects(() => text, ConnectionClosed)).info?.code, 1007);
});

test("receiveStream() throws when the connection is lost midway", async () => {
  await using fake = openFake();
  const received = fake.connection.receiveStream();
  fake.receiveFrames({ opcode: 2, fin: false, payload: Uint8Array.of(1) });
  const stream = await received;
  fake.transport.sink.closed(new Error("reset"));
  const chunks = stream[Symbol.asyncIterator]();
  assertEquals((await chunks.next()).value, Uint8Array.of(1));
  await assertRejects(() => chunks.next(), ConnectionClosed, "reset");
});

test("receiveStream() throws when this end closes midway", async () => {
  await using fake = openFake();
  const received = fake.connection.receiveStream();
  fake.receiveFrames({ opcode: 2, fin: false, payload: Uint8Array.of(1) });
  const rest = (await received).collect();
  await settled();
  fake.connection.close();
  fake.receiveFrames({ opcode: 0, payload: Uint8Array.of(2) });
  fake.receive("8882 00000000 03e8");
  fake.transport.sink.closed();
  assertEquals((await assertRejects(() => rest, ConnectionClosed)).info?.wasClean, true);
});

test("receiveStream() is held to maxMessageSize", async () => {
  await using fake = openFake({ maxMessageSize: 3 });
  const received = fake.connection.receiveStream();
  fake.receiveFrames({ opcode: 2, fin: false, payload: Uint8Array.of(1, 2) });
  const rest = (await received).collect();
  await settled();
  fake.receiveFrames({ opcode: 0, fin: false, payload: Uint8Array.of(3, 4) });
  fake.transport.sink.closed();
  assertEquals((await assertRejects(() => rest, ConnectionClosed)).info?.code, 1009);
});

test("receiveStream() and receive() each get what they asked for, in order", async () => {
  await using fake = openFake();
  const { connection: ws } = fake;
  const frame = (text: string, opcode = 1, fin = true) => ({ opcode, fin, payload: utf8(text) });
  const first = ws.receiveStream();
  const second = ws.receive();
  const third = ws.receiveStream();
  fake.receiveFrames(frame("a", 1, false));
  const collected = (await first).collect();
  await settled();
  fake.receiveFrames(frame("b", 0), frame("c", 1, false));
  assertEquals(await collected, "ab");
  await settled();
  fake.receiveFrames(frame("d", 0));
  assertEquals(await second, "cd");
  fake.receiveFrames(frame("e"));
  assert(await third instanceof MessageStream);
  assertEquals(await (await third).collect(), "e");
});

test("receiveStream() left early drops the rest, and the next message is right", async () => {
  await using fake = openFake();
  const { connection: ws } = fake;
  const received = ws.receiveStream();
  fake.receiveFrames({ opcode: 1, fin: false, payload: utf8("a") });
  for await (const chunk of await received) {
    assertEquals(chunk, "a");
    break;
  }
  fake.receiveFrames(
    { opcode: 0, fin: false, payload: utf8("b") },
    { opcode: 0, payload: utf8("c") },
  );
  // Nobody has asked for it yet: it is kept.
  fake.receiveFrames({ opcode: 1, payload: utf8("next") });
  await settled();
  assertEquals(fake.endpoint.draining, true);
  assertEquals(await ws.receive(), "next");
});

test("receiveStream({ signal }) that is given up leaves the message for receive()", async () => {
  await using fake = openFake();
  const { connection: ws } = fake;
  const controller = new AbortController();
  const streamed = ws.receiveStream({ signal: controller.signal });
  const whole = ws.receive();
  const reason = new Error("enough");
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => streamed), reason);
  fake.receiveFrames({ opcode: 1, payload: utf8("a") });
  assertEquals(await whole, "a");
});

test("receive({ signal }) that is given up does not hold up a stream that is read", async () => {
  await using fake = openFake();
  const { connection: ws } = fake;
  const received = ws.receiveStream();
  fake.receiveFrames({ opcode: 1, fin: false, payload: utf8("a") });
  const text = (await received).collect();
  await settled();
  const controller = new AbortController();
  const next = ws.receive({ signal: controller.signal });
  controller.abort();
  await assertRejects(() => next);
  fake.receiveFrames({ opcode: 0, payload: utf8("b") });
  assertEquals(await text, "ab");
});

test("receiveStream() takes over a message of which receive() had some", async () => {
  await using fake = openFake();
  const { connection: ws } = fake;
  const controller = new AbortController();
  const given = ws.receive({ signal: controller.signal });
  fake.receiveFrames({ opcode: 1, fin: false, payload: Uint8Array.of(0x61, 0xc3) });
  controller.abort();
  await assertRejects(() => given);
  const received = ws.receiveStream();
  fake.receiveFrames({ opcode: 0, fin: false, payload: Uint8Array.of(0xa9, 0x62) });
  const text = list(await received);
  await settled();
  fake.receiveFrames({ opcode: 0, payload: utf8("c") });
  assertEquals(await text, ["aéb", "c"]);
});

for (const [name, backend] of Object.entries(backends)) {
  test(`receiveStream() gives a compressed message whole, with ${name}`, async () => {
    const network = createCompressingNetwork(backend);
    await using pair = await open(network, { compression: true }, { compression: true });
    const text = json(100_000);
    const received = pair.server.receiveStream();
    const next = pair.server.receive();
    pair.client.send(text);
    assertEquals(await list(await received), [text]);
    pair.client.send("next");
    assertEquals(await next, "next");
  });
}

test("WebSocketHooks stream gets messages from streamFrom on, message the others", async () => {
  const log: string[] = [];
  await using fake = openFake({
    handler: {
      streamFrom: 4,
      message: (_ws, data) => void log.push(`message ${data}`),
      async stream(_ws, message) {
        log.push(`stream ${await message.collect()}`);
      },
    },
  });
  for (const text of ["abc", "abcd", "", "abcde"]) {
    fake.receiveFrames({ opcode: 1, payload: utf8(text) });
    await settled();
  }
  // Two fragments that are large enough together.
  fake.receiveFrames({ opcode: 1, fin: false, payload: utf8("ab") });
  fake.receiveFrames({ opcode: 0, payload: utf8("cd") });
  await settled();
  assertEquals(log, ["message abc", "stream abcd", "message ", "stream abcde", "stream abcd"]);
});

test("WebSocketHooks without stream get large messages whole, with it from 65,536 octets on", async () => {
  const sizes: (number | string)[] = [];
  const message = (_ws: unknown, data: Chunk): void => void sizes.push(data.length);
  const stream = async (_ws: unknown, { collect }: MessageStream): Promise<void> => {
    sizes.push(`stream ${typeof collect}`);
    await Promise.resolve();
  };
  for (const handler of [{ message }, { message, stream }]) {
    await using fake = openFake({ handler });
    for (const size of [65_535, 65_536]) {
      fake.receiveFrames({ opcode: 2, payload: new Uint8Array(size) });
      await settled();
    }
  }
  assertEquals(sizes, [65_535, 65_536, 65_535, "stream function"]);
});

test("WebSocketHooks stream keeps the next message waiting until it is done", async () => {
  const log: string[] = [];
  const gates = [withResolvers<void>(), withResolvers<void>()];
  await using fake = openFake({
    handler: {
      streamFrom: 1,
      async stream(_ws, message) {
        const text = await message.collect();
        log.push(`${text} begins`);
        await gates.shift()?.promise;
        log.push(`${text} ends`);
      },
    },
  });
  const [first, second] = gates;
  fake.receive("818100000000 61  818100000000 62");
  await settled();
  assertEquals(log, ["a begins"]);
  first?.resolve();
  await settled();
  assertEquals(log, ["a begins", "a ends", "b begins"]);
  second?.resolve();
  await settled();
  assertEquals(log.at(-1), "b ends");
});

for (const leave of ["at once", "after a chunk", "with a break"] as const) {
  test(`WebSocketHooks stream that leaves ${leave} drops the rest, one hook at a time`, async () => {
    const log: string[] = [];
    const gate = withResolvers<void>();
    await using fake = openFake({
      handler: {
        streamFrom: 2,
        async message(_ws, data) {
          log.push(`${data} begins`);
          await gate.promise;
          log.push(`${data} ends`);
        },
        async stream(_ws, message) {
          log.push("stream begins");
          const chunks = message[Symbol.asyncIterator]();
          if (leave !== "at once") await chunks.next();
          if (leave === "with a break") {
            await chunks.return?.();
            await settled();
          }
          log.push("stream ends");
        },
      },
    });
    fake.receiveFrames({ opcode: 1, fin: false, payload: utf8("abc") });
    if (leave === "at once") await settled();
    fake.receive("008100000000 64  808100000000 65  818100000000 31  818100000000 32");
    await settled();
    await settled();
    assertEquals(log, ["stream begins", "stream ends", "1 begins"]);
    gate.resolve();
    await settled();
    assertEquals(log.slice(3), ["1 ends", "2 begins", "2 ends"]);
  });
}

test("WebSocketHooks stream that throws closes with 1011 and is reported once", async () => {
  const failure = new Error("The handler's own mistake");
  await using fake = openFake({
    handler: {
      streamFrom: 0,
      stream() {
        throw failure;
      },
    },
  });
  fake.receiveFrames({ opcode: 1, fin: false, payload: utf8("a") });
  await settled();
  assertEquals(fake.frames(), ["88 03f3"]);
  assertEquals(fake.reported, [failure]);
});

test("WebSocketHooks stream is not at fault when its connection has ended", async () => {
  await using fake = openFake({
    handler: { streamFrom: 0, stream: (_ws, message) => message.collect() },
  });
  fake.receiveFrames({ opcode: 1, fin: false, payload: utf8("a") });
  await settled();
  fake.transport.sink.closed();
  await settled();
  assertEquals(fake.reported, []);
});

test("receiveStream() takes a large message at the peer's pace in bounded memory", async () => {
  // 2 GiB where faults are tested in full; what is in memory is the same.
  const size = (process.env.FAULTS === "full" ? 2048 : 64) * 2 ** 20;
  const opened = withResolvers<WebSocketConnection>();
  await using server = await serve({
    port: 0,
    maxMessageSize: Infinity,
    websocket: (ws) => {
      opened.resolve(ws);
      return ws.closed;
    },
  });
  await using peer = await RawPeer.dial(server.port);
  await peer.upgrade();
  const ws = await opened.promise;
  const received = ws.receiveStream();
  const header = new Uint8Array(14);
  header.set([0x82, 0xff]);
  new DataView(header.buffer).setBigUint64(2, BigInt(size));
  peer.send(header);
  const piece = new Uint8Array(2 ** 20).fill(7);
  const sending = (async () => {
    for (let sent = 0; sent < size; sent += piece.length) await peer.flush(piece);
  })();
  const before = process.memoryUsage().rss;
  let most = 0;
  let length = 0;
  let sum = 0;
  for await (const chunk of await received) {
    length += chunk.length;
    sum += Number(chunk[0]) + Number(chunk[chunk.length - 1]);
    most = Math.max(most, process.memoryUsage.rss() - before);
    assertEquals(sum % 14, 0);
  }
  await sending;
  assertEquals(length, size);
  // Collecting the message alone would take 64 MiB or more; garbage that is not yet collected is allowed for.
  assertLessOrEqual(most, size === 64 * 2 ** 20 ? 160 * 2 ** 20 : 300 * 2 ** 20);
  peer.sendHex("8882 00000000 03e8");
  peer.end();
  assertEquals((await ws.closed).code, 1000);
}, { timeout: 300_000 });

test("receiveStream() that is not read holds the peer up", async () => {
  const opened = withResolvers<WebSocketConnection>();
  await using server = await serve({
    port: 0,
    maxMessageSize: Infinity,
    websocket: (ws) => {
      opened.resolve(ws);
      return ws.closed;
    },
  });
  const client = await connect(server.url, { maxBufferedAmount: 2 ** 28, compression: false });
  const ws = await opened.promise;
  const size = 24 * 2 ** 20;
  const sent = client.send(new Uint8Array(size));
  const stream = await ws.receiveStream();
  const chunks = stream[Symbol.asyncIterator]();
  let length = (await chunks.next()).value!.length;
  // More than the kernel holds: the rest waits at the sender until it is asked for.
  for (let i = 0; i < 20; i++) await settled();
  assertEquals(await isPending(sent), true);
  assert(client.bufferedAmount > 0);
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
    length += next.value.length;
  }
  assertEquals(length, size);
  await sent;
  await client.close();
});
