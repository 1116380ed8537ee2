// Messages that many connections get: over transports that the test plays by hand, then over networks.

import { assert, assertEquals, assertGreater, assertStrictEquals, assertThrows } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { type Message, PreparedMessage, type WebSocketConnection } from "@sansocket/ws";
import { concat } from "../../src/util/bytes.ts";
import type { DeflateBackend } from "../../src/deflate/backend.ts";
import { acceptCompression } from "../../src/deflate/compression.ts";
import { resolveCompression } from "../../src/deflate/options.ts";
import { REFERENCE_FROM } from "../../src/protocol/frame_encoder.ts";
import { parseExtensions } from "../../src/http/extension_header.ts";
import { giveBack, SLAB_SIZE } from "../../src/util/slab.ts";
import { pair } from "@sansocket/ws/testing";
import { networks, settled } from "../support/connections.ts";
import { backends, createCompressingNetwork, json } from "../support/deflate.ts";
import { type FakeConnection, openFake } from "../support/established.ts";
import { test } from "../support/test.ts";

/** What was written, a string of hex for each write. */
function writes({ transport }: FakeConnection): string[] {
  return transport.writes.map(encodeHex);
}

test("PreparedMessage is what send() would make of the same", async () => {
  await using fake = openFake();
  await using client = openFake({ role: "client" });
  const bytes = decodeHex("010203");
  const messages: [PreparedMessage, string][] = [
    [new PreparedMessage("Hello"), "81 48656c6c6f"],
    [new PreparedMessage(""), "81"],
    [new PreparedMessage("é\ud800"), "81 c3a9efbfbd"],
    [new PreparedMessage(bytes), "82 010203"],
    [new PreparedMessage(bytes.buffer), "82 010203"],
    [new PreparedMessage(new DataView(bytes.buffer, 1)), "82 0203"],
    [new PreparedMessage("é", { binary: true }), "82 c3a9"],
    [new PreparedMessage(decodeHex("c3a9"), { binary: false }), "81 c3a9"],
  ];
  for (const { connection } of [fake, client]) {
    for (const [message] of messages) await connection.send(message);
  }
  await settled();
  const expected = messages.map(([, frame]) => frame);
  assertEquals([fake.frames(), client.frames()], [expected, expected]);
  assertEquals(writes(fake)[0]!.slice(0, 14), "810548656c6c6f");
  assertEquals(writes(client)[0]!.slice(0, 4), "8185", "A client masks");
  assertEquals(messages.map(([{ length }]) => length), [5, 0, 5, 3, 3, 2, 2, 2]);
});

test("PreparedMessage refuses what cannot be sent", () => {
  for (const data of [undefined, null, 7, {}]) {
    assertThrows(() => new PreparedMessage(data as unknown as string), TypeError, "Expected");
  }
  const invalid = decodeHex("c3");
  assertThrows(() => new PreparedMessage(invalid, { binary: false }), TypeError, "UTF-8");
  assertEquals(new PreparedMessage(invalid).length, 1);
});

test("PreparedMessage keeps the bytes that it was made of", async () => {
  await using fake = openFake();
  const bytes = decodeHex("0102");
  const message = new PreparedMessage(bytes);
  bytes.fill(9);
  await fake.connection.send(message);
  await settled();
  assertEquals(fake.frames(), ["82 0102"]);
});

test("PreparedMessage: what is due to all in a turn is one write of the same bytes for each", async () => {
  await using a = openFake();
  await using b = openFake();
  for (const text of ["one", "two", "three"]) {
    const message = new PreparedMessage(text);
    for (const { connection } of [a, b]) await connection.send(message);
  }
  await settled();
  const expected = ["81036f6e65" + "810374776f" + "81057468726565"];
  assertEquals([writes(a), writes(b)], [expected, expected]);
  const [fromA, fromB] = [a.transport.writes[0]!, b.transport.writes[0]!];
  assertEquals([fromA.buffer === fromB.buffer, fromA.byteOffset], [true, fromB.byteOffset]);
});

test("PreparedMessage keeps its place among other messages, in any order", async () => {
  const all = ["a", "b", "c", "d"].map((text) => new PreparedMessage(text));
  // Each digit is a prepared message, or one of the connection's own where it is above 3.
  for (let order = 0; order < 5 ** 5; order++) {
    const digits = order.toString(5).padStart(5, "0");
    await using fake = openFake();
    await using other = openFake();
    for (const digit of digits) {
      const message = all[Number(digit)] ?? "own";
      void fake.connection.send(message);
      if (typeof message === "object") void other.connection.send(message);
    }
    fake.endpoint.flush();
    other.endpoint.flush();
    const frames = [...digits].map((digit) => `81 ${["61", "62", "63", "64", "6f776e"][+digit]}`);
    assertEquals(fake.frames(), frames, digits);
    assertEquals(other.frames(), frames.filter((frame) => frame.length === 5), digits);
    assertEquals([fake.transport.writes.length, fake.endpoint.bufferedAmount], [1, 0], digits);
    for (const chunk of [...fake.transport.writes, ...other.transport.writes]) giveBack(chunk);
  }
});

