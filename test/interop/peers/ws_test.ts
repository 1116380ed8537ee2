// What docs/comparison.md says of the npm package `ws`, run on Node.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { createRequire } from "node:module";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import process from "node:process";
import tls from "node:tls";
import {
  type ClientOptions,
  createWebSocketStream,
  type ServerOptions,
  WebSocket,
  WebSocketServer,
} from "ws";
import { createDevelopmentCertificate } from "../../../src/transport/certificate.ts";
import { handshake, RawPeer, RawServer } from "../../support/raw.ts";
import { cellsOf, sendEmptyFragments, sendFrame, takeText } from "./cell.ts";

const cell = cellsOf("ws", "node");

interface Served extends AsyncDisposable {
  readonly server: WebSocketServer;
  readonly peers: RawPeer[];
  readonly port: number;
  readonly url: string;
}

/** A server of its own that listens. */
async function serve(options: ServerOptions = {}): Promise<Served> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, ...options });
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  const peers: RawPeer[] = [];
  const dispose = async (): Promise<void> => {
    await end(server);
    for (const peer of peers) await peer[Symbol.asyncDispose]();
  };
  const url = `ws://127.0.0.1:${port}/`;
  return { server, port, url, peers, [Symbol.asyncDispose]: dispose };
}

/** Sockets beside a server of `node:http` or `node:https`. */
async function listen(server: http.Server | https.Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as net.AddressInfo).port;
}

async function end(sockets: WebSocketServer, server?: http.Server | https.Server): Promise<void> {
  for (const socket of sockets.clients) socket.terminate();
  await new Promise<unknown>((resolve) => sockets.close(resolve));
  if (server === undefined) return;
  server.closeAllConnections();
  await new Promise<unknown>((resolve) => server.close(resolve));
}

/** Opens a connection. */
async function dial(url: string, options: ClientOptions = {}, protocols: string[] = []) {
  const socket = new WebSocket(url, protocols, options);
  await once(socket, "open");
  return socket;
}

/** Opens both ends of one connection. */
async function pair(served: Served, options: ClientOptions = {}) {
  const accepted = once(served.server, "connection") as Promise<[WebSocket, http.IncomingMessage]>;
  const client = await dial(served.url, options);
  const [server, request] = await accepted;
  return { client, server, request };
}

/** A raw client of a server, with its socket there. */
async function rawPair(served: Served, ...changes: string[]) {
  const accepted = once(served.server, "connection") as Promise<[WebSocket]>;
  const peer = await RawPeer.dial(served.port);
  served.peers.push(peer);
  const response = await peer.upgrade(...changes);
  const [server] = await accepted;
  server.on("error", () => {}); // what the raw client does wrong
  return { peer, server, response };
}

// The opening handshake and HTTP.

cell("Pages and sockets on one port", "partly", async () => {
  const server = http.createServer((_, response) => response.end("page"));
  const sockets = new WebSocketServer({ server });
  const port = await listen(server);
  assertEquals(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "page");
  await dial(`ws://127.0.0.1:${port}/`);
  await end(sockets, server);
});

cell("426 with `Upgrade` for a page request", "partly", async () => {
  await using served = await serve();
  const { status, headers } = await fetch(`http://127.0.0.1:${served.port}/`);
  assertEquals([status, headers.get("upgrade")], [426, null]);
});

cell("The request, available later", "yes", async () => {
  await using served = await serve();
  const { client, server, request } = await pair(served, { headers: { "x-user": "ada" } });
  client.send("later");
  await once(server, "message");
  assertEquals([request.url, request.headers["x-user"]], ["/", "ada"]);
});

cell("Refusal with any response, also late", "partly", async () => {
  const server = http.createServer();
  server.on("upgrade", (_, socket) =>
    setImmediate(() =>
      // All of the response is written by hand.
      socket.end("HTTP/1.1 402 Payment Required\r\nContent-Length: 4\r\n\r\npay!")
    ));
  const port = await listen(server);
  await using peer = await RawPeer.dial(port);
  const { status, body } = await peer.upgrade();
  assertEquals([status, body], [402, "pay!"]);
  server.close();
});

