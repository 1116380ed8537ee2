// TLS from end to end, on the runtime that the tests run on. What each transport does is in contract/.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { connect, createDevelopmentCertificate, serve } from "@sansocket/ws";
import type {
  ClientConnection,
  Refusal,
  ServerOptions,
  TlsInfo,
  TlsServerOptions,
  WebSocketHandler,
  WebSocketHooks,
} from "@sansocket/ws";
import { X509Certificate } from "node:crypto";
import https from "node:https";
import type { AddressInfo } from "node:net";
import process from "node:process";
import tls from "node:tls";
import { WebSocket as WsClient, WebSocketServer } from "ws";
import { settled, withResolvers } from "../support/connections.ts";
import { handshake, RawPeer, RawServer } from "../support/raw.ts";
import { decodeHex } from "@std/encoding";
import { test } from "../support/test.ts";

const [certificate, other, client, stranger] = await Promise.all([
  createDevelopmentCertificate(),
  createDevelopmentCertificate({ hostnames: ["other.test"] }),
  createDevelopmentCertificate({ hostnames: ["client.test"] }),
  createDevelopmentCertificate({ hostnames: ["stranger.test"] }),
]);
const ca = certificate.cert;
const echo: WebSocketHandler = { message: (ws, data) => ws.send(data) };

/** The fingerprint of a certificate, as PEM or DER. */
function fingerprint(encoded: string | Uint8Array | undefined): string | undefined {
  return encoded === undefined ? undefined : new X509Certificate(encoded).fingerprint256;
}

/** A server that tells each client what it knows of its TLS. */
function serveInfo(options: TlsServerOptions, more: ServerOptions = {}) {
  return serve({
    ...more,
    port: 0,
    tls: options,
    fetch: (_request, { upgrade, tls }) => upgrade((ws) => ws.send(describe(tls))),
  });
}

function describe(info: TlsInfo | undefined): string {
  return JSON.stringify([info?.servername ?? null, fingerprint(info?.peerCertificate) ?? null]);
}

async function ask(url: string, options: Parameters<typeof connect>[1]): Promise<unknown> {
  const ws = await connect(url, options);
  const message = await ws.receive();
  await ws.close();
  return JSON.parse(message as string);
}

test("wss: carries messages both ways", async () => {
  await using server = await serve({ port: 0, tls: certificate, websocket: echo });
  assertMatch(server.url, /^https:\/\/127\.0\.0\.1:\d+\/$/);
  const ws = await connect(server.url, { tls: { ca } });
  const large = "a".repeat(500_000);
  for (const text of ["hello", "", large]) {
    await ws.send(text);
    assertEquals(await ws.receive(), text);
  }
  await ws.close();
  assertEquals((await ws.closed).wasClean, true);
});

test("wss: has a request whose URL is https:", async () => {
  const urls = withResolvers<string>();
  await using server = await serve({
    port: 0,
    tls: certificate,
    fetch: (request) => {
      urls.resolve(request.url);
      return new Response("a page");
    },
  });
  const page = await new Promise<string>((resolve, reject) => {
    const request = https.get(`${server.url}page`, { ca, agent: false }, (response) => {
      response.setEncoding("utf8").on("data", resolve);
    });
    request.on("error", reject);
  });
  assertEquals([page, await urls.promise], ["a page", `${server.url}page`]);
});

test("wss: closes all connections with the server", async () => {
  const server = await serve({ port: 0, tls: certificate, websocket: echo });
  const ws = await connect(server.url, { tls: { ca } });
  await server.close();
  const { code, wasClean } = await ws.closed;
  assertEquals([code, wasClean], [1001, true]);
});

test("connect() refuses a certificate that no trusted authority has signed", async () => {
  await using server = await serve({ port: 0, tls: certificate, websocket: echo });
  const error = await assertRejects(
    () => connect(server.url),
    Error,
    `Could not connect to 127.0.0.1:${server.port}: `,
  );
  assertMatch(error.message, /certificate is not trusted.*SELF_SIGNED/);
  assertInstanceOf(error.cause, Error);
});