test("PreparedMessage: control frames go between, and a Close frame comes last", async () => {
  await using fake = openFake();
  const message = new PreparedMessage("a");
  void fake.connection.send(message);
  fake.receiveFrames({ opcode: 9, payload: decodeHex("07") });
  void fake.connection.send(message);
  void fake.connection.close();
  assertEquals(fake.frames(), ["81 61", "8a 07", "81 61", "88 03e8"]);
});

test("PreparedMessage of any size comes whole, however often it is sent", async () => {
  const sizes = [0, 125, 126, 16_384, REFERENCE_FROM - 1, REFERENCE_FROM, SLAB_SIZE, 1 << 20];
  const messages = sizes.map((size) =>
    new PreparedMessage(Uint8Array.from({ length: size }, (_, i) => i * 7))
  );
  await using fake = openFake({ maxBufferedAmount: Infinity });
  for (let round = 0; round < 3; round++) {
    for (const message of messages) void fake.connection.send(message);
  }
  await settled();
  const frames = fake.frames();
  assertEquals(frames.map((frame) => Math.max(frame.length - 3, 0) / 2), [
    ...sizes,
    ...sizes,
    ...sizes,
  ]);
  frames.forEach((frame, i) => {
    const size = sizes[i % sizes.length]!;
    const expected = encodeHex(Uint8Array.from({ length: size }, (_, octet) => octet * 7));
    assert(frame === `82 ${expected}`.trimEnd(), `frame ${i} of ${size} octets`);
  });
});

test("PreparedMessage: what has not left is not written over, and memory comes back when it has", async () => {
  const kept = new PreparedMessage("kept");
  await using fake = openFake();
  await using slow = openFake({ maxBufferedAmount: Infinity });
  slow.transport.congested = true;
  const slabs = new Set<ArrayBufferLike>();
  const rounds = 100;
  const frames: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const message = new PreparedMessage(new Uint8Array(30_000).fill(round));
    for (const { connection, endpoint } of [fake, slow]) {
      void connection.send(message);
      void connection.send(kept);
      endpoint.flush();
    }
    frames.push(`82 ${encodeHex(new Uint8Array(30_000).fill(round))}`, "81 6b657074");
    for (const chunk of fake.transport.writes.splice(0)) {
      slabs.add(chunk.buffer);
      giveBack(chunk);
    }
  }
  const received = slow.frames();
  assertEquals(received.length, 2 * rounds);
  assert(received.every((frame, i) => frame === frames[i]), "Bytes changed while they waited");
  // Now that all have left, no more memory is needed than for one slab in use and one to come.
  for (const chunk of slow.transport.writes.splice(0)) giveBack(chunk);
  slow.transport.drain();
  const again = new Set<ArrayBufferLike>();
  for (let round = 0; round < rounds; round++) {
    void fake.connection.send(new PreparedMessage(new Uint8Array(30_000)));
    fake.endpoint.flush();
    for (const chunk of fake.transport.writes.splice(0)) {
      again.add(chunk.buffer);
      giveBack(chunk);
    }
  }
  assertGreater(slabs.size, again.size);
  assert([...again].every((slab) => slabs.has(slab)), "Memory was not used again");
});

test("PreparedMessage waits, or is dropped, as any other message", async () => {
  await using fake = openFake({ overflow: "drop-oldest", maxBufferedAmount: 100 });
  fake.transport.congested = true;
  void fake.connection.send(new PreparedMessage(new Uint8Array(50)));
  await settled();
  for (const octet of [1, 2, 3]) {
    void fake.connection.send(new PreparedMessage(new Uint8Array(20).fill(octet)));
  }
  assertEquals([fake.connection.dropped, fake.connection.bufferedAmount], [1, 124]);
  fake.transport.drain();
  await settled();
  assertEquals(fake.frames().slice(1), [2, 3].map((octet) => `82 ${`0${octet}`.repeat(20)}`));
  void fake.connection.send("done");
});

/** A backend that counts what it deflates. */
function counting(backend: DeflateBackend): { backend: DeflateBackend; deflated: string[] } {
  const deflated: string[] = [];
  return {
    deflated,
    backend: {
      ...backend,
      createDeflater(settings, takeover) {
        const deflater = backend.createDeflater(settings, takeover);
        return {
          deflate(data) {
            deflated.push(new TextDecoder().decode(data));
            return deflater.deflate(data);
          },
          forget: () => deflater.forget(),
          close: () => deflater.close(),
        };
      },
    },
  };
}