cell("Header fields on the 101, several Set-Cookie", "yes", async () => {
  await using served = await serve();
  served.server.on("headers", (headers) => headers.push("Set-Cookie: a=1", "Set-Cookie: b=2"));
  await using peer = await RawPeer.dial(served.port);
  const { lines } = await peer.upgrade();
  assertEquals(lines.filter((line) => line.startsWith("Set-Cookie")).length, 2);
});

cell("Subprotocol: a list or a function, never one not offered", "partly", async () => {
  await using first = await serve();
  assertEquals((await dial(first.url, {}, ["b", "a"])).protocol, "b");
  await using chosen = await serve({ handleProtocols: () => "not offered" });
  await using peer = await RawPeer.dial(chosen.port);
  const response = await peer.upgrade("Sec-WebSocket-Protocol: a");
  assertEquals(response.get("sec-websocket-protocol"), "not offered");
});

cell(["Origin rule", "Cross-site hijacking: a safe default"], "no", async () => {
  await using served = await serve();
  const { response } = await rawPair(served, "Origin: https://evil.example");
  assertEquals(response.status, 101);
});

cell("Authentication, its result on typed data", "partly", async () => {
  const sockets = new WebSocketServer({ noServer: true });
  const server = http.createServer();
  server.on("upgrade", (request, socket, head) => {
    const user = request.headers.authorization === "Bearer t" ? "ada" : undefined;
    if (user === undefined) socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    else {
      sockets.handleUpgrade(request, socket, head, (ws) => {
        sockets.emit("connection", ws, request, user); // by position, and typed as any
      });
    }
  });
  sockets.on("connection", (ws, _, ...[user]: unknown[]) => ws.send(String(user)));
  const url = `ws://127.0.0.1:${await listen(server)}/`;
  const refused = new WebSocket(url);
  await assertRejects(() => once(refused, "open"), Error, "401");
  const ws = new WebSocket(url, { headers: { authorization: "Bearer t" } });
  assertEquals(String((await once(ws, "message"))[0]), "ada");
  await end(sockets, server);
});

cell("Paths with parameters", "partly", async () => {
  await using served = await serve({ path: "/chat" });
  await dial(`${served.url}chat?room=1`);
  const other = new WebSocket(`${served.url}chat/1`);
  await assertRejects(() => once(other, "open"), Error, "400");
});

