// connect() against servers that a test plays by hand, over real sockets.

import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import net from "node:net";
import process from "node:process";
import { connect, type ConnectOptions, HandshakeError, serve } from "@sansocket/ws";
import { computeAccept } from "../../src/handshake/key.ts";
import { RESPONSE } from "../handshake/heads.ts";
import { change } from "../handshake/heads.ts";
import { createClocked } from "../support/clocked.ts";
import { isPending, settled } from "../support/connections.ts";
import { withoutRow } from "../support/error_rows.ts";
import { RawPeer, RawServer } from "../support/raw.ts";
import { run, start } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";

/** The client's request, and the 101 for its key, with changes as in heads.ts. */
async function takeRequest(
  peer: RawPeer,
): Promise<{ request: string; accept: (...changes: string[]) => string }> {
  const request = await peer.takeThrough("\r\n\r\n");
  const key = /^sec-websocket-key: (.*)\r$/im.exec(request)?.[1] ?? "";
  const accepted = change(RESPONSE, `Sec-WebSocket-Accept: ${computeAccept(key)}`);
  return {
    request,
    accept: (...changes) => change(accepted, ...changes).join("\r\n") + "\r\n\r\n",
  };
}

/** What `connect()` rejects with when the server answers so, and then ends if it has to. */
async function refusal(
  answer: (accept: (...changes: string[]) => string) => string,
  options: ConnectOptions = {},
  ends = false,
): Promise<HandshakeError> {
  await using server = await RawServer.listen();
  const connecting = connect(server.url, options);
  connecting.catch(() => {});
  const peer = await server.accept();
  const { accept } = await takeRequest(peer);
  peer.send(answer(accept));
  if (ends) peer.end();
  const error = await assertRejects(() => connecting, HandshakeError);
  await peer.takeRest();
  return error;
}

const malformed: [string, string[], string][] = [
  ["no Upgrade", ["-Upgrade"], "Expected Upgrade: websocket, got none"],
  ["another Upgrade", ["Upgrade: h2c"], 'Expected Upgrade: websocket, got "h2c"'],
  ["two Upgrades", ["+Upgrade: websocket"], 'got "websocket, websocket"'],
  ["no Connection", ["-Connection"], "Expected Connection: Upgrade, got none"],
  ["another Connection", ["Connection: close"], 'Expected Connection: Upgrade, got "close"'],
  ["no accept", ["-Sec-WebSocket-Accept"], "got none"],
  ["a wrong accept", ["Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="], "s3pPLMBi"],
  ["two subprotocols", [
    "+Sec-WebSocket-Protocol: a",
    "+Sec-WebSocket-Protocol: a",
  ], "Expected one Sec-WebSocket-Protocol, got 2"],
  ["a subprotocol not offered", ["+Sec-WebSocket-Protocol: c"], "to be one of a, b"],
  ["an extension not offered", ["+Sec-WebSocket-Extensions: x-other"], "x-other"],
];

for (const [what, changes, reason] of malformed) {
  test(`connect() rejects a 101 with ${what}`, async () => {
    const error = await refusal((accept) => accept(...changes), { protocols: ["a", "b"] });
    assertStringIncludes(error.message, reason);
    assertEquals([error.status, error.body], [101, ""]);
    const about = {
      EACCEPT: "Sec-WebSocket-Accept",
      ESUBPROTOCOL: "Sec-WebSocket-Protocol",
      EEXTENSION: "an extension",
      EUPGRADE: "Upgrade",
    };
    assertEquals(error.code, Object.entries(about).find(([, f]) => error.message.includes(f))?.[0]);
    assertInstanceOf(error.headers, Headers);
  });
}

