// A text for many, which a program sends to one connection after another.

import { assertEquals, assertStrictEquals } from "@std/assert";
import { encodeHex } from "@std/encoding";
import { PreparedMessage } from "@sansocket/ws";
import { FrameEncoder } from "../../src/protocol/frame_encoder.ts";
import { findRepeated, forgetRepeated, MOST_REPEATED } from "../../src/protocol/repeated_text.ts";
import { acceptCompression } from "../../src/deflate/compression.ts";
import { resolveCompression } from "../../src/deflate/options.ts";
import { parseExtensions } from "../../src/http/extension_header.ts";
import { networks, settled } from "../support/connections.ts";
import { backends } from "../support/deflate.ts";
import { takeAll } from "../support/drive.ts";
import { type FakeConnection, openFake, utf8 } from "../support/established.ts";
import { test } from "../support/test.ts";

/** Connections of a server, and their end with the test. */
async function withFakes(
  count: number,
  run: (fakes: readonly FakeConnection[]) => Promise<void>,
): Promise<void> {
  const fakes = Array.from({ length: count }, () => openFake());
  try {
    await run(fakes);
  } finally {
    for (const fake of fakes) await fake[Symbol.asyncDispose]();
  }
}

function sendToAll(fakes: readonly FakeConnection[], text: string): void {
  for (const { connection } of fakes) void connection.send(text);
}

/** Where the only batch of a connection lies. */
function placeOf({ transport: { writes } }: FakeConnection): readonly [ArrayBufferLike, number] {
  assertEquals(writes.length, 1);
  return [writes[0]!.buffer, writes[0]!.byteOffset];
}

test("a text for many is written from one place, from its third connection on", async () => {
  await withFakes(6, async (fakes) => {
    sendToAll(fakes, "Hello");
    await settled();
    for (const fake of fakes) assertEquals(fake.frames(), ["81 48656c6c6f"]);
    const [first, second, third, ...others] = fakes.map(placeOf);
    for (const [buffer, offset] of others) {
      assertStrictEquals(buffer, third![0]);
      assertEquals(offset, third![1]);
    }
    assertEquals(first![1] === second![1] || second![1] === third![1], false);
  });
});

test("a text for many is what a PreparedMessage would be", async () => {
  const texts = [
    "",
    "a",
    "é\ud800",
    "\udfff",
    "\u{1f600}\ufeff",
    "x".repeat(125),
    "x".repeat(126),
    "€".repeat(MOST_REPEATED),
    "x".repeat(MOST_REPEATED + 1),
    "x".repeat(70_000),
  ];
  for (const text of texts) {
    await withFakes(5, async (fakes) => {
      sendToAll(fakes, text);
      await using prepared = openFake();
      await prepared.connection.send(new PreparedMessage(text));
      await settled();
      for (const fake of fakes) assertEquals(fake.frames(), prepared.frames());
    });
  }
});

test("texts for many come in their order, with what else each connection is sent", async () => {
  await withFakes(5, async (fakes) => {
    const texts = ["one", "two", "two", "three", "one"];
    fakes.forEach(({ connection }, i) => {
      if (i % 2 === 0) void connection.send(Uint8Array.of(i));
    });
    for (const text of texts) sendToAll(fakes, text);
    for (const { connection } of fakes) for (const text of texts) void connection.send(text);
    await settled();
    const frames = [...texts, ...texts].map((text) => `81 ${encodeHex(utf8(text))}`);
    fakes.forEach((fake, i) => {
      const own = i % 2 === 0 ? [`82 0${i}`] : [];
      assertEquals(fake.frames(), [...own, ...frames]);
      assertEquals(fake.transport.writes.length, 1);
    });
  });
});

test("a text for many that is equal, and not the same string, is the same", async () => {
  await withFakes(5, async (fakes) => {
    for (const { connection } of fakes) {
      // Joined anew for each.
      void connection.send(["a text", "that is longer than", "24 octets"].join(" "));
    }
    await settled();
    const [, , third, fourth, fifth] = fakes.map(placeOf);
    assertEquals([fourth![1], fifth![1]], [third![1], third![1]]);
  });
});

