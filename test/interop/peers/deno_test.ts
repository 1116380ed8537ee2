// What docs/comparison.md says of `Deno.serve` with `Deno.upgradeWebSocket()`, and of Deno's client.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { once } from "node:events";
import http from "node:http";
import type net from "node:net";
import { RawPeer, RawServer } from "../../support/raw.ts";
import { commandOf, run } from "../../support/process.ts";
import {
  cellsOf,
  closeOf,
  messageOf,
  opened,
  sendEmptyFragments,
  sendFrame,
  takeText,
} from "./cell.ts";

const cell = cellsOf("Deno", "deno");

const STREAM = "test/interop/peers/programs/websocket_stream.ts";

interface HttpServer {
  readonly addr: { readonly port: number };
  shutdown(): Promise<void>;
}

interface Upgraded {
  readonly socket: WebSocket;
  readonly response: Response;
}

interface Info {
  readonly remoteAddr: { readonly hostname: string };
}

interface Runtime {
  serve(
    options: { port: number; hostname: string; onListen(): void },
    handler: (request: Request, info: Info) => Response | Promise<Response>,
  ): HttpServer;
  upgradeWebSocket(
    request: Request,
    options?: { protocol?: string; socket?: unknown; head?: Uint8Array },
  ): Upgraded;
}

const { Deno } = globalThis as { Deno?: Runtime };
/** The class of Deno, with its options. */
const Client = globalThis.WebSocket as unknown as new (
  url: string,
  options?: { headers?: Record<string, string> },
) => WebSocket;

/** What tells the parts of a path. */
const { URLPattern: Pattern } = globalThis as unknown as {
  URLPattern: new (parts: { pathname: string }) => {
    exec(url: string): { pathname: { groups: Record<string, string | undefined> } } | null;
  };
};

interface Served extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
}

type Handler = (request: Request, info: Info) => Response | Promise<Response>;

function serve(handler: Handler): Served {
  const server = Deno!.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    handler,
  );
  const { port } = server.addr;
  const stop = (): Promise<void> => server.shutdown();
  return { port, url: `ws://127.0.0.1:${port}/`, [Symbol.asyncDispose]: stop };
}

/** A handler that upgrades what asks for it, and sends a page to the rest. */
const upgrading =
  (onSocket: (socket: WebSocket, request: Request) => void): Handler => (request) => {
    if (request.headers.get("upgrade") !== "websocket") return new Response("page");
    const { socket, response } = Deno!.upgradeWebSocket(request);
    onSocket(socket, request);
    return response;
  };

/** Closes a client, and waits for the end. */
async function end(ws: WebSocket): Promise<void> {
  const closed = closeOf(ws);
  ws.close();
  await closed;
}

/** A raw client of a server, with its socket there. */
async function rawPair(...changes: string[]) {
  let onSocket = (_: WebSocket): void => {};
  const socket = new Promise<WebSocket>((resolve) => onSocket = resolve);
  const served = serve(upgrading((ws) => ws.onopen = () => onSocket(ws)));
  const peer = await RawPeer.dial(served.port);
  const response = await peer.upgrade(...changes);
  const server = await socket;
  const dispose = async (): Promise<void> => {
    const closed = server.readyState === WebSocket.CLOSED ? undefined : closeOf(server);
    await peer[Symbol.asyncDispose]();
    await closed;
    await served[Symbol.asyncDispose]();
  };
  return { served, peer, server, response, [Symbol.asyncDispose]: dispose };
}

// The opening handshake and HTTP.

cell("Pages and sockets on one port", "yes", async () => {
  await using served = serve(upgrading(() => {}));
  assertEquals(await (await fetch(`http://127.0.0.1:${served.port}/`)).text(), "page");
  await end(await opened(new Client(served.url)));
});

cell(
  ["A socket required, or socket and page at one address", "`Bun.serve`, `Deno.serve`"],
  "partly",
  async () => {
    await using served = serve(upgrading(() => {}));
    assertEquals((await fetch(`http://127.0.0.1:${served.port}/`)).headers.get("upgrade"), null);
    await end(await opened(new Client(served.url)));
  },
);