test("connect() refuses a certificate for another name", async () => {
  await using server = await serve({ port: 0, tls: other, websocket: echo });
  const error = await assertRejects(() => connect(server.url, { tls: { ca: other.cert } }), Error);
  assertMatch(error.message, /^Could not connect to .*certificate is for another name/);
});

test("connect() takes a name to find in the certificate", async () => {
  await using server = await serveInfo(other);
  const tls = { ca: other.cert, servername: "other.test" };
  assertEquals(await ask(server.url, { tls }), ["other.test", null]);
});

test("connect() takes an IP address to find in the certificate, and asks for none by name", async () => {
  const [one, six] = await Promise.all(
    ["192.0.2.1", "2001:db8::1"].map((hostname) =>
      createDevelopmentCertificate({ hostnames: [hostname] })
    ),
  );
  for (const [certificate, servername] of [[one!, "192.0.2.1"], [six!, "2001:db8::1"]] as const) {
    await using server = await serveInfo(certificate);
    assertEquals(await ask(server.url, { tls: { ca: certificate.cert, servername } }), [
      null,
      null,
    ]);
    const tls = { ca: certificate.cert, servername: "192.0.2.2" };
    const error = await assertRejects(() => connect(server.url, { tls }), Error);
    assertMatch(error.message, /certificate is for another name/);
  }
});

test("connect() takes any certificate when it is told to", async () => {
  await using server = await serveInfo(other);
  assertEquals(await ask(server.url, { tls: { rejectUnauthorized: false } }), [null, null]);
});

test("connect() over TLS to a server without gives up", async () => {
  await using server = await serve({ port: 0, websocket: echo });
  const error = await assertRejects(
    () => connect(`wss://127.0.0.1:${server.port}/`, { tls: { ca } }),
    Error,
  );
  assertMatch(error.message, /^Could not connect to /);
});

test("connect() without TLS to a server with it gives up", async () => {
  await using server = await serve({ port: 0, tls: certificate, websocket: echo });
  await assertRejects(() => connect(`ws://127.0.0.1:${server.port}/`), Error);
});

test("connect() gives up a TLS handshake that is not answered", async () => {
  await using silent = await RawServer.listen();
  await assertRejects(
    () => connect(`wss://127.0.0.1:${silent.port}/`, { tls: { ca }, handshakeTimeout: 50 }),
    Error,
    "The opening handshake took more than 50 ms",
  );
});

test("connect() refuses half a certificate", async () => {
  await assertRejects(
    () => connect("wss://127.0.0.1:1/", { tls: { cert: client.cert } }),
    TypeError,
    "Expected tls.cert and tls.key together",
  );
});

test("serve() refuses a key that is none", async () => {
  await assertRejects(
    () => serve({ port: 0, tls: { key: "none", cert: "none" }, websocket: echo }),
    Error,
    "Could not listen on 127.0.0.1:0: ",
  );
});

test("serve() refuses the PROXY protocol together with TLS", async () => {
  await assertRejects(
    () => serve({ port: 0, tls: certificate, proxyProtocol: true, websocket: echo }),
    TypeError,
    "Expected proxyProtocol or tls",
  );
});

test("serve() cuts a client that does not finish its TLS handshake", async () => {
  await using server = await serve({
    port: 0,
    tls: certificate,
    websocket: echo,
    handshakeTimeout: 50,
  });
  await using peer = await RawPeer.dial(server.port);
  peer.sendHex("16 0301 00ff 01");
  assertEquals((await peer.takeRest()).length, 0);
  // Others are served still. On a busy machine an honest handshake may take longer than that, too.
  let ws: ClientConnection | undefined;
  while (ws === undefined) {
    ws = await connect(server.url, { tls: { ca }, handshakeTimeout: 10_000 }).catch(() =>
      undefined
    );
  }
  await ws.close();
});

