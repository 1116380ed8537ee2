// Servers that answer what they should not, each met by connect(), by both classes of the WHATWG and by reconnect():
// one typed error with a stable code, in bounded time, with the socket closed.

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  createWebSocketClass,
  createWebSocketStreamClass,
  HandshakeError,
  ProtocolError,
} from "@sansocket/ws";
import { createReconnect } from "@sansocket/ws/web";
import { computeAccept } from "@sansocket/ws/core";
import { type ClockedNetwork, createClocked } from "../support/clocked.ts";
import type { RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

interface BadServer {
  /** What it answers, to a request with this accept value. */
  readonly answer: (accept: string) => string;
  readonly code: string;
  readonly status?: number;
  /** Whether it ends the stream behind its answer. */
  readonly ends?: true;
  /** Whether the error comes only when `handshakeTimeout` has passed. */
  readonly hangs?: true;
  /** Whether reconnect() takes it for fatal. */
  readonly fatal?: true;
}

function accepted(accept: string, ...fields: string[]): string {
  return [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept}`,
    ...fields,
    "\r\n",
  ].join("\r\n");
}

function refused(status: number, ...fields: string[]): BadServer {
  const answer = [`HTTP/1.1 ${status} x`, ...fields, "Content-Length: 2", "", "no"].join("\r\n");
  return { answer: () => answer, code: "ESTATUS", status };
}

const servers: Readonly<Record<string, BadServer>> = {
  "garbage": { answer: () => "\x00\x01\x02 what?\r\n\r\n", code: "EHTTP" },
  "nothing, and waits": { answer: () => "", code: "ETIMEDOUT", hangs: true },
  "nothing, and ends": { answer: () => "", code: "EPROTO", ends: true },
  "half a head, and waits": { answer: () => "HTTP/1.1 101 Swi", code: "ETIMEDOUT", hangs: true },
  "half a head, and ends": { answer: () => "HTTP/1.1 101 Swi", code: "ECONNRESET", ends: true },
  "interim responses without end": {
    answer: () => "HTTP/1.1 103 x\r\n\r\n".repeat(20),
    code: "EHTTP",
  },
  "a wrong accept value": {
    answer: () => accepted("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    code: "EACCEPT",
    status: 101,
  },
  "no Upgrade": {
    answer: (accept) => accepted(accept).replace("Upgrade: websocket\r\n", ""),
    code: "EUPGRADE",
    status: 101,
  },
  "an extension that was not asked for": {
    answer: (accept) => accepted(accept, "Sec-WebSocket-Extensions: x-other"),
    code: "EEXTENSION",
    status: 101,
  },
  "a subprotocol that was not asked for": {
    answer: (accept) => accepted(accept, "Sec-WebSocket-Protocol: other"),
    code: "ESUBPROTOCOL",
    status: 101,
  },
  "200": refused(200),
  "301": refused(301, "Location: http://127.0.0.1:9/"),
  "401": { ...refused(401, "WWW-Authenticate: Bearer"), fatal: true },
  "407": { ...refused(407), fatal: true },
  "429": refused(429, "Retry-After: 1"),
  "503": refused(503, "Retry-After: 1"),
  "a body without end": {
    answer: () => "HTTP/1.1 403 x\r\n\r\nand so on",
    code: "ESTATUS",
    status: 403,
    hangs: true,
    fatal: true,
  },
  "a body that is longer than is kept": {
    answer: () => `HTTP/1.1 403 x\r\nContent-Length: 9999999\r\n\r\n${"a".repeat(70_000)}`,
    code: "ESTATUS",
    status: 403,
    fatal: true,
  },
};

/** Answers the next connection, and returns it. */
async function meet(
  server: Awaited<ReturnType<ClockedNetwork["listen"]>>,
  { answer, ends }: BadServer,
): Promise<RawPeer> {
  const peer = await server.accept();
  const head = await peer.takeThrough("\r\n\r\n");
  const key = /sec-websocket-key: (\S+)/i.exec(head)?.[1] ?? "";
  peer.send(answer(computeAccept(key)));
  if (ends) peer.end();
  return peer;
}

for (const [what, bad] of Object.entries(servers)) {
  test(`connect() meets a server with ${what}: one error with a code, and a closed socket`, async () => {
    const { clock, connect, listen } = createClocked();
    const server = await listen();
    const failed = assertRejects(
      () => connect(server.url, { handshakeTimeout: 5_000, compression: false }),
      HandshakeError,
    );
    const peer = await meet(server, bad);
    await clock.advance(bad.hangs ? 5_000 : 0);
    const error = await failed;
    assertEquals([error.code, error.status], [bad.code, bad.status]);
    await peer.takeRest();
    assertEquals(clock.pending, []);
  });

  test(`the classes meet a server with ${what}: error, then close, always both`, async () => {
    const { clock, connect, listen } = createClocked();
    const server = await listen();
    const events: string[] = [];
    const options = { handshakeTimeout: 5_000, compression: false };
    const ws = new (createWebSocketClass(connect))(server.url, [], options);
    for (const type of ["open", "error", "close"] as const) {
      ws.addEventListener(type, () => void events.push(type));
    }
    await (await Promise.all([meet(server, bad), clock.advance(bad.hangs ? 5_000 : 0)]))[0]
      .takeRest();
    await clock.advance(0);
    assertEquals([events, ws.readyState], [["error", "close"], 3]);

    const stream = new (createWebSocketStreamClass(connect))(server.url, options);
    const failures = Promise.all([
      assertRejects(() => stream.opened),
      assertRejects(() => stream.closed),
    ]);
    const peer = await meet(server, bad);
    await clock.advance(bad.hangs ? 5_000 : 0);
    assertEquals((await failures).map(({ name }) => name), ["WebSocketError", "WebSocketError"]);
    await peer.takeRest();
    assertEquals(clock.pending, []);
  });

  test(`reconnect() meets a server with ${what}: it ${bad.fatal ? "ends" : "tries again"}`, async () => {
    const { clock, connect, listen } = createClocked();
    const server = await listen();
    const waits: unknown[] = [];
    const ws = await createReconnect(connect, clock.source)(server.url, {
      lazy: true,
      handshakeTimeout: 5_000,
      compression: false,
      onwait: ({ failure }) => waits.push((failure.error as HandshakeError).code),
    });
    const peer = await meet(server, bad);
    await clock.advance(bad.hangs ? 5_000 : 0);
    await peer.takeRest();
    assertEquals([ws.state, waits], bad.fatal ? ["closed", []] : ["waiting", [bad.code]]);
    const closed = await ws.close();
    if (bad.fatal) assertEquals((closed.cause as HandshakeError).status, bad.status);
    assertEquals(clock.pending, []);
  });
}

test("connect() fails a server that masks its frames with 1002", async () => {
  const { connect, listen } = createClocked();
  const server = await listen();
  const [ws, peer] = await Promise.all([
    connect(server.url, { compression: false }),
    meet(server, { answer: (accept) => accepted(accept), code: "" }),
  ]);
  // A masked text "Hello" (RFC 6455 section 5.7).
  peer.send(Uint8Array.of(0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58));
  peer.end();
  const { code, violation, cause } = await ws.closed;
  assertEquals([code, violation], [1002, "masked-frame"]);
  assert(cause instanceof ProtocolError);
});

test("connect() lets a signal end it at each stage, and closes the socket", async () => {
  const reason = new Error("called off");
  const stages = ["", "HTTP/1.1 101", "HTTP/1.1 403 x\r\nContent-Length: 9\r\n\r\nhalf"];
  for (const answer of stages) {
    const { clock, connect, listen } = createClocked();
    const server = await listen();
    const controller = new AbortController();
    const failed = assertRejects(() => connect(server.url, { signal: controller.signal }), Error);
    const peer = await meet(server, { answer: () => answer, code: "" });
    await clock.advance(0);
    controller.abort(reason);
    assertEquals([answer, await failed], [answer, reason]);
    await peer.takeRest();
    assertEquals(clock.pending, []);
  }
});
