// Redirections: what may be taken along, and connect() that follows them over real sockets.

import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  connect,
  type ConnectOptions,
  HandshakeError,
  serve,
  type TlsClientOptions,
} from "@sansocket/ws";
import { follow, type Hop, isRedirect } from "../../src/client/redirect.ts";
import { response } from "../handshake/heads.ts";
import { withoutRow } from "../support/error_rows.ts";
import { RawServer } from "../support/raw.ts";
import { test } from "../support/test.ts";

/** What is no secret. */
const checks: TlsClientOptions = {
  ca: "CA",
  crl: "CRL",
  rejectUnauthorized: false,
  checkServerIdentity: () => undefined,
  alpnProtocols: ["http/1.1"],
  minVersion: "TLSv1.2",
  maxVersion: "TLSv1.3",
};

const secret: Hop = {
  url: new URL("ws://a.example/chat"),
  path: "/run/a",
  headers: [
    ["Authorization", "Basic eDp5"],
    ["User-Agent", "mine/1"],
    ["Cookie", "a=1"],
    ["Proxy-Authorization", "Basic eDp5"],
    ["X-Api-Key", "2"],
    ["accept-LANGUAGE", "la"],
    ["Host", "b"],
    ["Origin", "https://a.example"],
    ["Cookie2", "3"],
    ["X-Anything", "4"],
    ["X-Anything", "5"],
    ["Accept", "*/*"],
    ["Accept-Encoding", "br"],
    ["Cache-Control", "no-cache"],
    ["Pragma", "no-cache"],
    ["Referer", "https://a.example/?token=6"],
    ["Sec-Fetch-Mode", "websocket"],
  ],
  tls: {
    cert: "CERT",
    key: "KEY",
    pfx: Uint8Array.of(1),
    passphrase: "secret",
    servername: "a",
    ...checks,
  },
};

const to = (location: string, from: Hop = secret): Hop =>
  follow(from, response("HTTP/1.1 302 Found", `Location: ${location}`));

test("isRedirect() is a status that redirects, with a Location", () => {
  for (const status of [301, 302, 303, 307, 308]) {
    assertEquals(isRedirect(response(`HTTP/1.1 ${status} x`, "Location: /")), true);
    assertEquals(isRedirect(response(`HTTP/1.1 ${status} x`)), false);
  }
  for (const status of [101, 200, 300, 304, 305, 306, 404]) {
    assertEquals(isRedirect(response(`HTTP/1.1 ${status} x`, "Location: /")), false);
  }
});

const sameOrigin: [string, string][] = [
  ["/new?x=1", "ws://a.example/new?x=1"],
  ["new", "ws://a.example/new"],
  ["http://a.example:80/new", "ws://a.example/new"],
  ["ws://A.example/new#fragment", "ws://a.example/new"],
  ["/new?x#?y#z", "ws://a.example/new?x"],
  ["#", "ws://a.example/chat"],
  ["", "ws://a.example/chat"],
  ["?x", "ws://a.example/chat?x"],
  ["../../new", "ws://a.example/new"],
  ["/a b", "ws://a.example/a%20b"],
  ["/a\tb", "ws://a.example/ab"],
  ["\\new", "ws://a.example/new"],
  ["//a.example/new", "ws://a.example/new"],
  // In UTF-8 on the wire, as heads.ts writes it.
  ["/caf\u00e9?\u00e9", "ws://a.example/caf%C3%A9?%C3%A9"],
];
for (const [location, expected] of sameOrigin) {
  test(`follow() takes everything along to ${location}, the same origin`, () => {
    const { url, path, headers, tls } = to(location);
    assertEquals([url.href, path], [expected, secret.path]);
    assertEquals(headers, secret.headers);
    assertEquals(tls, secret.tls);
  });
}

for (
  const location of [
    "ws://b.example/",
    "//b.example/",
    "\\\\b.example\\",
    "ws://a.example:81/",
    "ws://a.example./",
    "https://a.example/",
    "ws://a.example@b.example/",
    "http:b.example",
  ]
) {
  test(`follow() takes nothing secret along to ${location}, another origin`, () => {
    const { path, headers, tls } = to(location);
    assertEquals(path, undefined);
    assertEquals(headers, [
      ["User-Agent", "mine/1"],
      ["accept-LANGUAGE", "la"],
      ["Accept", "*/*"],
      ["Accept-Encoding", "br"],
      ["Cache-Control", "no-cache"],
      ["Pragma", "no-cache"],
    ]);
    assertEquals(tls, checks);
  });
}