cell(
  [
    "Several WebSocket servers on one port",
    "`node:http`, `node:https`, beside other upgrade listeners",
  ],
  "yes",
  async () => {
    const server = http.createServer();
    const all = ["/a", "/b"].map((path) => {
      const sockets = new WebSocketServer({ noServer: true });
      sockets.on("connection", (ws) => ws.send(path));
      server.on("upgrade", (request, socket: Duplex, head) => {
        if (request.url !== path) return;
        sockets.handleUpgrade(request, socket, head, (ws) => sockets.emit("connection", ws));
      });
      return sockets;
    });
    const port = await listen(server);
    for (const path of ["/a", "/b"]) {
      const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`);
      assertEquals(String((await once(ws, "message"))[0]), path);
    }
    for (const sockets of all) await end(sockets);
    server.close();
  },
);

// The client's handshake.

cell("Custom header fields, Host and Origin too", "yes", async () => {
  await using served = await serve();
  const headers = { host: "a.example", origin: "https://b.example", "x-c": "d" };
  const { request } = await pair(served, { headers });
  const got = request.headers;
  assertEquals([got.host, got.origin, got["x-c"]], ["a.example", "https://b.example", "d"]);
});

cell("Redirections, opt-in", "yes", async () => {
  await using served = await serve();
  const server = http.createServer();
  server.on("upgrade", (_, socket) =>
    socket.end(
      `HTTP/1.1 302 Found\r\nLocation: ${served.url}\r\nContent-Length: 0\r\n\r\n`,
    ));
  const url = `ws://127.0.0.1:${await listen(server)}/`;
  await dial(url, { followRedirects: true });
  const other = new WebSocket(url);
  await assertRejects(() => once(other, "open"), Error, "302");
  server.close();
});

cell("Failure has status, fields and body", "yes", async () => {
  const server = http.createServer((_, response) =>
    response.writeHead(403, { "x-a": "b" }).end("no")
  );
  const ws = new WebSocket(`ws://127.0.0.1:${await listen(server)}/`);
  const [, response] = await once(ws, "unexpected-response") as [unknown, http.IncomingMessage];
  let body = "";
  for await (const chunk of response) body += chunk;
  assertEquals([response.statusCode, response.headers["x-a"], body], [403, "b", "no"]);
  server.close();
});

cell("Opening timeout, both ends", "partly", async () => {
  await using silent = await RawServer.listen();
  const ws = new WebSocket(silent.url, { handshakeTimeout: 20 });
  await assertRejects(() => once(ws, "open"), Error, "Opening handshake has timed out");
});

cell(["HTTP proxy, environment variables", "SOCKS5 proxy"], "partly", async () => {
  await using served = await serve();
  // An agent makes the connection, so one that knows proxies reaches them.
  const agent = new http.Agent();
  const createConnection = () => net.connect(served.port, "127.0.0.1");
  Object.assign(agent, { createConnection });
  const ws = await dial("ws://elsewhere.example/", { agent });
  ws.terminate();
});

cell("The same interface in a browser", "no", () => {
  const browser = createRequire(import.meta.url)("../../../node_modules/ws/browser.js");
  assertThrows(() => new browser("ws://127.0.0.1/"), Error, "does not work in the browser");
});

cell("The browsers' class: `new WebSocket(url)` and its events", "yes", async () => {
  await using served = await serve();
  const { client, server } = await pair(served);
  const got = new Promise((resolve) => client.onmessage = ({ data }) => resolve(data));
  server.send("Hello");
  assertEquals(await got, "Hello");
});

// Handlers and connections.

cell("Hooks shared by all connections, async ones in order", "partly", async () => {
  await using served = await serve();
  const { client, server } = await pair(served);
  let running = 0;
  const all = new Promise<void>((resolve) =>
    // Each connection has listeners of its own.
    server.on("message", async () => {
      if (++running === 20) resolve();
      await all;
    })
  );
  for (let i = 0; i < 20; i++) client.send("x");
  await all; // 20 handlers at once
});

cell("Pull: receive, iterate, give up after a time", "partly", async () => {
  await using served = await serve();
  const { client, server } = await pair(served);
  const stream = createWebSocketStream(server, { encoding: "utf8", decodeStrings: false });
  client.send("a");
  for await (const message of stream) {
    assertEquals(message, "a");
    break;
  }
});

cell("A socket required, or socket and page at one address", "partly", async () => {
  const server = http.createServer((_, response) => response.end("page"));
  const sockets = new WebSocketServer({ server, path: "/chat" });
  const port = await listen(server);
  assertEquals(await (await fetch(`http://127.0.0.1:${port}/chat`)).text(), "page");
  await dial(`ws://127.0.0.1:${port}/chat`);
  await end(sockets, server);
});

cell("Closed when the handler returns (1000) or throws (1011)", "no", async () => {
  await using served = await serve();
  served.server.on("connection", (ws) => void ws.on("message", () => ws.send("still here")));
  const ws = await dial(served.url);
  ws.send("?");
  assertEquals(String((await once(ws, "message"))[0]), "still here");
});

cell("Set of connections", "yes", async () => {
  await using served = await serve();
  const { server } = await pair(served);
  await pair(served);
  assertEquals([served.server.clients.size, served.server.clients.has(server)], [2, true]);
});

cell("Typed data of a connection, inferred", "partly", async () => {
  class Member extends WebSocket {
    room = "lobby";
  }
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, WebSocket: Member });
  server.on("connection", (ws) => ws.send(ws.room.toUpperCase())); // known to be a string
  await once(server, "listening");
  const ws = new WebSocket(`ws://127.0.0.1:${(server.address() as net.AddressInfo).port}/`);
  assertEquals(String((await once(ws, "message"))[0]), "LOBBY");
  await end(server);
});

cell("Text and binary by type, or chosen", "yes", async () => {
  await using served = await serve();
  const { peer, server } = await rawPair(served);
  server.send("text");
  server.send(Uint8Array.of(1));
  server.send("text", { binary: true });
  const opcodes = [await peer.takeFrame(), await peer.takeFrame(), await peer.takeFrame()];
  assertEquals(opcodes.map(({ first }) => first), [0x81, 0x82, 0x82]);
});

