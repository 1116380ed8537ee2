import { assert, assertEquals } from "@std/assert";
import * as mod from "@sansocket/ws";
import * as bun from "@sansocket/ws/bun";
import * as deno from "@sansocket/ws/deno";
import * as node from "@sansocket/ws/node";
import { runtime, test } from "./support/test.ts";

test("mod.ts exports the functions, the connection and the errors", () => {
  const names = [
    "CloseCode",
    "ConnectionClosed",
    "HandshakeError",
    "ProtocolError",
    "WebSocketConnection",
    "connect",
    "isUpgrade",
    "serve",
    "serveFiles",
  ];
  const exported = Object.keys(mod);
  assertEquals(names.filter((name) => !exported.includes(name)), []);
});

test("serve() and connect() run on the runtime they are called on", async () => {
  await using server = await mod.serve({
    port: 0,
    websocket: async (ws) => {
      for await (const message of ws) await ws.send(message);
    },
  });
  for (const url of [server.url, server.url.replace("http:", "ws:"), new URL(server.url)]) {
    const ws = await mod.connect(url);
    await ws.send("hello");
    assertEquals(await ws.receive(), "hello");
    const { code, wasClean } = await ws.close();
    assertEquals({ code, wasClean }, { code: 1000, wasClean: true });
  }
});

test("serve() and connect() are the same over the shim by its name", async () => {
  const shim = { node, deno, bun }[runtime];
  const server = await shim.serve({ port: 0, websocket: (ws) => ws.send("by name") });
  assert(server.port > 0);
  const ws = await shim.connect(server.url);
  assertEquals(await ws.receive(), "by name");
  assert(ws instanceof mod.WebSocketConnection);
  assertEquals((await ws.closed).wasClean, true);
  await server.close();
});

test("connect() takes wss:, and a certificate made on request", async () => {
  const tls = await mod.createDevelopmentCertificate();
  const server = await mod.serve({ port: 0, tls, websocket: (ws) => ws.send("secret") });
  const ws = await mod.connect(server.url, { tls: { ca: tls.cert } });
  assertEquals(await ws.receive(), "secret");
  await server.close();
});

test("CloseCode has the registered names", () => {
  assertEquals([mod.CloseCode.normal, mod.CloseCode.goingAway, mod.CloseCode.internalError], [
    1000,
    1001,
    1011,
  ]);
});
