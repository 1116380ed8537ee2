// Whoever is turned away is told to `refused` once, and counted once, on real sockets and whatever turned them away.

import type { RefusalCause } from "../../src/handshake/refusal.ts";
import { assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import {
  connect,
  createDevelopmentCertificate,
  type Refusal,
  serve,
  type ServeOptions,
  type Server,
  type TlsServerOptions,
} from "@sansocket/ws";
import { Counters } from "../../src/guard/stats.ts";
import { createRefuse, reasonOf } from "../../src/server/report_refusal.ts";
import { request } from "../handshake/heads.ts";
import { settled, withResolvers } from "../support/connections.ts";
import { handshake, RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

const websocket = { message: () => {} };

interface Scene {
  readonly server: Server;
  readonly told: Refusal[];
  readonly reported: unknown[];
}

/** Runs `body` with a server, and looks whether what was told was counted too. */
async function scene(
  options: Partial<ServeOptions>,
  body: (scene: Scene) => Promise<void>,
): Promise<void> {
  const told: Refusal[] = [];
  const reported: unknown[] = [];
  await using server = await serve({
    error: (error: unknown) => void reported.push(error),
    refused: (refusal: Refusal) => void told.push(refusal),
    ...options,
    port: 0,
  } as ServeOptions);
  await body({ server, told, reported });
  const counts: Partial<Record<RefusalCause, number>> = {};
  for (const { cause } of told) counts[cause] = (counts[cause] ?? 0) + 1;
  const counted = Object.entries(server.stats().refused).filter(([, count]) => count > 0);
  assertEquals(Object.fromEntries(counted), counts);
}

/** One refusal as a list. */
function show({ cause, status, request }: Refusal): unknown[] {
  return [cause, status, request && `${request.method} ${request.target}`];
}

interface Case {
  readonly what: string;
  readonly options: Partial<ServeOptions>;
  readonly send: string;
  readonly expected: unknown[];
  readonly reason: RegExp;
  readonly reports?: number;
}

const sockets: Partial<ServeOptions> = { websocket };
const routes: Partial<ServeOptions> = { routes: { "/chat": { websocket } } };
const chat = "GET /chat";
const cases: Case[] = [
  {
    what: "another version",
    options: sockets,
    send: handshake("Sec-WebSocket-Version: 8"),
    expected: ["handshake", 426, chat],
    reason: /^Expected Sec-WebSocket-Version 13, got 8$/,
  },
  {
    what: "another version, by a route",
    options: routes,
    send: handshake("Sec-WebSocket-Version: 8"),
    expected: ["handshake", 426, chat],
    reason: /^Expected Sec-WebSocket-Version 13, got 8$/,
  },
  {
    what: "no handshake at all",
    options: routes,
    send: handshake("-Upgrade", "Connection: close"),
    expected: ["handshake", 426, chat],
    reason: /^Expected Upgrade: websocket, got none$/,
  },
  {
    what: "a foreign origin",
    options: sockets,
    send: handshake("Origin: https://evil.example"),
    expected: ["origin", 403, chat],
    reason: /got "https:\/\/evil\.example"/,
  },
  {
    what: "a page that was opened from disk",
    options: routes,
    send: handshake("Origin: null"),
    expected: ["origin", 403, chat],
    reason: /opened as a file/,
  },
  {
    what: "another host",
    options: { ...sockets, hosts: ["chat.example.org"] },
    send: handshake(),
    expected: ["host", 421, chat],
    reason: /"server\.example\.com"/,
  },
  {
    what: "what fetch refuses",
    options: { fetch: () => new Response("no", { status: 401 }) },
    send: handshake(),
    expected: ["application", 401, chat],
    reason: /^The application answered with 401$/,
  },
  {
    what: "what has no route",
    options: routes,
    send: handshake("GET /chta?a=b HTTP/1.1"),
    expected: ["application", 404, "GET /chta?a=b"],
    reason: /^The application answered with 404$/,
  },
  {
    what: "what fetch throws over",
    options: {
      fetch: () => {
        throw new Error("mine");
      },
    },
    send: handshake(),
    expected: ["error", 500, chat],
    reason: /500/,
    reports: 1,
  },
  {
    what: "a subprotocol that cannot be chosen",
    options: { routes: { "/chat": { websocket, protocol: () => "z" } } },
    send: handshake(),
    expected: ["error", 500, chat],
    reason: /^Internal server error$/,
    reports: 1,
  },
  {
    what: "a malformed request",
    options: sockets,
    send: "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    expected: ["request", 400, undefined],
    reason: /^Unexpected byte 0x20 in a field name$/,
  },
  {
    what: "a request that is too late",
    options: { ...sockets, handshakeTimeout: 50 },
    send: "GET / HTTP/1.1\r\n",
    expected: ["request", 408, undefined],
    reason: /in time/,
  },
  {
    what: "a body that is too large",
    options: { fetch: () => new Response(), maxBodySize: 10 },
    send: "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n",
    expected: ["request", 413, "POST /a"],
    reason: /maxBodySize/,
  },
  {
    what: "proxies that contradict themselves",
    options: { ...sockets, trustProxy: true },
    send: handshake("Forwarded: for=[::1]"),
    expected: ["proxy", 400, chat],
    reason: /Forwarded/,
  },
  {
    what: "a connection without its PROXY header",
    options: { ...sockets, proxyProtocol: true },
    send: handshake(),
    expected: ["proxy", undefined, undefined],
    reason: /^Expected the PROXY protocol$/,
  },
];

for (const { what, options, send, expected, reason, reports = 0 } of cases) {
  test(`refused is told of ${what}, once`, () =>
    scene(options, async ({ server, told, reported }) => {
      await using peer = await RawPeer.dial(server.port);
      peer.send(send);
      await peer.takeRest();
      assertEquals([told.map(show), reported.length], [[expected], reports]);
      const [refusal] = told;
      assertMatch(refusal?.reason ?? "", reason);
      assertEquals(refusal?.remoteAddress?.hostname, "127.0.0.1");
      if (expected[2] !== undefined) assertInstanceOf(refusal?.request?.headers, Headers);
    }));
}

test("refused is told nothing of what is answered, or upgraded", () =>
  scene(
    { routes: { "/chat": { websocket, fetch: () => new Response("page") } } },
    async (scene) => {
      const { server, told } = scene;
      const ws = await connect(new URL("/chat", server.url));
      await ws.close();
      for (const path of ["/chat", "/nothing"]) {
        await (await fetch(new URL(path, server.url))).text();
      }
      assertEquals(told, []);
    },
  ));

test("refused is told of a handshake too many, with the address and the fields", () =>
  scene({
    ...sockets,
    trustProxy: true,
    guard: { handshakesPerSecondPerAddress: 1 },
  }, async ({ server, told }) => {
    const headers = { "x-forwarded-for": "203.0.113.9", "x-note": "a" };
    const statuses: unknown[] = [];
    for (let i = 0; told.length === 0; i++) {
      await connect(server.url, { headers }).then(
        (ws) => ws.close(),
        (error) => statuses.push(error.status),
      );
    }
    assertEquals(told.map(show), [["handshakesPerSecondPerAddress", 429, "GET /"]]);
    assertEquals(statuses, [429]);
    assertEquals(told[0]?.remoteAddress?.hostname, "203.0.113.9");
    assertEquals(told[0]?.request?.headers.get("x-note"), "a");
  }));

for (const [form, options] of [["websocket", sockets], ["routes", routes]] as const) {
  test(`refused is told of connections too many by ${form}, also when they are cut`, () =>
    scene({ ...options, guard: { maxConnections: 1 } }, async ({ server, told }) => {
      await using first = await RawPeer.dial(server.port);
      while (server.stats().sockets === 0) await settled();
      const peers: RawPeer[] = [];
      for (let i = 0; i < 102; i++) peers.push(await RawPeer.dial(server.port));
      while (told.length < 102) await settled();
      // 100 of them have a head read, to be answered.
      const statuses = told.map(({ status }) => status);
      assertEquals(statuses.filter((status) => status === 503).length, 100);
      assertEquals(statuses.filter((status) => status === undefined).length, 2);
      assertEquals(new Set(told.map(({ cause }) => cause)), new Set(["maxConnections"]));
      peers[0]?.send(handshake());
      assertEquals((await peers[0]?.takeResponse())?.status, 503);
      for (const peer of peers) peer.reset();
      first.reset();
      while (server.stats().sockets > 0) await settled();
      assertEquals(told.length, 102);
    }));
}

test("refused is told once of an address with connections too many, whatever that one sends", () =>
  scene({
    fetch: () => new Response("page"),
    guard: { maxConnectionsPerAddress: 1 },
  }, async ({ server, told }) => {
    await using first = await RawPeer.dial(server.port);
    first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await first.takeResponse();
    const sent = ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\nx", "GET / HT", ""];
    for (const bytes of sent) {
      await using peer = await RawPeer.dial(server.port);
      if (bytes !== "") peer.send(bytes);
      peer.end();
      assertEquals((await peer.takeResponse()).status, 429);
    }
    const one = ["maxConnectionsPerAddress", 429, undefined];
    assertEquals(told.map(show), sent.map(() => one));
  }));

test("refused is told of a handshake that is decided on while the server closes", async () => {
  const arrived = withResolvers<void>();
  const gate = withResolvers<void>();
  const told: Refusal[] = [];
  const server = await serve({
    port: 0,
    refused: (refusal) => told.push(refusal),
    async fetch(_request, { upgrade }) {
      arrived.resolve();
      await gate.promise;
      return upgrade(websocket);
    },
  });
  await using peer = await RawPeer.dial(server.port);
  peer.send(handshake());
  await arrived.promise;
  const closed = server.close();
  gate.resolve();
  assertEquals((await peer.takeResponse()).status, 503);
  peer.end();
  await closed;
  assertEquals(told.map(show), [["closing", 503, "GET /chat"]]);
  assertEquals(server.stats().refused.closing, 1);
});

const [certificate, other] = await Promise.all([
  createDevelopmentCertificate(),
  createDevelopmentCertificate({ hostnames: ["other.test"] }),
]);
const ca = certificate.cert;

const failures: [string, TlsServerOptions, (server: Server) => Promise<unknown>][] = [
  ["speaks no TLS", certificate, async (server) => {
    await using peer = await RawPeer.dial(server.port);
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await peer.takeRest();
  }],
  ["says nothing", certificate, async (server) => {
    await using peer = await RawPeer.dial(server.port);
    await peer.takeRest();
  }],
  ["goes", certificate, async (server) => {
    const peer = await RawPeer.dial(server.port);
    peer.sendHex("16 0301 00ff 01");
    while (server.stats().sockets === 0) await settled();
    peer.reset();
    await peer.closed;
  }],
  [
    "shows no certificate",
    { ...certificate, clientCertificates: "require", ca },
    (server) => connect(server.url, { tls: { ca } }).catch(() => {}),
  ],
  [
    "shows a certificate that nobody trusts",
    {
      ...certificate,
      clientCertificates: "request",
      ca,
    },
    (server) =>
      connect(server.url, { tls: { ca, cert: other.cert, key: other.key } }).catch(() => {}),
  ],
];

for (const [what, tls, fail] of failures) {
  test(`refused is told of a client that ${what} in its TLS handshake, once`, () =>
    scene(
      { ...sockets, tls, handshakeTimeout: what === "says nothing" ? 300 : 30_000 },
      async ({ server, told, reported }) => {
        await fail(server);
        while (told.length === 0) await settled();
        while (server.stats().sockets > 0) await settled();
        assertEquals([told.map(show), reported], [[["tls", undefined, undefined]], []]);
        assertEquals(told[0]?.remoteAddress?.hostname, "127.0.0.1");
        assertInstanceOf(told[0]?.error, Error);
        assertMatch(told[0]?.reason ?? "", /^The TLS handshake failed: ./);
        if (what.startsWith("shows a")) assertMatch(told[0]?.reason ?? "", /not trusted/);
      },
    ));
}

test("refused is told of a connection too many before its TLS handshake", () =>
  scene(
    { ...sockets, tls: certificate, guard: { maxConnections: 1 } },
    async ({ server, told }) => {
      await using _first = await RawPeer.dial(server.port);
      while (server.stats().sockets === 0) await settled();
      await assertRejects(() => connect(server.url, { tls: { ca } }), Error);
      assertEquals(told.map(show), [["maxConnections", undefined, undefined]]);
    },
  ));

for (
  const [what, wrong] of [
    ["is none", { key: "none", cert: "none" }],
    ["has another's key", { key: certificate.key, cert: other.cert }],
    ["is no object", null],
  ] as const
) {
  test(`error is told when a certificate of tls.sni ${what}, and refused of the handshake`, () =>
    scene({
      ...sockets,
      tls: { ...certificate, sni: () => wrong as typeof certificate },
    }, async ({ server, told, reported }) => {
      const tls = { ca, servername: "localhost" };
      await assertRejects(() => connect(server.url, { tls }), Error);
      while (told.length === 0) await settled();
      assertEquals([told.map(show), reported.length], [[["tls", undefined, undefined]], 1]);
      assertMatch(
        String(reported[0]),
        /^TypeError: Expected a certificate and its key from tls\.sni\("localhost"\)/,
      );
    }));
}

for (
  const [what, make] of [
    ["throws", (mistake: Error) => () => {
      throw mistake;
    }],
    ["rejects", (mistake: Error) => () => Promise.reject(mistake)],
    ["returns what throws when it is awaited", (mistake: Error) => () => ({
      get then() {
        throw mistake;
      },
    })],
  ] as [string, (mistake: Error) => () => void][]
) {
  test(`error is told what a refused option that ${what} fails with`, async () => {
    const mistake = new Error("mine");
    const reported = withResolvers<unknown>();
    await using server = await serve({
      port: 0,
      websocket,
      refused: make(mistake),
      error: reported.resolve,
    });
    assertEquals((await fetch(server.url)).status, 426);
    assertEquals(await reported.promise, mistake);
  });

  test(`an error option that ${what} harms nothing`, async () => {
    const mistake = new Error("mine");
    const printed = withResolvers<unknown>();
    // What is thrown here goes to console.error, which must not fill the output of the tests.
    const original = console.error;
    console.error = printed.resolve;
    try {
      await using server = await serve({
        port: 0,
        fetch: () => {
          throw new Error("first");
        },
        error: make(mistake),
      });
      assertEquals((await fetch(server.url)).status, 500);
      assertEquals(await printed.promise, mistake);
    } finally {
      console.error = original;
    }
  });
}

test("createRefuse() counts without a hook, and tells the request as it came", () => {
  const counters = new Counters();
  createRefuse(counters, undefined, () => {})(
    { cause: "tls", status: undefined, reason: "" },
    undefined,
  );
  assertEquals(counters.refused.tls, 1);
  const told: Refusal[] = [];
  const refuse = createRefuse(counters, (refusal) => told.push(refusal), () => {});
  const address = { hostname: "192.0.2.1", port: 1 };
  const head = request("GET /chat?a HTTP/1.1", "+X-A: 1", "+X-A: 2");
  refuse(reasonOf({ status: 426, reason: "no", headers: [] }), address, head);
  assertEquals([told.map(show), told[0]?.remoteAddress], [
    [["handshake", 426, "GET /chat?a"]],
    address,
  ]);
  assertEquals(told[0]?.request?.headers.get("x-a"), "1, 2");
  assertEquals(counters.refused.handshake, 1);
});

test("reasonOf() tells what is no request from what is no handshake", () => {
  assertEquals(reasonOf({ status: 400, reason: "a" }).cause, "request");
  assertEquals(reasonOf({ status: 400, reason: "a", headers: [] }).cause, "handshake");
  const cause = "origin";
  assertEquals(reasonOf({ status: 403, reason: "a", headers: [], cause }).cause, "origin");
});
