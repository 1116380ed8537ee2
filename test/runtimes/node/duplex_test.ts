// A connection as a Node stream, on whatever has `node:stream`: all three runtimes.

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type Duplex, Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ConnectionClosed, type WebSocketConnection } from "@sansocket/ws";
import { createDuplex } from "@sansocket/ws/node";
import { isPending, networks, open, settled } from "../../support/connections.ts";
import { test } from "../../support/test.ts";

interface Scene {
  readonly ws: WebSocketConnection;
  readonly peer: WebSocketConnection;
  readonly stream: Duplex;
}

/** Registers a test on each network, of a stream on the client's end. */
function onBoth(
  name: string,
  body: (scene: Scene) => Promise<void>,
  options: { objectMode?: boolean } = {},
): void {
  for (const [kind, create] of Object.entries(networks)) {
    test(`createDuplex ${name} (${kind})`, async () => {
      await using ends = await open(create(), {}, { maxBufferedAmount: 2 ** 28 });
      const stream = createDuplex(ends.client, options);
      await body({ ws: ends.client, peer: ends.server, stream });
      stream.destroy();
    });
  }
}

onBoth("reads the payload of messages until the connection ends in order", async (scene) => {
  const { peer, stream } = scene;
  for (const message of ["Grüße", "", Uint8Array.of(1, 2), "end"]) peer.send(message);
  peer.close();
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  assertEquals(chunks.map((chunk) => Buffer.from(chunk).toString("hex")), [
    "4772c3bcc39f65",
    "0102",
    "656e64",
  ]);
  assertEquals(stream.writableEnded, true);
});

onBoth("sends each chunk as a binary message, a string as its octets", async (scene) => {
  const { peer, stream } = scene;
  stream.write(Uint8Array.of(1));
  stream.write("é");
  assertEquals([await peer.receive(), await peer.receive()], [
    Uint8Array.of(1),
    Uint8Array.of(0xc3, 0xa9),
  ]);
});

onBoth("in objectMode keeps strings and empty messages apart", async ({ peer, stream }) => {
  stream.write("text");
  stream.write(Uint8Array.of(1));
  assertEquals([await peer.receive(), await peer.receive()], ["text", Uint8Array.of(1)]);
  for (const message of ["a", "", Uint8Array.of(2)]) peer.send(message);
  peer.close();
  const chunks: unknown[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  assertEquals(chunks.length, 3);
  assertEquals([chunks[0], chunks[1]], ["a", ""]);
  assertEquals(new Uint8Array(chunks[2] as Uint8Array), Uint8Array.of(2));
}, { objectMode: true });

onBoth("fails for what is no message, and drops the connection", async ({ ws, stream }) => {
  const failed = once(stream, "error");
  stream.write({ no: "message" });
  const [error] = await failed;
  assertInstanceOf(error, TypeError);
  assertEquals((await ws.closed).initiator, "local");
}, { objectMode: true });

onBoth("that is ended closes with 1000 behind what was written", async (scene) => {
  const { ws, peer, stream } = scene;
  const finished = once(stream, "close");
  stream.write(Uint8Array.of(1));
  stream.end(Uint8Array.of(2));
  stream.resume();
  assertEquals([await peer.receive(), await peer.receive()], [
    Uint8Array.of(1),
    Uint8Array.of(2),
  ]);
  const { sent, wasClean } = await ws.closed;
  assertEquals([sent?.code, wasClean], [1000, true]);
  await finished;
});

onBoth("that is destroyed drops the connection", async ({ ws, peer, stream }) => {
  stream.destroy();
  assertEquals((await ws.closed).initiator, "local");
  assertEquals((await peer.closed).code, 1006);
});

onBoth("fails when the connection ends otherwise", async ({ peer, stream }) => {
  const failed = once(stream, "error");
  stream.resume();
  peer.close(4000, "why");
  const [error] = await failed;
  assertInstanceOf(error, ConnectionClosed);
  assertEquals(error.info.code, 4000);
  assertEquals(stream.destroyed, true);
});

onBoth("fails to write once the connection has ended", async ({ ws, stream }) => {
  const failed = once(stream, "error");
  ws.terminate();
  await ws.closed;
  stream.write(Uint8Array.of(1));
  assertInstanceOf((await failed)[0], ConnectionClosed);
});

onBoth("reads nothing before it is read", async ({ peer, stream }) => {
  peer.send("first");
  // 15 MiB fit the sender's limit and not the kernel, nor the stream's own buffer.
  for (let i = 0; i < 30; i++) peer.send(new Uint8Array(2 ** 19));
  const last = peer.send("last");
  for (let i = 0; i < 20; i++) await settled();
  const waiting = await isPending(last);
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length === 30 * 2 ** 19 + 9) break;
  }
  await last;
  assertEquals(waiting, true);
});

onBoth("makes pipeline() wait for a peer that does not read", async ({ peer, stream }) => {
  const count = 384;
  let given = 0;
  function* source(): Generator<Uint8Array> {
    while (given++ < count) yield new Uint8Array(2 ** 16);
  }
  stream.resume();
  const sending = pipeline(Readable.from(source()), stream);
  for (let i = 0; i < 50; i++) await settled();
  assert(given < count);
  let length = 0;
  for await (const message of peer) length += message.length;
  await sending;
  assertEquals(length, count * 2 ** 16);
});

onBoth("is a source of pipeline()", async ({ peer, stream }) => {
  const received: Uint8Array[] = [];
  const sink = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      received.push(chunk);
      done();
    },
  });
  peer.send(new Uint8Array(100_000));
  peer.send("end");
  peer.close();
  await pipeline(stream, sink);
  assertEquals(received.reduce((sum, chunk) => sum + chunk.length, 0), 100_003);
});

onBoth("makes pipeline() fail when the connection is lost", async ({ peer, stream }) => {
  peer.send("a");
  peer.terminate();
  await assertRejects(() => pipeline(stream, new Writable({ write: (_c, _e, done) => done() })));
});
