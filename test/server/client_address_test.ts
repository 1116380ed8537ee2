// Who a peer is, and whether it may connect, over real sockets.

import { assertEquals } from "@std/assert";
import { connect, HandshakeError, serve, type ServerOptions } from "@sansocket/ws";
import type { WebSocketConnection } from "@sansocket/ws";
import { createClocked } from "../support/clocked.ts";
import { withResolvers } from "../support/connections.ts";
import { handshake, RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

interface Scene {
  readonly port: number;
  readonly url: string;
  readonly stats: () => import("@sansocket/ws").ServerStats;
  /** The next WebSocket connection. */
  readonly opened: Promise<WebSocketConnection>;
}

/** Runs `body` with a server that says the URL that it was asked for. */
function scene(name: string, options: ServerOptions, body: (scene: Scene) => Promise<void>): void {
  test(name, async () => {
    const opened = withResolvers<WebSocketConnection>();
    const reported: unknown[] = [];
    await using server = await serve({
      error: (error) => reported.push(error),
      ...options,
      port: 0,
      fetch: (request, { upgrade }) =>
        request.headers.has("upgrade")
          ? upgrade({ open: (ws) => opened.resolve(ws) })
          : new Response(request.url),
    });
    const { port, url } = server;
    await body({ port, url, opened: opened.promise, stats: () => server.stats() });
    assertEquals(reported, []);
  });
}

async function refusal(url: string): Promise<(string | number | undefined)[]> {
  const error = await connect(url).then(() => undefined, (error) => error);
  if (!(error instanceof HandshakeError)) throw error ?? new Error("Expected a refusal");
  return [error.status, error.headers?.get("retry-after") ?? undefined, error.body];
}

const fromProxy = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n" +
  "X-Forwarded-Host: chat.example.org\r\n";

scene("serve() refuses above guard.maxConnections with 503, until one has gone", {
  guard: { maxConnections: 1 },
}, async ({ url, stats }) => {
  const first = await connect(url);
  const reason = "Expected at most 1 connections (guard.maxConnections)";
  assertEquals(await refusal(url), [503, "10", reason]);
  await first.close();
  // The place is free as soon as the server's end is: at the latest when TCP has ended on both.
  let second;
  while (second === undefined) second = await connect(url).catch(() => undefined);
  const { connections, sockets, totalConnections, refused } = stats();
  assertEquals([connections, sockets, totalConnections], [1, 1, 2]);
  assertEquals(refused.maxConnections >= 1, true);
  await second.close();
});

scene("serve() cuts what it can no longer refuse in words", {
  guard: { maxConnections: 1 },
}, async ({ port, stats }) => {
  await using first = await RawPeer.dial(port);
  await first.upgrade();
  const peers: RawPeer[] = [];
  for (let i = 0; i < 101; i++) peers.push(await RawPeer.dial(port));
  const rest = await peers.at(-1)!.takeRest();
  assertEquals([rest.length, stats().refused.maxConnections, stats().sockets], [0, 101, 1]);
  const [told] = peers;
  told!.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  assertEquals((await told!.takeResponse()).status, 503);
  await Promise.all(peers.map((peer) => peer[Symbol.asyncDispose]()));
});

scene("serve() refuses above guard.maxConnectionsPerAddress with 429", {
  guard: { maxConnectionsPerAddress: 1 },
}, async ({ url, stats }) => {
  const first = await connect(url);
  assertEquals((await refusal(url)).slice(0, 2), [429, "10"]);
  assertEquals(stats().refused.maxConnectionsPerAddress, 1);
  first.terminate();
  await first.closed;
});

scene("serve() counts the clients of a trusted proxy apart", {
  guard: { maxConnectionsPerAddress: 1 },
  trustProxy: 1,
}, async ({ url }) => {
  const open = (address: string) => connect(url, { headers: { "X-Forwarded-For": address } });
  const [a, b] = [await open("203.0.113.1"), await open("203.0.113.2")];
  const error = await open("203.0.113.1").catch((error) => error);
  assertEquals(error.status, 429);
  await Promise.all([a.close(), b.close()]);
  let again;
  while (again === undefined) again = await open("203.0.113.1").catch(() => undefined);
  await again.close();
});

scene("serve() refuses above guard.handshakesPerSecond with 503, and answers pages", {
  guard: { handshakesPerSecond: 1, handshakesPerSecondPerAddress: Infinity },
}, async ({ port, stats }) => {
  const statuses = [];
  for (let i = 0; i < 4; i++) {
    await using peer = await RawPeer.dial(port);
    statuses.push((await peer.upgrade()).status);
  }
  // The clock may have ticked over once or twice while they came.
  assertEquals([statuses[0], statuses.includes(503)], [101, true]);
  assertEquals(stats().refused.handshakesPerSecond > 0, true);
  await using peer = await RawPeer.dial(port);
  peer.send("GET /page HTTP/1.1\r\nHost: a\r\n\r\n");
  assertEquals((await peer.takeResponse()).body, "http://a/page");
});

scene("serve() refuses above guard.handshakesPerSecondPerAddress with 429", {
  guard: { handshakesPerSecondPerAddress: 1 },
}, async ({ port, stats }) => {
  const statuses = [];
  for (let i = 0; i < 4; i++) {
    await using peer = await RawPeer.dial(port);
    statuses.push((await peer.upgrade()).status);
  }
  assertEquals([statuses[0], statuses.includes(429)], [101, true]);
  assertEquals(stats().refused.handshakesPerSecondPerAddress > 0, true);
});

scene("serve() believes no proxy without trustProxy", {}, async ({ port, opened }) => {
  await using peer = await RawPeer.dial(port);
  peer.send(`GET / HTTP/1.1\r\nHost: a\r\n${fromProxy}\r\n`);
  assertEquals((await peer.takeResponse()).body, "http://a/");
  await peer.upgrade("+X-Forwarded-For: 203.0.113.9");
  assertEquals((await opened).remoteAddress?.hostname, "127.0.0.1");
});

scene("serve() takes URL and address from a trusted proxy", {
  trustProxy: ["127.0.0.0/8"],
}, async ({ port, opened }) => {
  await using peer = await RawPeer.dial(port);
  peer.send(`GET /a?b HTTP/1.1\r\nHost: internal\r\n${fromProxy}\r\n`);
  assertEquals((await peer.takeResponse()).body, "https://chat.example.org/a?b");
  const lines = fromProxy.trim().split("\r\n").map((line) => `+${line}`);
  assertEquals((await peer.upgrade(...lines)).status, 101);
  const ws = await opened;
  assertEquals(ws.remoteAddress, { hostname: "203.0.113.9", port: 0 });
  assertEquals(new URL(ws.request.url).origin, "https://chat.example.org");
});

scene("serve() applies the origin rule to the host that the client used", {
  trustProxy: true,
}, async ({ port }) => {
  const ask = async (origin: string): Promise<number> => {
    await using peer = await RawPeer.dial(port);
    const lines = ["+X-Forwarded-Host: chat.example.org", `Origin: ${origin}`];
    peer.send(handshake(...lines));
    return (await peer.takeResponse()).status;
  };
  assertEquals(await ask("https://chat.example.org"), 101);
  assertEquals(await ask("https://server.example.com"), 403);
});

scene("serve() takes no far client for a loopback one behind a proxy", {
  trustProxy: true,
}, async ({ port }) => {
  const ask = async (...lines: string[]): Promise<number> => {
    await using peer = await RawPeer.dial(port);
    peer.send(handshake("Host: localhost", "Origin: http://localhost:3000", ...lines));
    return (await peer.takeResponse()).status;
  };
  assertEquals(await ask(), 101);
  assertEquals(await ask("+X-Forwarded-For: 203.0.113.9"), 403);
});

scene("serve() answers 400 to what a trusted proxy cannot have said", {
  trustProxy: true,
}, async ({ port }) => {
  await using peer = await RawPeer.dial(port);
  peer.send("GET / HTTP/1.1\r\nHost: a\r\nForwarded: for=[::1]\r\n\r\n");
  const { status, body } = await peer.takeResponse();
  assertEquals([status, body], [400, "Expected Forwarded to be as in RFC 7239"]);
});

scene("serve() reads the address from a PROXY header", {
  proxyProtocol: true,
}, async ({ port, opened }) => {
  await using peer = await RawPeer.dial(port);
  peer.send("PROXY TCP4 203.0.113.9 198.51.100.1 57262 443\r\n" + handshake());
  assertEquals((await peer.takeResponse()).status, 101);
  assertEquals((await opened).remoteAddress, { hostname: "203.0.113.9", port: 57262 });
});

scene("serve() keeps the connection's own address for a PROXY header without one", {
  proxyProtocol: true,
}, async ({ port, opened }) => {
  await using peer = await RawPeer.dial(port);
  peer.sendHex("0d0a0d0a000d0a515549540a 20 00 0000");
  await peer.upgrade();
  assertEquals((await opened).remoteAddress?.hostname, "127.0.0.1");
});

scene("serve() counts addresses as the PROXY header says them", {
  proxyProtocol: true,
  guard: { maxConnectionsPerAddress: 1 },
}, async ({ port }) => {
  const ask = async (peer: RawPeer, address: string): Promise<number> => {
    peer.send(`PROXY TCP4 ${address} 198.51.100.1 1 2\r\n` + handshake());
    return (await peer.takeResponse()).status;
  };
  await using a = await RawPeer.dial(port);
  await using b = await RawPeer.dial(port);
  await using c = await RawPeer.dial(port);
  assertEquals(await ask(a, "203.0.113.1"), 101);
  assertEquals(await ask(b, "203.0.113.2"), 101);
  assertEquals(await ask(c, "203.0.113.1"), 429);
});

for (const [what, bytes] of [["HTTP", handshake()], ["a bad header", "PROXY TCP5 \r\n"]] as const) {
  scene(`serve() cuts a connection that begins with ${what} in place of a PROXY header`, {
    proxyProtocol: true,
  }, async ({ port, stats }) => {
    await using peer = await RawPeer.dial(port);
    peer.send(bytes);
    assertEquals((await peer.takeRest()).length, 0);
    peer.end();
    await peer.closed;
    assertEquals(stats().totalConnections, 0);
  });
}

test("serve() cuts a connection whose PROXY header does not arrive in time", async () => {
  const { clock, serve, dial } = createClocked();
  const server = await serve({ proxyProtocol: true, handshakeTimeout: 10_000, websocket: {} });
  const peer = await dial(server.port);
  peer.send("PROXY TCP4 ");
  await clock.advance(9_999);
  assertEquals(server.stats().sockets, 1);
  await clock.advance(1);
  assertEquals((await peer.takeRest()).length, 0);
  peer.end();
  await peer.closed;
  await server.close();
});
