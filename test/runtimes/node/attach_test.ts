// attach() on `node:http` and `node:https`, which Deno and Bun have too: the same tests on all three.

import { createServer as createSecureServer } from "node:https";
import { connect as connectTls } from "node:tls";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  connect,
  createTopics,
  HandshakeError,
  type Refusal,
  type WebSocketHooks,
} from "@sansocket/ws";
import { attach, type Attached, type AttachOptions } from "@sansocket/ws/node";
import { settled, withResolvers } from "../../support/connections.ts";
import { createDevelopmentCertificate } from "../../../src/transport/certificate.ts";
import { handshake, RawPeer } from "../../support/raw.ts";
import { runtime, test } from "../../support/test.ts";

const echo: WebSocketHooks = { message: (ws, data) => ws.send(data) };

/** A masked text frame "Hello" (RFC 6455 section 5.7), and its unmasked echo. */
const HELLO = "818537fa213d7f9f4d5158";

interface Scene {
  readonly server: Server;
  readonly sockets: Attached;
  readonly port: number;
  readonly url: string;
  readonly reported: unknown[];
}

/** Runs `body` with a server that something is attached to. */
function scene(
  name: string,
  options: AttachOptions,
  body: (scene: Scene) => Promise<void>,
  onRequest: ((request: IncomingMessage, response: ServerResponse) => void) | undefined = (_, r) =>
    void r.end("a page"),
): void {
  test(`attach() ${name}`, async () => {
    const server = createServer(onRequest);
    const reported: unknown[] = [];
    const sockets = attach(server, { error: (error) => reported.push(error), ...options });
    const port = await listen(server);
    try {
      await body({ server, sockets, port, url: `http://127.0.0.1:${port}/`, reported });
    } finally {
      await sockets.close();
      await stop(server);
    }
  });
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port))
  );
}

function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

const topics = createTopics();
scene(
  "has topics, and publish() for all of its connections",
  {
    topics,
    websocket: {
      open: (ws) => void ws.subscribe("a"),
      message: (ws, data) => void ws.publish("a", data),
    },
  },
  async ({ url, sockets }) => {
    const [anna, ben] = [await connect(url), await connect(url)];
    await Promise.all([anna.ping(), ben.ping()]);
    assertEquals(sockets.publish("a", "to both").delivered, 2);
    await anna.send("from anna");
    assertEquals([await anna.receive(), await ben.receive()], ["to both", "to both"]);
    assertEquals(await ben.receive(), "from anna");
    await Promise.all([anna.close(), ben.close()]);
  },
);

scene(
  "serves sockets beside the pages of the server",
  { websocket: echo },
  async ({ url, sockets }) => {
    assertEquals(await (await fetch(url)).text(), "a page");
    const ws = await connect(url);
    assertEquals(sockets.connections.size, 1);
    await ws.send("hello");
    assertEquals(await ws.receive(), "hello");
    const large = new Uint8Array(300_000).fill(7);
    ws.send(large);
    assertEquals(await ws.receive(), large);
    const { code, wasClean } = await ws.close();
    assertEquals([code, wasClean], [1000, true]);
    await settled();
    assertEquals(await (await fetch(url)).text(), "a page");
  },
);

scene("keeps frames that come with the handshake", { websocket: echo }, async ({ port }) => {
  await using peer = await RawPeer.dial(port);
  const frame = Uint8Array.from(HELLO.match(/../g)!, (octet) => parseInt(octet, 16));
  const head = new TextEncoder().encode(handshake());
  const both = new Uint8Array(head.length + 2 * frame.length);
  both.set(head);
  both.set(frame, head.length);
  both.set(frame, head.length + frame.length);
  peer.send(both);
  assertEquals((await peer.takeResponse()).status, 101);
  for (let i = 0; i < 2; i++) {
    assertEquals(new TextDecoder().decode((await peer.takeFrame()).payload), "Hello");
  }
});

scene("judges the handshake as serve() does", { websocket: echo }, async ({ port }) => {
  const cases: [number, ...string[]][] = [
    [403, "Origin: https://evil.example"],
    [426, "Sec-WebSocket-Version: 8"],
    [400, "Sec-WebSocket-Key: short"],
    [101, `Origin: http://127.0.0.1:${port}`, `Host: 127.0.0.1:${port}`],
  ];
  for (const [status, ...changes] of cases) {
    await using peer = await RawPeer.dial(port);
    assertEquals((await peer.upgrade(...changes)).status, status, changes.join());
  }
});

