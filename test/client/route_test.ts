// connect() through proxies that a test plays by hand, on a network in memory: each stage, and what
// ends it.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { decodeHex } from "@std/encoding";
import { type ConnectOptions, HandshakeError, ProxyError } from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import { createConnect } from "../../src/client/connect.ts";
import { computeAccept } from "../../src/handshake/key.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { createClocked } from "../support/clocked.ts";
import { settled } from "../support/connections.ts";
import { withoutRow } from "../support/error_rows.ts";
import type { RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";
import { fedTransport } from "../support/transports.ts";

const OPENED = "HTTP/1.1 200 Connection established\r\n\r\n";

/** The answer that accepts a request. */
function accept(request: string): string {
  const key = /^sec-websocket-key: (.*)\r$/im.exec(request)?.[1] ?? "";
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${computeAccept(key)}\r\n\r\n`;
}

/** A client, and a proxy for it that the test plays. */
async function setUp(url = "ws://a.example/chat", options: ConnectOptions = {}, scheme = "http") {
  const network = createClocked();
  const { clock, connect, listen } = network;
  const server = await listen();
  const proxy = server.url.replace("ws:", `${scheme}:`).replace("//", "//me:secret@");
  const connecting = connect(url, { proxy, handshakeTimeout: 5_000, ...options });
  connecting.catch(() => {});
  return { clock, connecting, server, proxy, links: () => network.links.length };
}

test("connect() goes through a proxy, with ws: too", async () => {
  const { connecting, server } = await setUp("ws://you:hidden@a.example/chat");
  const peer = await server.accept();
  assertEquals(
    await peer.takeThrough("\r\n\r\n"),
    "CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n" +
      "Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n",
  );
  assertEquals(peer.available, 0);
  peer.send(OPENED);
  const request = await peer.takeThrough("\r\n\r\n");
  assertStringIncludes(request, "GET /chat HTTP/1.1\r\nHost: a.example\r\n");
  assertStringIncludes(request, "Authorization: Basic eW91OmhpZGRlbg==\r\n");
  assertEquals(request.includes("Proxy-"), false);
  peer.send(accept(request));
  peer.sendHex("8102 6869");
  const ws = await connecting;
  assertEquals(await ws.receive(), "hi");
  ws.terminate();
  await ws.closed;
});

test("connect() keeps what comes behind the proxy's answer", async () => {
  const { connecting, server } = await setUp("ws://a.example");
  const peer = await server.accept();
  await peer.takeThrough("\r\n\r\n");
  peer.send(`${OPENED}HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno`);
  const error = await assertRejects(() => connecting, HandshakeError);
  assertEquals([error.name, error.status, error.body], ["HandshakeError", 403, "no"]);
  await peer.takeRest();
});

test("connect() goes through a SOCKS5 proxy", async () => {
  const { connecting, server } = await setUp("ws://a.example:81", {}, "socks5");
  const peer = await server.accept();
  assertEquals(await peer.take(4), decodeHex("05020002"));
  peer.sendHex("0502");
  assertEquals(await peer.take(11), decodeHex("01026d6506736563726574"));
  peer.sendHex("0100");
  assertEquals(await peer.take(16), decodeHex("0501000309612e6578616d706c650051"));
  peer.sendHex("05000001000000000000");
  const request = await peer.takeThrough("\r\n\r\n");
  peer.send(accept(request));
  const ws = await connecting;
  ws.terminate();
  await ws.closed;
});

/** Each stage of a tunnel, with what the proxy or the server behind it has said by then. */
const stages: [stage: string, scheme: string, play: (peer: RawPeer) => unknown, silent: string][] =
  [
    ["before the proxy answers", "http", () => {}, "ProxyError"],
    ["in the proxy's head", "http", (peer) => peer.send("HTTP/1.1 200 O"), "ProxyError"],
    [
      "among interim answers",
      "http",
      (peer) => peer.send("HTTP/1.1 100 Continue\r\n\r\n"),
      "ProxyError",
    ],
    ["before SOCKS5 answers", "socks5", () => {}, "ProxyError"],
    ["in the SOCKS5 greeting", "socks5", (peer) => peer.sendHex("05"), "ProxyError"],
    ["while SOCKS5 judges credentials", "socks5", (peer) => peer.sendHex("0502"), "ProxyError"],
    ["while SOCKS5 connects", "socks5", (peer) => peer.sendHex("0500"), "ProxyError"],
    ["in the SOCKS5 reply", "socks5", (peer) => peer.sendHex("0500 05000003 09 61"), "ProxyError"],
    ["before the server answers", "http", (peer) => peer.send(OPENED), "HandshakeError"],
    [
      "in the server's head",
      "http",
      (peer) => peer.send(`${OPENED}HTTP/1.1 101 S`),
      "HandshakeError",
    ],
  ];

for (const [stage, scheme, play, silent] of stages) {
  test(`connect() gives up after handshakeTimeout ${stage}`, async () => {
    const { clock, connecting, server, links } = await setUp("ws://a.example", {}, scheme);
    const peer = await server.accept();
    play(peer);
    await clock.advance(4_999);
    assertEquals(links(), 1);
    await clock.advance(1);
    const error = await assertRejects(() => connecting, HandshakeError);
    assertEquals([error.name, error.code], [silent, "ETIMEDOUT"]);
    const start = "The opening handshake took more than 5000 ms";
    assert(error.message.startsWith(start), error.message);
    const says = withoutRow(error.message).slice(start.length);
    if (silent === "ProxyError") assert(/^: the proxy \w+:.* has not answered$/.test(says), says);
    assertEquals(error.message.includes("secret"), false);
    await peer.takeRest();
  });

  test(`connect() rejects with its signal's reason ${stage}`, async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const { connecting, server } = await setUp("ws://a.example", { signal }, scheme);
    const peer = await server.accept();
    play(peer);
    await settled();
    const reason = new Error("Changed my mind");
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => connecting, Error), reason);
    await peer.takeRest();
  });

  for (const [how, end] of [["ends", "end"], ["is reset", "reset"]] as const) {
    test(`connect() rejects with one error when the stream ${how} ${stage}`, async () => {
      const { connecting, server, links } = await setUp("ws://a.example", {}, scheme);
      const peer = await server.accept();
      play(peer);
      await settled();
      peer[end]();
      const error = await assertRejects(() => connecting, HandshakeError);
      assertEquals(error.name, silent);
      if (end === "reset") assertEquals(error.code, "ECONNRESET");
      if (end === "end") await peer.takeRest();
      else assertEquals(links(), 0);
    });
  }
}

