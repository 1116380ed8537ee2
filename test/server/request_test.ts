// From bytes to the Request that `fetch` gets, over real sockets, and the bounds of its body.

import { assertEquals, assertInstanceOf } from "@std/assert";
import { serve, type ServeOptions } from "@sansocket/ws";
import { createRequest, requestUrl } from "../../src/server/request.ts";
import { request } from "../handshake/heads.ts";
import type { TestClock } from "@sansocket/ws/testing";
import { createClocked, createTcp, type RawNetwork } from "../support/clocked.ts";
import { settled, withResolvers } from "../support/connections.ts";
import type { RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

const targets: [string[], string | undefined][] = [
  [["GET /a/b?c=d HTTP/1.1", "Host: example.org"], "http://example.org/a/b?c=d"],
  [["GET /a HTTP/1.1", "Host: example.org:81"], "http://example.org:81/a"],
  [["GET /a HTTP/1.1", "Host: [::1]:81"], "http://[::1]:81/a"],
  [["GET //b/c HTTP/1.1", "Host: a"], "http://a//b/c"],
  [["GET http://b/c?d HTTP/1.1", "Host: a"], "http://b/c?d"],
  [["GET http://b HTTP/1.1", "Host: a"], "http://b/"],
  [["GET http://b?c HTTP/1.1", "Host: a"], "http://b/?c"],
  [["OPTIONS * HTTP/1.1", "Host: a"], "http://a/"],
  [["GET /a HTTP/1.0", "-Host"], "http://localhost/a"],
  [["GET /a HTTP/1.1", "-Host"], undefined],
  [["GET /a HTTP/1.1", "Host: a b"], undefined],
  [["GET /a HTTP/1.1", "Host: a", "+Host: b"], undefined],
  [["GET a HTTP/1.1", "Host: a"], undefined],
  [["GET * HTTP/1.1", "Host: a"], undefined],
  [["GET /a HTTP/1.1", "Host: a:99999"], undefined],
];

for (const [lines, url] of targets) {
  test(`requestUrl of "${lines.join('", "')}" is ${url}`, () => {
    assertEquals(requestUrl(request(...lines)), url);
  });
}

test("createRequest keeps the method, the fields and obs-text", () => {
  const head = request("PATCH /a HTTP/1.1", "+X-Name: caf\xe9", "+X-Name: b");
  const made = createRequest(head);
  assertInstanceOf(made, Request);
  assertEquals([made.method, made.body], ["PATCH", null]);
  assertEquals(made.headers.get("upgrade"), "websocket");
});

for (const method of ["CONNECT", "TRACE", "TRACK", "trace", "Track"]) {
  test(`createRequest refuses ${method} with 501`, () => {
    const made = createRequest(request(`${method} /a HTTP/1.1`));
    assertEquals("status" in made && made.status, 501);
    assertEquals("reason" in made && made.reason, `Method ${method} is not implemented`);
  });
}

for (const method of ["GET", "HEAD", "get", "head"]) {
  test(`createRequest gives ${method} no body, which a Request cannot have`, () => {
    const made = createRequest(request(`${method} /a HTTP/1.1`), {
      body: new ReadableStream(),
    });
    assertInstanceOf(made, Request);
    assertEquals([made.method, made.body], [method.toUpperCase(), null]);
  });
}

interface Scene {
  readonly clock: TestClock;
  readonly peer: RawPeer;
  readonly reported: unknown[];
}

/** Runs `body` with a raw connection to a server. */
function scene(
  name: string,
  options: ServeOptions,
  body: (scene: Scene) => Promise<void>,
  network: () => RawNetwork = createTcp,
): void {
  test(`RequestBody ${name}`, async () => {
    const { clock, serve, dial } = network();
    const reported: unknown[] = [];
    const error = (error: unknown): void => void reported.push(error);
    const server = await serve({ error, ...options, port: 0 });
    const peer = await dial(server.port);
    await body({ clock, peer, reported });
    await peer[Symbol.asyncDispose]();
    await server.close();
  });
}

/** The same in memory, by a clock. */
const clocked: typeof scene = (name, options, body) => scene(name, options, body, createClocked);

const length: ServeOptions = {
  fetch: async (request) => new Response(String((await request.arrayBuffer()).byteLength)),
};
const text: ServeOptions = { fetch: async (request) => new Response(await request.text()) };
const unread: ServeOptions = { fetch: () => new Response("not read") };

const post = (fields: string): string => `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n`;
const chunked = post("Transfer-Encoding: chunked");

scene("of Content-Length arrives whole, however it is split", text, async ({ peer }) => {
  for (const piece of [post("Content-Length: 10").slice(0, -1), "\n", "01234", "5", "6789"]) {
    peer.send(piece);
    await settled();
  }
  assertEquals((await peer.takeResponse()).body, "0123456789");
});

scene("of chunks arrives whole, however it is split", text, async ({ peer }) => {
  peer.send(chunked);
  for (const piece of ["4\r\n01", "23\r", '\n6;a="b"\r\n456789\r\n0', "\r\nX: y\r\n", "\r\n"]) {
    peer.send(piece);
    await settled();
  }
  assertEquals((await peer.takeResponse()).body, "0123456789");
  peer.send(`${chunked}0\r\n\r\n`);
  assertEquals((await peer.takeResponse()).body, "");
});

scene("may be as large as maxBodySize", { ...length, maxBodySize: 100_000 }, async ({ peer }) => {
  peer.send(post("Content-Length: 100000") + "a".repeat(100_000));
  assertEquals((await peer.takeResponse()).body, "100000");
  peer.send(`${chunked}186a0\r\n${"a".repeat(100_000)}\r\n0\r\n\r\n`);
  assertEquals((await peer.takeResponse()).body, "100000");
});

scene("above maxBodySize is 413 before it comes", { ...length, maxBodySize: 10 }, async (scene) => {
  const { peer, reported } = scene;
  peer.send(post("Content-Length: 11"));
  const { status, body } = await peer.takeResponse();
  assertEquals([status, body], [413, "Expected a body of at most 10 octets (maxBodySize)"]);
  assertEquals((await peer.takeRest()).length, 0);
  assertEquals(reported, []);
});

scene("of chunks above maxBodySize is 413", { ...length, maxBodySize: 10 }, async (scene) => {
  const { peer, reported } = scene;
  peer.send(`${chunked}6\r\n012345\r\n6\r\n012345\r\n`);
  assertEquals((await peer.takeResponse()).status, 413);
  assertEquals((await peer.takeRest()).length, 0);
  assertEquals(reported, []);
});

scene("with malformed chunks is 400", text, async ({ peer, reported }) => {
  peer.send(`${chunked}3\r\nabcd\r\n`);
  const { status, body } = await peer.takeResponse();
  assertEquals([status, body], [400, 'Unexpected "d" in the chunk end']);
  assertEquals((await peer.takeRest()).length, 0);
  assertEquals(reported, []);
});

clocked("that does not come is 408", { ...text, handshakeTimeout: 10_000 }, async (scene) => {
  const { clock, peer, reported } = scene;
  peer.send(post("Content-Length: 10") + "01234");
  await clock.advance(10_000);
  assertEquals((await peer.takeResponse()).status, 408);
  assertEquals((await peer.takeRest()).length, 0);
  assertEquals(reported, []);
});

scene("cut short by the peer's end is 400", text, async ({ peer, reported }) => {
  peer.send(post("Content-Length: 10") + "01234");
  peer.end();
  assertEquals((await peer.takeResponse()).status, 400);
  assertEquals(reported, []);
});

scene("that is unread is passed over", unread, async ({ peer }) => {
  for (
    const [fields, body] of [["Content-Length: 5", "01234"], [
      "Transfer-Encoding: chunked",
      "5\r\n01234\r\n0\r\n\r\n",
    ]]
  ) {
    peer.send(post(fields ?? "") + body);
    assertEquals((await peer.takeResponse()).body, "not read");
  }
});

scene("of a GET is passed over", text, async ({ peer }) => {
  for (const method of ["GET", "get"]) {
    peer.send(`${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n01234`);
    const { status, body } = await peer.takeResponse();
    assertEquals([status, body], [200, ""]);
  }
});

scene("is asked for with 100 Continue when it is read", text, async ({ peer }) => {
  peer.send(post("Content-Length: 5\r\nExpect: 100-Continue"));
  assertEquals((await peer.takeResponse()).status, 100);
  peer.send("01234");
  const { status, body, get } = await peer.takeResponse();
  assertEquals([status, body, get("connection")], [200, "01234", undefined]);
});

scene("is not asked for while no code reads it", unread, async ({ peer }) => {
  peer.send(post("Content-Length: 5\r\nExpect: 100-continue"));
  const { status, body, get } = await peer.takeResponse();
  assertEquals([status, body, get("connection")], [200, "not read", "close"]);
  assertEquals((await peer.takeRest()).length, 0);
});

scene("is never asked for in HTTP/1.0", text, async ({ peer }) => {
  peer.send("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n01234");
  const { status, body } = await peer.takeResponse();
  assertEquals([status, body], [200, "01234"]);
});

const readOnce = withResolvers<void>();
scene("is a stream that is read as it comes", {
  async fetch(request) {
    const pieces = await piecesOf(request, readOnce.resolve);
    return new Response(pieces.join("|"));
  },
}, async ({ peer }) => {
  peer.send(`${chunked}2\r\n01\r\n`);
  await readOnce.promise;
  peer.send("3\r\n234\r\n0\r\n\r\n");
  assertEquals((await peer.takeResponse()).body, "01|234");
});

scene("is one piece for each chunk that comes, however many chunks of HTTP are in it", {
  async fetch(request) {
    const pieces = await piecesOf(request);
    return Response.json([pieces.length < 2_000, pieces.join("").length]);
  },
}, async ({ peer }) => {
  peer.send(`${chunked}${"1\r\nx\r\n".repeat(125_000)}0\r\n\r\n`);
  assertEquals((await peer.takeResponse()).body, "[true,125000]");
});

clocked("that comes in time, octet by octet, is 408 when it is too long in coming", {
  ...length,
  requestTimeout: 60_000,
}, async ({ clock, peer, reported }) => {
  peer.send(post("Content-Length: 1000000"));
  const answer = peer.takeResponse();
  let answered = false;
  answer.then(() => answered = true);
  for (; !answered && clock.now < 120_000; await clock.advance(1_000)) {
    await peer.flush(new Uint8Array([0x61]));
  }
  const { status, body, get } = await answer;
  assertEquals([status, body, get("connection")], [
    408,
    "The body did not arrive within 60000 ms (requestTimeout)",
    "close",
  ]);
  assertEquals((await peer.takeRest()).length, 0);
  assertEquals(reported, []);
});

clocked(
  "that is unread has the same time",
  { ...unread, requestTimeout: 60_000 },
  async ({ clock, peer }) => {
    peer.send(post("Content-Length: 1000000"));
    const answer = peer.takeResponse();
    let ended = false;
    const rest = peer.takeRest().then(({ length }) => (ended = true, length));
    for (; !ended && clock.now < 200_000; await clock.advance(1_000)) {
      await peer.flush(new Uint8Array([0x61])).catch(() => {});
    }
    assertEquals(clock.now, 60_000);
    assertEquals((await answer).status, 200);
    assertEquals(await rest, 0);
  },
);

/** The pieces of a request's body, as text. */
async function piecesOf(request: Request, first: () => void = () => {}): Promise<string[]> {
  const pieces: string[] = [];
  const decoder = new TextDecoder();
  const reader = request.body?.getReader();
  for (let step = await reader?.read(); step?.value; step = await reader?.read()) {
    pieces.push(decoder.decode(step.value));
    first();
  }
  return pieces;
}

test("createRequest keeps a method that its runtime does not know", () => {
  for (const method of ["FOO", "constructor", "Patch", "PROPFIND"]) {
    const made = createRequest({ ...request("Host: a"), method });
    assertEquals("method" in made ? made.method : made, method);
  }
});

test("fetch may answer before it has read the body, and reads on to its end", async () => {
  for (const size of [1_000, 300_000, 900_000]) {
    const read = withResolvers<number>();
    await using server = await serve({
      port: 0,
      handshakeTimeout: 60_000,
      fetch(given) {
        given.text().then(({ length }) => read.resolve(length), () => read.resolve(-1));
        return new Response("ok");
      },
    });
    const response = await fetch(server.url, { method: "POST", body: "x".repeat(size) });
    assertEquals([await response.text(), await read.promise], ["ok", size]);
  }
});

test("a body that is unread is dropped with the answer", async () => {
  let late: Promise<unknown> | undefined;
  const gate = withResolvers<void>();
  await using server = await serve({
    port: 0,
    fetch(given) {
      late = gate.promise.then(() => given.text());
      return new Response("ok");
    },
  });
  const response = await fetch(server.url, { method: "POST", body: "x".repeat(300_000) });
  assertEquals(await response.text(), "ok");
  gate.resolve();
  await late!.then(
    () => assertEquals("read", "refused"),
    (error) => assertInstanceOf(error, Error),
  );
});
