// A PROXY header before the first request: in pieces of any size, with each kind of decision behind it, and none at all.

import { assertEquals } from "@std/assert";
import {
  type FetchHandler,
  serve,
  type Server,
  type WebSocketConnection,
  type WebSocketHandler,
} from "@sansocket/ws";
import { createClocked } from "../support/clocked.ts";
import { withResolvers } from "../support/connections.ts";
import { handshake, RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

const HEADER = "PROXY TCP4 203.0.113.9 198.51.100.1 57262 443\r\n";
/** "Hi", masked with 01020304. */
const FRAME = "\x81\x82\x01\x02\x03\x04\x49\x6b";

/** The ways in which a server decides. */
const deciders: Record<
  string,
  (handler: WebSocketHandler) => { websocket: WebSocketHandler } | { fetch: FetchHandler }
> = {
  "hooks alone": (websocket) => ({ websocket }),
  "a function": (handler) => ({ fetch: (_request, { upgrade }) => upgrade(handler) }),
  "an async function": (handler) => ({
    // deno-lint-ignore require-await -- As users write it.
    fetch: async (_request, { upgrade }) => upgrade(handler),
  }),
};

function octets(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

for (const [name, decide] of Object.entries(deciders)) {
  test(`serve() opens behind a PROXY header that comes in any pieces, by ${name}`, async () => {
    const { serve, dial } = createClocked();
    let opened = withResolvers<WebSocketConnection>();
    let received = withResolvers<unknown>();
    const server = await serve({
      proxyProtocol: true,
      ...decide({
        open: (ws) => opened.resolve(ws),
        message: (_ws, data) => received.resolve(data),
      }),
    });
    const all = octets(HEADER + handshake() + FRAME);
    const splits = [
      HEADER.length - 1,
      HEADER.length,
      HEADER.length + 1,
      all.length - 8,
      all.length,
    ];
    const inPieces = [
      [all],
      ...splits.map((at) => [all.subarray(0, at), all.subarray(at)]),
      ...Array.from({ length: HEADER.length }, (_, i) => [all.subarray(0, i), all.subarray(i)]),
      Array.from(all, (octet) => Uint8Array.of(octet)),
    ];
    for (const pieces of inPieces) {
      opened = withResolvers();
      received = withResolvers();
      await using peer = await dial(server.port);
      for (const piece of pieces) if (piece.length > 0) await peer.flush(piece);
      assertEquals((await peer.takeResponse()).status, 101);
      const { remoteAddress } = await opened.promise;
      assertEquals(remoteAddress, { hostname: "203.0.113.9", port: 57262 });
      assertEquals(await received.promise, "Hi");
    }
    await server.close();
  });
}

for (
  const [what, sent, reason] of [
    ["ends before it", "PROXY TCP4 ", "Expected a PROXY header, got the end of the connection"],
    ["sends another protocol", handshake(), "Expected the PROXY protocol"],
  ] as const
) {
  test(`serve() tells once of a client that ${what}, and counts it out`, async () => {
    const { serve, dial } = createClocked();
    const told: unknown[] = [];
    const server = await serve({
      proxyProtocol: true,
      websocket: {},
      refused: ({ cause, status, reason }) => told.push([cause, status, reason]),
    });
    const peer = await dial(server.port);
    peer.send(sent);
    peer.end();
    assertEquals((await peer.takeRest()).length, 0);
    await peer.closed;
    assertEquals(told, [["proxy", undefined, reason]]);
    assertEquals(server.stats().sockets, 0);
    await server.close();
  });
}

test("serve() that closes cuts a client whose PROXY header is still to come, and refuses nothing", async () => {
  const { serve, dial } = createClocked();
  const told: unknown[] = [];
  const refused = (refusal: unknown): void => void told.push(refused, refusal);
  const server = await serve({ proxyProtocol: true, websocket: {}, refused });
  const peer = await dial(server.port);
  await peer.flush(octets("PROXY "));
  await server.close();
  assertEquals((await peer.takeRest()).length, 0);
  assertEquals([told, server.stats().sockets], [[], 0]);
  peer.end();
  await peer.closed;
});

test("serve() that is full says so to a client behind a PROXY header", async () => {
  const { serve, dial } = createClocked();
  const server = await serve({
    proxyProtocol: true,
    websocket: {},
    guard: { maxConnections: 1 },
  });
  {
    await using first = await dial(server.port);
    first.send(HEADER + handshake());
    assertEquals((await first.takeResponse()).status, 101);
    for (const header of [HEADER, "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"]) {
      await using second = await dial(server.port);
      second.send(header + handshake());
      assertEquals((await second.takeResponse()).status, 503);
    }
  }
  await server.close();
});

test("Server close() within the open hook closes a connection behind a PROXY header in order", async () => {
  let closed: Promise<void> | undefined;
  const server: Server = await serve({
    port: 0,
    proxyProtocol: true,
    websocket: { open: () => void (closed = server.close({ code: 1012 })) },
  });
  await using peer = await RawPeer.dial(server.port);
  peer.send(HEADER + handshake());
  assertEquals((await peer.takeResponse()).status, 101);
  assertEquals(await peer.takeClose(), { code: 1012, reason: "" });
  // Close with 1012, masked with 00000000.
  peer.sendHex("88 82 00000000 03f4");
  assertEquals((await peer.takeRest()).length, 0);
  peer.end();
  await closed;
  assertEquals(server.stats().sockets, 0);
});
