// What docs/comparison.md says of crossws, run on Node, where `ws` is inside it.

import { assert, assertEquals, assertThrows } from "@std/assert";
import crossws from "crossws/adapters/node";
import { createWebSocketProxy } from "crossws";
import Client from "crossws/websocket";
import type { Peer } from "crossws";
import { once } from "node:events";
import http from "node:http";
import type net from "node:net";
import { WebSocket as Ws, WebSocketServer } from "ws";
import { RawPeer } from "../../support/raw.ts";
import { cellsOf, messageOf, opened, sendFrame, takeText } from "./cell.ts";

const cell = cellsOf("crossws", "node");

type Options = NonNullable<Parameters<typeof crossws>[0]>;

interface Served extends AsyncDisposable {
  readonly adapter: ReturnType<typeof crossws>;
  readonly port: number;
  readonly url: string;
}

async function serve(options: Options = {}, listener?: http.RequestListener): Promise<Served> {
  const adapter = crossws({ hooks: {}, ...options });
  const server = http.createServer(listener ?? ((_, response) => void response.end("page")));
  server.on(
    "upgrade",
    (request, socket, head) => void adapter.handleUpgrade(request, socket, head),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const dispose = async (): Promise<void> => {
    adapter.closeAll(undefined, undefined, true);
    await adapter.close();
    server.closeAllConnections();
    await new Promise<unknown>((resolve) => server.close(resolve));
  };
  return { adapter, port, url: `ws://127.0.0.1:${port}/`, [Symbol.asyncDispose]: dispose };
}

/** A raw client of a server, with its peer there. */
async function rawPair(options: Options = {}, ...changes: string[]) {
  let onOpen = (_: Peer): void => {};
  const open = new Promise<Peer>((resolve) => onOpen = resolve);
  const hooks = { ...options.hooks, open: (peer: Peer) => onOpen(peer) };
  const served = await serve({ ...options, hooks });
  const raw = await RawPeer.dial(served.port);
  const response = await raw.upgrade(...changes);
  const peer = await open;
  const dispose = async (): Promise<void> => {
    await served[Symbol.asyncDispose]();
    await raw[Symbol.asyncDispose]();
  };
  return { served, raw, peer, response, [Symbol.asyncDispose]: dispose };
}

const dial = (url: string, options?: { headers: Record<string, string> }): Promise<WebSocket> =>
  opened(new (Client as unknown as Class)(url, undefined, options));
type Class = new (url: string, protocols?: string, options?: object) => WebSocket;

// The opening handshake and HTTP.

cell("A socket required, or socket and page at one address", "partly", async () => {
  await using served = await serve();
  assertEquals(await (await fetch(`http://127.0.0.1:${served.port}/`)).text(), "page");
  await dial(served.url);
});

cell("`node:http`, `node:https`, beside other upgrade listeners", "yes", async () => {
  await using served = await serve({ hooks: { message: (peer) => void peer.send("Hello") } });
  const ws = await dial(served.url);
  ws.send("?");
  assertEquals(await messageOf(ws), "Hello");
});

cell(
  ["The request, available later", "Authentication, its result on typed data"],
  "partly",
  async () => {
    await using served = await serve({
      hooks: {
        upgrade: ({ headers }) => ({ context: { user: headers.get("authorization") } }),
        message: (peer) =>
          void peer.send(`${peer.context["user"]} ${peer.request.headers.get("x-a")}`),
      },
    });
    const ws = await dial(served.url, { headers: { authorization: "ada", "x-a": "b" } });
    ws.send("who am I?");
    assertEquals(await messageOf(ws), "ada b");
  },
);

cell("Refusal with any response, also late", "yes", async () => {
  await using served = await serve({
    hooks: {
      async upgrade() {
        await new Promise<void>((resolve) => setTimeout(resolve, 1));
        return new Response("pay!", { status: 402, headers: { "content-length": "4" } });
      },
    },
  });
  await using raw = await RawPeer.dial(served.port);
  const { status, body } = await raw.upgrade();
  assertEquals([status, body], [402, "pay!"]);
});

cell("Header fields on the 101, several Set-Cookie", "partly", async () => {
  const headers = new Headers([["set-cookie", "a=1"], ["set-cookie", "b=2"]]);
  await using pair = await rawPair({ hooks: { upgrade: () => ({ headers }) } });
  const cookies = pair.response.lines.filter((line) => /^set-cookie:/i.test(line));
  assertEquals(cookies.length, 2); // on Node
});

cell("Subprotocol: a list or a function, never one not offered", "partly", async () => {
  await using pair = await rawPair(
    { hooks: { upgrade: () => ({ protocol: "not-offered" }) } },
    "Sec-WebSocket-Protocol: a",
  );
  assertEquals(pair.response.get("sec-websocket-protocol"), "not-offered");
});

cell(["Origin rule", "Cross-site hijacking: a safe default"], "no", async () => {
  await using pair = await rawPair({}, "Origin: https://evil.example");
  assertEquals(pair.response.status, 101);
});

const byPath: Options = {
  resolve: ({ url }) => {
    const { pathname } = new URL(url);
    return { message: (peer) => void peer.send(pathname) };
  },
};

cell("Paths with parameters", "partly", () => answersByPath());
cell("Several WebSocket servers on one port", "yes", () => answersByPath());
async function answersByPath(): Promise<void> {
  await using served = await serve(byPath);
  for (const path of ["/rooms/7", "/other"]) {
    const ws = await dial(`ws://127.0.0.1:${served.port}${path}`);
    ws.send("which?");
    assertEquals(await messageOf(ws), path);
  }
}

cell("Reverse proxy for WebSocket", "yes", async () => {
  const upstream = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(upstream, "listening");
  upstream.on("connection", (ws) => ws.on("message", (data) => ws.send(`upstream ${data}`)));
  const { port } = upstream.address() as net.AddressInfo;
  {
    const WebSocket = Ws as unknown as typeof globalThis.WebSocket;
    const target = `ws://127.0.0.1:${port}/`;
    await using served = await serve({ hooks: createWebSocketProxy({ target, WebSocket }) });
    const ws = await dial(served.url);
    ws.send("Hello");
    const data = await messageOf(ws);
    assertEquals(
      typeof data === "string" ? data : new TextDecoder().decode(data as Uint8Array),
      "upstream Hello",
    );
  }
  for (const ws of upstream.clients) ws.terminate();
  await new Promise<unknown>((resolve) => upstream.close(resolve));
});

// The client's handshake.

cell("Custom header fields, Host and Origin too", "yes", async () => {
  let got: (string | null)[] = [];
  await using served = await serve({
    hooks: {
      upgrade: ({ headers }) =>
        void (got = ["host", "origin", "x-c"].map((name) => headers.get(name))),
    },
  });
  await dial(served.url, {
    headers: { host: "a.example", origin: "https://b.example", "x-c": "d" },
  });
  assertEquals(got, ["a.example", "https://b.example", "d"]);
});

cell("The browsers' class: `new WebSocket(url)` and its events", "yes", async () => {
  await using served = await serve({
    hooks: { message: (peer, data) => void peer.send(data.text()) },
  });
  const ws = await dial(served.url);
  ws.send("Hello");
  assertEquals(await messageOf(ws), "Hello");
});

// Handlers and connections.

cell("Hooks shared by all connections, async ones in order", "partly", async () => {
  let running = 0;
  let release = (): void => {};
  const all = new Promise<void>((resolve) => release = resolve);
  await using served = await serve({
    hooks: {
      async message() {
        if (++running === 20) release();
        await all;
      },
    },
  });
  const ws = await dial(served.url);
  for (let i = 0; i < 20; i++) ws.send("x");
  await all; // 20 handlers at once
});

cell("Closed when the handler returns (1000) or throws (1011)", "no", async () => {
  await using pair = await rawPair({ hooks: { message: (peer) => void peer.send("still here") } });
  sendFrame(pair.raw, 1, "?"); // the hook `open` has returned
  assertEquals(await takeText(pair.raw), "still here");
});

cell("Set of connections", "yes", async () => {
  await using pair = await rawPair();
  assertEquals([...pair.peer.peers], [pair.peer]);
  assertEquals([...pair.served.adapter.peers.values()].map(({ size }) => size), [1]);
});

cell("Text and binary by type, or chosen", "partly", async () => {
  await using pair = await rawPair();
  pair.peer.send("text");
  pair.peer.send(Uint8Array.of(1));
  pair.peer.send({ a: 1 });
  assertEquals((await pair.raw.takeFrame()).first, 0x81);
  assertEquals((await pair.raw.takeFrame()).first, 0x82);
  assertEquals(await takeText(pair.raw), '{"a":1}');
});

cell(["Messages in their own type", "JSON helpers"], "yes", async () => {
  await using pair = await rawPair({
    hooks: {
      message: (peer, message) => {
        const { a } = message.json<{ a: number }>();
        peer.send(`${message.text()} ${message.uint8Array().length} ${a}`);
      },
    },
  });
  sendFrame(pair.raw, 1, '{"a":1}');
  assertEquals(await takeText(pair.raw), '{"a":1} 7 1');
});

cell("Notified when a message has left", "partly", async () => {
  await using pair = await rawPair();
  assertEquals(typeof pair.peer.send("Hello"), "number");
});

cell("Terminate at once", "partly", async () => {
  await using pair = await rawPair();
  pair.peer.terminate();
  assertEquals((await pair.raw.takeRest()).length, 0); // no Close frame, on Node
});

cell("Graceful shutdown", "partly", async () => {
  await using pair = await rawPair();
  await pair.served.adapter.close(1001, "bye");
  assertEquals(await pair.raw.takeClose(), { code: 1001, reason: "bye" });
});

cell("Remote address and TLS of a connection", "partly", async () => {
  await using pair = await rawPair();
  assertEquals(pair.peer.remoteAddress, "127.0.0.1");
  assert(!("tls" in pair.peer));
});

// Backpressure and streams.

cell("Sending: buffered amount, drain, bound", "partly", async () => {
  await using pair = await rawPair();
  pair.raw.pause();
  const chunk = new Uint8Array(1 << 20);
  for (let i = 0; i < 40; i++) pair.peer.send(chunk);
  assert(pair.peer.bufferedAmount > 16 << 20);
  assertEquals(pair.peer.websocket.readyState, 1);
});

cell("A message in pieces as they come", "no", async () => {
  let messages = 0;
  await using pair = await rawPair({ hooks: { message: () => void messages++ } });
  sendFrame(pair.raw, 1, "first piece", false);
  sendFrame(pair.raw, 9, "ping");
  assertEquals(await takeText(pair.raw), "ping"); // the Pong: the piece has been read
  assertEquals(messages, 0);
});

cell(
  ["Receiving: a slow handler slows the peer down", "Web streams, Node's Duplex"],
  "no",
  async () => {
    await using pair = await rawPair();
    assert(!("pause" in pair.peer) && !("readable" in pair.peer) && !("pipe" in pair.peer));
  },
);

// Topics.

cell("Topics: subscribe, publish to all but oneself", "yes", async () => {
  await using served = await serve({
    hooks: {
      open: (peer) => peer.subscribe("chat"),
      message: (peer, message) => {
        peer.publish("chat", message.text());
        peer.send("published");
      },
    },
  });
  const [one, other] = [await dial(served.url), await dial(served.url)];
  const got = messageOf(other);
  one.send("Hello");
  assertEquals([await messageOf(one), await got], ["published", "Hello"]);
});

cell("What became of a message, by subscriber", "no", async () => {
  await using pair = await rawPair();
  pair.peer.subscribe("chat");
  assertEquals(pair.served.adapter.publish("chat", "Hello") as unknown, undefined);
});

// Heartbeat and timeouts.

cell("Pings a silent peer, drops a dead one", "yes", async () => {
  await using pair = await rawPair({ idleTimeout: 0.02 });
  assertEquals((await pair.raw.takeFrame()).first, 0x89); // and no Pong is sent
  await pair.raw.takeRest();
});

cell(["Round-trip time", "Hooks for Ping and Pong"], "partly", async () => {
  let onPong = (_: string): void => {};
  const pong = new Promise<string>((resolve) => onPong = resolve);
  await using pair = await rawPair({
    hooks: {
      ping: (peer, data) => void peer.send(`ping ${data}`),
      pong: (_, data) => onPong(String(data)),
    },
  });
  pair.peer.ping("p");
  assertEquals(await takeText(pair.raw), "p");
  sendFrame(pair.raw, 10, "p");
  assertEquals(await pong, "p");
});

cell("Automatic Pongs can be switched off", "partly", async () => {
  const serverOptions = { noServer: true, autoPong: false }; // of `ws`
  await using pair = await rawPair({
    serverOptions,
    hooks: { message: (peer) => void peer.send("text") },
  });
  sendFrame(pair.raw, 9, "ping");
  sendFrame(pair.raw, 1, "x");
  assertEquals((await pair.raw.takeFrame()).first, 0x81); // no Pong before it
});

// Limits and security.

cell("Size of a message, judged before it is stored", "partly", async () => {
  await using pair = await rawPair();
  pair.raw.sendHex("82 ff 0000000006400001 01020304"); // the limit of `ws`: 100 MiB
  assertEquals((await pair.raw.takeClose()).code, 1009);
});

cell("Close codes and reasons checked, no foreign memory sent", "partly", async () => {
  await using pair = await rawPair();
  assertThrows(() => pair.peer.close(1006), TypeError); // by `ws`
});

// On servers that exist already.

cell("Express, Fastify, Koa: middleware before the upgrade", "no", async () => {
  const { default: express } = await import("express");
  const app = express();
  let calls = 0;
  app.use((_request: unknown, _response: unknown, next: () => void) => (calls++, next()));
  await using served = await serve({}, app as unknown as http.RequestListener);
  await dial(served.url);
  assertEquals(calls, 0);
});
