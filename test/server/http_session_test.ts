// Requests in turn over real sockets: what one connection is answered, and when it ends.

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { encodeHex } from "@std/encoding";
import { serve, type ServeOptions, type WebSocketHooks } from "@sansocket/ws";
import { settled, withResolvers } from "../support/connections.ts";
import { sessionTest as scene } from "../support/http_session.ts";
import { handshake, RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

/** Says what it was asked. */
async function describe(request: Request): Promise<Response> {
  const body = await request.text();
  const text = `${request.method} ${new URL(request.url).pathname} ${body}`.trim();
  return new Response(text, { headers: { "content-length": String(text.length) } });
}

const echo: WebSocketHooks = { message: (ws, data) => ws.send(data) };

scene("answers GET, and keeps the connection", { fetch: describe }, async ({ peer }) => {
  for (const path of ["/a", "/b"]) {
    peer.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const response = await peer.takeResponse();
    assertEquals([response.status, response.body], [200, `GET ${path}`]);
    assertEquals(response.get("connection"), undefined);
    assertMatch(response.get("date") ?? "", /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
  }
});

scene("answers pipelined requests in order", { fetch: describe }, async ({ peer }) => {
  peer.send(
    "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n" +
      "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntwo" +
      "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
      "3;x=y\r\nthr\r\n2\r\nee\r\n0\r\nTrailer: t\r\n\r\n" +
      "GET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
  );
  const bodies = [];
  for (let i = 0; i < 4; i++) bodies.push((await peer.takeResponse()).body);
  assertEquals(bodies, ["GET /1", "POST /2 two", "POST /3 three", "GET /4"]);
  assertEquals((await peer.takeRest()).length, 0);
});

for (
  const [how, answer] of Object.entries({
    "as it is": ({ body }: Request) => body,
    "through another stream": ({ body }: Request) => body!.pipeThrough(new TransformStream()),
  })
) {
  scene(`answers with the request's body ${how}, as it comes`, {
    fetch: (request) => new Response(answer(request)),
  }, async ({ peer, reported }) => {
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nfir");
    await settled();
    peer.send("st!");
    const response = await peer.takeResponse();
    assertEquals([response.status, response.body], [200, "first!"]);
    assertEquals(reported, []);
  });

  scene(`reports nothing when the client breaks off the body that is its answer ${how}`, {
    fetch: (request) => new Response(answer(request)),
  }, async ({ peer, reported }) => {
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX");
    await peer.takeRest();
    assertEquals(reported, []);
  });
}

scene("waits with a pipelined request for the answer to the first", {
  fetch: async (request) => {
    if (request.url.endsWith("/slow")) await settled();
    return new Response(request.url.slice(-5));
  },
}, async ({ peer }) => {
  peer.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /fast HTTP/1.1\r\nHost: a\r\n\r\n");
  assertEquals((await peer.takeResponse()).body, "/slow");
  assertEquals((await peer.takeResponse()).body, "/fast");
});

scene("takes a head one byte at a time", { fetch: describe }, async ({ peer }) => {
  for (const character of "\r\nGET /slow HTTP/1.1\r\nHost: a\r\n\r\n") {
    peer.send(character);
    await settled();
  }
  assertEquals((await peer.takeResponse()).body, "GET /slow");
});

const endings: [string, string, string, boolean][] = [
  ["HTTP/1.1 with Connection: close", "HTTP/1.1", "Host: a\r\nConnection: close\r\n", true],
  ["HTTP/1.1 with close in a list", "HTTP/1.1", "Host: a\r\nConnection: x, Close\r\n", true],
  ["HTTP/1.0", "HTTP/1.0", "Host: a\r\n", true],
  ["HTTP/1.0 without Host", "HTTP/1.0", "", true],
  ["HTTP/1.0 with keep-alive", "HTTP/1.0", "Host: a\r\nConnection: Keep-Alive\r\n", false],
];

for (const [what, version, fields, ends] of endings) {
  scene(`${ends ? "ends after" : "lives on after"} ${what}`, { fetch: describe }, async (scene) => {
    const { peer } = scene;
    peer.send(`GET /1 ${version}\r\n${fields}\r\n`);
    const response = await peer.takeResponse();
    assertEquals(response.body, "GET /1");
    assertEquals(response.get("connection"), ends ? "close" : "keep-alive");
    if (ends) return assertEquals((await peer.takeRest()).length, 0);
    peer.send(`GET /2 ${version}\r\n${fields}\r\n`);
    assertEquals((await peer.takeResponse()).body, "GET /2");
  });
}

scene("answers in full to a peer that has ended its side", {
  fetch: () => {
    let count = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new Uint8Array(1000).fill(0x61));
        if (++count === 30) controller.close();
      },
    });
    return new Response(stream);
  },
}, async ({ peer }) => {
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  peer.end();
  assertEquals((await peer.takeResponse()).body.length, 30_000);
  assertEquals((await peer.takeRest()).length, 0);
});

scene("answers a fetch that throws with 500 and reports it", {
  fetch: (request) => {
    if (request.url.endsWith("/sync")) throw new Error("sync");
    return Promise.reject(new Error("async"));
  },
}, async ({ peer, reported }) => {
  for (const path of ["/sync", "/async"]) {
    peer.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const { status, body } = await peer.takeResponse();
    assertEquals([status, body], [500, "Internal server error"]);
  }
  assertEquals(reported.map((error) => (error as Error).message), ["sync", "async"]);
});

const used = new Response("used");
await used.text();