const behind = "GET /behind HTTP/1.1\r\nHost: server.example.com\r\n\r\n";
for (
  const [what, options, changes, status] of [
    ["it refuses", { websocket: echo }, ["Sec-WebSocket-Version: 8"], 426],
    ["fetch refuses", { fetch: () => new Response("no", { status: 401 }) }, [], 401],
    ["the application refuses", {}, [], 200],
    ["nobody takes", { path: "/other", websocket: echo }, [], 200],
    ["comes with a body", { websocket: echo }, ["Content-Length: 5"], 400],
  ] as [string, AttachOptions, string[], number][]
) {
  const executed: (string | undefined)[] = [];
  scene(`executes no request behind a handshake that ${what}`, options, async ({ port }) => {
    await using peer = await RawPeer.dial(port);
    peer.send(handshake(...changes) + (status === 400 ? "01234" : "") + behind);
    const response = await peer.takeResponse();
    assertEquals([response.status, response.get("connection")?.includes("close")], [status, true]);
    assertEquals((await peer.takeRest()).length, 0);
    assertEquals(executed.filter((path) => path !== "/chat"), []);
  }, (request, response) => {
    executed.push(request.url);
    response.end("a page");
  });
}

test("attach() tells refused of what it refuses, and counts it", async () => {
  const told: Refusal[] = [];
  const server = createServer((request, response) => sockets.upgrade(request, response, {}));
  const own = attach(server, {
    path: "/own",
    websocket: {},
    refused: (refusal) => told.push(refusal),
  });
  const sockets = attach(server, { refused: (refusal) => told.push(refusal) });
  const port = await listen(server);
  const ask = async (...changes: string[]) => {
    await using peer = await RawPeer.dial(port);
    peer.send(handshake("Connection: Upgrade, close", ...changes));
    await peer.takeResponse();
  };
  await ask("GET /own HTTP/1.1", "Origin: https://evil.example");
  await ask("Sec-WebSocket-Version: 8");
  await ask("-Upgrade", "Connection: close");
  assertEquals(
    told.map(({ cause, status, request, remoteAddress }) => [
      cause,
      status,
      request?.target,
      request?.headers.get("host"),
      remoteAddress?.hostname,
    ]),
    [["origin", 403, "/own"], ["handshake", 426, "/chat"], ["handshake", 426, "/chat"]].map((
      one,
    ) => [...one, "server.example.com", "127.0.0.1"]),
  );
  assertEquals([own.stats().refused.origin, sockets.stats().refused.handshake], [1, 2]);
  await Promise.all([sockets.close(), own.close()]);
  await stop(server);
});

scene("takes origins", {
  websocket: echo,
  origins: ["https://friend.example"],
}, async ({ port }) => {
  await using peer = await RawPeer.dial(port);
  assertEquals((await peer.upgrade("Origin: https://friend.example")).status, 101);
});

scene("holds connections to its limits, and compresses", {
  websocket: echo,
  maxMessageSize: 10,
  compression: true,
}, async ({ url }) => {
  const ws = await connect(url, { compression: true });
  assertStringIncludes(ws.extensions, "permessage-deflate");
  ws.send("0123456789a");
  assertEquals((await ws.closed).code, 1009);
});

scene("decides by an async fetch, with subprotocol, data and header fields", {
  async fetch(request, { upgrade }) {
    await settled();
    if (request.headers.get("cookie") !== "user=1") {
      return new Response("who are you", { status: 401, headers: { "www-authenticate": "x" } });
    }
    return upgrade((ws) => ws.send(`${ws.data} ${ws.protocol} ${ws.request.url}`), {
      data: "data",
      protocol: ["b", "a"],
      headers: [["set-cookie", "x=1"], ["set-cookie", "y=2"]],
    });
  },
}, async ({ url, port }) => {
  const error = await assertRejects(() => connect(url), HandshakeError);
  assertEquals([error.status, error.body, error.headers?.get("www-authenticate")], [
    401,
    "who are you",
    "x",
  ]);
  const ws = await connect(`${url}p?q=1`, { protocols: ["a"], headers: { cookie: "user=1" } });
  assertEquals(await ws.receive(), `data a ${url}p?q=1`);
  await ws.closed;
  await using peer = await RawPeer.dial(port);
  const { lines } = await peer.upgrade("Cookie: user=1");
  assertEquals(lines.filter((line) => /^set-cookie/i.test(line)).length, 2);
});

