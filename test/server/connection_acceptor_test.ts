// Who is let in, and that each who was counted leaves once, whatever becomes of its TLS handshake; over real sockets.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, createDevelopmentCertificate, serve, type ServeOptions } from "@sansocket/ws";
import type { Server } from "@sansocket/ws";
import { settled } from "../support/connections.ts";
import { RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

const [certificate, stranger] = await Promise.all([
  createDevelopmentCertificate(),
  createDevelopmentCertificate({ hostnames: ["stranger.test"] }),
]);
const ca = certificate.cert;
const websocket = { message: () => {} };

async function untilCounted(server: Server, sockets: number): Promise<void> {
  while (server.stats().sockets !== sockets) await settled();
}

/** Dials so many peers that say nothing, and tells which have been cut once they have. */
async function silent(server: Server, count: number, stay: number): Promise<RawPeer[]> {
  const peers = await Promise.all(
    Array.from({ length: count }, () => RawPeer.dial(server.port)),
  );
  const open = new Set(peers);
  for (const peer of peers) peer.takeRest().then(() => open.delete(peer));
  while (open.size > stay) await settled();
  // Nobody else goes.
  for (let i = 0; i < 10; i++) await settled();
  assertEquals(open.size, stay);
  return peers;
}

async function drop(peers: RawPeer[]): Promise<void> {
  for (const peer of peers) peer.reset();
  await Promise.all(peers.map((peer) => peer.closed));
}

const forms: [string, ServeOptions][] = [
  ["websocket", { websocket }],
  ["fetch", { fetch: (_request, { upgrade }) => upgrade(websocket) }],
];
for (const [form, options] of forms) {
  test(`serve() by ${form} counts a connection before its TLS handshake, and cuts those above maxConnections`, async () => {
    await using server = await serve({
      ...options,
      port: 0,
      tls: certificate,
      guard: { maxConnections: 20 },
    });
    const peers = await silent(server, 60, 20);
    const { sockets, refused } = server.stats();
    assertEquals([sockets, refused.maxConnections], [20, 40]);
    await assertRejects(() => connect(server.url, { tls: { ca } }), Error);
    await drop(peers);
    await untilCounted(server, 0);
    const ws = await connect(server.url, { tls: { ca } });
    assertEquals(server.stats().sockets, 1);
    await ws.close();
    await untilCounted(server, 0);
  });

  test(`serve() by ${form} counts an address before its TLS handshake, and cuts those above maxConnectionsPerAddress`, async () => {
    await using server = await serve({
      ...options,
      port: 0,
      tls: certificate,
      guard: { maxConnectionsPerAddress: 10 },
    });
    for (let i = 0; i < 2; i++) {
      const peers = await silent(server, 25, 10);
      assertEquals(server.stats().refused.maxConnectionsPerAddress, 15 * (i + 1));
      await drop(peers);
      await untilCounted(server, 0);
    }
    const ws = await connect(server.url, { tls: { ca } });
    await ws.close();
  });
}

test("serve() counts each client once behind a proxy that is trusted, with TLS", async () => {
  await using server = await serve({
    port: 0,
    tls: certificate,
    trustProxy: true,
    guard: { maxConnectionsPerAddress: 1 },
    websocket,
  });
  const headers = (address: string) => ({ tls: { ca }, headers: { "x-forwarded-for": address } });
  const first = await connect(server.url, headers("203.0.113.1"));
  const second = await connect(server.url, headers("203.0.113.2"));
  const error = await assertRejects(() => connect(server.url, headers("203.0.113.1")), Error);
  assertEquals((error as { status?: number }).status, 429);
  await Promise.all([first.close(), second.close()]);
  await untilCounted(server, 0);
});

/** A ClientHello that has only begun. */
const BEGUN = "16 0301 00ff 01";
const failures: [string, (server: Server) => Promise<void>][] = [
  ["says nothing in time", async (server) => {
    await using peer = await RawPeer.dial(server.port);
    await peer.takeRest();
  }],
  ["speaks no TLS", async (server) => {
    await using peer = await RawPeer.dial(server.port);
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await peer.takeRest();
  }],
  ["resets", async (server) => {
    const peer = await RawPeer.dial(server.port);
    peer.sendHex(BEGUN);
    await untilCounted(server, 1);
    peer.reset();
    await peer.closed;
  }],
  ["ends its side", async (server) => {
    await using peer = await RawPeer.dial(server.port);
    peer.sendHex(BEGUN);
    peer.end();
    await peer.takeRest();
  }],
  ["trusts nobody", async (server) => {
    await assertRejects(() => connect(server.url), Error);
  }],
  ["shows no certificate", async (server) => {
    await assertRejects(() => connect(server.url, { tls: { ca } }), Error);
  }],
  ["shows one that nobody trusts", async (server) => {
    const tls = { ca, cert: stranger.cert, key: stranger.key };
    await assertRejects(() => connect(server.url, { tls }), Error);
  }],
];

for (const [what, fail] of failures) {
  test(`serve() stops counting a client whose TLS handshake fails: one that ${what}`, async () => {
    await using server = await serve({
      port: 0,
      tls: { ...certificate, clientCertificates: "require", ca },
      handshakeTimeout: 500,
      guard: { maxConnections: 1, maxConnectionsPerAddress: 1 },
      websocket,
    });
    for (let i = 0; i < 3; i++) {
      await fail(server);
      await untilCounted(server, 0);
    }
    const tls = { ca, cert: certificate.cert, key: certificate.key };
    const ws = await connect(server.url, { tls, handshakeTimeout: 30_000 });
    await ws.close();
    await untilCounted(server, 0);
    assertEquals(server.stats().totalConnections, 1);
  });
}

test("serve() leaves no TLS handshake behind when it is closed", async () => {
  const server = await serve({ port: 0, tls: certificate, websocket });
  const peers = await silent(server, 5, 5);
  await server.close();
  await Promise.all(peers.map((peer) => peer.takeRest()));
  await untilCounted(server, 0);
  await drop(peers);
  assert(peers.every((peer) => peer.available === 0));
});

test("serve() without TLS tells some of those that are too many why, and cuts the others", async () => {
  await using server = await serve({ port: 0, guard: { maxConnections: 5 }, websocket });
  // 100 are waited for, to be told.
  const peers = await silent(server, 125, 105);
  assertEquals(server.stats().sockets, 5);
  peers[104]?.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await drop(peers);
  await untilCounted(server, 0);
});
