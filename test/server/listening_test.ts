import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect, createDevelopmentCertificate, serve, type WebSocketHandler } from "@sansocket/ws";
import { lookup } from "node:dns/promises";
import { existsSync } from "node:fs";
import http from "node:http";
import process from "node:process";
import { WebSocket as WsClient } from "ws";
import { listeningUrl, resolveListening } from "../../src/server/listening.ts";
import { systemClock } from "../../src/util/clock.ts";
import type { ListeningOptions } from "../../src/server/options.ts";
import { unixWire } from "../contract/unix_suite.ts";
import { networks, withResolvers } from "../support/connections.ts";
import { start } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";

const echo: WebSocketHandler = { message: (ws, data) => ws.send(data) };
const tls = { key: "", cert: "" };
const certificate = await createDevelopmentCertificate();
const skip = process.platform === "win32" ? "needs unix sockets" : undefined;

function resolve(options: ListeningOptions) {
  return resolveListening(options, 10_000, () => {}, systemClock);
}

test("resolveListening fills in the defaults", () => {
  const { hostname, port, path, reusePort, tls, handshakeTimeout } = resolve({});
  assertEquals([hostname, port, path, reusePort, tls, handshakeTimeout], [
    "127.0.0.1",
    8000,
    undefined,
    undefined,
    undefined,
    10_000,
  ]);
});

test("resolveListening takes an IPv6 address with and without brackets", () => {
  assertEquals(resolve({ hostname: "[::1]" }).hostname, "::1");
  assertEquals(resolve({ hostname: "::1" }).hostname, "::1");
});

test("resolveListening calls the host of a unix socket localhost", () => {
  const { hostname, port, path } = resolve({ path: "/run/chat.sock" });
  assertEquals([hostname, port, path], ["localhost", 0, "/run/chat.sock"]);
});

for (const more of [{ port: 0 }, { hostname: "::1" }, { reusePort: true }]) {
  test(`resolveListening refuses path with ${Object.keys(more)}`, () => {
    assertThrows(() => resolve({ path: "/run/chat.sock", ...more }), TypeError, "got both");
  });
}

const urls: readonly (readonly [hostname: string, options: ListeningOptions, url: string])[] = [
  ["127.0.0.1", {}, "http://127.0.0.1:80/"],
  ["0.0.0.0", {}, "http://127.0.0.1:80/"],
  ["::", {}, "http://[::1]:80/"],
  ["fe80::1", { tls }, "https://[fe80::1]:80/"],
  ["localhost", { path: "/run/chat.sock" }, "ws+unix:/run/chat.sock:/"],
  ["localhost", { path: "/run/chat.sock", tls }, "wss+unix:/run/chat.sock:/"],
];

for (const [hostname, options, url] of urls) {
  test(`listeningUrl of ${hostname} is ${url}`, () => {
    assertEquals(listeningUrl({ hostname, port: 80 }, options), url);
  });
}

for (const hostname of ["::1", "::"]) {
  test(`serve() listens on ${hostname}`, async () => {
    const addresses = withResolvers<string | undefined>();
    await using server = await serve({
      port: 0,
      hostname,
      websocket: (ws) => {
        addresses.resolve(ws.remoteAddress?.hostname);
        return ws.send("hello");
      },
    });
    assertEquals(server.url, `http://[::1]:${server.port}/`);
    const ws = await connect(server.url);
    assertEquals(await ws.receive(), "hello");
    await ws.closed;
    assertEquals(await addresses.promise, "::1");
  });
}

// A short form is what the system's resolver makes of it, as for a name.
for (const hostname of ["localhost", "LOCALHOST", "127.1", "0:0:0:0:0:0:0:1"]) {
  for (const secure of [false, true]) {
    test(`serve() on ${hostname}${secure ? " with TLS" : ""} tells the address that it is`, async () => {
      const { address } = await lookup(hostname);
      const expected = address === hostname && address.includes(":") ? "::1" : address;
      await using server = await serve({
        port: 0,
        hostname,
        websocket: echo,
        ...(secure && { tls: certificate }),
      });
      assertEquals(server.hostname, expected);
      const host = expected.includes(":") ? `[${expected}]` : expected;
      assertEquals(server.url, `http${secure ? "s" : ""}://${host}:${server.port}/`);
      const ws = await connect(server.url, { tls: { rejectUnauthorized: false } });
      assertEquals((await ws.close()).wasClean, true);
    });
  }
}

