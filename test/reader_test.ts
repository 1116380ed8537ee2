import { assertEquals, assertStrictEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { TransportReader } from "../src/reader.ts";
import { isPending, settled } from "./support/connections.ts";
import { test } from "./support/test.ts";
import { FakeTransport, transportPair } from "./support/transports.ts";

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

test("TransportReader finish() ends its side and drops what still comes", async () => {
  const { transport, reader } = setUp();
  const finished = reader.finish(AGES);
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
  const finished = reader.finish(AGES);
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
    const finished = reader.finish(5);
    act(transport);
    await finished;
    assertEquals(transport.destroyed, true);
  });
}

test("TransportReader finish() of both ends closes without a cut", async () => {
  const [a, b] = (await transportPair()).map((transport) => new TransportReader(transport));
  await a?.write(decodeHex("01"), AGES);
  await Promise.all([a?.finish(AGES), b?.finish(AGES)]);
  assertEquals([a?.isClosed, b?.isClosed], [true, true]);
});

test("TransportReader takes the transport's sink", () => {
  const { transport, reader } = setUp();
  assertStrictEquals(transport.sink, reader);
  assertStrictEquals(reader.transport, transport);
});