/** With `sni`, servers on Bun go another way. */
const ways: [string, TlsServerOptions][] = [["", {}], [" with sni", { sni: () => undefined }]];
const failures: [string, TlsServerOptions, (port: number) => Promise<unknown>, RegExp][] = [
  ["speaks no TLS", {}, async (port) => {
    await using peer = await RawPeer.dial(port);
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await peer.takeRest();
  }, /^ERR_SSL_(HTTP_REQUEST|WRONG_VERSION_NUMBER|SSLV3_ALERT_HANDSHAKE_FAILURE) /],
  ["does not go on", {}, async (port) => {
    await using peer = await RawPeer.dial(port);
    peer.sendHex("16 0301 00ff 01");
    await peer.takeRest();
  }, /^ERR_TLS_HANDSHAKE_TIMEOUT .* TLS handshake timeout$/],
  ["has no certificate", { clientCertificates: "require", ca }, async (port) => {
    await assertRejects(() => connect(`wss://127.0.0.1:${port}/`, { tls: { ca } }), Error);
  }, /^ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE /],
  [
    "has one that is not trusted",
    { clientCertificates: "require", ca },
    async (port) => {
      const tls = { ca, cert: stranger.cert, key: stranger.key };
      await assertRejects(() => connect(`wss://127.0.0.1:${port}/`, { tls }), Error);
    },
    / The client's certificate is not trusted: (DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE)$/,
  ],
  ["speaks an older version", { minVersion: "TLSv1.3" }, async (port) => {
    const tls = { ca, maxVersion: "TLSv1.2" } as const;
    await assertRejects(() => connect(`wss://127.0.0.1:${port}/`, { tls }), Error);
  }, /^ERR_SSL_(UNSUPPORTED_PROTOCOL|SSLV3_ALERT_HANDSHAKE_FAILURE) /],
  ["speaks another protocol", { alpnProtocols: ["http/1.1"] }, async (port) => {
    const tls = { ca, alpnProtocols: ["h3"] };
    await assertRejects(() => connect(`wss://127.0.0.1:${port}/`, { tls }), Error);
  }, /^ERR_SSL_NO_APPLICATION_PROTOCOL /],
];
for (const [way, more] of ways) {
  for (const [what, options, fail, expected] of failures) {
    test(`serve()${way} says why the TLS handshake of a client failed that ${what}`, async () => {
      const refused = withResolvers<Refusal>();
      await using server = await serve({
        port: 0,
        tls: { ...certificate, ...options, ...more },
        websocket: echo,
        handshakeTimeout: 500,
        refused: refused.resolve,
      });
      await fail(server.port);
      const { cause, error, reason } = await refused.promise;
      assertEquals(cause, "tls");
      assertMatch(`${(error as { code?: string }).code} ${reason.trim()}`, expected);
    });
  }
}

test("serve() outlives clients that reset or end within their TLS handshake", async () => {
  await using server = await serve({ port: 0, tls: certificate, websocket: echo });
  for (const leave of ["reset", "end"] as const) {
    const peer = await RawPeer.dial(server.port);
    peer.sendHex("16 0301 00ff 01");
    peer[leave]();
    await peer.closed;
  }
  const ws = await connect(server.url, { tls: { ca } });
  await ws.send("hello");
  assertEquals(await ws.receive(), "hello");
  await ws.close();
});

for (
  const [what, records] of [
    ["no TLS", "474554202f20485454502f312e310d0a0d0a"],
    ["a record that was changed", "17 0303 0012 000102030405060708090a0b0c0d0e0f1011"],
    ["a record that is too large", "17 0303 ffff 00"],
    ["an alert without encryption", "15 0303 0002 0228"],
  ] as const
) {
  test(`serve() outlives a client that sends ${what} behind its TLS handshake`, async () => {
    const closed = withResolvers<number>();
    const websocket: WebSocketHandler = {
      ...echo as WebSocketHooks,
      close: (_, { code }) => closed.resolve(code),
    };
    await using server = await serve({ port: 0, tls: certificate, websocket });
    await using between = await RawServer.listen();
    const dialling = connect(`wss://127.0.0.1:${between.port}/`, { tls: { ca } });
    const near = await between.accept();
    await using far = await RawPeer.dial(server.port);
    near.pipeTo(far);
    far.pipeTo(near);
    const ws = await dialling;
    far.sendHex(records);
    assertEquals(await closed.promise, 1006);
    // The server ends the connection, which nothing else would end here.
    await far.takeRest();
    near.end();
    assertEquals((await ws.closed).code, 1006);
    const next = await connect(server.url, { tls: { ca } });
    await next.send("hello");
    assertEquals(await next.receive(), "hello");
    await next.close();
  });
}

