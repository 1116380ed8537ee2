// The short way of an opening handshake and the long one must be the same to a client: each case is told by what it gets.

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect, HandshakeError, serve, type ServeOptions } from "@sansocket/ws";
import { RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

const echo = {
  message: (ws: { send(data: string | Uint8Array): unknown }, data: string | Uint8Array) =>
    ws.send(data),
};

test("Opening upgrades by routes, with parameters, protocol and header fields", async () => {
  await using server = await serve({
    port: 0,
    routes: {
      "/rooms/:room": {
        websocket: { open: (ws) => ws.send(JSON.stringify([ws.data, ws.request.url])) },
        protocol: (offered, request) => request.url.endsWith("?b") ? offered[1] : offered[0],
        headers: { "X-Served-By": "opening" },
      },
    },
  });
  for (const [query, protocol] of [["?a", "one"], ["?b", "two"]]) {
    const ws = await connect(`${server.url}rooms/lobby${query}`, { protocols: ["one", "two"] });
    assertEquals(ws.protocol, protocol);
    assertEquals(JSON.parse(await ws.receive() as string), [
      { room: "lobby" },
      `${server.url}rooms/lobby${query}`,
    ]);
    await ws.close();
  }
});

test("Opening gives ws.request the fields and target of the handshake, head in pieces or whole", async () => {
  await using server = await serve({
    port: 0,
    websocket: (ws) => ws.send(`${ws.request.url} ${ws.request.headers.get("x-note")}`),
  });
  for (const size of [1, 7, 10_000]) {
    const key = "dGhlIHNhbXBsZSBub25jZQ==";
    const head =
      `GET /a?b HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nX-Note: \u00e9t\u00e9\r\n` +
      `Connection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`;
    await using peer = await RawPeer.dial(server.port);
    for (let at = 0; at < head.length; at += size) {
      await peer.flush(Uint8Array.from(head.slice(at, at + size), (c) => c.charCodeAt(0)));
    }
    const answer = await peer.takeThrough("\r\n\r\n");
    assertMatch(answer, /^HTTP\/1\.1 101 .*s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/s);
  }
});

const cases: readonly (readonly [name: string, path: string, status: number])[] = [
  ["a path that no route has", "nothing", 404],
  ["a path with dots that leads to a page", "a/../page", 200],
  ["a page at a path", "page", 200],
  ["a parameter that cannot be decoded", "rooms/%zz", 400],
];
for (const [name, path, status] of cases) {
  test(`Opening leaves to HTTP ${name}`, async () => {
    const options: ServeOptions = {
      port: 0,
      routes: { "/rooms/:room": { websocket: echo }, "/page": () => new Response("page") },
    };
    await using server = await serve(options);
    const error = await assertRejects(() => connect(`${server.url}${path}`), HandshakeError);
    assertEquals(error.status, status);
  });
}

test("Opening answers a page request to a socket route with 426, and an upgrade behind it", async () => {
  await using server = await serve({ port: 0, routes: { "/": { websocket: echo } } });
  const response = await fetch(server.url);
  assertEquals([response.status, response.headers.get("upgrade")], [426, "websocket"]);
  await response.body?.cancel();
  const ws = await connect(server.url);
  await ws.send("still there");
  assertEquals(await ws.receive(), "still there");
  await ws.close();
});
