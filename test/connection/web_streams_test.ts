// A connection as a pair of web streams, on both networks.

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ConnectionClosed, type Message } from "@sansocket/ws";
import { createClocked } from "../support/clocked.ts";
import { isPending, networks, open, type OpenPair, settled } from "../support/connections.ts";
import { test } from "../support/test.ts";

/** Registers a test on each network. */
function onBoth(name: string, body: (ends: OpenPair) => Promise<void>): void {
  for (const [kind, create] of Object.entries(networks)) {
    test(`WebSocketConnection ${name} (${kind})`, async () => {
      await using ends = await open(create(), {}, { maxBufferedAmount: 2 ** 28 });
      await body(ends);
    });
  }
}

onBoth("readable and writable are made once", async ({ client }) => {
  assertStrictEquals(client.readable, client.readable);
  assertStrictEquals(client.writable, client.writable);
  await client.close();
});

onBoth("readable gives messages until the connection ends in order", async (ends) => {
  const { client, server } = ends;
  client.send("a");
  client.send(Uint8Array.of(1));
  client.send("");
  client.close();
  const messages: Message[] = [];
  for await (const message of server.readable) messages.push(message);
  assertEquals(messages, ["a", Uint8Array.of(1), ""]);
});

onBoth("readable fails when the connection ends otherwise", async ({ client, server }) => {
  const reader = server.readable.getReader();
  client.close(4000, "why");
  const error = await assertRejects(() => reader.read(), ConnectionClosed);
  assertEquals(error.info.code, 4000);
});

onBoth("readable that is cancelled closes with 1000", async ({ client, server }) => {
  await server.readable.cancel();
  assertEquals((await client.closed).code, 1000);
});

onBoth("readable reads nothing before it is read", async ({ client, server }) => {
  const { readable } = server;
  client.send("first");
  for (let i = 0; i < 48; i++) client.send(new Uint8Array(2 ** 19));
  const last = client.send("last");
  for (let i = 0; i < 20; i++) await settled();
  assertEquals(await isPending(last), true);
  let count = 0;
  for await (const message of readable) {
    count++;
    if (message === "last") break;
  }
  await last;
  assertEquals(count, 50);
});

onBoth("writable sends each chunk as a message, closing it closes with 1000", async (ends) => {
  const { client, server } = ends;
  const writer = client.writable.getWriter();
  writer.write("a");
  writer.write(Uint8Array.of(1));
  const closed = writer.close();
  assertEquals([await server.receive(), await server.receive()], ["a", Uint8Array.of(1)]);
  await assertRejects(() => server.receive(), ConnectionClosed);
  await closed;
  assertEquals((await client.closed).sent?.code, 1000);
});

onBoth("writable that is aborted closes with 1011", async ({ client, server }) => {
  await client.writable.abort(new Error("no more"));
  assertEquals((await server.closed).code, 1011);
});

test("WebSocketConnection writable can be aborted while a write waits", async () => {
  const { clock, ...network } = createClocked();
  await using ends = await open(network);
  const { client } = ends;
  const writer = client.writable.getWriter();
  writer.closed.catch(() => {});
  // More than the network holds for a peer that does not read.
  const writes = Array.from({ length: 32 }, () => writer.write(new Uint8Array(2 ** 19)));
  const rejected = Promise.all(writes.map((write) => write.then(() => "written", () => "lost")));
  await settled();
  const aborted = writer.abort(new Error("enough"));
  await clock.advance(10_000);
  const { code, sent, wasClean } = await client.closed;
  assertEquals([code, sent?.code, wasClean], [1006, 1011, false]);
  assertEquals((await rejected).at(-1), "lost");
  await aborted;
});

onBoth("writable waits for a peer that does not read", async ({ client, server }) => {
  const writer = client.writable.getWriter();
  client.send("first");
  await settled();
  const writes: Promise<void>[] = [];
  for (let i = 0; i < 48; i++) writes.push(writer.write(new Uint8Array(2 ** 19)));
  const last = writer.write("last");
  for (let i = 0; i < 20; i++) await settled();
  assertEquals(await isPending(last), true);
  assert(writer.desiredSize! < 0);
  while (await server.receive() !== "last");
  await Promise.all([...writes, last]);
});

onBoth("writable fails as soon as the connection ends", async ({ client, server }) => {
  const writer = client.writable.getWriter();
  server.terminate();
  const error = await assertRejects(() => writer.closed, ConnectionClosed);
  assertEquals(error.info.code, 1006);
  await assertRejects(() => writer.write("a"), ConnectionClosed);
});

onBoth("writable refuses what is no message", async ({ client }) => {
  const writer = client.writable.getWriter();
  await assertRejects(() => writer.write(1 as unknown as string), TypeError, "Expected a string");
});

onBoth("readable piped to its own writable is an echo", async ({ client, server }) => {
  const echo = server.readable.pipeTo(server.writable);
  for (const message of ["a", "", Uint8Array.of(1, 2), new Uint8Array(200_000)]) {
    client.send(message);
    assertEquals(await client.receive(), message);
  }
  await client.close();
  // The end of the one closes the other, which has ended already.
  await echo;
});

onBoth("writable takes a stream that is piped to it, readable another at once", async (ends) => {
  const { client, server } = ends;
  const count = 400;
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (sent++ === count) controller.close();
      else controller.enqueue(new Uint8Array(2 ** 16).fill(sent));
    },
  });
  let sent = 0;
  const sending = source.pipeTo(client.writable);
  let received = 0;
  await server.readable.pipeTo(
    new WritableStream({
      async write(message: Message) {
        assertEquals([message.length, message[0]], [2 ** 16, ++received % 256]);
        if (received % 50 === 0) await settled();
      },
    }),
  );
  await sending;
  assertEquals(received, count);
});