test("follow() gives the user of a URL to the same origin, and to no other", () => {
  const from = { ...secret, url: new URL("ws://me:secret@a.example/") };
  assertEquals(to("/new", from).url.href, "ws://me:secret@a.example/new");
  assertEquals(to("ws://a.example/new", from).url.href, "ws://me:secret@a.example/new");
  assertEquals(to("ws://you:1@a.example/new", from).url.href, "ws://you:1@a.example/new");
  assertEquals(to("ws://b.example/new", from).url.href, "ws://b.example/new");
  assertEquals(to("ws://you:1@b.example/new", from).url.href, "ws://b.example/new");
});

test("follow() gives nothing back to the first origin that another one leads to", () => {
  const { headers, tls } = to("ws://a.example/", to("ws://b.example/"));
  assertEquals([headers.some(([name]) => name === "Authorization"), tls.key], [false, undefined]);
});

const noWebSocketUrls: string[] = [
  "ftp://a.example/",
  "http://",
  "http://[::",
  "http://a b/",
  "javascript:alert(1)",
  "file:///etc/passwd",
  "data:,x",
  "blob:http://a.example/1",
  "about:blank",
  "ws+unix:/run/b",
  "wss+unix:/run/b:/",
  "ws://b.example:99999/",
  "ws://b.example:-1/",
];
for (const location of noWebSocketUrls) {
  test(`follow() refuses ${location}, which is no WebSocket URL, with the status`, () => {
    const error = assertThrows(() => to(location), HandshakeError);
    assertEquals(
      withoutRow(error.message),
      `Expected a redirection to a WebSocket URL, got "${location}"`,
    );
    assertEquals([error.status, error.headers?.get("location")], [302, location]);
  });
}

for (const location of ["ws://a.example:0/", "ws://b.example:00/", "//b.example:0", "wss://b:0"]) {
  test(`follow() refuses ${location}, whose port cannot be, with the status`, () => {
    const error = assertThrows(
      () => to(location),
      HandshakeError,
      "to a port from 1 to 65535, got",
    );
    assertEquals(error.status, 302);
  });
}

test("follow() refuses a user name with a colon, which Authorization cannot say", () => {
  for (const location of ["ws://a%3ab:1@a.example/", "ws://a%3Ab@b.example/"]) {
    const error = assertThrows(() => to(location), HandshakeError, "a user name without a colon");
    assertEquals(error.status, 302);
  }
  // That of the caller is the caller's own to judge.
  const from = { ...secret, url: new URL("ws://a%3Ab@a.example/") };
  assertEquals(to("/new", from).url.username, "a%3Ab");
});

test("follow() refuses several Locations, equal ones too", () => {
  for (const second of ["ws://evil.example/", "/", ""]) {
    const lines = ["HTTP/1.1 307 x", "Location: /", `+Location: ${second}`];
    const error = assertThrows(() => follow(secret, response(...lines)), HandshakeError);
    assertEquals(withoutRow(error.message), "Expected a redirection with one Location, got 2");
    assertEquals(error.status, 307);
  }
});

test("follow() repeats what it refuses so that no terminal or log line breaks", () => {
  const error = assertThrows(() => to(`ftp://\u009b31m${"x".repeat(200)}/`), HandshakeError);
  assertStringIncludes(error.message, `got "ftp://??31m${"x".repeat(69)}..."`);
});

test("follow() refuses to leave TLS", () => {
  const secure = { ...secret, url: new URL("wss://a.example/") };
  const error = assertThrows(() => to("http://a.example/", secure), HandshakeError, "wss:");
  assertEquals([error.status, error.headers?.get("location")], [302, "http://a.example/"]);
});

/** A server whose paths lead from /3 to /2, /1 and /0, which tells what it was sent. */
const chain = await serve({
  port: 0,
  routes: {
    "/0": {
      websocket: (ws) =>
        ws.send(`${ws.request.headers.get("authorization")} ${ws.request.headers.get("cookie")}`),
    },
    "/away": (request) => {
      const { port } = new URL(request.url);
      return Response.redirect(`http://localhost:${port}/0`);
    },
    "/loop": () => new Response(null, { status: 307, headers: { location: "/loop" } }),
    "/:n": (_request, { params }) =>
      new Response(null, { status: 302, headers: { location: `/${Number(params.n) - 1}` } }),
  },
});