cell("Messages in their own type", "partly", async () => {
  await using served = await serve();
  const { client, server } = await pair(served);
  client.send("text");
  const [data, isBinary] = await once(server, "message");
  assertEquals([data instanceof Uint8Array, isBinary], [true, false]);
});

cell("Notified when a message has left", "yes", async () => {
  await using served = await serve();
  const { server } = await pair(served);
  await new Promise<void>((resolve, reject) =>
    server.send("x", (error) => error ? reject(error) : resolve())
  );
});

cell("Terminate at once", "yes", async () => {
  await using served = await serve();
  const { peer, server } = await rawPair(served);
  server.terminate();
  assertEquals((await peer.takeRest()).length, 0); // no Close frame
});

cell("Graceful shutdown", "no", async () => {
  const served = await serve();
  const { client, server } = await pair(served);
  served.server.close();
  client.send("still here?");
  await once(server, "message");
  assertEquals(client.readyState, WebSocket.OPEN);
  client.terminate();
  await once(served.server, "close");
});

cell("Remote address and TLS of a connection", "yes", async () => {
  await using served = await serve();
  const { request } = await pair(served);
  assertEquals(request.socket.remoteAddress, "127.0.0.1");
});

cell("One write for everything in a turn", "no", async () => {
  await using served = await serve();
  const { server } = await rawPair(served);
  const socket = (server as unknown as { _socket: net.Socket })._socket;
  let writes = 0;
  const uncork = socket.uncork.bind(socket);
  socket.uncork = () => (writes++, uncork()); // what is corked goes out at once
  server.send("a");
  server.send("b");
  assertEquals(writes, 2);
});

// Backpressure and streams.

cell("Sending: buffered amount, drain, bound", "partly", async () => {
  await using served = await serve();
  const { peer, server } = await rawPair(served);
  peer.pause();
  const chunk = new Uint8Array(1 << 20);
  for (let i = 0; i < 40; i++) server.send(chunk);
  assert(server.bufferedAmount > 16 << 20, String(server.bufferedAmount));
  assertEquals(server.readyState, WebSocket.OPEN);
});

cell("Receiving: a slow handler slows the peer down", "partly", async () => {
  await using served = await serve();
  const { client, server } = await pair(served);
  let received = 0;
  server.on("message", () => received++);
  server.pause();
  assert(server.isPaused);
  await new Promise((resolve) => client.send("x", resolve));
  await new Promise<void>((resolve) => setImmediate(resolve));
  assertEquals(received, 0);
  server.resume();
  await once(server, "message");
});

cell("Web streams, Node's Duplex", "partly", async () => {
  await using served = await serve();
  const { client, server } = await pair(served);
  const stream = createWebSocketStream(server);
  stream.pipe(stream);
  client.send("echo");
  assertEquals(String((await once(client, "message"))[0]), "echo");
  client.close();
  await once(stream, "close");
});

cell("A message in pieces as they come", "no", async () => {
  await using served = await serve();
  const { peer, server } = await rawPair(served);
  let messages = 0;
  server.on("message", () => messages++);
  sendFrame(peer, 1, "first piece", false);
  sendFrame(peer, 9, "ping");
  assertEquals(await takeText(peer), "ping"); // the Pong: the piece has been read
  assertEquals(messages, 0);
  sendFrame(peer, 0, "last");
  await once(server, "message");
});

cell("A message sent in pieces", "yes", async () => {
  await using served = await serve();
  const { peer, server } = await rawPair(served);
  server.send("a", { fin: false });
  server.send("b");
  assertEquals((await peer.takeFrame()).first, 0x01);
  assertEquals((await peer.takeFrame()).first, 0x80);
});

// Heartbeat and timeouts.

cell("Hooks for Ping and Pong", "yes", async () => {
  await using served = await serve();
  const { client, server } = await pair(served);
  const pinged = once(server, "ping");
  const ponged = once(client, "pong");
  client.ping("p");
  assertEquals([String((await pinged)[0]), String((await ponged)[0])], ["p", "p"]);
});