/** The first record of a client's TLS handshake. */
async function clientHello(): Promise<Uint8Array> {
  await using listener = await RawServer.listen();
  const dialling = connect(`wss://127.0.0.1:${listener.port}/`).catch(() => {});
  const peer = await listener.accept();
  const start = await peer.take(5);
  const rest = await peer.take(start[3]! * 256 + start[4]!);
  peer.end();
  await dialling;
  return Uint8Array.of(...start, ...rest);
}

for (const leave of ["end", "reset"] as const) {
  for (
    const [what, begin] of [
      ["has said nothing", async () => {}],
      ["is within its first record", async (peer) => await peer.flush(decodeHex("16030100ff01"))],
      ["has begun", async (peer) => await peer.flush(await clientHello())],
      ["has had its answer", async (peer) => {
        await peer.flush(await clientHello());
        await peer.take(5);
      }],
    ] as [string, (peer: RawPeer) => Promise<void>][]
  ) {
    test(`serve() hears at once of a client that ${leave}s when it ${what}`, async () => {
      const refused = withResolvers<Refusal>();
      await using server = await serve({
        port: 0,
        tls: certificate,
        websocket: echo,
        // A client that goes unheard is refused by it, and that by another reason.
        handshakeTimeout: 10_000,
        refused: refused.resolve,
      });
      const peer = await RawPeer.dial(server.port);
      await begin(peer);
      while (server.stats().sockets === 0) await settled();
      peer[leave]();
      const { cause, reason } = await refused.promise;
      assertEquals([cause, reason], ["tls", "The TLS handshake failed: The client has gone"]);
      // It is not kept for its other half either.
      await peer.closed;
      assertEquals(server.stats().sockets, 0);
    });
  }
}

test("serve() answers a client that ends its side with the last octets of its TLS handshake", async () => {
  await using server = await serve({
    port: 0,
    tls: certificate,
    fetch: () => new Response("a page"),
  });
  await using between = await RawServer.listen();
  const page = new Promise<string>((resolve, reject) => {
    const options = { port: between.port, ca, allowHalfOpen: true, minVersion: "TLSv1.3" } as const;
    const client = tls.connect(
      { host: "127.0.0.1", ...options },
      () => client.end("GET / HTTP/1.0\r\nHost: a\r\n\r\n"),
    );
    let text = "";
    client.setEncoding("utf8").on("data", (data) => text += data);
    client.on("end", () => resolve(text)).on("error", reject);
  });
  const client = await between.accept();
  await using peer = await RawPeer.dial(server.port);
  const [type, major, minor, high, low] = await client.take(5);
  peer.send(Uint8Array.of(type!, major!, minor!, high!, low!));
  peer.send(await client.take(high! * 256 + low!));
  peer.pipeTo(client);
  // Its half of the handshake, its request and its end leave together.
  peer.send(await client.takeRest());
  peer.end();
  assertMatch(await page, /^HTTP\/1\.1 200 OK\r\n.*a page$/s);
});

test("serve() with TLS hangs up on a client without", async () => {
  await using server = await serve({ port: 0, tls: certificate, websocket: echo });
  await using peer = await RawPeer.dial(server.port);
  peer.send(handshake());
  await peer.takeRest();
  assertEquals(server.connections.size, 0);
});

test("tls.sni chooses the certificate by name, also later", async () => {
  const asked: string[] = [];
  await using server = await serveInfo({
    ...certificate,
    sni: async (servername) => {
      asked.push(servername);
      await Promise.resolve();
      return servername === "other.test" ? other : undefined;
    },
  });
  const tls = { ca: [certificate.cert, other.cert] };
  assertEquals(
    await ask(server.url, { tls: { ...tls, servername: "other.test" } }),
    ["other.test", null],
  );
  assertEquals(
    await ask(server.url, { tls: { ...tls, servername: "localhost" } }),
    ["localhost", null],
  );
  // Without a name there is nothing to choose by.
  assertEquals(await ask(server.url, { tls }), [null, null]);
  assertEquals(asked, ["other.test", "localhost"]);
});