for (const [name, original] of Object.entries(backends)) {
  test(`PreparedMessage is compressed once for all that compress alike, with ${name}`, async () => {
    const { backend, deflated } = counting(original);
    const offers = ["", "; server_no_context_takeover", "; server_max_window_bits=10"];
    const connections = [0, 0, 1, 1, 2, 2].map((offer) => {
      const options = resolveCompression({ contextTakeover: true, threshold: 10 })!;
      const compression = acceptCompression(
        { backend, options },
        parseExtensions(`permessage-deflate${offers[offer]}`)!,
      );
      return openFake({ compression });
    });
    const text = "The same words, the same words.";
    const message = new PreparedMessage(text);
    const plain = [new PreparedMessage(text, { compress: false }), new PreparedMessage("short")];
    for (const { connection } of connections) {
      await connection.send(message);
      for (const other of plain) await connection.send(other);
      await connection.send(message, { compress: false });
    }
    await settled();
    assertEquals(deflated, [text, text], "once for the two window sizes");
    for (const fake of connections) {
      const [first = "", ...rest] = fake.frames();
      assertEquals(first.slice(0, 2), "c1");
      assertGreater(2 * text.length, first.length);
      const hex = encodeHex(new TextEncoder().encode(text));
      assertEquals(rest, [`81 ${hex}`, "81 73686f7274", `81 ${hex}`]);
      await fake[Symbol.asyncDispose]();
    }
  });

  test(`PreparedMessage and others take turns under compression, with ${name}`, async () => {
    for (const contextTakeover of [true, false]) {
      const network = createCompressingNetwork(original);
      const compression = { contextTakeover, threshold: 0 };
      await using server = await network.serve({
        port: 0,
        compression,
        websocket: { message: (ws, data) => ws.send(data) },
      });
      const clients = [];
      for (let i = 0; i < 3; i++) clients.push(await network.connect(server.url, { compression }));
      const received = clients.map((client) => receiveAll(client, 60));
      const expected: Message[][] = clients.map(() => []);
      for (let i = 0; i < 60; i++) {
        const text = json(200 + i, 1 + i % 7);
        const message = new PreparedMessage(text);
        [...server.connections].forEach((ws, n) => {
          void ws.send((i + n) % 3 === 0 ? `${n} ${text}` : message);
        });
        clients.forEach((_, n) => expected[n]!.push((i + n) % 3 === 0 ? `${n} ${text}` : text));
      }
      assertEquals(await Promise.all(received), expected);
      for (const client of clients) client.terminate();
    }
  });
}

async function receiveAll(ws: WebSocketConnection, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  for (let i = 0; i < count; i++) messages.push(await ws.receive());
  return messages;
}

for (const [name, createNetwork] of Object.entries(networks)) {
  test(`PreparedMessage reaches all over ${name}, behind and before what each is sent alone`, async () => {
    const network = createNetwork();
    await using server = await network.serve({
      port: 0,
      websocket(ws) {
        void ws.send("welcome");
        return ws.closed;
      },
    });
    const clients = [];
    for (let i = 0; i < 5; i++) clients.push(await network.connect(server.url));
    for (const client of clients) assertEquals(await client.receive(), "welcome");
    const sizes = [1, 128, 5_000, 70_000, 20, 30_000, 128, 128];
    const received = clients.map((client) => receiveAll(client, sizes.length * 10));
    const expected: string[] = [];
    for (let i = 0; i < sizes.length * 10; i++) {
      const text = `${i} `.padEnd(sizes[i % sizes.length]!, "x");
      expected.push(text);
      const message = new PreparedMessage(text);
      for (const ws of server.connections) void ws.send(message);
      if (i % 3 === 0) await settled();
    }
    for (const messages of await Promise.all(received)) assertEquals(messages, expected);
    for (const client of clients) client.terminate();
  });
}

test("PreparedMessage sent by a client is masked anew each time", async () => {
  await using client = openFake({ role: "client" });
  const message = new PreparedMessage("the same");
  for (let i = 0; i < 2; i++) await client.connection.send(message);
  await settled();
  const bytes = concat(client.transport.writes);
  assertStrictEquals(bytes.length, 2 * 14);
  assert(encodeHex(bytes.subarray(0, 14)) !== encodeHex(bytes.subarray(14)), "The key is the same");
});

test("PreparedMessage holds a copy of bytes whose class has a slice() that makes none", async () => {
  class View extends Uint8Array<ArrayBuffer> {
    override slice(start?: number, end?: number): View {
      return this.subarray(start, end) as View;
    }
  }
  const bytes = new View(decodeHex("010203").buffer);
  const message = new PreparedMessage(bytes);
  bytes.fill(9);
  const { client, server } = await pair();
  await client.send(message);
  assertEquals(await server.receive(), decodeHex("010203"));
  await client.close();
});

test("PreparedMessage of another copy of the package is sent as one of this copy", async () => {
  const { client, server } = await pair();
  const CONTENT = Symbol.for("@sansocket/ws/PreparedMessage.content");
  const copies = [
    [decodeHex("c3a9"), 1, true, "\u00e9"],
    [decodeHex("c3a9"), 2, false, decodeHex("c3a9")],
  ] as const;
  for (const [payload, opcode, compress, expected] of copies) {
    const foreign = {
      length: payload.length,
      [Symbol.for("@sansocket/ws/PreparedMessage")]: true,
      [CONTENT]: () => [payload, opcode, compress],
    } as unknown as PreparedMessage;
    assert(foreign instanceof PreparedMessage);
    for (const ws of [client, server, client]) {
      await ws.send(foreign);
      assertEquals(await (ws === client ? server : client).receive(), expected);
    }
  }
  await client.close();
});