scene("ends the connection after a refusal", {
  fetch: () => new Response("no", { status: 403 }),
}, async ({ port }) => {
  await using peer = await RawPeer.dial(port);
  const { status, get } = await peer.upgrade();
  assertEquals([status, get("connection")], [403, "close"]);
  await peer.takeRest();
  assertEquals(peer.error, undefined);
});

scene("answers 500 and reports what fetch throws", {
  fetch: () => Promise.reject(new Error("mine")),
}, async ({ port, reported }) => {
  await using peer = await RawPeer.dial(port);
  assertEquals((await peer.upgrade()).status, 500);
  assertEquals(reported.map(String), ["Error: mine"]);
});

scene("leaves what path does not match to the application", {
  path: "/socket",
  websocket: echo,
}, async ({ url, port }) => {
  const ws = await connect(`${url}socket?query`);
  await ws.close();
  for (const target of ["/other", "/socket/", "/socke"]) {
    await using peer = await RawPeer.dial(port);
    const response = await peer.upgrade(`GET ${target} HTTP/1.1`);
    assertEquals([response.status, response.body], [200, "a page"], target);
    await peer.takeRest();
  }
});

scene("takes what filter says, and reports one that throws", {
  filter(request) {
    if (request.url === "/throw") throw new Error("mine");
    return request.headers["x-key"] === "1";
  },
  websocket: echo,
}, async ({ url, reported }) => {
  const ws = await connect(url, { headers: { "x-key": "1" } });
  await ws.close();
  for (const path of ["", "throw"]) {
    assertEquals((await assertRejects(() => connect(url + path), HandshakeError)).status, 200);
  }
  assertEquals(reported.map(String), ["Error: mine"]);
});

scene("leaves an upgrade to another protocol to the application", {
  websocket: echo,
}, async ({ port }) => {
  await using peer = await RawPeer.dial(port);
  peer.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  assertEquals((await peer.takeResponse()).body, "a page");
});

scene("leaves what it does not match to other listeners", {
  path: "/ours",
  websocket: echo,
}, async ({ server, url, port }) => {
  server.on("upgrade", (request, socket) => {
    if (request.url !== "/theirs") return;
    socket.end("HTTP/1.1 299 Theirs\r\nContent-Length: 0\r\n\r\n");
  });
  await using peer = await RawPeer.dial(port);
  assertEquals((await peer.upgrade("GET /theirs HTTP/1.1")).status, 299);
  await (await connect(`${url}ours`)).close();
});

scene("works several times on one server", { path: "/one", websocket: echo }, async (s) => {
  const second = attach(s.server, { path: "/two", websocket: (ws) => ws.send("two") });
  const one = await connect(`${s.url}one`);
  const two = await connect(`${s.url}two`);
  assertEquals(await two.receive(), "two");
  await two.closed;
  await second.close();
  // Detached: the path is the application's again.
  assertEquals((await assertRejects(() => connect(`${s.url}two`), HandshakeError)).status, 200);
  await one.send("still");
  assertEquals(await one.receive(), "still");
  await one.close();
});

scene("closes each connection with 1001 and waits, and the server lives on", {
  websocket: { close: () => settled() },
}, async ({ url, sockets, server }) => {
  const clients = [await connect(url), await connect(url)];
  const closed = sockets.close();
  for (const ws of clients) {
    const { code, wasClean } = await ws.closed;
    assertEquals([code, wasClean], [1001, true]);
  }
  await closed;
  assertEquals([sockets.connections.size, server.listenerCount("upgrade")], [0, 0]);
  assertEquals(await (await fetch(url)).text(), "a page");
});

scene("refuses with 503 while it closes", {
  websocket: { close: (ws) => (ws.data as () => Promise<void>)?.() },
}, async ({ url, sockets }) => {
  const open = await connect(url);
  const gate = withResolvers<void>();
  const [connection] = sockets.connections;
  connection!.data = () => gate.promise;
  const closed = sockets.close();
  assertEquals((await assertRejects(() => connect(url), HandshakeError)).status, 503);
  gate.resolve();
  await Promise.all([closed, open.closed]);
});