for (
  const [what, answer] of [
    ["garbage", "\x17\x02\x01\0\0"],
    ["SMTP", "220 mail.example.org ESMTP\r\n"],
    ["HTTP/2", "HTTP/2 200\r\n\r\n"],
    ["a folded line", "HTTP/1.1 101 x\r\nA: b\r\n c\r\n\r\n"],
    ["a bare LF", "HTTP/1.1 101 x\nA: b\n\n"],
    ["a status below 100", "HTTP/1.1 099 x\r\n\r\n"],
    ["a head without end", `HTTP/1.1 101 x\r\nA: ${"a".repeat(20_000)}`],
  ] as const
) {
  test(`connect() rejects ${what} in place of HTTP`, async () => {
    const error = await refusal(() => answer);
    assertStringIncludes(error.message, "The server did not answer with HTTP: ");
    const { status, headers, body, code } = error;
    assertEquals([status, headers, body, code], [undefined, undefined, undefined, "EHTTP"]);
  });
}

const bodies: [string, string, boolean, string][] = [
  ["Content-Length", "Content-Length: 7\r\n\r\nyou may not", false, "you may"],
  [
    "chunks",
    "Transfer-Encoding: chunked\r\n\r\n3\r\nyou\r\n4\r\n may\r\n0\r\n\r\n",
    false,
    "you may",
  ],
  ["the end of the connection", "\r\nyou may not", true, "you may not"],
  [
    "malformed chunks, as far as they go",
    "Transfer-Encoding: chunked\r\n\r\n3\r\nyou\r\nx",
    false,
    "",
  ],
  ["less than its Content-Length", "Content-Length: 7\r\n\r\nyou", true, "you"],
  [
    "64 KiB at most",
    `Content-Length: 100000\r\n\r\n${"a".repeat(100_000)}`,
    false,
    "a".repeat(65_536),
  ],
];

for (const [what, rest, ends, body] of bodies) {
  test(`connect() rejects a refusal with its status, headers and body: ${what}`, async () => {
    const error = await refusal(() => `HTTP/1.1 403 Forbidden\r\nX-Why: no\r\n${rest}`, {}, ends);
    assertEquals(withoutRow(error.message), "Expected status 101, got 403 Forbidden");
    assertEquals([error.status, error.headers?.get("x-why"), error.code], [403, "no", "ESTATUS"]);
    assertEquals(error.body, body);
  });
}

test("connect() rejects a 426 with the version that the server wants", async () => {
  const error = await refusal(() =>
    "HTTP/1.1 426 x\r\nSec-WebSocket-Version: 8\r\nContent-Length: 0\r\n\r\n"
  );
  assertEquals(error.status, 426);
  assertStringIncludes(error.message, "expected Sec-WebSocket-Version 13, got 8");
});

test("connect() follows no redirection", async () => {
  const error = await refusal(() =>
    "HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
  );
  assertEquals([error.status, error.headers?.get("location")], [302, "ws://127.0.0.1:1/"]);
});

for (const head of ["", "HTTP/1.1 101 Switch"]) {
  test(`connect() rejects when the server ends after ${JSON.stringify(head)}`, async () => {
    const error = await refusal(() => head, {}, true);
    const advice = head === ""
      ? "; if the server expects TLS there, connect with wss: in place of ws:"
      : "";
    assertEquals(
      withoutRow(error.message),
      `The connection ended before the server's handshake was complete${advice}`,
    );
  });
}

test("connect() rejects when the server resets the connection", async () => {
  await using server = await RawServer.listen();
  const connecting = connect(server.url);
  connecting.catch(() => {});
  const peer = await server.accept();
  await takeRequest(peer);
  peer.reset();
  await assertRejects(() => connecting, HandshakeError);
});

for (const head of ["", "HTTP/1.1 101 Switching", "HTTP/1.1 403 x\r\nContent-Length: 5"]) {
  test(`connect() gives up after handshakeTimeout on ${JSON.stringify(head)}`, async () => {
    const { clock, connect, listen } = createClocked();
    const server = await listen();
    const connecting = connect(server.url, { handshakeTimeout: 10_000 });
    const refused = assertRejects(() => connecting, HandshakeError);
    const peer = await server.accept();
    await takeRequest(peer);
    peer.send(head);
    await clock.advance(9_999);
    assertEquals(await isPending(connecting), true);
    await clock.advance(1);
    assertEquals(
      withoutRow((await refused).message),
      "The opening handshake took more than 10000 ms",
    );
    await peer.takeRest();
  });
}