test("tls.sni that throws is reported and ends the connection", async () => {
  const mistake = new Error("No such file");
  const reported = withResolvers<unknown>();
  await using server = await serveInfo({
    ...certificate,
    sni: () => {
      throw mistake;
    },
  }, { error: reported.resolve });
  await assertRejects(
    () => connect(server.url, { tls: { ca, servername: "localhost" } }),
    Error,
    "Could not connect to ",
  );
  assertStrictEquals(await reported.promise, mistake);
});

test("tls.clientCertificates require lets in who has one, and shows it", async () => {
  await using server = await serveInfo({
    ...certificate,
    clientCertificates: "require",
    ca: [stranger.cert, client.cert],
  });
  const tls = { ca, cert: client.cert, key: client.key };
  assertEquals(await ask(server.url, { tls }), [null, fingerprint(client.cert)]);
});

for (const mode of ["request", "require"] as const) {
  test(`tls.clientCertificates ${mode} refuses one that ca does not vouch for`, async () => {
    await using server = await serveInfo({
      ...certificate,
      clientCertificates: mode,
      ca: client.cert,
    });
    const tls = { ca, cert: stranger.cert, key: stranger.key };
    await assertRejects(() => connect(server.url, { tls }), Error);
    assertEquals(server.connections.size, 0);
  });
}

test("tls.clientCertificates require refuses who has none", async () => {
  await using server = await serveInfo({
    ...certificate,
    clientCertificates: "require",
    ca: client.cert,
  });
  await assertRejects(() => connect(server.url, { tls: { ca } }), Error);
  assertEquals(server.connections.size, 0);
});

test("tls.clientCertificates request lets in who has none", async () => {
  await using server = await serveInfo({
    ...certificate,
    clientCertificates: "request",
    ca: client.cert,
  });
  assertEquals(await ask(server.url, { tls: { ca } }), [null, null]);
  const tls = { ca, cert: client.cert, key: client.key };
  assertEquals(await ask(server.url, { tls }), [null, fingerprint(client.cert)]);
});

test("the origin rule knows that the client uses TLS", async () => {
  await using server = await serve({ port: 0, tls: certificate, websocket: echo });
  const host = `example.org:${server.port}`;
  const tls = { ca };
  const ws = await connect(server.url, { tls, headers: { host, origin: `https://${host}` } });
  await ws.close();
  const error = await assertRejects(
    () => connect(server.url, { tls, headers: { host, origin: `http://${host}` } }),
    Error,
  );
  assertEquals((error as { status?: number }).status, 403);
});

test("the package ws connects to serve() over TLS", async () => {
  await using server = await serve({ port: 0, tls: certificate, websocket: echo });
  const ws = new WsClient(server.url.replace("http", "ws"), { ca });
  const reply = withResolvers<string>();
  ws.on("error", reply.reject);
  ws.on("open", () => ws.send("hello"));
  ws.on("message", (data) => reply.resolve(String(data)));
  assertEquals(await reply.promise, "hello");
  const closed = new Promise((resolve) => ws.on("close", resolve));
  ws.close(1000);
  assertEquals(await closed, 1000);
});

test("connect() reaches the package ws over TLS", async () => {
  const secure = https.createServer(certificate);
  const peers = new WebSocketServer({ server: secure });
  peers.on("connection", (ws) => ws.on("message", (data) => ws.send(String(data))));
  await new Promise<void>((resolve) => secure.listen(0, "127.0.0.1", resolve));
  const { port } = secure.address() as AddressInfo;
  const ws = await connect(`wss://localhost:${port}/`, { tls: { ca } });
  await ws.send("hello");
  assertEquals(await ws.receive(), "hello");
  await ws.close();
  assert((await ws.closed).wasClean);
  peers.close();
  await new Promise((resolve) => secure.close(resolve));
});

// A proxy in front of a server on a unix socket may speak TLS to it.
test("wss+unix: carries TLS over a unix socket", async () => {
  const { unixWire } = await import("../contract/unix_suite.ts");
  const wire = unixWire();
  const server = await serve({ path: wire.path, tls: certificate, websocket: echo });
  const ws = await connect(server.url, { tls: { ca } });
  await ws.send("hello");
  assertEquals(await ws.receive(), "hello");
  await ws.close();
  await server.close();
  wire.remove();
}, { skip: process.platform === "win32" ? "needs unix sockets" : undefined });