cell("426 with `Upgrade` for a page request", "no", async () => {
  let thrown: unknown;
  await using served = serve((request) => {
    try {
      return Deno!.upgradeWebSocket(request).response;
    } catch (error) {
      thrown = error;
      return new Response("caught");
    }
  });
  await (await fetch(`http://127.0.0.1:${served.port}/`)).text();
  assert(thrown instanceof TypeError);
});

cell(
  ["The request, available later", "Authentication, its result on typed data"],
  "partly",
  async () => {
    await using served = serve((request) => {
      const user = request.headers.get("authorization");
      if (user === null) return new Response("who?", { status: 401 });
      const { socket, response } = Deno!.upgradeWebSocket(request);
      socket.onmessage = () => socket.send(user); // kept by the closure
      return response;
    });
    const ws = await opened(new Client(served.url, { headers: { authorization: "ada" } }));
    ws.send("who am I?");
    assertEquals(await messageOf(ws), "ada");
    await end(ws);
  },
);

cell("Refusal with any response, also late", "yes", async () => {
  await using served = serve(async () => {
    await new Promise<void>((resolve) => setTimeout(resolve, 1));
    return new Response("pay!", { status: 402 });
  });
  await using peer = await RawPeer.dial(served.port);
  const { status, body } = await peer.upgrade();
  assertEquals([status, body], [402, "pay!"]);
});

cell("Header fields on the 101, several Set-Cookie", "yes", async () => {
  await using served = serve((request) => {
    const { response } = Deno!.upgradeWebSocket(request);
    response.headers.append("Set-Cookie", "a=1");
    response.headers.append("Set-Cookie", "b=2");
    return response;
  });
  await using peer = await RawPeer.dial(served.port);
  const { lines } = await peer.upgrade();
  assertEquals(lines.filter((line) => /^set-cookie:/i.test(line)).length, 2);
});

cell("Subprotocol: a list or a function, never one not offered", "partly", async () => {
  await using served = serve((request) => {
    assertThrows(() => Deno!.upgradeWebSocket(request, { protocol: "not-offered" }), TypeError);
    return Deno!.upgradeWebSocket(request, { protocol: "b" }).response;
  });
  await using peer = await RawPeer.dial(served.port);
  const response = await peer.upgrade("Sec-WebSocket-Protocol: a, b");
  assertEquals(response.get("sec-websocket-protocol"), "b");
});

cell(["Origin rule", "Cross-site hijacking: a safe default"], "no", async () => {
  await using raw = await rawPair("Origin: https://evil.example");
  assertEquals(raw.response.status, 101);
});

cell("Paths with parameters", "partly", async () => {
  const pattern = new Pattern({ pathname: "/rooms/:room" });
  await using served = serve(upgrading((socket, { url }) => {
    socket.onmessage = () => socket.send(pattern.exec(url)?.pathname.groups.room ?? "none");
  }));
  const ws = await opened(new Client(`${served.url}rooms/7`));
  ws.send("where?");
  assertEquals(await messageOf(ws), "7");
  await end(ws);
});

cell("Several WebSocket servers on one port", "yes", async () => {
  await using served = serve(upgrading((socket, { url }) => {
    const { pathname } = new URL(url);
    if (pathname === "/a") socket.onmessage = () => socket.send("a");
    else socket.onmessage = () => socket.send("other");
  }));
  for (const [path, answer] of [["a", "a"], ["b", "other"]]) {
    const ws = await opened(new Client(`${served.url}${path}`));
    ws.send("which?");
    assertEquals(await messageOf(ws), answer);
    await end(ws);
  }
});

// The client's handshake.