for (
  const [what, value] of [
    ["undefined", undefined],
    ["null", null],
    ["a string", "text"],
    ["Response.error()", Response.error()],
    ["a Response whose body was read", used],
  ] as const
) {
  scene(`answers a fetch that returns ${what} with 500`, {
    fetch: () => value as unknown as Response,
  }, async ({ peer, reported }) => {
    peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assertEquals((await peer.takeResponse()).status, 500);
    assertEquals(reported.length, 1);
    assertStringIncludes(String(reported[0]), "TypeError: Expected fetch to return a Response");
  });
}

scene("survives a reporter that throws", {
  fetch: () => {
    throw new Error("first");
  },
  error: () => {
    // What is thrown here goes to console.error, which must not fill the output of the tests.
    console.error = () => {
      console.error = original;
    };
    throw new Error("second");
  },
}, async ({ peer }) => {
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  assertEquals((await peer.takeResponse()).status, 500);
  assertEquals(console.error, original);
});
const original = console.error;

const faults: [string, string, number][] = [
  ["a bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400],
  ["a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400],
  ["a folded line", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400],
  ["no Host", "GET / HTTP/1.1\r\n\r\n", 400],
  ["two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
  ["a malformed Host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400],
  ["a malformed target", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400],
  ["two different lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n", 400],
  ["a length that is no number", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400],
  [
    "a length and a coding",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    400,
  ],
  ["a coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400],
  ["another coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501],
  ["a body too large", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", 413],
  [
    "another expectation",
    "POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 1\r\n\r\n",
    417,
  ],
  ["a target too long", `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
  ["a field too long", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"a".repeat(20_000)}\r\n\r\n`, 431],
  ["129 fields", `GET / HTTP/1.1\r\nHost: a\r\n${"X: a\r\n".repeat(128)}\r\n`, 431],
  ["CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400],
  ["TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501],
  ["trace", "trace / HTTP/1.1\r\nHost: a\r\n\r\n", 501],
  ["HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505],
  ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
];

for (const [what, head, status] of faults) {
  scene(`answers ${what} with ${status}, then ends`, { fetch: describe }, async (scene) => {
    scene.peer.send(head);
    const response = await scene.peer.takeResponse();
    assertEquals(response.status, status);
    assertEquals(response.get("connection"), "close");
    assertEquals(response.body.length > 0, true);
    assertEquals((await scene.peer.takeRest()).length, 0);
    assertEquals(scene.reported, []);
  });
}

scene("answers HEAD to the short form without a body", { websocket: {} }, async ({ peer }) => {
  peer.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  const { status } = await peer.takeResponse("HEAD");
  assertEquals(status, 426);
  assertEquals((await peer.takeRest()).length, 0);
});

scene("short form answers what is no handshake with 426", { websocket: {} }, async ({ peer }) => {
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const response = await peer.takeResponse();
  assertEquals([response.status, response.get("upgrade")], [426, "websocket"]);
  assertEquals(response.get("connection"), "Upgrade, close");
  assertEquals(response.body, "Expected Upgrade: websocket, got none");
});

for (
  const [what, options] of [
    ["the short form", { websocket: echo }],
    ["upgrade()", { fetch: (_request, { upgrade }) => upgrade(echo) }],
  ] as [string, ServeOptions][]
) {
  scene(`${what} keeps frames in the segment of the handshake`, options, async ({ peer }) => {
    // "Hello" masked, from RFC 6455 5.7, and a Close frame with 1000.
    const frames = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58" + "\x88\x82\0\0\0\0\x03\xe8";
    peer.send(handshake() + frames);
    const response = await peer.takeResponse();
    assertEquals(response.status, 101);
    assertEquals(response.get("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assertEquals(encodeHex(await peer.takeRest()), "810548656c6c6f" + "880203e8");
  });

  scene(
    `${what} comes after requests on the same connection`,
    options,
    async ({ peer, server }) => {
      if ("fetch" in options) {
        peer.send(`GET / HTTP/1.1\r\nHost: server.example.com\r\n\r\n`);
        assertEquals((await peer.takeResponse()).status, 426);
      }
      assertEquals((await peer.upgrade()).status, 101);
      peer.sendHex("8185 37fa213d 7f9f4d5158");
      assertEquals(encodeHex(await peer.take(7)), "810548656c6c6f");
      assertEquals(server.connections.size, 1);
      peer.sendHex("8880 00000000");
      assertEquals(encodeHex(await peer.takeRest()), "8800");
    },
  );
}

test("HttpSession answers an upgrade during shutdown with 503", async () => {
  const arrived = withResolvers<void>();
  const gate = withResolvers<void>();
  const server = await serve({
    port: 0,
    fetch: async (_request, { upgrade }) => {
      arrived.resolve();
      await gate.promise;
      return upgrade(echo);
    },
  });
  await using peer = await RawPeer.dial(server.port);
  peer.send(handshake());
  await arrived.promise;
  const closed = server.close();
  gate.resolve();
  const { status, body, get } = await peer.takeResponse();
  assertEquals([status, body], [503, "The server is shutting down"]);
  assertEquals(get("connection"), "close");
  peer.end();
  await closed;
});

test("HttpSession does not upgrade what was decided on before the shutdown", async () => {
  const arrived = withResolvers<void>();
  const gate = withResolvers<void>();
  const server = await serve({
    port: 0,
    fetch: async (_request, { upgrade }) => {
      const response = upgrade(echo);
      arrived.resolve();
      await gate.promise;
      return response;
    },
  });
  await using peer = await RawPeer.dial(server.port);
  peer.send(handshake());
  await arrived.promise;
  const closed = server.close();
  gate.resolve();
  assertEquals((await peer.takeResponse()).status, 503);
  peer.end();
  await closed;
  assertEquals(server.connections.size, 0);
});
