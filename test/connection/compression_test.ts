// Compression through all layers: serve() and connect() with both ways to zlib over a network in memory, and over TCP.

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { connect, HandshakeError } from "@sansocket/ws";
import type { CompressionOptions, WebSocketConnection } from "@sansocket/ws";
import { createMemoryRuntime } from "@sansocket/ws/testing";
import { createConnect } from "../../src/client/connect.ts";
import { createServe } from "../../src/server/serve.ts";
import { open } from "../support/connections.ts";
import { backends, createCompressingNetwork, json, noise } from "../support/deflate.ts";
import { type RawPeer, RawServer } from "../support/raw.ts";
import { recordRuntime } from "../support/transports.ts";
import { test } from "../support/test.ts";

for (const [name, backend] of Object.entries(backends)) {
  test(`compression with ${name} carries messages of any size both ways`, async () => {
    const network = createCompressingNetwork(backend);
    const presets = [true, { contextTakeover: false }, { windowBits: 8 }, { windowBits: 15 }];
    for (const compression of presets) {
      await using pair = await open(network, { compression }, { compression });
      const { client, server } = pair;
      assertMatch(client.extensions, /^permessage-deflate/);
      assertEquals(server.extensions, client.extensions);
      for (const size of [0, 1, 127, 128, 1024, 5000, 70_000, 900_000]) {
        for (const message of [json(size), noise(size, 3)]) {
          for (const [from, to] of [[client, server], [server, client]] as const) {
            const received = to.receive();
            await from.send(message);
            assertSame(await received, message);
          }
        }
      }
    }
  });

  test(`compression with ${name} takes what cannot be compressed up to maxMessageSize`, async () => {
    const network = createCompressingNetwork(backend);
    for (const memoryLevel of [1, 5, 9]) {
      const compression = { memoryLevel };
      const maxMessageSize = 200_000;
      await using pair = await open(network, { compression, maxMessageSize }, { compression });
      const message = noise(maxMessageSize);
      const received = pair.server.receive();
      await pair.client.send(message);
      assertSame(await received, message);
    }
  });
}

test("compression leaves what repeats the message before in a few octets", async () => {
  const message = json(1000);
  for (const [contextTakeover, least, most] of [[true, 5, 100], [false, 1, 1]] as const) {
    const { runtime, accepted } = recordRuntime(createMemoryRuntime());
    const compressing = { ...runtime, deflate: backends.handle };
    const network = { serve: createServe(compressing), connect: createConnect(compressing) };
    const options = { compression: { contextTakeover, threshold: 0 } };
    await using pair = await open(network, options, options);
    const { reads, writes } = accepted[0]!;
    for (const [from, to, chunks] of directions(pair, reads, writes)) {
      const sizes: number[] = [];
      for (let i = 0; i < 2; i++) {
        const before = total(chunks);
        const received = to.receive();
        await from.send(message);
        assertEquals(await received, message);
        sizes.push(total(chunks) - before);
      }
      const ratio = sizes[0]! / sizes[1]!;
      assert(ratio >= least && ratio <= most, `${sizes}`);
    }
  }
});

test("compression is left out below the threshold and for { compress: false }", async () => {
  const { runtime, accepted } = recordRuntime(createMemoryRuntime());
  const compressing = { ...runtime, deflate: backends.handle };
  const network = { serve: createServe(compressing), connect: createConnect(compressing) };
  await using pair = await open(network, { compression: { threshold: 100 } });
  const { client, server } = pair;
  const first = async (message: string, compress?: boolean): Promise<number> => {
    const { writes } = accepted[0]!;
    const before = writes.length;
    const received = client.receive();
    await server.send(message, compress === undefined ? {} : { compress });
    assertEquals(await received, message);
    return writes[before]![0]!;
  };
  assertEquals(await first("a".repeat(99)), 0x81);
  assertEquals(await first("a".repeat(100)), 0xc1);
  assertEquals(await first("é".repeat(49)), 0x81);
  assertEquals(await first("é".repeat(50)), 0xc1);
  assertEquals(await first("a".repeat(100), false), 0x81);
  assertEquals(await first("a".repeat(100), true), 0xc1);
  assertEquals(await first("", true), 0x81);
});

