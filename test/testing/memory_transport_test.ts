// A byte stream in memory. Its ends are recorded by a Peer, which holds them to the rules of src/transport/transport.ts.

import { assert, assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { isPattern, pattern, Peer } from "../contract/peer.ts";
import { settled } from "../support/connections.ts";
import { test } from "../support/test.ts";
import { transportPair } from "../support/transports.ts";

/** Registers a test of both ends of a stream, and asserts that neither broke a rule. */
function onStream(criterion: string, body: (a: Peer, b: Peer) => Promise<void>): void {
  test(`MemoryTransport ${criterion}`, async () => {
    const [dialled, accepted] = await transportPair();
    const [a, b] = [new Peer(dialled), new Peer(accepted)];
    await body(a, b);
    await Promise.all([a.finish(), b.finish()]);
  });
}

onStream("carries bytes both ways in order", async (a, b) => {
  a.resume();
  b.resume();
  a.write(decodeHex("810548656c"));
  a.write(decodeHex("6c6f"));
  b.write(decodeHex("8900"));
  await settled();
  assertEquals([encodeHex(b.bytes), encodeHex(a.bytes)], ["810548656c6c6f", "8900"]);
});

onStream("says nothing before resume(), nor after pause()", async (a, b) => {
  a.write(decodeHex("01"));
  await settled();
  assertEquals(b.received, 0);
  b.resume();
  await settled();
  b.pause();
  a.write(decodeHex("02"));
  a.end();
  await settled();
  assertEquals([encodeHex(b.bytes), b.ended], ["01", false]);
  b.resume();
  await settled();
  assertEquals([encodeHex(b.bytes), b.ended], ["0102", true]);
});

onStream("pause() inside data() holds back what follows", async (a, b) => {
  b.onData = () => {
    b.pause();
    a.write(decodeHex("02"));
  };
  b.resume();
  a.write(decodeHex("01"));
  await settled();
  assertEquals(encodeHex(b.bytes), "01");
});

onStream("gives chunks away: what the writer changes later is not seen", async (a, b) => {
  const chunk = decodeHex("01");
  a.write(chunk);
  chunk[0] = 2;
  b.resume();
  await settled();
  assertEquals(encodeHex(b.bytes), "01");
});

onStream("carries 4 MiB through pauses", async (a, b) => {
  const bytes = pattern(4 << 20);
  b.onData = () => {
    b.pause();
    queueMicrotask(() => b.resume());
  };
  b.resume();
  for (let i = 0; i < bytes.length; i += 65_536) a.write(bytes.subarray(i, i + 65_536));
  await b.until(() => b.received === bytes.length);
  assert(isPattern(b.bytes));
});

onStream("end() leaves the other direction open", async (a, b) => {
  a.resume();
  b.resume();
  a.end();
  assertEquals(a.write(decodeHex("bb")), true);
  await b.until(() => b.ended);
  b.write(decodeHex("aa"));
  b.end();
  await Promise.all([a.until(() => a.closed), b.until(() => b.closed)]);
  assertEquals([encodeHex(a.bytes), a.ended, b.received], ["aa", true, 0]);
});

onStream("destroy() is told to both ends", async (a, b) => {
  b.resume();
  a.destroy();
  a.destroy();
  await Promise.all([a.until(() => a.closed), b.until(() => b.ended)]);
  assertEquals([a.ended, a.error, b.error], [false, undefined, undefined]);
  assertEquals([b.write(decodeHex("cc")), b.bufferedAmount], [true, 1]);
});

test("MemoryTransport gives both ends their addresses", async () => {
  const [dialled, accepted] = await transportPair();
  assertEquals(dialled.remoteAddress, accepted.localAddress);
  assertEquals(accepted.remoteAddress, dialled.localAddress);
  for (const transport of [dialled, accepted]) transport.destroy();
  await settled();
});

onStream("destroy() drops what exceeds 64 KiB, and counts it", async (a, b) => {
  a.write(pattern(100_000));
  a.destroy();
  b.resume();
  await b.until(() => b.ended);
  assertEquals([b.received, a.bufferedAmount], [65_536, 100_000 - 65_536]);
});

onStream("counts what the peer does not take any more", async (a, b) => {
  a.resume();
  a.write(pattern(100_000));
  b.destroy();
  await a.until(() => a.ended);
  assertEquals(a.bufferedAmount, 100_000 - 65_536);
});

onStream("counts bytes above 64 KiB that the peer has not read", async (a, b) => {
  assertEquals([a.write(new Uint8Array(65_536)), a.bufferedAmount], [true, 0]);
  assertEquals([a.write(new Uint8Array(1)), a.bufferedAmount], [false, 1]);
  b.resume();
  await settled();
  assertEquals([b.received, a.bufferedAmount, a.drains], [65_537, 0, 1]);
});