test("bytes that change between two connections are sent as they are at each call", async () => {
  await withFakes(5, async (fakes) => {
    const bytes = new Uint8Array(3);
    fakes.forEach(({ connection }, i) => {
      bytes.fill(i);
      void connection.send(bytes);
    });
    await settled();
    fakes.forEach((fake, i) => assertEquals(fake.frames(), [`82 ${`0${i}`.repeat(3)}`]));
  });
});

test("a text is compressed for the connections that compress, and one place for the others", async () => {
  const options = resolveCompression({ contextTakeover: true, threshold: 10 })!;
  const backend = Object.values(backends)[0]!;
  const compressing = (): FakeConnection =>
    openFake({
      compression: acceptCompression(
        { backend, options },
        parseExtensions("permessage-deflate")!,
      ),
    });
  const fakes = [0, 1, 0, 1, 0, 1, 0, 0].map((compresses) =>
    compresses ? compressing() : openFake()
  );
  for (const text of ["The same words, the same words.", "short"]) {
    sendToAll(fakes, text);
    await settled();
  }
  const plain = [encodeHex(utf8("The same words, the same words.")), encodeHex(utf8("short"))];
  fakes.forEach((fake, i) => {
    const [first, second] = fake.frames();
    const compresses = i % 2 === 1 && i < 6;
    assertEquals([first!.slice(0, 2), second], [compresses ? "c1" : "81", `81 ${plain[1]}`]);
    if (!compresses) assertEquals(first, `81 ${plain[0]}`);
  });
  for (const fake of fakes) await fake[Symbol.asyncDispose]();
});

test("a text that clients send is masked anew for each", () => {
  const frames = Array.from({ length: 5 }, () => {
    const encoder = new FrameEncoder(true);
    encoder.text(1, "the same");
    return encodeHex(takeAll(encoder));
  });
  assertEquals(new Set(frames).size, frames.length);
});

test("the fragments of a text are never taken for the text", () => {
  for (let i = 0; i < 5; i++) {
    const encoder = new FrameEncoder(false);
    encoder.text(1, "ab", false);
    encoder.text(0, "ab");
    assertEquals(encodeHex(takeAll(encoder)), "01026162" + "80026162");
  }
});

test("a text is forgotten when a connection writes, and one that is long is never kept", () => {
  const send = (text: string): boolean => {
    for (let i = 0; i < 3; i++) if (findRepeated(text, {}) !== undefined) return true;
    return false;
  };
  try {
    assertEquals(send("x".repeat(MOST_REPEATED)), true);
    assertEquals(send("x".repeat(MOST_REPEATED + 1)), false);
    assertEquals(send("kept"), true);
    const encoder = new FrameEncoder(false);
    encoder.binary(2, new Uint8Array(1));
    assertEquals(findRepeated("kept", {}) === undefined, false);
    takeAll(encoder);
    assertStrictEquals(findRepeated("kept", {}), undefined);
    const same = {};
    for (let i = 0; i < 5; i++) assertStrictEquals(findRepeated("one sender", same), undefined);
  } finally {
    forgetRepeated();
  }
});

for (const [name, createNetwork] of Object.entries(networks)) {
  test(`a text for many reaches all over ${name}, also those that are slow to read`, async () => {
    const network = createNetwork();
    await using server = await network.serve({
      port: 0,
      websocket: (ws) => ws.closed,
      maxBufferedAmount: Infinity,
    });
    const clients = [];
    for (let i = 0; i < 5; i++) clients.push(await network.connect(server.url));
    const expected = Array.from({ length: 400 }, (_, i) => `${i} `.padEnd(1 + i % 1_100, "x"));
    expected.forEach((text) => {
      for (const ws of server.connections) void ws.send(text);
    });
    for (const client of clients) {
      for (const text of expected) assertStrictEquals(await client.receive(), text);
    }
    for (const client of clients) client.terminate();
  });
}
