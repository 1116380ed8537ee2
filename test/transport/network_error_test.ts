// What the system refuses has one code and one wording, whichever runtime tells it.

import { assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createDevelopmentCertificate, HandshakeError, serve } from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import { DIALLING, failed, LISTENING, lost } from "../../src/transport/network_error.ts";
import { withoutRow } from "../support/error_rows.ts";
import { RawPeer, RawServer } from "../support/raw.ts";
import { runtime, test } from "../support/test.ts";

const certificate = await createDevelopmentCertificate();
const websocket = (): void => {};

/** The message, the code and the class of what a promise rejects with. */
async function told(attempt: Promise<unknown>): Promise<unknown[]> {
  const error = await assertRejects(() => attempt, Error);
  return [withoutRow(error.message), (error as { code?: unknown }).code, error.name];
}

/** A port where nothing listens. */
async function freePort(): Promise<number> {
  await using server = await serve({ port: 0, websocket });
  return server.port;
}

/** An unused path in a folder of its own. */
function scratch(body: (folder: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), "sansocket-"));
    try {
      await body(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

test("serve() on a port in use rejects with EADDRINUSE", async () => {
  await using server = await serve({ port: 0, websocket });
  const { port } = server;
  const expected = [
    `Could not listen on 127.0.0.1:${port}: the port is in use; stop the program that uses it, or take ` +
    "another port (EADDRINUSE)",
    "EADDRINUSE",
    "Error",
  ];
  assertEquals(await told(serve({ port, websocket })), expected);
  assertEquals(await told(serve({ port, tls: certificate, websocket })), expected);
});

test("serve() in memory has the same words", async () => {
  const network = createNetwork();
  const { port } = await network.serve({ port: 0, websocket });
  assertEquals(await told(network.serve({ port, websocket })), [
    `Could not listen on 127.0.0.1:${port}: the port is in use; stop the program that uses it, or take ` +
    "another port (EADDRINUSE)",
    "EADDRINUSE",
    "Error",
  ]);
  assertEquals(await told(network.connect("ws://127.0.0.1:9/")), [
    "Could not connect to 127.0.0.1:9: nothing listens there; start the server, or check the address " +
    "(ECONNREFUSED)",
    "ECONNREFUSED",
    "Error",
  ]);
});

test("serve() on an address of another machine rejects with EADDRNOTAVAIL", async () => {
  assertEquals(await told(serve({ port: 0, hostname: "192.0.2.1", websocket })), [
    "Could not listen on 192.0.2.1:0: this machine does not have the address; take one that it has, or " +
    "0.0.0.0 for all (EADDRNOTAVAIL)",
    "EADDRNOTAVAIL",
    "Error",
  ]);
});

// A label of more than 63 characters is no name, and no name server has to say so.
const UNKNOWN = `${"a".repeat(64)}.invalid`;

test("serve() and connect() with an unknown host reject with ENOTFOUND", async () => {
  const text = "the host name is not known; check how it is spelt (ENOTFOUND)";
  for (const tls of [undefined, certificate]) {
    assertEquals(
      await told(serve({ port: 0, hostname: UNKNOWN, websocket, ...(tls && { tls }) })),
      [`Could not listen on ${UNKNOWN}:0: ${text}`, "ENOTFOUND", "Error"],
    );
  }
  for (const [scheme, port] of [["ws", 80], ["wss", 443]]) {
    assertEquals(
      await told(connect(`${scheme}://${UNKNOWN}/`)),
      [`Could not connect to ${UNKNOWN}:${port}: ${text}`, "ENOTFOUND", "Error"],
    );
  }
});

test("connect() to a name that cannot be rejects with ENOTFOUND, too", async () => {
  for (const hostname of ["a..b", "a.".repeat(150) + "test", "a".repeat(64) + ".test"]) {
    for (const scheme of ["ws", "wss"]) {
      const port = scheme === "ws" ? 80 : 443;
      assertEquals(await told(connect(`${scheme}://${hostname}/`)), [
        `Could not connect to ${hostname}:${port}: the host name is not known; check how it is spelt (ENOTFOUND)`,
        "ENOTFOUND",
        "Error",
      ]);
    }
  }
});

test("connect() where nothing listens rejects with ECONNREFUSED", async () => {
  const port = await freePort();
  for (const scheme of ["ws", "wss"]) {
    const error = await assertRejects(() => connect(`${scheme}://127.0.0.1:${port}/`), Error);
    assertEquals(await told(Promise.reject(error)), [
      `Could not connect to 127.0.0.1:${port}: nothing listens there; start the server, or check the ` +
      "address (ECONNREFUSED)",
      "ECONNREFUSED",
      "Error",
    ]);
    assertInstanceOf(error.cause, Error);
  }
});

for (const port of [-1, 65_536, 80_000, 80.5, NaN]) {
  test(`serve() on port ${port} rejects with a RangeError and ERANGE`, async () => {
    assertEquals(await told(serve({ port, websocket })), [
      `Expected port to be a whole number from 0 to 65535, got ${port}`,
      "ERANGE",
      "RangeError",
    ]);
  });
}

test("connect() to a port that cannot be rejects with ERANGE", async () => {
  assertEquals(await told(connect("ws://127.0.0.1:80000/?x")), [
    "Expected a URL with a port from 1 to 65535, got 80000",
    "ERANGE",
    "SyntaxError",
  ]);
  for (const scheme of ["ws", "wss"]) {
    assertEquals(await told(connect(`${scheme}://127.0.0.1:0/`)), [
      "Expected port to be a whole number from 1 to 65535, got 0",
      "ERANGE",
      "RangeError",
    ]);
  }
});

test("a runtime that is asked directly has the same words for a port that cannot be", async () => {
  const { nodeRuntime } = await import("../../runtimes/node/mod.ts");
  const { denoRuntime } = await import("../../runtimes/deno/mod.ts");
  const { bunRuntime } = await import("../../runtimes/bun/mod.ts");
  const own = { node: nodeRuntime, deno: denoRuntime, bun: bunRuntime }[runtime];
  const address = { hostname: "127.0.0.1", port: 80_000 };
  for (const tls of [undefined, certificate]) {
    assertEquals(await told(own.listen({ ...address, tls }, () => {})), [
      "Expected port to be a whole number from 0 to 65535, got 80000",
      "ERANGE",
      "RangeError",
    ]);
    assertEquals(await told(own.dial(address, { signal: undefined, ...(tls && { tls: {} }) })), [
      "Expected port to be a whole number from 1 to 65535, got 80000",
      "ERANGE",
      "RangeError",
    ]);
  }
});

test(
  "unix sockets have words of their own",
  scratch(async (folder) => {
    const taken = join(folder, "taken");
    writeFileSync(taken, "");
    const missing = join(folder, "missing", "socket");
    assertEquals(await told(serve({ path: taken, websocket })), [
      `Could not listen on ${taken}: the file exists; remove it, unless another server uses it (EADDRINUSE)`,
      "EADDRINUSE",
      "Error",
    ]);
    assertEquals(await told(serve({ path: missing, websocket })), [
      `Could not listen on ${missing}: the folder does not exist; create it (ENOENT)`,
      "ENOENT",
      "Error",
    ]);
    assertEquals(await told(connect(`ws+unix:${missing}:/`)), [
      `Could not connect to ${missing}: there is no such file; start the server, or check the path (ENOENT)`,
      "ENOENT",
      "Error",
    ]);
    assertEquals(await told(connect(`ws+unix:${taken}:/`)), [
      `Could not connect to ${taken}: nothing listens there; start the server, or check the path ` +
      "(ECONNREFUSED)",
      "ECONNREFUSED",
      "Error",
    ]);
  }),
);

test("connect() to a server that does not speak TLS says so, and names ws:", async () => {
  await using server = await serve({ port: 0, websocket });
  const { port } = server;
  assertEquals(await told(connect(`wss://127.0.0.1:${port}/`)), [
    `Could not connect to 127.0.0.1:${port}: the server does not speak TLS there; connect with ws: in place ` +
    "of wss: (EPROTO)",
    "EPROTO",
    "Error",
  ]);
});

test("connect() to a server that ends in the TLS handshake names ws:", async () => {
  for (const act of ["end", "reset"] as const) {
    await using server = await RawServer.listen();
    const { port } = server;
    const connecting = told(connect(`wss://127.0.0.1:${port}/`));
    const peer = await server.accept();
    await peer.take(1);
    peer[act]();
    assertEquals(await connecting, [
      `Could not connect to 127.0.0.1:${port}: it ended in the TLS handshake; if the server does not speak ` +
      "TLS there, connect with ws: in place of wss: (ECONNRESET)",
      "ECONNRESET",
      "Error",
    ]);
  }
});

test("connect() without TLS to a server of ours that expects it names wss:", async () => {
  await using server = await serve({ port: 0, tls: certificate, websocket });
  for (let i = 0; i < 5; i++) {
    assertEquals(await told(connect(`ws://127.0.0.1:${server.port}/`)), [
      "The connection ended before the server's handshake was complete; " +
      "if the server expects TLS there, connect with wss: in place of ws:",
      "EPROTO",
      "HandshakeError",
    ]);
  }
});

test("serve() with TLS names tls.cert and tls.key when one of them is missing", async () => {
  const { cert, key } = certificate;
  const missing: [tls: Record<string, string | undefined>, got: string][] = [
    [{}, "neither"],
    [{ cert: "", key: "" }, "neither"],
    [{ cert }, "tls.cert alone"],
    [{ cert, key: "" }, "tls.cert alone"],
    [{ cert, key: undefined }, "tls.cert alone"],
    [{ key }, "tls.key alone"],
    [{ cert: "", key }, "tls.key alone"],
  ];
  for (const [tls, got] of missing) {
    assertEquals(await told(serve({ port: 0, tls: tls as never, websocket })), [
      `Expected tls.cert and tls.key, a certificate and its key as PEM, or tls.pfx, got ${got}`,
      undefined,
      "TypeError",
    ]);
  }
  for (const name of ["cert", "key"]) {
    assertEquals(
      await told(serve({ port: 0, tls: { ...certificate, [name]: 5 } as never, websocket })),
      [`Expected tls.${name} to be a string, got 5`, undefined, "TypeError"],
    );
  }
});

const tlsAnswers: [what: string, answer: string, message: string, status: number | undefined][] = [
  ["an alert", "\x15\x03\x01\0\x02\x02\x0a", "The server speaks TLS there", undefined],
  ["the first octet of an alert", "\x15", "The server speaks TLS there", undefined],
  ["a TLS handshake", "\x16\x03\x03\0\x01\0", "The server speaks TLS there", undefined],
  ...[
    "Client sent an HTTP request to an HTTPS server.\n",
    "<title>400 The plain HTTP request was sent to HTTPS port</title>",
    "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
  ].map((body) =>
    [
      JSON.stringify(body),
      `HTTP/1.0 400 Bad Request\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      "Expected status 101, got 400 Bad Request: it speaks TLS there",
      400,
    ] as [string, string, string, number]
  ),
];

for (const [what, answer, message, status] of tlsAnswers) {
  test(`connect() without TLS that is answered with ${what} names wss:`, async () => {
    await using server = await RawServer.listen();
    const connecting = connect(server.url);
    connecting.catch(() => {});
    const peer = await server.accept();
    await peer.takeThrough("\r\n\r\n");
    peer.send(answer);
    const error = await assertRejects(() => connecting, HandshakeError);
    assertEquals(withoutRow(error.message), `${message}; connect with wss: in place of ws:`);
    assertEquals([error.code, error.status], ["EPROTO", status]);
  });
}

// Bytes right in front of a reset make an orderly end of it for Node, one time in a hundred.
for (const when of ["at once", "after the request"] as const) {
  test(`connect() that is reset ${when} rejects with ECONNRESET`, async () => {
    await using server = await RawServer.listen();
    const connecting = connect(server.url, { handshakeTimeout: 30_000 });
    connecting.catch(() => {});
    const peer = await server.accept();
    if (when !== "at once") await peer.takeThrough("\r\n\r\n");
    peer.reset();
    const error = await assertRejects(() => connecting, Error);
    assertEquals((error as HandshakeError).code, "ECONNRESET");
    // How soon the reset comes decides whether the connection counts as made.
    if (error instanceof HandshakeError) {
      assertEquals(
        withoutRow(error.message).split("; ")[0],
        "The peer reset the connection (ECONNRESET) before the server's handshake was complete",
      );
    } else {
      assertEquals(
        withoutRow(error.message),
        `Could not connect to 127.0.0.1:${server.port}: the connection was reset (ECONNRESET)`,
      );
    }
  });
}

test("connect() that takes too long rejects with ETIMEDOUT", async () => {
  await using server = await RawServer.listen();
  assertEquals(await told(connect(server.url, { handshakeTimeout: 50 })), [
    "The opening handshake took more than 50 ms",
    "ETIMEDOUT",
    "HandshakeError",
  ]);
});

test("connect() to a certificate that is not trusted, or of another name, says what to do", async () => {
  await using server = await serve({ port: 0, tls: certificate, websocket });
  const start = `Could not connect to 127.0.0.1:${server.port}: the server's certificate is`;
  assertEquals(await told(connect(server.url)), [
    `${start} not trusted; name its authority in tls.ca (DEPTH_ZERO_SELF_SIGNED_CERT)`,
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "Error",
  ]);
  const tls = { ca: certificate.cert, servername: "other.example" };
  assertEquals(await told(connect(server.url, { tls })), [
    `${start} for another name; connect by its name, or set tls.servername (ERR_TLS_CERT_ALTNAME_INVALID)`,
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "Error",
  ]);
});

for (const tls of [false, true]) {
  test(`a connection that is reset ends with ECONNRESET${tls ? ", with TLS" : ""}`, async () => {
    const server = await serve({
      port: 0,
      websocket: (ws) => ws.closed,
      ...(tls && { tls: certificate }),
    });
    // A proxy in between can reset one side.
    const relay = await RawServer.listen();
    const connecting = connect(`${tls ? "wss" : "ws"}://127.0.0.1:${relay.port}/`, {
      tls: { ca: certificate.cert },
    });
    const front = await relay.accept();
    const back = await RawPeer.dial(server.port);
    front.pipeTo(back);
    back.pipeTo(front);
    const ws = await connecting;
    front.reset();
    const { code, cause } = await ws.closed;
    assertInstanceOf(cause, Error);
    assertEquals([code, withoutRow(cause.message), (cause as { code?: unknown }).code], [
      1006,
      "The peer reset the connection (ECONNRESET)",
      "ECONNRESET",
    ]);
    await back[Symbol.asyncDispose]();
    await relay[Symbol.asyncDispose]();
    await server.close();
  });
}

test("failed() and lost() keep what they do not know", () => {
  const cause = new Error("socket is on fire");
  const reason = { code: "EFIRE", said: cause.message, cause };
  const place = { hostname: "::1", port: 80 };
  const refused = failed(DIALLING, place, reason);
  assertEquals(refused.message, "Could not connect to [::1]:80: socket is on fire (EFIRE)");
  assertStrictEquals(refused.cause, cause);
  const nameless = failed(LISTENING, place, { code: undefined, said: "no" });
  assertEquals(nameless.message, "Could not listen on [::1]:80: no");
  assertEquals(["cause" in nameless, "code" in nameless], [false, false]);
  assertEquals(lost(reason).message, "socket is on fire (EFIRE)");
});