test("connect() keeps the refusal of a proxy whose body does not end", async () => {
  const { clock, connecting, server } = await setUp();
  const peer = await server.accept();
  peer.send("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=a\r\n\r\nwho are");
  await settled();
  await clock.advance(5_000);
  const error = await assertRejects(() => connecting, ProxyError);
  assertEquals([error.code, error.status, error.body], ["EPROXYAUTH", 407, "who are"]);
  assertEquals(error.headers?.get("proxy-authenticate"), "Basic realm=a");
  await peer.takeRest();
});

test("connect() says that a proxy cannot be reached, and why", async () => {
  const { connect } = createNetwork();
  const proxy = "http://me:secret@127.0.0.1:3128";
  const error = await assertRejects(() => connect("ws://a.example", { proxy }), ProxyError);
  assertEquals(error.code, "ECONNREFUSED");
  assertStringIncludes(
    error.message,
    "The proxy http://127.0.0.1:3128 cannot be reached: Could not connect to 127.0.0.1:3128: ",
  );
  assertEquals(error.message.includes("secret"), false);
});

test("connect() asks again for the proxy of a redirection, and keeps credentials apart", async () => {
  const { connect, listen } = createClocked();
  const proxies = [await listen(), await listen()];
  const asked: string[] = [];
  const connecting = connect("ws://you:hidden@a.example/", {
    maxRedirects: 1,
    headers: { "X-Key": "1" },
    proxy({ href }) {
      const i = asked.push(href) - 1;
      return {
        url: proxies[i]!.url.replace("ws://", `http://me${i}:secret@`),
        headers: { "X-Proxy": `${i}` },
      };
    },
  });
  connecting.catch(() => {});
  const first = await proxies[0]!.accept();
  const tunnel = await first.takeThrough("\r\n\r\n");
  assertStringIncludes(tunnel, `Basic ${btoa("me0:secret")}\r\nX-Proxy: 0\r\n`);
  first.send(OPENED);
  assertStringIncludes(await first.takeThrough("\r\n\r\n"), "X-Key: 1");
  first.send("HTTP/1.1 307 Moved\r\nLocation: ws://b.example/new\r\nContent-Length: 0\r\n\r\n");
  await first.takeRest();
  const second = await proxies[1]!.accept();
  const next = await second.takeThrough("\r\n\r\n");
  assertStringIncludes(next, "CONNECT b.example:80 HTTP/1.1\r\n");
  assertStringIncludes(next, `Basic ${btoa("me1:secret")}\r\nX-Proxy: 1\r\n`);
  second.send(OPENED);
  const request = await second.takeThrough("\r\n\r\n");
  for (const hidden of ["X-Key", "X-Proxy", "Authorization"]) {
    assertEquals(request.includes(hidden), false);
  }
  assertEquals(tunnel.includes("X-Key") || next.includes("X-Key"), false);
  second.send(accept(request));
  const ws = await connecting;
  assertEquals(asked, ["ws://you:hidden@a.example/", "ws://b.example/new"]);
  ws.terminate();
  await ws.closed;
});