cell("Custom header fields, Host and Origin too", "partly", async () => {
  await using server = await RawServer.listen();
  const headers = { Host: "a.example", Origin: "https://b.example", "X-C": "d" };
  const closed = closeOf(new Client(server.url, { headers }));
  const peer = await server.accept();
  const head = await peer.takeThrough("\r\n\r\n");
  assert(head.includes("\r\norigin: https://b.example\r\n"), head);
  assert(!head.includes("a.example"), head); // Host is not taken
  peer.end();
  await closed;
});

cell("Redirections, opt-in", "no", async () => {
  await using server = await RawServer.listen();
  const closed = closeOf(new Client(server.url));
  const peer = await server.accept();
  await peer.takeThrough("\r\n\r\n");
  peer.send("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
  assertEquals((await closed).wasClean, false);
});

cell("Failure has status, fields and body", "partly", async () => {
  await using served = serve(() => new Response("the body", { status: 403 }));
  const ws = new Client(served.url);
  const failed = new Promise<Event>((resolve) => ws.onerror = resolve);
  const closed = closeOf(ws);
  const { message } = await failed as ErrorEvent;
  assert(message.includes("403") && !message.includes("the body"), message);
  await closed;
});

cell("The browsers' class: `new WebSocket(url)` and its events", "yes", async () => {
  await using served = serve(upgrading((ws) => ws.onmessage = ({ data }) => ws.send(data)));
  const ws = new WebSocket(served.url);
  await new Promise((resolve) => ws.onopen = resolve);
  ws.send("Hello");
  assertEquals(await messageOf(ws), "Hello");
  await end(ws);
});

// Handlers and connections.

cell("Hooks shared by all connections, async ones in order", "partly", async () => {
  let running = 0;
  let release = (): void => {};
  const all = new Promise<void>((resolve) => release = resolve);
  await using served = serve(upgrading((socket) => {
    socket.onmessage = async () => {
      if (++running === 20) release();
      await all;
    };
  }));
  const ws = await opened(new Client(served.url));
  for (let i = 0; i < 20; i++) ws.send("x");
  await all; // 20 handlers at once
  await end(ws);
});

cell("Closed when the handler returns (1000) or throws (1011)", "no", async () => {
  await using raw = await rawPair();
  raw.server.onmessage = () => raw.server.send("still here");
  sendFrame(raw.peer, 1, "?");
  assertEquals(await takeText(raw.peer), "still here");
});

cell("Text and binary by type, or chosen", "partly", async () => {
  await using raw = await rawPair();
  raw.server.send("text");
  raw.server.send(Uint8Array.of(1));
  raw.server.send(new Blob(["blob"]));
  const opcodes: number[] = [];
  for (let i = 0; i < 3; i++) opcodes.push((await raw.peer.takeFrame()).first);
  assertEquals(opcodes, [0x81, 0x82, 0x82]);
});

cell("Messages in their own type", "yes", async () => {
  await using raw = await rawPair();
  const text = messageOf(raw.server);
  sendFrame(raw.peer, 1, "text");
  assertEquals(await text, "text");
  const binary = messageOf(raw.server);
  sendFrame(raw.peer, 2, "binary");
  assert(await binary instanceof ArrayBuffer);
});

cell("Notified when a message has left", "no", async () => {
  await using raw = await rawPair();
  assertEquals(raw.server.send("Hello") as unknown, undefined);
});

cell("Terminate at once", "no", async () => {
  await using raw = await rawPair();
  assert(!("terminate" in raw.server));
});

cell("Remote address and TLS of a connection", "partly", async () => {
  await using served = serve((_, { remoteAddr }) => new Response(remoteAddr.hostname));
  assertEquals(await (await fetch(`http://127.0.0.1:${served.port}/`)).text(), "127.0.0.1");
});

cell(
  [
    "Pull: receive, iterate, give up after a time",
    "Web streams, Node's Duplex",
    "Receiving: a slow handler slows the peer down",
  ],
  "partly",
  async () => {
    // A class of clients alone, with a flag of the command line.
    const [deno = "", ...args] = commandOf("deno", STREAM);
    const child = run([deno, "run", "-A", "--unstable-net", ...args.slice(-1)]);
    try {
      assertEquals(await child.exit, 0, child.output());
    } finally {
      await child.stop();
    }
  },
);

// Backpressure and streams.

cell("Sending: buffered amount, drain, bound", "partly", async () => {
  await using raw = await rawPair();
  raw.peer.pause();
  const chunk = new Uint8Array(1 << 20);
  for (let i = 0; i < 40; i++) raw.server.send(chunk);
  assert(raw.server.bufferedAmount > 16 << 20);
  assertEquals(raw.server.readyState, WebSocket.OPEN);
});

cell("A message in pieces as they come", "no", async () => {
  await using raw = await rawPair();
  let messages = 0;
  raw.server.onmessage = () => messages++;
  sendFrame(raw.peer, 1, "first piece", false);
  sendFrame(raw.peer, 9, "ping");
  assertEquals(await takeText(raw.peer), "ping"); // the Pong: the piece has been read
  assertEquals(messages, 0);
});

// Heartbeat and timeouts.

cell(["Hooks for Ping and Pong", "Round-trip time"], "no", async () => {
  await using raw = await rawPair();
  assert(!("onping" in raw.server) && !("ping" in raw.server) && !("latency" in raw.server));
});

// Limits and security.

cell("Size and count of a request's fields", "partly", async () => {
  await using served = serve(() => new Response("page"));
  for (const fields of [`X: ${"x".repeat(1_000_000)}\r\n`, "X: y\r\n".repeat(150)]) {
    await using peer = await RawPeer.dial(served.port);
    peer.send(`GET / HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
    assertEquals((await peer.takeResponse()).status, 400);
  }
});

cell(
  ["Number of fragments, empty ones too", "Floods of Pings and of tiny fragments"],
  "no",
  async () => {
    await using raw = await rawPair();
    const got = messageOf(raw.server);
    sendFrame(raw.peer, 1, "", false);
    sendEmptyFragments(raw.peer, 140_000);
    sendFrame(raw.peer, 0, "last");
    assertEquals(await got, "last");
  },
);

cell("Size of a message, judged before it is stored", "partly", async () => {
  await using raw = await rawPair();
  const closed = closeOf(raw.server);
  raw.peer.sendHex("82 ff 0000000004000001 01020304"); // the header of a frame of 64 MiB and an octet
  assert((await closed).code !== 1000);
});

cell("Close codes and reasons checked, no foreign memory sent", "no", async () => {
  await using raw = await rawPair();
  raw.server.close(1006);
  assertEquals((await raw.peer.takeClose()).code, 1006);
});

// On servers that exist already.

cell("`node:http`, `node:https`, beside other upgrade listeners", "yes", async () => {
  const server = http.createServer();
  server.on("upgrade", (request, socket, head) => {
    const { headers, url } = request;
    if (url === "/other") return void socket.end("HTTP/1.1 402 Payment Required\r\n\r\n");
    const fields = new Headers(headers as Record<string, string>);
    const upgraded = Deno!.upgradeWebSocket(
      new Request(`http://${headers.host}/`, { headers: fields }),
      { socket, head },
    );
    upgraded.socket.onmessage = ({ data }) => upgraded.socket.send(data);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const ws = await opened(new Client(`ws://127.0.0.1:${port}/`));
  ws.send("Hello");
  assertEquals(await messageOf(ws), "Hello");
  await end(ws);
  await assertRejects(() => opened(new Client(`ws://127.0.0.1:${port}/other`)));
  server.close();
});

cell("Without WebSocket: Server-Sent Events, polling", "partly", async () => {
  const headers = { "Content-Type": "text/event-stream" };
  await using served = serve(() =>
    new Response(new Blob(["data: Hello\n\n"]).stream(), { headers })
  );
  const response = await fetch(`http://127.0.0.1:${served.port}/`);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  assertEquals(await response.text(), "data: Hello\n\n");
});