test("attach() refuses both websocket and fetch, and limits that cannot be", () => {
  const server = createServer();
  assertThrows(
    () => attach(server, { websocket: echo, fetch: () => new Response() }),
    TypeError,
    "Expected either websocket or fetch, got both",
  );
  assertThrows(() => attach(server, { maxMessageSize: 0 }), RangeError, "maxMessageSize");
  assertEquals(server.listenerCount("upgrade"), 0);
});

test("Attached upgrade() goes through the application and its middleware", async () => {
  const server = createServer((request, response) => {
    response.setHeader("x-middleware", "was here");
    response.setHeader("set-cookie", ["a=1", "b=2"]);
    response.setHeader("content-type", "text/html");
    if (request.headers["x-user"] === undefined) {
      response.writeHead(401, { "content-type": "text/plain" });
      response.write("no ");
      return response.end("entry");
    }
    const data = String(request.headers["x-user"]);
    setTimeout(() =>
      sockets.upgrade(request, response, {
        open: (ws) => ws.send(ws.data.toUpperCase()),
        message: (ws, message) => ws.send(message),
      }, { data, headers: { "set-cookie": "c=3", "x-own": "1" } })
    );
  });
  const sockets = attach(server);
  const port = await listen(server);
  const url = `http://127.0.0.1:${port}/`;

  const error = await assertRejects(() => connect(url), HandshakeError);
  assertEquals([error.status, error.body], [401, "no entry"]);
  assertEquals(error.headers?.get("x-middleware"), "was here");

  const ws = await connect(url, { headers: { "x-user": "ada" } });
  assertEquals(await ws.receive(), "ADA");
  await ws.send("hello");
  assertEquals(await ws.receive(), "hello");
  await ws.close();

  {
    await using peer = await RawPeer.dial(port);
    const { status, lines, get } = await peer.upgrade("X-User: bob");
    assertEquals([status, get("x-middleware"), get("x-own")], [101, "was here", "1"]);
    assertEquals(get("content-type"), undefined);
    assertEquals(lines.filter((line) => /^set-cookie/i.test(line)).map((line) => line.slice(12)), [
      "a=1",
      "b=2",
      "c=3",
    ]);
    assertEquals((await peer.takeFrame()).payload, new TextEncoder().encode("BOB"));
  }

  // A handshake that is wrong is refused by upgrade() itself, and so is a request that is none.
  await using wrong = await RawPeer.dial(port);
  assertEquals((await wrong.upgrade("X-User: bob", "Sec-WebSocket-Version: 8")).status, 426);
  const plain = await fetch(url, { headers: { "x-user": "bob" } });
  assertEquals([plain.status, plain.headers.get("upgrade")], [426, "websocket"]);
  await plain.body?.cancel();

  await sockets.close();
  await stop(server);
});

test("Attached upgrade() throws when the response has been sent", async () => {
  const thrown = withResolvers<unknown>();
  const server = createServer((request, response) => {
    response.end("sent");
    try {
      sockets.upgrade(request, response, echo as WebSocketHooks<undefined>);
    } catch (error) {
      thrown.resolve(error);
    }
  });
  const sockets = attach(server);
  const port = await listen(server);
  await assertRejects(() => connect(`http://127.0.0.1:${port}/`), HandshakeError);
  assertStringIncludes(String(await thrown.promise), "Expected a response that has not been sent");
  await sockets.close();
  await stop(server);
});

test("attach() answers 404 when the application has no listener that answers", async () => {
  const server = createServer();
  await using sockets = attach(server, { path: "/socket", websocket: echo });
  const port = await listen(server);
  const url = `http://127.0.0.1:${port}/`;
  assertEquals((await assertRejects(() => connect(url), HandshakeError)).status, 404);
  assert(sockets.connections.size === 0);
  await stop(server);
});

test("attach() serves sockets on a server of node:https", async () => {
  const certificate = await createDevelopmentCertificate();
  const server = createSecureServer(
    certificate,
    (_request, response) => void response.end("a page"),
  );
  const sockets = attach(server, {
    websocket: {
      open: (ws) => ws.send(new URL(ws.request.url).protocol),
      message: (ws, data) => ws.send(data),
    },
  });
  const port = await listen(server);
  {
    const socket = connectTls({
      host: "127.0.0.1",
      port,
      ca: certificate.cert,
      servername: "localhost",
    });
    await using peer = new RawPeer(socket);
    const { status } = await peer.upgrade();
    assertEquals(status, 101);
    assertEquals(new TextDecoder().decode((await peer.takeFrame()).payload), "https:");
    peer.sendHex(HELLO);
    assertEquals(new TextDecoder().decode((await peer.takeFrame()).payload), "Hello");
    // Close 1000, and the end that the server makes first (RFC 6455 section 7.1.1).
    peer.sendHex("888200000000 03e8");
    assertEquals((await peer.takeClose()).code, 1000);
    await peer.takeRest();
  }
  await sockets.close();
  await stop(server);
});

