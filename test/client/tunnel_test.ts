// Tunnels over real sockets, where TLS is a stage: that of a proxy, and that of the server in the
// tunnel. test/client/route_test.ts has the other stages, in memory.

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { connect, type ConnectOptions, HandshakeError, ProxyError } from "@sansocket/ws";
import { RawPeer, RawServer } from "../support/raw.ts";
import { test } from "../support/test.ts";

const OPENED = "HTTP/1.1 200 Connection established\r\n\r\n";

/** A client, and the proxy that a test plays, once the TLS that is the stage has begun. */
async function begin(
  server: RawServer,
  stage: "proxy" | "server",
  options: ConnectOptions = {},
): Promise<{ connecting: Promise<unknown>; peer: RawPeer }> {
  const scheme = stage === "proxy" ? "https" : "http";
  const connecting = connect("wss://a.example", {
    proxy: `${scheme}://me:secret@127.0.0.1:${server.port}`,
    ...options,
  });
  connecting.catch(() => {});
  const peer = await server.accept();
  if (stage === "server") {
    await peer.takeThrough("\r\n\r\n");
    peer.send(OPENED);
  }
  // A TLS record with a handshake.
  assertEquals((await peer.take(1))[0], 0x16);
  return { connecting, peer };
}

for (const stage of ["proxy", "server"] as const) {
  const failure = stage === "proxy" ? "ProxyError" : "HandshakeError";

  test(`connect() gives up after handshakeTimeout in the TLS of the ${stage}`, async () => {
    await using server = await RawServer.listen();
    const { connecting, peer } = await begin(server, stage, { handshakeTimeout: 1_000 });
    const error = await assertRejects(() => connecting, HandshakeError);
    assertEquals([error.name, error.code], [failure, "ETIMEDOUT"]);
    await peer.takeRest();
  });

  test(`connect() rejects with its signal's reason in the TLS of the ${stage}`, async () => {
    await using server = await RawServer.listen();
    const controller = new AbortController();
    const { connecting, peer } = await begin(server, stage, { signal: controller.signal });
    const reason = new Error("Changed my mind");
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => connecting, Error), reason);
    await peer.takeRest();
  });

  for (
    const [what, act, code] of [
      ["is reset", (peer: RawPeer) => peer.reset(), "ECONNRESET"],
      ["ends", (peer: RawPeer) => peer.end(), "ECONNRESET"],
      ["is no TLS", (peer: RawPeer) => peer.send("HTTP/1.1 400 No\r\n\r\n"), "EPROTO"],
    ] as const
  ) {
    test(`connect() rejects with one error when the TLS of the ${stage} ${what}`, async () => {
      await using server = await RawServer.listen();
      const { connecting, peer } = await begin(server, stage);
      act(peer);
      const error = await assertRejects(() => connecting, Error) as Error & { code?: string };
      assertEquals([error.name, error.code], [stage === "proxy" ? "ProxyError" : "Error", code]);
      assertEquals(error.message.includes("secret"), false);
      assertEquals(error instanceof ProxyError, stage === "proxy");
      await peer.takeRest();
    });
  }
}

test("connect() refuses a port of a proxy that cannot be, as its caller's mistake", async () => {
  for (const scheme of ["http", "https", "socks5"]) {
    const connecting = connect("ws://a.example", { proxy: `${scheme}://127.0.0.1:0` });
    const error = await assertRejects(() => connecting, RangeError) as Error & { code?: string };
    assertEquals([error.code, error.message], [
      "ERANGE",
      "Expected port to be a whole number from 1 to 65535, got 0",
    ]);
  }
});

test("connect() refuses TLS options of a proxy that do not go together, as its caller's mistake", async () => {
  await using server = await RawServer.listen();
  const url = `https://127.0.0.1:${server.port}`;
  await assertRejects(
    () => connect("ws://a.example", { proxy: { url, tls: { cert: "a" } } }),
    TypeError,
    "Expected tls.cert and tls.key together",
  );
});