test("serve() refuses an empty hostname and an empty path", async () => {
  for (const options of [{ hostname: "" }, { path: "" }]) {
    const error = await assertRejects(() => serve({ ...options, websocket: echo }), TypeError);
    const [name = ""] = Object.keys(options);
    const what = name === "path" ? "the path of a file" : "an address or a name";
    assertEquals(error.message, `Expected ${name} to be ${what}, got ""`);
  }
});

test("serve() on a unix socket is found by its url", async () => {
  const wire = unixWire();
  const requests: string[] = [];
  const server = await serve({
    path: wire.path,
    fetch: (request, { upgrade }) => {
      requests.push(request.url);
      return upgrade(echo);
    },
  });
  assertEquals([server.hostname, server.port], ["localhost", 0]);
  assertEquals(server.url, `ws+unix:${wire.path}:/`);
  const ws = await connect(`${server.url}chat?room=1`);
  assertEquals(ws.remoteAddress, undefined);
  await ws.send("hello");
  assertEquals(await ws.receive(), "hello");
  await ws.close();
  assertEquals(requests, ["http://localhost/chat?room=1"]);
  await server.close();
  assertEquals(existsSync(wire.path), false);
  wire.remove();
}, { skip });

test("serve() on a unix socket serves pages and the package ws", async () => {
  const wire = unixWire();
  const server = await serve({
    path: wire.path,
    routes: { "/": new Response("a page"), "/echo": { websocket: echo } },
  });
  const page = await new Promise<string>((resolve, reject) => {
    http.get({ socketPath: wire.path, path: "/", agent: false }, (response) => {
      response.setEncoding("utf8").on("data", resolve);
    }).on("error", reject);
  });
  assertEquals(page, "a page");
  const ws = new WsClient(`${server.url}echo`);
  const reply = withResolvers<string>();
  ws.on("error", reply.reject);
  ws.on("open", () => ws.send("hello"));
  ws.on("message", (data) => reply.resolve(String(data)));
  assertEquals(await reply.promise, "hello");
  const closed = new Promise((resolve) => ws.on("close", resolve));
  ws.close();
  await closed;
  await server.close();
  wire.remove();
}, { skip });

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const sharesPorts = runtime !== "node" || major > 22 || (major === 22 && minor >= 12);

test("serve() with reusePort says which Node it needs", async () => {
  await assertRejects(
    () => serve({ port: 0, reusePort: true, websocket: echo }),
    TypeError,
    `reusePort needs Node 22.12 or later, got ${process.versions.node}`,
  );
}, { skip: sharesPorts && "needs an older Node" });

for (const secure of [false, true]) {
  test(
    `serve() with reusePort${secure ? " and TLS" : ""} shares a port between processes`,
    async () => {
      const program = "test/server/programs/reuse_port.ts";
      const more = secure ? ["--tls"] : [];
      const first = start(runtime, program, ["--port", "0", ...more]);
      const [, port = ""] = await first.waitFor(/listening on (\d+)/);
      const second = start(runtime, program, ["--port", port, ...more]);
      await second.waitFor(/listening on (\d+)/);
      const seen = new Set<unknown>();
      const url = `${secure ? "wss" : "ws"}://127.0.0.1:${port}/`;
      // The system chooses by the client's port: that one process gets all is as likely as 2 ** -500.
      for (let i = 0; i < 500 && seen.size < 2; i++) {
        const ws = await connect(url, { tls: { rejectUnauthorized: false } });
        seen.add(await ws.receive());
        await ws.closed;
      }
      await Promise.all([first.stop(), second.stop()]);
      assertEquals(seen.size, 2);
    },
    { skip: process.platform === "linux" ? !sharesPorts && "needs Node 22.12" : "needs Linux" },
  );
}

for (const secure of [false, true]) {
  test(`Server unref()${secure ? " with TLS" : ""} lets the process end`, async () => {
    const child = start(runtime, "test/server/programs/unref.ts", secure ? ["--tls"] : []);
    assertEquals(await child.exit, 0, child.output());
    assertEquals(child.output(), "served\n");
  });
}

test("Server unref() does nothing where no process is kept alive", async () => {
  const server = await networks.memory().serve({ websocket: {} });
  server.unref();
  assertEquals(server.connections.size, 0);
  await server.close();
});