test("attach() of two copies of the package share one server", async () => {
  // With a query it is another module, as the package is for import and for require().
  const copy = new URL("../../../runtimes/node/attach.ts?copy", import.meta.url).href;
  const other = await import(/* @vite-ignore */ copy) as { attach: typeof attach };
  assert(other.attach !== attach);
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    if (request.url === "/first") first.upgrade(request, response, echo);
    else if (request.url === "/second") second.upgrade(request, response, echo);
    else response.end("a page");
  });
  const first = attach(server, { path: "/a", websocket: echo });
  const second = other.attach(server, { path: "/b", websocket: echo });
  const third = other.attach(server, { filter: ({ url = "" }) => /^.(?:first|second)$/.test(url) });
  assertEquals(server.listenerCount("upgrade"), 1);
  const port = await listen(server);
  const echoes = async (path: string): Promise<void> => {
    const ws = await connect(`ws://127.0.0.1:${port}${path}`);
    await ws.send(path);
    assertEquals(await ws.receive(), path);
    await ws.close();
  };
  for (const path of ["/a", "/b", "/first", "/second"]) await echoes(path);
  const refused = await assertRejects(() => echoes("/nowhere"), HandshakeError);
  assertEquals([refused.status, refused.body], [200, "a page"]);
  assertEquals(asked, ["/first", "/second", "/nowhere"]);
  // The listener is the first one's, and stays for the others.
  await first.close();
  await echoes("/b");
  await second.close();
  await third.close();
  assertEquals(server.listenerCount("upgrade"), 0);
  await stop(server);
}, { skip: runtime === "bun" && "Bun has one module for a path, whatever its query" });

test("Attached upgrade() throws when it is called a second time for one request", async () => {
  const thrown: unknown[] = [];
  const server = createServer((request, response) => {
    const options = request.url === "/refused" ? { origins: [] } : {};
    sockets.upgrade(request, response, echo as WebSocketHooks<undefined>, options);
    try {
      sockets.upgrade(request, response, echo as WebSocketHooks<undefined>);
    } catch (error) {
      thrown.push(error);
    }
  });
  const sockets = attach(server);
  const url = `http://127.0.0.1:${await listen(server)}`;
  const ws = await connect(url);
  await ws.send("goes on");
  assertEquals(await ws.receive(), "goes on");
  await ws.close();
  const headers = { origin: "https://other.example" };
  const refused = await assertRejects(() => connect(`${url}/refused`, { headers }), HandshakeError);
  assertEquals(refused.status, 403);
  const message =
    "TypeError: Expected one call of upgrade() for each request, got a second: the first one has answered it";
  assertEquals(thrown.map(String), [message, message]);
  await sockets.close();
  await stop(server);
});

test("attach() upgrade() returns the answer, and refuses what is not of node:http", async () => {
  const answers: (number | string)[] = [];
  const server = createServer((request, response) => {
    try {
      if (request.url === "/wrong") sockets.upgrade({} as IncomingMessage, response, echo);
      answers.push(sockets.upgrade(request, response, echo).status);
    } catch (error) {
      answers.push(`${error}`.slice(0, 50));
      response.statusCode = 500;
      response.end();
    }
  });
  const sockets = attach(server);
  const url = `http://127.0.0.1:${await listen(server)}`;
  try {
    const ws = await connect(url);
    await ws.close();
    const headers = { origin: "https://evil.example" };
    await assertRejects(() => connect(url, { headers }), HandshakeError);
    assertEquals((await fetch(url)).status, 426);
    await assertRejects(() => connect(`${url}/wrong`), HandshakeError);
    const message = "TypeError: Expected upgrade(request, response, handler, options)";
    assertEquals(answers, [204, 403, 426, message.slice(0, 50)]);
  } finally {
    await sockets.close();
    await stop(server);
  }
});
