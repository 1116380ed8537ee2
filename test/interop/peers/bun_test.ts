// What docs/comparison.md says of Bun's own server and client.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { RawPeer, RawServer } from "../../support/raw.ts";
import {
  cellsOf,
  closeOf,
  messageOf,
  opened,
  sendEmptyFragments,
  sendFrame,
  takeText,
} from "./cell.ts";

const cell = cellsOf("Bun", "bun");

interface Socket {
  readonly data: unknown;
  readonly remoteAddress: string;
  readonly isPaused: boolean;
  send(message: string | Uint8Array): number;
  sendText(message: string): number;
  sendBinary(message: Uint8Array): number;
  close(code?: number, reason?: string): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  subscribe(topic: string): void;
  publish(topic: string, message: string): number;
}

interface Server {
  readonly port: number;
  readonly pendingWebSockets: number;
  upgrade(request: Request, options?: { headers?: Headers; data?: unknown }): boolean;
  publish(topic: string, message: string): number;
  subscriberCount(topic: string): number;
  stop(force?: boolean): Promise<void>;
}

type Params = Request & { readonly params: Record<string, string> };
type Answer = Response | undefined | Promise<Response | undefined>;

interface Options {
  reusePort?: boolean;
  port?: number;
  routes?: Record<string, (request: Params, server: Server) => Answer>;
  fetch?(request: Request, server: Server): Answer;
  websocket?: {
    maxPayloadLength?: number;
    backpressureLimit?: number;
    open?(socket: Socket): void;
    message?(socket: Socket, data: string | Uint8Array): unknown;
    ping?(socket: Socket, data: Uint8Array): void;
    pong?(socket: Socket, data: Uint8Array): void;
  };
}

interface Serve {
  serve(options: Options & { hostname: string }): Server;
}

const { Bun } = globalThis as { Bun?: Serve };
/** The class of Bun, with its options. */
const Client = globalThis.WebSocket as unknown as new (
  url: string,
  options?: { headers?: Record<string, string>; proxy?: string },
) => WebSocket;

interface Served extends AsyncDisposable {
  readonly server: Server;
  readonly port: number;
  readonly url: string;
}

/** A server that upgrades each request, if `options` do not say otherwise. */
function serve(options: Options = {}): Served {
  const server = Bun!.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, server) => server.upgrade(request) ? undefined : new Response("page"),
    ...options,
    websocket: { message() {}, ...options.websocket },
  });
  const { port } = server;
  const stop = (): Promise<void> => server.stop(true);
  return { server, port, url: `ws://127.0.0.1:${port}/`, [Symbol.asyncDispose]: stop };
}

/** A raw client of a server, with its socket there. */
async function rawPair(options: Options = {}, ...changes: string[]) {
  let opened = (_: Socket): void => {};
  const socket = new Promise<Socket>((resolve) => opened = resolve);
  const served = serve({
    ...options,
    websocket: { ...options.websocket, open: (socket) => opened(socket) },
  });
  const peer = await RawPeer.dial(served.port);
  const response = await peer.upgrade(...changes);
  const server = await socket;
  const dispose = async (): Promise<void> => {
    await peer[Symbol.asyncDispose]();
    await served[Symbol.asyncDispose]();
  };
  return { served, peer, server, response, [Symbol.asyncDispose]: dispose };
}

// The opening handshake and HTTP.

cell("Pages and sockets on one port", "yes", async () => {
  await using served = serve();
  assertEquals(await (await fetch(`http://127.0.0.1:${served.port}/`)).text(), "page");
  await opened(new Client(served.url));
});

cell(
  ["A socket required, or socket and page at one address", "`Bun.serve`, `Deno.serve`"],
  "partly",
  async () => {
    const answers: boolean[] = [];
    await using served = serve({
      fetch(request, server) {
        answers.push(server.upgrade(request));
        return answers.at(-1) ? undefined : new Response("page");
      },
    });
    await (await fetch(`http://127.0.0.1:${served.port}/`)).text();
    await opened(new Client(served.url));
    assertEquals(answers, [false, true]);
  },
);

cell(
  ["The request, available later", "Authentication, its result on typed data"],
  "partly",
  async () => {
    await using served = serve({
      fetch(request, server) {
        const data = request.headers.get("authorization");
        if (data === null) return new Response("who?", { status: 401 });
        return server.upgrade(request, { data }) ? undefined : new Response("");
      },
      websocket: { message: (ws) => ws.send(String(ws.data)) },
    });
    const ws = await opened(new Client(served.url, { headers: { authorization: "ada" } }));
    ws.send("who am I?");
    assertEquals(await messageOf(ws), "ada");
  },
);

