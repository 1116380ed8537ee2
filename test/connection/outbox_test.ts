// What is sent, in order: over a connection that the test plays by hand, then over networks.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLessOrEqual,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { encodeHex } from "@std/encoding";
import {
  ConnectionClosed,
  type MessageSource,
  type Overflow,
  PreparedMessage,
} from "@sansocket/ws";
import { isPending, networks, open, settled, withResolvers } from "../support/connections.ts";
import { type FakeConnection, openFake, utf8 } from "../support/established.ts";
import { test } from "../support/test.ts";

const KIB = 1_024;

type Chunk = string | Uint8Array<ArrayBuffer>;

/** A source that gives what it is told to, one chunk at a time. */
class Source implements AsyncIterable<Chunk> {
  /** How often it was asked. */
  asked = 0;
  /** Whether it was let go of. */
  released = false;
  readonly #results: ReturnType<typeof withResolvers<IteratorResult<Chunk>>>[] = [];
  #given = 0;

  /** Gives a chunk. */
  async give(value: Chunk): Promise<void> {
    this.#result(this.#given++).resolve({ done: false, value });
    await settled();
  }

  /** Comes to its end. */
  async end(): Promise<void> {
    this.#result(this.#given++).resolve({ done: true, value: undefined });
    await settled();
  }

  /** Fails. */
  async fail(error: Error): Promise<void> {
    this.#result(this.#given++).reject(error);
    await settled();
  }

