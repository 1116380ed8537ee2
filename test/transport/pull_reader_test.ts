import { assertEquals, assertStrictEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { finish, TransportReader } from "../../src/transport/pull_reader.ts";
import { isPending, settled } from "../support/connections.ts";
import { test } from "../support/test.ts";
import { FakeTransport, transportPair } from "../support/transports.ts";

/** Long enough that no test waits for it. */
const AGES = 60_000;

function setUp(): { transport: FakeTransport; reader: TransportReader } {
  const transport = new FakeTransport();
  return { transport, reader: new TransportReader(transport) };
}

/** A read's result, bytes as hex. */
async function show(reading: Promise<Uint8Array | string>): Promise<string> {
  const result = await reading;
  return typeof result === "string" ? result : encodeHex(result);
}

test("TransportReader reads one chunk for each read(), and pauses in between", async () => {
  const { transport, reader } = setUp();
  assertEquals(transport.paused, true);
  for (const hex of ["01", "0203"]) {
    const reading = reader.read(AGES);
    assertEquals(transport.paused, false);
    transport.sink.data(decodeHex(hex));
    assertEquals(transport.paused, true);
    assertEquals(await show(reading), hex);
  }
});

test("TransportReader unread() bytes are read first, without the transport", async () => {
  const { transport, reader } = setUp();
  reader.unread(decodeHex("0a0b"));
  assertEquals(await show(reader.read(AGES)), "0a0b");
  assertEquals(transport.paused, true);
});

test("TransportReader release() takes what was put back, once", () => {
  const { reader } = setUp();
  reader.unread(decodeHex("0a0b"));
  assertEquals(encodeHex(reader.release()), "0a0b");
  assertEquals(reader.release().length, 0);
});

test("TransportReader read() says that the peer has ended", async () => {
  const { transport, reader } = setUp();
  const reading = reader.read(AGES);
  transport.sink.end();
  assertEquals(await reading, "ended");
  assertEquals(await reader.read(AGES), "ended");
  assertEquals(reader.isClosed, false);
});

test("TransportReader read() says that the stream is gone", async () => {
  const { transport, reader } = setUp();
  const reading = reader.read(AGES);
  transport.sink.closed(new Error("reset"));
  assertEquals(await reading, "closed");
  assertEquals(await reader.read(AGES), "closed");
  assertEquals(reader.isClosed, true);
});

test("TransportReader read() says that the time is up, and can be called again", async () => {
  const { transport, reader } = setUp();
  assertEquals(await reader.read(1), "timeout");
  assertEquals(transport.paused, true);
  assertEquals(await reader.read(0), "timeout");
  const reading = reader.read(AGES);
  transport.sink.data(decodeHex("01"));
  assertEquals(await show(reading), "01");
});

test("TransportReader write() waits for what had to be buffered", async () => {
  const { transport, reader } = setUp();
  assertEquals(await reader.write(decodeHex("01"), AGES), true);
  transport.congested = true;
  const writing = reader.write(decodeHex("02"), AGES);
  assertEquals(await isPending(writing), true);
  transport.drain();
  assertEquals(await writing, true);
  assertEquals(transport.writes.map((chunk) => encodeHex(chunk)), ["01", "02"]);
});

test("TransportReader write() says false when the bytes do not leave", async () => {
  const { transport, reader } = setUp();
  transport.congested = true;
  assertEquals(await reader.write(decodeHex("01"), 1), false);
  const writing = reader.write(decodeHex("02"), AGES);
  transport.sink.closed();
  assertEquals(await writing, false);
  assertEquals(await reader.write(decodeHex("03"), AGES), false);
  assertEquals(transport.writes.length, 2);
});

test("TransportReader write() waits as long as some of what waits leaves", async () => {
  const { transport, reader } = setUp();
  transport.congested = true;
  let looks = 0;
  let left = 1_000;
  Object.defineProperty(transport, "bufferedAmount", { get: () => (looks++, left--), set() {} });
  const writing = reader.write(decodeHex("01"), 4);
  // Each look is a quarter of the time: without the rule it would be over after four of them.
  while (looks < 20) await isPending(writing);
  assertEquals(await isPending(writing), true);
  transport.sink.drain();
  assertEquals(await writing, true);
});

test("TransportReader finish() waits as long as some of what waits leaves", async () => {
  const { transport, reader } = setUp();
  let left = 10;
  Object.defineProperty(transport, "bufferedAmount", { get: () => Math.max(0, left--) });
  assertEquals(await finish(reader, 2, 4), true);
  assertEquals([transport.destroyed, left <= 0], [true, true]);

  const other = setUp();
  other.transport.bufferedAmount = 1;
  assertEquals(await finish(other.reader, 2, 4), false);
  assertEquals(other.transport.destroyed, true);
});

for (const [what, waiting] of [["all of it has left", 0], ["some of it waited", 1]] as const) {
  for (const reading of [true, false]) {
    const when = reading ? "while it waits" : "before it waits";
    test(`TransportReader finish() of a stream that goes ${when} says whether ${what}`, async () => {
      const { transport, reader } = setUp();
      transport.bufferedAmount = waiting;
      // As a transport does that is lost inside `end()`.
      if (!reading) transport.end = () => transport.sink.closed(new Error("reset"));
      const finished = finish(reader, AGES);
      if (reading) transport.sink.closed(new Error("reset"));
      assertEquals(await finished, waiting === 0);
      assertEquals(transport.destroyed, false);
    });
  }
}

test("TransportReader finish() says that what waited is lost with its peer", async () => {
  const [accepted, peer] = await transportPair();
  const reader = new TransportReader(accepted);
  // More than the pair holds for a peer that does not read.
  void reader.write(new Uint8Array(10_000_000), AGES);
  const finished = finish(reader, AGES);
  peer.destroy();
  assertEquals([await finished, reader.isClosed], [false, true]);
});

/** A reader with a watcher, and what that was told. */
function setUpWatched() {
  const told: string[] = [];
  const transport = new FakeTransport();
  const reader = new TransportReader(transport, {
    peerEnded: () => told.push("ended"),
    progressed: () => told.push("progressed"),
    gone: () => told.push("gone"),
  });
  return { transport, reader, told };
}

test("TransportReader with a watcher reads ahead, and tells it at once what happens", async () => {
  const { transport, reader, told } = setUpWatched();
  assertEquals(transport.paused, false);
  const lent = decodeHex("01");
  transport.sink.data(lent, true);
  lent[0] = 0xff;
  transport.sink.data(decodeHex("02"));
  transport.sink.end();
  assertEquals([told, reader.hasEnded, transport.paused], [["ended"], true, false]);
  await reader.write(decodeHex("0a"), AGES);
  transport.sink.closed();
  assertEquals(told, ["ended", "progressed", "gone"]);
  assertEquals(await show(reader.read(AGES)), "01");
  assertEquals(await show(reader.read(AGES)), "02");
  assertEquals(await reader.read(AGES), "closed");
});

for (
  const [what, size, most] of [["octets", 30_000, 3], ["chunks", 1, 256]] as const
) {
  test(`TransportReader with a watcher pauses when it holds many ${what}, and goes on below`, async () => {
    const { transport, reader } = setUpWatched();
    let count = 0;
    for (; !transport.paused; count++) transport.sink.data(new Uint8Array(size));
    assertEquals(count, most);
    for (let i = 0; i < count; i++) {
      assertEquals((await reader.read(AGES)).length, size);
      assertEquals(transport.paused, false);
    }
  });
}

test("TransportReader release() joins what was put back and read ahead, and pauses", () => {
  const { transport, reader } = setUpWatched();
  transport.sink.data(decodeHex("02"));
  transport.sink.data(decodeHex("03"));
  reader.unread(decodeHex("01"));
  assertEquals(encodeHex(reader.release()), "010203");
  assertEquals(transport.paused, true);
});

test("TransportReader finish() ends its side and drops what still comes", async () => {
  const { transport, reader } = setUp();
  const finished = finish(reader, AGES);
  assertEquals(transport.ended, true);
  for (const hex of ["01", "02"]) {
    transport.sink.data(decodeHex(hex));
    assertEquals(await isPending(finished), true);
  }
  transport.sink.end();
  assertEquals(await isPending(finished), true);
  transport.sink.closed();
  await finished;
  assertEquals(transport.destroyed, false);
});

test("TransportReader finish() lets what is buffered leave, though the peer has ended", async () => {
  const { transport, reader } = setUp();
  const reading = reader.read(AGES);
  transport.sink.end();
  await reading;
  transport.congested = true;
  transport.write(decodeHex("01"));
  const finished = finish(reader, AGES);
  await settled();
  assertEquals(transport.destroyed, false);
  transport.sink.closed();
  await finished;
});

for (
  const [what, act] of [
    ["does not end", () => {}],
    ["goes on sending", (transport: FakeTransport) => transport.sink.data(decodeHex("01"))],
    ["has ended, and does not read", (transport: FakeTransport) => transport.sink.end()],
  ] as const
) {
  test(`TransportReader finish() cuts a stream whose peer ${what}`, async () => {
    const { transport, reader } = setUp();
    const finished = finish(reader, 5);
    act(transport);
    await finished;
    assertEquals(transport.destroyed, true);
  });
}

test("TransportReader finish() of both ends closes without a cut", async () => {
  const [a, b] = (await transportPair()).map((transport) => new TransportReader(transport));
  await a?.write(decodeHex("01"), AGES);
  await Promise.all([finish(a!, AGES), finish(b!, AGES)]);
  assertEquals([a?.isClosed, b?.isClosed], [true, true]);
});

test("TransportReader takes the transport's sink", () => {
  const { transport, reader } = setUp();
  assertStrictEquals(transport.sink, reader);
  assertStrictEquals(reader.transport, transport);
});