test("connect() stops when its signal fires, with the signal's reason", async () => {
  await using server = await RawServer.listen();
  const controller = new AbortController();
  const reason = new Error("Changed my mind");
  const connecting = connect(server.url, { signal: controller.signal });
  connecting.catch(() => {});
  const peer = await server.accept();
  await takeRequest(peer);
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => connecting, Error), reason);
  assertEquals((await peer.takeRest()).length, 0);
});

test("connect() leaves no socket behind, whenever its signal fires", async () => {
  const open = new Set<net.Socket>();
  let accepted = 0;
  const server = net.createServer((socket) => {
    accepted++;
    open.add(socket);
    socket.on("error", () => {}).on("close", () => open.delete(socket)).resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const reason = new Error("Enough");
  for (let i = 0; i < 200; i++) {
    const controller = new AbortController();
    const attempt = connect(`ws://127.0.0.1:${port}/`, { signal: controller.signal });
    const ended = assertRejects(() => attempt, Error, "Enough");
    for (let turns = i % 20; turns > 0; turns--) await undefined;
    if (i % 3 === 0) await settled();
    controller.abort(reason);
    await ended;
  }
  // A connection behind all of these: what they have opened is there by then.
  await assertRejects(() => connect(`ws://127.0.0.1:${port}/`, { handshakeTimeout: 200 }), Error);
  while (open.size > 0) await settled();
  assertEquals([accepted > 0, open.size], [true, 0]);
  server.close();
});

test("connect() does not begin when its signal has fired", async () => {
  const reason = new Error("Too late");
  const signal = AbortSignal.abort(reason);
  const error = await assertRejects(() => connect("ws://127.0.0.1:9/", { signal }), Error);
  assertStrictEquals(error, reason);
});

test("connect() leaves an open connection alone when its signal fires", async () => {
  await using server = await RawServer.listen();
  const controller = new AbortController();
  const connecting = connect(server.url, { signal: controller.signal });
  const peer = await server.accept();
  peer.send((await takeRequest(peer)).accept());
  const ws = await connecting;
  controller.abort();
  peer.sendHex("810161");
  assertEquals(await ws.receive(), "a");
  ws.terminate();
  await ws.closed;
});

test("one signal serves any number of waits, with one listener and none in the end", async () => {
  await using server = await serve({
    port: 0,
    websocket: { message: (ws, data) => ws.send(data) },
  });
  const warnings: Error[] = [];
  const warned = (warning: Error): void => void warnings.push(warning);
  process.on("warning", warned);
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set<unknown>();
  let most = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (type: string, listener: EventListener) => {
    most = Math.max(most, listeners.add(listener).size);
    add(type, listener);
  };
  signal.removeEventListener = (type: string, listener: EventListener) => {
    listeners.delete(listener);
    remove(type, listener);
  };
  const connections = await Promise.all(
    Array.from({ length: 11 }, () => connect(server.url, { signal })),
  );
  assertEquals([most, listeners.size], [1, 0]);
  const [ws] = connections;
  const waits = [
    ...Array.from({ length: 11 }, () => ws?.receive({ signal })),
    ...connections.map((connection) => connection.receiveStream({ signal })),
  ];
  assertEquals([most, listeners.size], [1, 1]);
  const reason = new Error("Enough");
  controller.abort(reason);
  const settled = await Promise.allSettled(waits);
  assertEquals(
    settled.filter((one) => one.status === "rejected" && one.reason === reason).length,
    22,
  );
  assertEquals([most, listeners.size], [1, 0]);
  for (const connection of connections) await connection.close();
  process.off("warning", warned);
  assertEquals(warnings, []);
});

test("connect() keeps frames in the segment of the 101", async () => {
  await using server = await RawServer.listen();
  const connecting = connect(server.url);
  const peer = await server.accept();
  const { accept } = await takeRequest(peer);
  peer.send(accept() + "\x81\x05Hello" + "\x81\x01!" + "\x88\x02\x03\xe8");
  const ws = await connecting;
  assertEquals([await ws.receive(), await ws.receive()], ["Hello", "!"]);
  assertEquals(await peer.takeClose(), { code: 1000, reason: "" });
  peer.end();
  const { code, wasClean } = await ws.closed;
  assertEquals({ code, wasClean }, { code: 1000, wasClean: true });
});

test("connect() takes a 101 in pieces", async () => {
  await using server = await RawServer.listen();
  const connecting = connect(server.url);
  const peer = await server.accept();
  const { accept } = await takeRequest(peer);
  const bytes = accept() + "\x81\x01!";
  for (
    const piece of [bytes.slice(0, 1), bytes.slice(1, -4), bytes.slice(-4, -2), bytes.slice(-2)]
  ) {
    peer.send(piece);
    await settled();
  }
  const ws = await connecting;
  assertEquals(await ws.receive(), "!");
  ws.terminate();
  await ws.closed;
});

test("connect() offers a subprotocol that is a string, whole", async () => {
  await using server = await RawServer.listen();
  const connecting = connect(server.url, { protocols: "chat.v1" });
  const peer = await server.accept();
  const { request, accept } = await takeRequest(peer);
  assertEquals(/^sec-websocket-protocol: (.*)\r$/im.exec(request)?.[1], "chat.v1");
  peer.send(accept("+Sec-WebSocket-Protocol: chat.v1"));
  const ws = await connecting;
  assertEquals(ws.protocol, "chat.v1");
  ws.terminate();
  await ws.closed;
});

test("connect() sends the handshake of RFC 6455 4.1", async () => {
  await using server = await RawServer.listen();
  const connecting = connect(`${server.url}a/b?c=d`, {
    protocols: ["a", "b"],
    headers: { Authorization: "Bearer x", Origin: "https://app.example" },
    compression: false,
  });
  const peer = await server.accept();
  const { request, accept } = await takeRequest(peer);
  const lines = request.trimEnd().split("\r\n").map((line) =>
    line.replace(/key: .{22}==$/i, "Key: KEY").replace(
      /^authorization|^origin/i,
      (name) => name.toLowerCase(),
    )
  );
  assertEquals(lines[0], "GET /a/b?c=d HTTP/1.1");
  assertEquals(lines.slice(1).sort(), [
    "Connection: Upgrade",
    `Host: 127.0.0.1:${server.port}`,
    "Sec-WebSocket-Key: KEY",
    "Sec-WebSocket-Protocol: a, b",
    "Sec-WebSocket-Version: 13",
    "Upgrade: websocket",
    "authorization: Bearer x",
    "origin: https://app.example",
  ]);
  peer.send(accept("+Sec-WebSocket-Protocol: b"));
  const ws = await connecting;
  assertEquals(ws.protocol, "b");
  assertEquals(ws.request.url, `http://127.0.0.1:${server.port}/a/b?c=d`);
  assertEquals(ws.request.headers.get("authorization"), "Bearer x");
  ws.terminate();
  await ws.closed;
});

/** The field lines of a request but for those of the handshake, and what `request` tells of them. */
async function sent(
  headers: ConnectOptions["headers"],
  user = "",
): Promise<{ lines: string[]; request: Request }> {
  await using server = await RawServer.listen();
  const url = server.url.replace("//", `//${user}`);
  const connecting = connect(url, { compression: false, ...(headers && { headers }) });
  const peer = await server.accept();
  const { request, accept } = await takeRequest(peer);
  peer.send(accept());
  const ws = await connecting;
  const lines = request.trimEnd().split("\r\n").slice(1)
    .filter((line) => !/^(host|upgrade|connection|sec-websocket-\w+):/i.test(line));
  ws.terminate();
  await ws.closed;
  return { lines, request: ws.request };
}

test("connect() sends field names as they are written, and repeated ones in their places", async () => {
  const pairs: [string, string][] = [["X-ONE", "1"], ["aCCept", "a"], ["x-one", "2"], [
    "X-One",
    "3",
  ]];
  const expected = ["X-ONE: 1", "aCCept: a", "x-one: 2", "X-One: 3"];
  assertEquals((await sent(pairs)).lines, expected);
  const iterable = {
    *[Symbol.iterator]() {
      yield* pairs;
    },
  };
  assertEquals((await sent(iterable as never)).lines, expected);
  const { lines, request } = await sent({
    "X-ONE": "1",
    Accept: " b \t\r\n",
    none: undefined as never,
  });
  assertEquals(lines, ["X-ONE: 1", "Accept: b"]);
  assertEquals(request.headers.get("x-one"), "1");
  assertEquals((await sent(new Headers({ "X-ONE": "1" }))).lines, ["x-one: 1"]);
  assertEquals((await sent(undefined)).lines, []);
});

test("request of a URL with a user has no user in its URL", async () => {
  const { lines, request } = await sent({ "X-One": "1" }, "me:secret@");
  assertEquals(lines, ["Authorization: Basic bWU6c2VjcmV0", "X-One: 1"]);
  assertStringIncludes(request.url, "http://127.0.0.1:");
});

const wrong: [string, string, ConnectOptions, string][] = [
  ["what is no URL", "/chat", {}, "SyntaxError"],
  ["another scheme", "ftp://127.0.0.1/", {}, "SyntaxError"],
  ["a fragment", "ws://127.0.0.1/#x", {}, "SyntaxError"],
  ["a limit of 0", "ws://127.0.0.1/", { maxMessageSize: 0 }, "RangeError"],
];

for (const [what, url, options, name] of wrong) {
  test(`connect() rejects ${what} with a ${name}`, async () => {
    assertEquals((await assertRejects(() => connect(url, options), Error)).name, name);
  });
}

const wrongRequests: [string, ConnectOptions, string][] = [
  ["a subprotocol that is no token", { protocols: ["a b"] }, "SyntaxError"],
  ["a subprotocol twice", { protocols: ["a", "a"] }, "SyntaxError"],
  ["a header field of the handshake", { headers: { "Sec-WebSocket-Key": "x" } }, "TypeError"],
];

for (const [what, options, name] of wrongRequests) {
  test(`connect() rejects ${what} with a ${name}, and leaves no connection`, async () => {
    await using server = await RawServer.listen();
    const error = await assertRejects(() => connect(server.url, options), Error);
    assertEquals(error.name, name);
  });
}

test("connect() rejects when no server listens, with the address", async () => {
  let port: number;
  {
    await using server = await RawServer.listen();
    port = server.port;
  }
  const url = `ws://127.0.0.1:${port}/`;
  await assertRejects(() => connect(url), Error, `127.0.0.1:${port}`);
});

/** Listens and never accepts: `node -e`, which says its port and then stands still. */
const DEAF = `
  const server = require("node:net").createServer();
  server.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
    require("node:fs").writeSync(1, "port " + server.address().port + "\\n");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 120_000);
  });
`;

test("connect() that was given up does not keep the process alive", async () => {
  const deaf = run(["node", "-e", DEAF]);
  const [, port] = await deaf.waitFor(/port (\d+)/);
  const child = start(runtime, "test/support/dial_in_vain.ts", [`ws://127.0.0.1:${port}/`]);
  await child.waitFor(/all over/);
  let timer: ReturnType<typeof setTimeout> | undefined;
  // The system itself gives up after a minute or two.
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve("still there after 15 s"), 15_000);
  });
  const ended = await Promise.race([child.exit, late]);
  clearTimeout(timer);
  await Promise.all([child.stop("SIGKILL"), deaf.stop("SIGKILL")]);
  assertEquals([ended, child.output().match(/rejected/g)?.length], [0, 8]);
});