cell("Refusal with any response, also late", "yes", async () => {
  await using served = serve({
    async fetch() {
      await new Promise<void>((resolve) => setTimeout(resolve, 1));
      return new Response("pay!", { status: 402 });
    },
  });
  await using peer = await RawPeer.dial(served.port);
  const { status, body } = await peer.upgrade();
  assertEquals([status, body], [402, "pay!"]);
});

cell("Header fields on the 101, several Set-Cookie", "yes", async () => {
  const headers = new Headers([["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]]);
  await using raw = await rawPair({
    fetch: (request, server) => void server.upgrade(request, { headers }),
  });
  const cookies = raw.response.lines.filter((line) => /^set-cookie:/i.test(line));
  assertEquals(cookies.length, 2);
});

cell("Subprotocol: a list or a function, never one not offered", "partly", async () => {
  const headers = new Headers({ "Sec-WebSocket-Protocol": "not-offered" });
  await using raw = await rawPair({
    fetch: (request, server) => void server.upgrade(request, { headers }),
  }, "Sec-WebSocket-Protocol: a");
  assertEquals(raw.response.get("sec-websocket-protocol"), "not-offered");
});

cell(["Origin rule", "Cross-site hijacking: a safe default"], "no", async () => {
  await using raw = await rawPair({}, "Origin: https://evil.example");
  assertEquals(raw.response.status, 101);
});

cell("Paths with parameters", "yes", async () => {
  await using served = serve({
    routes: {
      "/rooms/:room": (request, server) =>
        void server.upgrade(request, { data: request.params.room }),
      "/rooms/lobby": (request, server) => void server.upgrade(request, { data: "the lobby" }),
    },
    websocket: { message: (ws) => ws.send(String(ws.data)) },
  });
  for (const [path, answer] of [["rooms/7", "7"], ["rooms/lobby", "the lobby"]]) {
    const ws = await opened(new Client(`${served.url}${path}`));
    ws.send("where?");
    assertEquals(await messageOf(ws), answer);
  }
});

cell("Several WebSocket servers on one port", "partly", async () => {
  await using served = serve({
    fetch: (request, server) =>
      void server.upgrade(request, { data: new URL(request.url).pathname }),
    websocket: { message: (ws) => ws.send(String(ws.data)) }, // one handler for both
  });
  for (const path of ["/a", "/b"]) {
    const ws = await opened(new Client(`ws://127.0.0.1:${served.port}${path}`));
    ws.send("which?");
    assertEquals(await messageOf(ws), path);
  }
});

// The client's handshake.

cell("Custom header fields, Host and Origin too", "yes", async () => {
  await using server = await RawServer.listen();
  new Client(server.url, {
    headers: { Host: "a.example", Origin: "https://b.example", "X-C": "d" },
  })
    .onerror = () => {};
  const head = await (await server.accept()).takeThrough("\r\n\r\n");
  for (const line of ["Host: a.example", "Origin: https://b.example", "X-C: d"]) {
    assert(head.toLowerCase().includes(`\r\n${line.toLowerCase()}\r\n`), head);
  }
});

cell("Redirections, opt-in", "no", async () => {
  await using server = await RawServer.listen();
  const ws = new Client(server.url);
  const closed = closeOf(ws);
  const peer = await server.accept();
  await peer.takeThrough("\r\n\r\n");
  peer.send("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
  assertEquals((await closed).wasClean, false);
});

cell("Failure has status, fields and body", "partly", async () => {
  await using served = serve({ fetch: () => new Response("no", { status: 403 }) });
  const ws = new Client(served.url);
  const failed = new Promise<Event>((resolve) => ws.onerror = resolve);
  const { message } = await failed as ErrorEvent;
  assert(message.includes("403"), message);
});

cell("HTTP proxy, environment variables", "partly", async () => {
  await using server = await RawServer.listen();
  const ws = new Client("ws://elsewhere.example/", { proxy: `http://127.0.0.1:${server.port}` });
  ws.onerror = () => {};
  const head = await (await server.accept()).takeThrough("\r\n\r\n");
  assert(head.startsWith("CONNECT elsewhere.example:80 "), head);
});

cell("SOCKS5 proxy", "no", () => {
  const proxy = "socks5://127.0.0.1:1";
  assertThrows(() => new Client("ws://elsewhere.example/", { proxy }), Error, "Unsupported proxy");
});

cell("The browsers' class: `new WebSocket(url)` and its events", "yes", async () => {
  await using served = serve({ websocket: { message: (ws, data) => ws.send(data) } });
  const ws = new WebSocket(served.url);
  await new Promise((resolve) => ws.onopen = resolve);
  ws.send("Hello");
  assertEquals(await messageOf(ws), "Hello");
});

// Handlers and connections.

cell("Hooks shared by all connections, async ones in order", "partly", async () => {
  let running = 0;
  let release = (): void => {};
  const all = new Promise<void>((resolve) => release = resolve);
  await using served = serve({
    websocket: {
      async message() {
        if (++running === 20) release();
        await all;
      },
    },
  });
  const ws = await opened(new Client(served.url));
  for (let i = 0; i < 20; i++) ws.send("x");
  await all; // 20 handlers at once
});

cell("Closed when the handler returns (1000) or throws (1011)", "no", async () => {
  await using raw = await rawPair({ websocket: { message: (ws) => ws.send("still here") } });
  sendFrame(raw.peer, 1, "?"); // the hook `open` has returned
  assertEquals(await takeText(raw.peer), "still here");
});

cell("Set of connections", "partly", async () => {
  await using raw = await rawPair();
  raw.server.subscribe("all");
  const { pendingWebSockets } = raw.served.server;
  assertEquals([pendingWebSockets, raw.served.server.subscriberCount("all")], [1, 1]);
});

cell("Counters of all that", "partly", async () => {
  await using raw = await rawPair();
  assertEquals(raw.served.server.pendingWebSockets, 1);
});

cell("Text and binary by type, or chosen", "yes", async () => {
  await using raw = await rawPair();
  raw.server.send("text");
  raw.server.send(Uint8Array.of(1));
  raw.server.sendText("text");
  raw.server.sendBinary(Uint8Array.of(1));
  const opcodes: number[] = [];
  for (let i = 0; i < 4; i++) opcodes.push((await raw.peer.takeFrame()).first);
  assertEquals(opcodes, [0x81, 0x82, 0x81, 0x82]);
});

cell("Messages in their own type", "yes", async () => {
  const types: string[] = [];
  await using raw = await rawPair({
    websocket: {
      message(ws, data) {
        types.push(typeof data === "string" ? "string" : data.constructor.name);
        ws.send("got it");
      },
    },
  });
  sendFrame(raw.peer, 1, "text");
  sendFrame(raw.peer, 2, "binary");
  await raw.peer.takeFrame();
  await raw.peer.takeFrame();
  assertEquals(types, ["string", "Buffer"]);
});

cell("Notified when a message has left", "partly", async () => {
  await using raw = await rawPair();
  assert(raw.server.send("Hello") > 0);
});

cell("Terminate at once", "yes", async () => {
  await using raw = await rawPair();
  raw.server.terminate();
  assertEquals((await raw.peer.takeRest()).length, 0); // no Close frame
});

cell("Graceful shutdown", "partly", async () => {
  await using raw = await rawPair({ websocket: { message: (ws) => ws.send("still here") } });
  void raw.served.server.stop();
  sendFrame(raw.peer, 1, "?");
  assertEquals(await takeText(raw.peer), "still here");
  void raw.served.server.stop(true);
  assertEquals((await raw.peer.takeClose()).code, 1001);
});

cell("Remote address and TLS of a connection", "partly", async () => {
  await using raw = await rawPair();
  assertEquals(raw.server.remoteAddress, "127.0.0.1");
  assert(!("tls" in raw.server) && !("socket" in raw.server));
});

cell("Pull: receive, iterate, give up after a time", "no", async () => {
  await using raw = await rawPair();
  assert(!(Symbol.asyncIterator in raw.server) && !("receive" in raw.server));
});

cell("Web streams, Node's Duplex", "no", async () => {
  await using raw = await rawPair();
  assert(!("readable" in raw.server) && !("pipe" in raw.server));
});

cell("Round-trip time", "no", async () => {
  await using raw = await rawPair();
  assert(!("latency" in raw.server) && !("roundTrip" in raw.server));
});

// Backpressure and streams.

cell(
  ["Sending: buffered amount, drain, bound", "Slow receivers of a broadcast"],
  "partly",
  async () => {
    await using raw = await rawPair({ websocket: { backpressureLimit: 1 << 20 } });
    raw.peer.pause();
    const chunk = new Uint8Array(1 << 20);
    let status = 1;
    for (let i = 0; i < 40 && status !== 0; i++) status = raw.server.send(chunk);
    assertEquals(status, 0); // dropped
  },
);

cell("Receiving: a slow handler slows the peer down", "partly", async () => {
  await using raw = await rawPair({ websocket: { message: (ws) => ws.send("got it") } });
  raw.server.pause();
  assert(raw.server.isPaused);
  raw.server.resume();
  sendFrame(raw.peer, 1, "?");
  assertEquals(await takeText(raw.peer), "got it");
});

cell("A message in pieces as they come", "no", async () => {
  let messages = 0;
  await using raw = await rawPair({ websocket: { message: () => messages++ } });
  sendFrame(raw.peer, 1, "first piece", false);
  sendFrame(raw.peer, 9, "ping");
  assertEquals(await takeText(raw.peer), "ping"); // the Pong: the piece has been read
  assertEquals(messages, 0);
});

// Topics.

cell("Topics: subscribe, publish to all but oneself", "yes", async () => {
  await using served = serve({
    websocket: {
      open: (ws) => ws.subscribe("chat"),
      message: (ws, data) => {
        ws.publish("chat", String(data));
        ws.send("published");
      },
    },
  });
  const [one, other] = [await opened(new Client(served.url)), await opened(new Client(served.url))];
  const got = messageOf(other);
  one.send("Hello");
  assertEquals([await messageOf(one), await got], ["published", "Hello"]);
});

cell("What became of a message, by subscriber", "partly", async () => {
  await using raw = await rawPair();
  raw.server.subscribe("chat");
  assertEquals(raw.served.server.publish("chat", "Hello"), 5); // octets
});

// Heartbeat and timeouts.

cell("Hooks for Ping and Pong", "yes", async () => {
  const seen: string[] = [];
  await using raw = await rawPair({
    websocket: {
      ping: (_, data) => void seen.push(`ping ${data}`),
      pong: (ws, data) => {
        seen.push(`pong ${data}`);
        ws.send("seen");
      },
    },
  });
  sendFrame(raw.peer, 9, "a");
  sendFrame(raw.peer, 10, "b");
  await raw.peer.takeFrame(); // the Pong
  assertEquals(await takeText(raw.peer), "seen");
  assertEquals(seen, ["ping a", "pong b"]);
});

// Limits and security.

cell("Size of a message, judged before it is stored", "yes", async () => {
  await using raw = await rawPair();
  raw.peer.sendHex("82 ff 0000000001000001 01020304"); // the header of a frame of 16 MiB and an octet
  assertEquals((await raw.peer.takeClose()).code, 1009);
});

cell("Size and count of a request's fields", "partly", async () => {
  await using served = serve();
  for (const fields of [`X: ${"x".repeat(20_000)}\r\n`, "X: y\r\n".repeat(250)]) {
    await using peer = await RawPeer.dial(served.port);
    peer.send(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
    assertEquals((await peer.takeResponse()).status, 431);
  }
});

cell(
  ["Number of fragments, empty ones too", "Floods of Pings and of tiny fragments"],
  "no",
  async () => {
    await using raw = await rawPair({ websocket: { message: (ws) => ws.send("all came") } });
    sendFrame(raw.peer, 1, "", false);
    sendEmptyFragments(raw.peer, 140_000);
    sendFrame(raw.peer, 0, "last");
    assertEquals(await takeText(raw.peer), "all came");
  },
);

cell("Close codes and reasons checked, no foreign memory sent", "partly", async () => {
  await using raw = await rawPair();
  raw.server.close(1006, "x".repeat(200));
  assertEquals(await raw.peer.takeClose(), { code: 1005, reason: "" });
});

// TLS and listeners.

cell("Several processes on one port", "yes", async () => {
  await using served = serve({ reusePort: true });
  await using other = serve({ reusePort: true, port: served.port });
  assertEquals(other.port, served.port);
});

// On servers that exist already.

cell("Without WebSocket: Server-Sent Events, polling", "partly", async () => {
  const headers = { "Content-Type": "text/event-stream" };
  await using served = serve({
    fetch: () => new Response(new Blob(["data: Hello\n\n"]).stream(), { headers }),
  });
  const response = await fetch(`http://127.0.0.1:${served.port}/`);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  assertEquals(await response.text(), "data: Hello\n\n");
});