test("connect() refuses what cannot go through a proxy, before it connects", async () => {
  const { connect } = createNetwork();
  const proxy = "http://127.0.0.1:3128";
  await assertRejects(
    () => connect("wss://a.example", { proxy }),
    TypeError,
    "since no TLS can run over it here, got wss:",
  );
  await assertRejects(
    () => connect("ws+unix:/run/a:/", { proxy }),
    TypeError,
    "Expected no proxy with the URL of a unix socket",
  );
  await assertRejects(
    () => connect("ws://a.example", { proxy, headers: { "proxy-Authorization": "Basic eDp5" } }),
    TypeError,
    "Expected Proxy-Authorization in proxy.headers",
  );
  await assertRejects(
    () => connect("ws://a.example", { proxy: "environment" }),
    TypeError,
    "no environment can be read here",
  );
});

/** A runtime that gives one byte stream, and runs no real TLS over it. */
function playing(transport: Transport, secure: (below: Transport) => Promise<Transport>) {
  const dialled: unknown[] = [];
  const connect = createConnect({
    dial: (address, { tls }) => {
      dialled.push([address, tls]);
      return Promise.resolve(transport);
    },
    secure: (below, address, { tls, rest }) => {
      dialled.push([address, tls, rest.length]);
      return secure(below);
    },
  });
  return { connect, dialled };
}

test("connect() runs TLS for the server in the tunnel, with options of its own", async () => {
  const bytes = new TextEncoder().encode(`${OPENED}abc`);
  const below = fedTransport([bytes]);
  const failure = new Error("No TLS today");
  const { connect, dialled } = playing(below, () => Promise.reject(failure));
  const error = await assertRejects(
    () =>
      connect("wss://a.example:444", {
        tls: { ca: "server", cert: "c", key: "k" },
        proxy: { url: "https://p.example", tls: { ca: "proxy" } },
      }),
    Error,
  );
  assertStrictEquals(error, failure);
  assertEquals(dialled, [
    [{ hostname: "p.example", port: 443 }, { ca: "proxy" }],
    [{ hostname: "a.example", port: 444 }, { ca: "server", cert: "c", key: "k" }, 3],
  ]);
});

test("connect() reads no environment for the URL of a unix socket", async () => {
  const below = fedTransport([]);
  const { connect } = playing(below, () => Promise.reject(new Error("no TLS")));
  const error = await assertRejects(
    () => connect("ws+unix:/run/a:/", { proxy: "environment" }),
    HandshakeError,
  );
  assertInstanceOf(error, HandshakeError);
  assertEquals(error.name, "HandshakeError");
});