cell("Automatic Pongs can be switched off", "yes", async () => {
  await using served = await serve({ autoPong: false });
  const { peer, server } = await rawPair(served);
  server.on("message", () => server.send("text"));
  sendFrame(peer, 9, "ping");
  sendFrame(peer, 1, "x");
  assertEquals((await peer.takeFrame()).first, 0x81); // no Pong before it
});

// Limits and security.

cell("Size of a message, judged before it is stored", "yes", async () => {
  await using served = await serve();
  const { peer } = await rawPair(served);
  peer.sendHex("82 ff 0000000006400001 01020304"); // the header of a frame of 100 MiB and an octet
  assertEquals((await peer.takeClose()).code, 1009);
});

cell("Number of fragments, empty ones too", "yes", async () => {
  await using served = await serve();
  const { peer } = await rawPair(served);
  sendFrame(peer, 1, "", false);
  sendEmptyFragments(peer, 16_384);
  assertEquals((await peer.takeClose()).code, 1008);
});

cell("Size and count of a request's fields", "yes", async () => {
  await using served = await serve();
  await using peer = await RawPeer.dial(served.port);
  peer.send(handshake(`X-Long: ${"x".repeat(20_000)}`));
  assertEquals((await peer.takeResponse()).status, 431);
});

cell("Connections in total and per address", "partly", async () => {
  const server = http.createServer();
  server.maxConnections = 1;
  const sockets = new WebSocketServer({ server });
  const url = `ws://127.0.0.1:${await listen(server)}/`;
  await dial(url);
  const second = new WebSocket(url);
  await assertRejects(() => once(second, "open"));
  await end(sockets, server);
});

cell("Close codes and reasons checked, no foreign memory sent", "yes", async () => {
  await using served = await serve();
  const { client } = await pair(served);
  assertThrows(() => client.close(1006), TypeError, "valid error code");
  assertThrows(() => client.close(1000, "x".repeat(124)), RangeError);
});

// TLS and listeners.

cell("TLS: authorities, client certificates, SNI, development", "yes", async () => {
  const { cert, key } = await createDevelopmentCertificate();
  const server = https.createServer({ cert, key });
  const sockets = new WebSocketServer({ server });
  const port = await listen(server);
  await dial(`wss://localhost:${port}/`, { ca: cert });
  const stranger = new WebSocket(`wss://localhost:${port}/`);
  await assertRejects(() => once(stranger, "open"));
  await end(sockets, server);
});

cell("The peer's certificate", "yes", async () => {
  const { cert, key } = await createDevelopmentCertificate();
  const server = https.createServer({ cert, key, ca: cert, requestCert: true });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (ws, { socket }) => {
    const { subject } = (socket as tls.TLSSocket).getPeerCertificate();
    ws.send(String(Object.keys(subject).length > 0));
  });
  const port = await listen(server);
  const ws = new WebSocket(`wss://localhost:${port}/`, { ca: cert, cert, key });
  assertEquals(String((await once(ws, "message"))[0]), "true");
  await end(sockets, server);
});

cell("Unix sockets", "yes", async () => {
  const path = join(tmpdir(), `peers-${process.pid}.sock`);
  const server = http.createServer();
  const sockets = new WebSocketServer({ server });
  server.listen(path);
  await once(server, "listening");
  await dial(`ws+unix:${path}:/chat`);
  await end(sockets, server);
});

cell("A socket that exists already", "yes", async () => {
  await using served = await serve();
  const createConnection = () => net.connect(served.port, "127.0.0.1");
  await dial("ws://elsewhere.example/", { createConnection });
});

// On servers that exist already.

cell("Express, Fastify, Koa: middleware before the upgrade", "no", async () => {
  const { default: express } = await import("express");
  const app = express();
  let calls = 0;
  app.use((_request: unknown, _response: unknown, next: () => void) => (calls++, next()));
  const server = http.createServer(app);
  const sockets = new WebSocketServer({ server });
  await dial(`ws://127.0.0.1:${await listen(server)}/`);
  assertEquals(calls, 0);
  await end(sockets, server);
});
