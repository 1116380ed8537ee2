// Pages in turn on one connection: the short way answers as the long one does, and hands over what
// it does not answer.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { serve, type ServeOptions, type Server, type WebSocketHooks } from "@sansocket/ws";
import { createClocked } from "../support/clocked.ts";
import { settled } from "../support/connections.ts";
import { sessionTest } from "../support/http_session.ts";
import { handshake, RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

/** Answers with what was asked for. */
function describe({ method, url, headers }: Request): Response {
  const { pathname, search } = new URL(url);
  return new Response(`${method} ${pathname}${search} ${headers.get("x-a")}`);
}

const answers: [string, NonNullable<ServeOptions["fetch"]>][] = [
  ["a string", describe],
  ["a promise", async (request) => await Promise.resolve(describe(request))],
  ["a promise that takes its time", async (request) => {
    await settled();
    return describe(request);
  }],
  ["no body", () => new Response(null, { status: 204 })],
  ["a stream", () =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          await settled();
          controller.enqueue(new Uint8Array([0x61]));
          controller.close();
        },
      }),
    )],
  ["a Response that is thrown", () => {
    throw new Response("thrown", { status: 418, headers: { "x-b": "1" } });
  }],
  ["an error", () => {
    throw new Error("broken");
  }],
  ["an upgrade of what is no handshake", (_, { upgrade }) => upgrade({})],
  ["nothing", () => undefined as unknown as Response],
];

for (const [what, fetch] of answers) {
  for (const method of ["GET", "HEAD"]) {
    test(`FastPages answers ${method} with ${what} as HttpSession does`, async () => {
      const reported: string[] = [];
      await using server = await serve({
        port: 0,
        fetch,
        error: (error) => reported.push(String(error)),
      });
      await using peer = await RawPeer.dial(server.port);
      const seen = [];
      // A request with a Content-Length takes the long way.
      for (const field of ["", "Connection: Keep-Alive\r\n", "Content-Length: 0\r\n", ""]) {
        peer.send(`${method} /a?b HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n${field}\r\n`);
        const { lines, body } = await peer.takeResponse(method);
        seen.push([...lines.filter((line) => !/^date:/i.test(line)), body]);
      }
      assertEquals(seen, Array(4).fill(seen[0]));
      assertEquals(peer.available, 0);
      assertEquals(reported.length, what === "an error" || what === "nothing" ? 4 : 0);
    });
  }
}

sessionTest("takes pages at every split", { fetch: describe }, async ({ peer, link }) => {
  const text = "GET /a HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n";
  assertEquals(link === undefined, false);
  for (let i = 1; i < text.length; i++) {
    peer.send(text.slice(0, i));
    await settled();
    peer.send(text.slice(i) + text + text.slice(0, 5));
    await settled();
    peer.send(text.slice(5));
    for (let j = 0; j < 3; j++) assertEquals((await peer.takeResponse()).body, "GET /a 1");
  }
}, createClocked);

sessionTest("answers pages in a row in order", {
  fetch: async (request) => {
    if (request.url.endsWith("/2")) await settled();
    return describe(request);
  },
}, async ({ peer }) => {
  let text = "";
  for (let i = 0; i < 5; i++) text += `GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`;
  for (let round = 0; round < 2; round++) {
    peer.send(text);
    for (let i = 0; i < 5; i++) {
      assertEquals((await peer.takeResponse()).body, `GET /${i} null`);
    }
  }
});

const PAGE = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
const echo: WebSocketHooks = { message: (ws, data) => ws.send(data) };

sessionTest("opens a WebSocket behind pages", {
  fetch: (request, { upgrade }) =>
    request.headers.has("upgrade") ? upgrade(echo) : describe(request),
}, async ({ peer, server }) => {
  for (let i = 0; i < 2; i++) {
    peer.send(PAGE);
    assertEquals((await peer.takeResponse()).status, 200);
  }
  peer.send(PAGE + handshake());
  assertEquals((await peer.takeResponse()).status, 200);
  assertStringIncludes(await peer.takeThrough("\r\n\r\n"), "HTTP/1.1 101 ");
  assertEquals(server.connections.size, 1);
});

for (
  const [what, text, status] of [
    ["a malformed one", "GET /a HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", 400],
    ["one without Host", "GET /a HTTP/1.1\r\n\r\n", 400],
    ["one with two", "GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
    ["one with an expectation", "GET /a HTTP/1.1\r\nHost: a\r\nExpect: b\r\n\r\n", 417],
    ["another version", "GET /a HTTP/2.0\r\nHost: a\r\n\r\n", 505],
  ] as const
) {
  sessionTest(`refuses ${what} behind pages`, { fetch: describe }, async ({ peer, server }) => {
    peer.send(PAGE + PAGE + text + PAGE);
    for (const expected of [200, 200, status]) {
      assertEquals((await peer.takeResponse()).status, expected);
    }
    assertEquals((await peer.takeRest()).length, 0);
    assertEquals(server.stats().refused.request, 1);
  });
}

const TIMES = { fetch: describe, handshakeTimeout: 90 };

sessionTest("ends a connection that asks for no page any more", TIMES, async (scene) => {
  const { peer, clock } = scene;
  for (let i = 0; i < 3; i++) {
    // Each answer moves the deadline.
    await clock.advance(80);
    peer.send(PAGE);
    assertEquals((await peer.takeResponse()).status, 200);
  }
  await clock.advance(89);
  assertEquals(scene.link?.open, true);
  await clock.advance(1);
  assertEquals((await peer.takeRest()).length, 0);
}, createClocked);

sessionTest("answers 408 to a part of a request behind pages", TIMES, async ({ peer, clock }) => {
  peer.send(`${PAGE}${PAGE}GET /`);
  for (let i = 0; i < 2; i++) assertEquals((await peer.takeResponse()).status, 200);
  await clock.advance(89);
  assertEquals(peer.available, 0);
  await clock.advance(1);
  assertEquals((await peer.takeResponse()).status, 408);
}, createClocked);

sessionTest("gives an answer all its time", {
  ...TIMES,
  fetch: async (request) => {
    await new Promise<void>((resolve) => answer = resolve);
    return describe(request);
  },
}, async ({ peer, clock }) => {
  for (let i = 0; i < 2; i++) {
    peer.send(PAGE);
    await clock.advance(60_000);
    answer();
    assertEquals((await peer.takeResponse()).status, 200);
  }
}, createClocked);
let answer: () => void = () => {};

for (const when of ["at once", "later"]) {
  test(`FastPages ends a connection whose page closes the server ${when}`, async () => {
    let closed: Promise<void> | undefined;
    const server: Server = await serve({
      port: 0,
      fetch: (request) => {
        if (!request.url.endsWith("/close")) return describe(request);
        closed = server.close();
        const response = new Response("closing");
        return when === "at once" ? response : settled().then(() => response);
      },
    });
    await using peer = await RawPeer.dial(server.port);
    peer.send(PAGE);
    assertEquals((await peer.takeResponse()).status, 200);
    peer.send("GET /close HTTP/1.1\r\nHost: a\r\n\r\n");
    const { get, body } = await peer.takeResponse();
    assertEquals([get("connection"), body], ["close", "closing"]);
    assertEquals((await peer.takeRest()).length, 0);
    peer.end();
    await closed;
  });
}