test("compression is off on servers and offered by clients, unless told", async () => {
  const network = createCompressingNetwork(backends.handle);
  const table = [
    [undefined, undefined, ""],
    [true, undefined, "permessage-deflate; client_max_window_bits=12"],
    [undefined, true, ""],
    [true, false, ""],
    [false, true, ""],
    [
      { contextTakeover: false },
      undefined,
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover; " +
      "client_max_window_bits=12",
    ],
    [
      true,
      { windowBits: 9 },
      "permessage-deflate; server_max_window_bits=9; client_max_window_bits=9",
    ],
  ] as const;
  for (const [server, client, expected] of table) {
    const ours = server === undefined ? {} : { compression: server };
    const theirs = client === undefined ? {} : { compression: client };
    await using pair = await open(network, ours, theirs);
    assertEquals([pair.server.extensions, pair.client.extensions], [expected, expected]);
  }
});

test("compression that a runtime does not have is an error only for who asks for it", async () => {
  const { serve, connect } = (() => {
    const runtime = createMemoryRuntime();
    return { serve: createServe(runtime), connect: createConnect(runtime) };
  })();
  await assertRejects(() => serve({ port: 1, websocket: {}, compression: true }), TypeError);
  const server = await serve({ port: 1, websocket: {} });
  await assertRejects(() => connect(server.url, { compression: true }), TypeError);
  const ws = await connect(server.url);
  assertEquals(ws.extensions, "");
  await ws.close();
  await server.close();
});

test("compression that a server accepts and was not offered fails the client", async () => {
  const pmd = "permessage-deflate";
  const table: readonly (readonly [boolean | CompressionOptions, string, string])[] = [
    [true, "x-other", "x-other"],
    [false, pmd, pmd],
    [true, `${pmd}; unknown`, "not valid"],
    [true, `${pmd}; client_max_window_bits`, "not valid"],
    [true, `${pmd}; server_max_window_bits=16`, "not valid"],
    [true, `${pmd}, ${pmd}`, "More than one"],
    [{ contextTakeover: false }, pmd, "server_no_context_takeover"],
    [{ windowBits: 9 }, pmd, "server_max_window_bits"],
    [{ windowBits: 9 }, `${pmd}; server_max_window_bits=9; client_max_window_bits=10`, "above 9"],
  ];
  await using server = await RawServer.listen();
  for (const [compression, answer, reason] of table) {
    const attempt = connect(server.url, { compression });
    const failed = assertRejects(() => attempt, HandshakeError);
    const peer = await server.accept();
    await acceptWith(peer, answer);
    const error = await failed;
    assertStringIncludes(error.message, reason);
    assertEquals(error.status, 101);
  }
});

test("compression that a server declines leaves a connection without", async () => {
  await using server = await RawServer.listen();
  const attempt = connect(server.url, { compression: true });
  const peer = await server.accept();
  const request = await acceptWith(peer, "");
  assertStringIncludes(request, "permessage-deflate; client_max_window_bits");
  const ws = await attempt;
  assertEquals(ws.extensions, "");
  await ws.send("a".repeat(2000));
  assertEquals((await peer.takeFrame()).first, 0x81);
  ws.terminate();
  await ws.closed;
});

function assertSame(actual: string | Uint8Array, expected: string | Uint8Array): void {
  if (typeof expected === "string" || typeof actual === "string") {
    assert(actual === expected, "Expected the same text");
    return;
  }
  assertEquals(actual.length, expected.length);
  assert(actual.every((octet, i) => octet === expected[i]), "Expected the same octets");
}

type End = Pick<WebSocketConnection, "send" | "receive">;
type Chunks = readonly Uint8Array[];

function directions(
  { client, server }: { client: End; server: End },
  reads: Chunks,
  writes: Chunks,
): [End, End, Chunks][] {
  return [[client, server, reads], [server, client, writes]];
}

function total(chunks: Chunks): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

/** Accepts a handshake with an answer of the test's, and returns the request. */
async function acceptWith(peer: RawPeer, extensions: string): Promise<string> {
  const request = await peer.takeThrough("\r\n\r\n");
  const key = /^sec-websocket-key: (.*)\r$/im.exec(request)![1]!;
  const text = new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", text));
  const accept = btoa(String.fromCharCode(...digest));
  const field = extensions === "" ? "" : `Sec-WebSocket-Extensions: ${extensions}\r\n`;
  peer.send(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `${field}Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  return request;
}