  #result(index: number) {
    return this.#results[index] ??= withResolvers<IteratorResult<Chunk>>();
  }

  [Symbol.asyncIterator](): AsyncIterator<Chunk> {
    return {
      next: () => this.#result(this.asked++).promise,
      return: () => {
        this.released = true;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}

function hex(text: string): string {
  return encodeHex(utf8(text));
}

/** The frames of what `source` is sent as. */
async function send(source: MessageSource): Promise<string[]> {
  await using fake = openFake();
  await fake.connection.send(source);
  await settled();
  return fake.frames();
}

test("send(source) sends each chunk as a fragment as it comes", async () => {
  await using fake = openFake();
  const source = new Source();
  const sent = fake.connection.send(source);
  await source.give("a");
  assertEquals(fake.frames(), ["01 61"]);
  await source.give("b");
  assertEquals(fake.frames(), ["01 61", "00 62"]);
  assertEquals(await isPending(sent), true);
  await source.end();
  await sent;
  assertEquals(fake.frames(), ["01 61", "00 62", "80"]);
});

test("send(source) takes arrays, generators and streams, of strings or of any bytes", async () => {
  assertEquals(await send(["a", "b"]), ["01 61", "00 62", "80"]);
  assertEquals(await send([Uint8Array.of(1), new Uint8Array([2, 3]).buffer]), [
    "02 01",
    "00 0203",
    "80",
  ]);
  function* letters(): Generator<string> {
    yield "a";
    yield "b";
  }
  assertEquals(await send(letters()), ["01 61", "00 62", "80"]);
  async function* octets(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    await Promise.resolve();
    yield Uint8Array.of(1);
  }
  assertEquals(await send(octets()), ["02 01", "80"]);
  const stream = new ReadableStream<string>({
    start(controller) {
      controller.enqueue("a");
      controller.close();
    },
  });
  assertEquals(await send(stream as unknown as MessageSource), ["01 61", "80"]);
});

test("send(source) of nothing is an empty message", async () => {
  assertEquals(await send(new Set<string>()), ["82"]);
  assertEquals(await send([""]), ["81"]);
  assertEquals(await send([new Uint8Array()]), ["82"]);
});

test("send(source) sends no empty fragment but the last", async () => {
  assertEquals(await send(["", "a", "", "b"]), ["01 61", "00 62", "80"]);
});

test("send(source) keeps surrogates together that two chunks split", async () => {
  const [high = "", low = ""] = ["𝄞"[0], "𝄞"[1]];
  assertEquals(await send([`a${high}`, `${low}b`]), ["01 61", `00 ${hex("𝄞b")}`, "80"]);
  assertEquals(await send([high, low]), [`01 ${hex("𝄞")}`, "80"]);
  assertEquals(await send([high, "", low]), [`01 ${hex("𝄞")}`, "80"]);
});

test("send(source) sends lone surrogates as U+FFFD, as send(string) does", async () => {
  const high = "\ud834";
  assertEquals(await send([high]), [`81 ${hex("\ufffd")}`]);
  assertEquals(await send([high, "a"]), [`01 ${hex("\ufffda")}`, "80"]);
  assertEquals(await send([high, high]), [`01 ${hex("\ufffd")}`, `80 ${hex("\ufffd")}`]);
});

test("send(source) lets Pings and Pongs pass between its fragments", async () => {
  await using fake = openFake();
  const source = new Source();
  fake.connection.send(source);
  await source.give("a");
  fake.connection.ping(Uint8Array.of(1));
  await settled();
  fake.receive("8981 00000000 02");
  await source.give("b");
  await source.end();
  assertEquals(fake.frames(), ["01 61", "89 01", "8a 02", "00 62", "80"]);
});

test("send() waits for the end of a message in chunks, in order", async () => {
  await using fake = openFake();
  const { connection: ws } = fake;
  const source = new Source();
  const sent = [ws.send(source), ws.send("1"), ws.send(["2", "3"]), ws.send("4")];
  await source.give("a");
  assertEquals(fake.frames(), ["01 61"]);
  assertEquals(await isPending(sent[1]!), true);
  await source.end();
  await Promise.all(sent);
  await settled();
  assertEquals(fake.frames(), ["01 61", "80", "81 31", "01 32", "00 33", "80", "81 34"]);
  assertEquals(ws.bufferedAmount, 0);
});

test("send(source) asks for no chunk while the peer takes none", async () => {
  await using fake = openFake();
  const { connection: ws, transport } = fake;
  const source = new Source();
  transport.congested = true;
  ws.send(source);
  await settled();
  assertEquals(source.asked, 1);
  await source.give(new Uint8Array(64 * KIB));
  assertEquals(source.asked, 1);
  transport.drain();
  await settled();
  assertEquals(source.asked, 2);
});

test("send(source) whose source throws half-way closes with 1011", async () => {
  await using fake = openFake();
  const source = new Source();
  const sent = fake.connection.send(source);
  await source.give("a");
  const failure = new Error("The source's own mistake");
  await source.fail(failure);
  assertStrictEquals(await assertRejects(() => sent), failure);
  assertEquals(fake.frames(), ["01 61", "88 03f3"]);
  assertEquals(source.released, false);
});

test("send(source) whose source throws before the first chunk harms nothing", async () => {
  await using fake = openFake();
  const source = new Source();
  const sent = fake.connection.send(source);
  const next = fake.connection.send("next");
  await source.fail(new Error("nothing there"));
  await assertRejects(() => sent, Error, "nothing there");
  await next;
  await settled();
  assertEquals(fake.frames(), [`81 ${hex("next")}`]);
});

for (
  const [what, chunks] of [
    ["bytes behind strings", ["a", Uint8Array.of(1)]],
    ["strings behind bytes", [Uint8Array.of(1), "a"]],
    ["what is neither", ["a", 1 as unknown as string]],
  ] as [string, Chunk[]][]
) {
  test(`send(source) with ${what} rejects with a TypeError, closes and lets go`, async () => {
    await using fake = openFake();
    const source = new Source();
    const sent = fake.connection.send(source);
    for (const chunk of chunks) await source.give(chunk);
    await assertRejects(() => sent, TypeError, "Expected");
    assertEquals(source.released, true);
    assertEquals(fake.frames().at(-1), "88 03f3");
  });
}

test("send(source) whose promise has no handler harms nothing when it fails", async () => {
  await using fake = openFake();
  fake.connection.send(new Set([1 as unknown as string]));
  await settled();
  await fake.connection.send("next");
  await settled();
  assertEquals(fake.frames(), [`81 ${hex("next")}`]);
});

test("send(source) rejects when the connection ends, though its source is stuck", async () => {
  await using fake = openFake();
  const source = new Source();
  const sent = [fake.connection.send(source), fake.connection.send("behind it")];
  await source.give("a");
  fake.transport.sink.closed();
  for (const promise of sent) await assertRejects(() => promise, ConnectionClosed);
  assertEquals([source.released, fake.connection.bufferedAmount], [true, 0]);
  await source.give("too late");
  assertEquals(fake.frames(), ["01 61"]);
});

test("send(source) is cut by close(), with what waits behind it", async () => {
  await using fake = openFake();
  const { connection: ws } = fake;
  const source = new Source();
  const sent = [ws.send(source), ws.send("behind it"), ws.send(["and", "this"])];
  await source.give("a");
  ws.close();
  await source.give("b");
  for (const promise of sent) await assertRejects(() => promise, ConnectionClosed);
  assertEquals([source.released, fake.frames()], [true, ["01 61", "88 03e8"]]);
});

test("send(source) after close() rejects and asks for nothing", async () => {
  await using fake = openFake();
  const source = new Source();
  fake.connection.close();
  await assertRejects(() => fake.connection.send(source), ConnectionClosed);
  assertEquals(source.asked, 0);
});

for (const [kind, create] of Object.entries(networks)) {
  test(`send(source) arrives as one message (${kind})`, async () => {
    await using ends = await open(create());
    const { client, server } = ends;
    for (const [from, to] of [[client, server], [server, client]] as const) {
      from.send(["Grüße ", "☎ ", "𝄞"]);
      from.send([new Uint8Array(70_000), Uint8Array.of(1)]);
      from.send("next");
      assertEquals(await to.receive(), "Grüße ☎ 𝄞");
      assertEquals((await to.receive()).length, 70_001);
      assertEquals(await to.receive(), "next");
    }
  });

  test(`send(source) keeps pace with a peer that reads slowly (${kind})`, async () => {
    await using ends = await open(create(), { maxMessageSize: 2 ** 28, maxBufferedAmount: KIB });
    const { client, server } = ends;
    const count = 384;
    let given = 0;
    async function* source(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
      for (; given < count; given++) {
        await Promise.resolve();
        yield new Uint8Array(64 * KIB);
      }
    }
    // 24 MiB are more than the kernel holds.
    const sent = client.send(source());
    for (let i = 0; i < 50; i++) await settled();
    assert(given < count);
    assertLessOrEqual(client.bufferedAmount, 4 * 64 * KIB + 100);
    let length = 0;
    for await (const chunk of await server.receiveStream()) length += chunk.length;
    await sent;
    assertEquals(length, count * 64 * KIB);
  });
}

/** A connection whose transport has taken one message of 100 KiB and takes no more. */
async function congest(overflow: Overflow, maxBufferedAmount = 101 * KIB): Promise<FakeConnection> {
  const fake = openFake({ overflow, maxBufferedAmount });
  fake.transport.congested = true;
  fake.connection.send(new Uint8Array(100 * KIB));
  await settled();
  fake.transport.writes.length = 0;
  return fake;
}

test('overflow "drop-newest" keeps what waits, and drops what is too much', async () => {
  await using fake = await congest("drop-newest");
  const { connection: ws, transport } = fake;
  // A message that waits counts 16 octets more. At the limit one is still accepted, of any size.
  const room = 101 * KIB - ws.bufferedAmount - 16;
  const [first, second] = ["1".repeat(room), "2".repeat(2 * KIB)];
  const sent = [first, second, "3", "4"].map((text) => ws.send(text));
  assertEquals([ws.dropped, ws.bufferedAmount], [2, 101 * KIB + 16 + 2 * KIB]);
  // What is dropped holds nobody up; what waits does.
  assertEquals(await Promise.all(sent.map(isPending)), [true, true, false, false]);
  assertEquals(fake.frames(), []);
  transport.drain();
  await Promise.all(sent);
  await settled();
  assertEquals(fake.frames(), [`81 ${hex(first)}`, `81 ${hex(second)}`]);
  assertEquals([ws.dropped, ws.bufferedAmount], [2, 0]);
});

test('overflow "drop-oldest" makes room for the newest', async () => {
  await using fake = await congest("drop-oldest");
  const { connection: ws, transport } = fake;
  const third = 333;
  const sent = ["1", "2", "3", "4", "5"].map((text) => ws.send(text.repeat(third)));
  assertEquals(ws.dropped, 2);
  assertEquals(await Promise.all(sent.map(isPending)), [true, true, true, true, true]);
  transport.drain();
  await Promise.all(sent);
  await settled();
  assertEquals(fake.frames().map((line) => line.slice(0, 5)), ["81 33", "81 34", "81 35"]);
});

test('overflow "drop-oldest" settles the promise of a message that it drops', async () => {
  await using fake = await congest("drop-oldest");
  const { connection: ws } = fake;
  // From 4 KiB on each has a promise of its own; smaller ones share one.
  const sent = [1, 2, 3].map((octet) => ws.send(new Uint8Array(4 * KIB).fill(octet)));
  assertEquals(ws.dropped, 2);
  assertEquals(await Promise.all(sent.map(isPending)), [false, false, true]);
});

test('overflow "drop-oldest" always keeps the newest, whatever the limit and its size', async () => {
  for (const maxBufferedAmount of [1, 100, KIB, 64 * KIB, 101 * KIB]) {
    for (const size of [1, 50, 2 * KIB, 70 * KIB, 200 * KIB]) {
      for (const kind of ["bytes", "text", "prepared", "chunks"]) {
        await using fake = await congest("drop-oldest", maxBufferedAmount);
        const { connection: ws, transport } = fake;
        for (let i = 0; i < 5; i++) {
          const text = `${i}`.repeat(size);
          if (kind === "text") void ws.send(text);
          else if (kind === "bytes") void ws.send(utf8(text));
          else if (kind === "prepared") void ws.send(new PreparedMessage(text));
          else void ws.send([text]);
        }
        transport.drain();
        await settled();
        // Of a message in chunks the last frame ends it.
        const last = fake.frames().filter((line) => line.length > 2).at(-1);
        assertEquals(last?.slice(3), hex("4".repeat(size)), `${maxBufferedAmount} ${size} ${kind}`);
        assertEquals(ws.bufferedAmount, 0);
      }
    }
  }
});

test('overflow "drop-oldest" lets go of a message in chunks that it drops', async () => {
  await using fake = await congest("drop-oldest");
  const { connection: ws } = fake;
  const source = new Source();
  const sent = ws.send(source);
  void ws.send("x".repeat(2 * KIB));
  void ws.send("newest");
  assertEquals([await isPending(sent), source.released, source.asked], [false, true, 0]);
  assertEquals(ws.dropped, 2);
});

test('overflow "drop-newest" drops a message in chunks too, and lets go of it', async () => {
  await using fake = await congest("drop-newest");
  const { connection: ws } = fake;
  void ws.send("x".repeat(2 * KIB));
  const source = new Source();
  await ws.send(source);
  assertEquals([source.released, source.asked, ws.dropped], [true, 0, 1]);
});

test('overflow "drop-oldest" does not touch bytes that wait before their promise has settled', async () => {
  await using fake = await congest("drop-oldest");
  const bytes = Uint8Array.of(1);
  const sent = fake.connection.send(bytes);
  assertEquals(await isPending(sent), true);
  fake.transport.drain();
  await sent;
  bytes[0] = 2;
  await settled();
  assertEquals(fake.frames(), ["82 01"]);
});

test("overflow by dropping lets what waits leave before the Close frame", async () => {
  for (const overflow of ["drop-oldest", "drop-newest"] as const) {
    await using fake = await congest(overflow);
    const sent = [fake.connection.send("1"), fake.connection.send("2")];
    fake.connection.close();
    assertEquals(fake.frames(), ["81 31", "81 32", "88 03e8"]);
    fake.transport.drain();
    await Promise.all(sent);
  }
});

test("overflow by dropping keeps a message in chunks in its place, and whole", async () => {
  await using fake = await congest("drop-oldest");
  const { connection: ws, transport } = fake;
  ws.send("1");
  const source = new Source();
  ws.send(source);
  ws.send("2");
  await settled();
  assertEquals([source.asked, fake.frames()], [0, []]);
  transport.drain();
  await settled();
  await source.give("a");
  transport.congested = true;
  await source.give("b".repeat(70 * KIB));
  for (let i = 0; i < 100; i++) ws.send(`${i}`.padStart(KIB));
  transport.drain();
  await settled();
  await source.end();
  assertEquals(
    fake.frames().slice(0, 5).map((line) => line.slice(0, 5)),
    ["81 31", "01 61", "00 62", "80", "81 20"],
  );
  // "2" was the oldest when more than fits came.
  assertEquals(ws.dropped > 0, true);
});

test('overflow "wait" never closes and drops nothing', async () => {
  await using fake = await congest("wait", KIB);
  const { connection: ws, transport } = fake;
  const sent = ["1", "2", "3"].map((text) => ws.send(text));
  assertEquals(await Promise.all(sent.map(isPending)), [true, true, true]);
  assertEquals([ws.dropped, transport.destroyed], [0, false]);
  transport.drain();
  await Promise.all(sent);
  assertEquals(fake.frames().length, 3);
});

test('overflow "close" counts what waits behind a message in chunks', async () => {
  await using fake = openFake({ maxBufferedAmount: 100 });
  const { connection: ws, transport } = fake;
  const source = new Source();
  ws.send(source);
  await source.give("a");
  const waiting = ws.send("x".repeat(100));
  assertEquals(transport.destroyed, false);
  const last = ws.send("x");
  assertEquals(transport.destroyed, true);
  await assertRejects(() => last, ConnectionClosed);
  transport.sink.closed();
  const { cause } = await assertRejects(() => waiting, ConnectionClosed);
  assertInstanceOf(cause, Error);
  assertStringIncludes(
    cause.message,
    "More than 100 octets (maxBufferedAmount) waited to be sent: 116; await send()",
  );
});

for (const overflow of ["drop-oldest", "drop-newest"] as const) {
  for (const [kind, create] of Object.entries(networks)) {
    test(`overflow "${overflow}" bounds what a peer that does not read costs (${kind})`, async () => {
      const maxBufferedAmount = 2 ** 20;
      await using ends = await open(create(), {}, { overflow, maxBufferedAmount });
      const { client, server } = ends;
      // 64 MiB: far more than the kernel holds. Each message says which it is in every octet.
      const count = 1_024;
      let most = 0;
      for (let i = 0; i < count; i++) {
        const message = new Uint32Array(16 * KIB).fill(i);
        client.send(message);
        most = Math.max(most, client.bufferedAmount);
        if (i % 8 === 0) await settled();
      }
      // What is not congested yet is encoded at once, and may be a turn's worth more.
      assertLessOrEqual(most, maxBufferedAmount + 8 * 64 * KIB);
      assert(client.dropped > 0);
      let previous = -1;
      for (let i = client.dropped; i < count; i++) {
        const message = await server.receive() as Uint8Array<ArrayBuffer>;
        const words = new Uint32Array(message.slice().buffer);
        assertEquals(words.length, 16 * KIB);
        assert(words[0]! > previous && words.every((word) => word === words[0]));
        previous = words[0]!;
      }
      // The newest is what "drop-oldest" always keeps.
      assertEquals(previous === count - 1, overflow === "drop-oldest");
      await client.send("end");
      assertEquals(await server.receive(), "end");
      assertEquals(client.bufferedAmount, 0);
    });
  }
}