async function told(path: string, options: ConnectOptions): Promise<string> {
  const ws = await connect(new URL(path, chain.url), options);
  const message = String(await ws.receive());
  await ws.close();
  return message;
}

test("connect({ maxRedirects }) follows so many, with what it was given", async () => {
  const headers = { authorization: "Bearer x", cookie: "a=1" };
  assertEquals(await told("/3", { maxRedirects: 3, headers }), "Bearer x a=1");
  const error = await assertRejects(() => told("/3", { maxRedirects: 2 }), HandshakeError);
  assertEquals([error.status, error.headers?.get("location")], [302, "/0"]);
  const loop = await assertRejects(() => told("/loop", { maxRedirects: 20 }), HandshakeError);
  assertStringIncludes(loop.message, "307");
});

const refusedLocations: [string, string[], string][] = [
  ["a port that cannot be", ["ws://127.0.0.1:0/"], "to a port from 1 to 65535"],
  ["a user name with a colon", ["//a%3Ab@127.0.0.1/"], "to a user name without a colon"],
  ["two Locations", ["/", "ws://evil.invalid/"], "with one Location, got 2"],
];
for (const [what, locations, expected] of refusedLocations) {
  test(`connect({ maxRedirects }) rejects a redirection with ${what}, with the status`, async () => {
    await using server = await RawServer.listen();
    const connecting = connect(server.url, { maxRedirects: 5 });
    connecting.catch(() => {});
    const peer = await server.accept();
    await peer.takeThrough("\r\n\r\n");
    const lines = locations.map((location) => `Location: ${location}\r\n`);
    peer.send(`HTTP/1.1 302 Found\r\n${lines.join("")}Content-Length: 0\r\n\r\n`);
    const error = await assertRejects(() => connecting, HandshakeError, expected);
    assertEquals([error.status, error.headers?.get("location")], [302, locations.join(", ")]);
    await peer.takeRest();
  });
}

test("connect() follows no redirection unless told", async () => {
  const error = await assertRejects(() => told("/1", {}), HandshakeError);
  assertEquals([error.status, error.headers?.get("location")], [302, "/0"]);
  await assertRejects(() => told("/1", { maxRedirects: -1 }), RangeError, "maxRedirects");
});

test("connect({ maxRedirects }) gives another origin no credentials", async () => {
  const headers = { authorization: "Bearer x", cookie: "a=1" };
  const url = "/away";
  // The server listens on 127.0.0.1, which localhost may not lead to first.
  assertEquals(await told(url, { maxRedirects: 1, headers }), "null null");
});

test("connect({ cookies }) sends what the jar has, and stores what each answer sets", async () => {
  await using server = await serve({
    port: 0,
    fetch(request, { upgrade }) {
      const cookie = request.headers.get("cookie");
      if (cookie === null) {
        const headers = new Headers({ location: "/in" });
        headers.append("set-cookie", "a=1; Path=/");
        headers.append("set-cookie", "b=2");
        return new Response(null, { status: 303, headers });
      }
      return upgrade((ws) => ws.send(cookie), { headers: { "set-cookie": "c=3" } });
    },
  });
  const jar: string[] = [];
  const seen: string[] = [];
  const ws = await connect(server.url, {
    maxRedirects: 1,
    cookies: {
      get: (url) => (seen.push(new URL(url).pathname), Promise.resolve(jar.join("; "))),
      set: (url, cookie) => void jar.push(cookie.split(";")[0] ?? url),
    },
  });
  assertEquals(await ws.receive(), "a=1; b=2");
  assertEquals([jar, seen], [["a=1", "b=2", "c=3"], ["/", "/in"]]);
  await ws.close();
  // What the caller says comes first.
  const headers = { cookie: "mine=1" };
  const other = await connect(server.url, { headers, cookies: { get: () => "x=1", set() {} } });
  assertEquals(await other.receive(), "mine=1");
  await other.close();
});

test("the server of these tests stops", async () => {
  await chain.close();
  assertEquals(chain.connections.size, 0);
});
