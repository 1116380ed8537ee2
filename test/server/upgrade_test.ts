import { assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import { HandshakeError, isUpgrade, serve } from "@sansocket/ws";
import type { FetchServerOptions, UpgradeOptions } from "@sansocket/ws";
import { createMemoryRuntime, createNetwork } from "@sansocket/ws/testing";
import { createServe } from "../../src/server/serve.ts";
import { readOrigins } from "../../src/handshake/origin_policy.ts";
import { chooseProtocol, judgeUpgrade } from "../../src/server/upgrade.ts";
import { request } from "../handshake/heads.ts";
import { settled, withResolvers } from "../support/connections.ts";
import { encodeFrames } from "../support/frames.ts";
import { handshake, RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

const loopback = { hostname: "127.0.0.1", port: 1 };

const handshakeRequest = () => new Request("http://server.example/chat");

test("chooseProtocol takes the server's first that the client offers", () => {
  const choose = (wanted: UpgradeOptions["protocol"], offered: readonly string[]) =>
    chooseProtocol(wanted, offered, handshakeRequest);
  assertEquals(choose(["a", "b"], ["b", "a"]), "a");
  assertEquals(choose(["x", "b"], ["a", "b"]), "b");
  assertEquals(choose("b", ["a", "b"]), "b");
  assertEquals(choose("B", ["a", "b"]), undefined);
  assertEquals(choose(["x"], ["a"]), undefined);
  assertEquals(choose(undefined, ["a"]), undefined);
  assertEquals(choose("a", []), undefined);
});

test("chooseProtocol asks a function, with the offer and the request", () => {
  const offer = ["a", "b"];
  const choose = (offered: readonly string[], request: Request) =>
    `${offered.join()} ${new URL(request.url).pathname}`;
  assertEquals(chooseProtocol(choose, offer, handshakeRequest), "a,b /chat");
  assertEquals(chooseProtocol(() => undefined, offer, handshakeRequest), undefined);
});

test("isUpgrade looks for websocket in Upgrade and upgrade in Connection", () => {
  const table: readonly (readonly [Record<string, string>, boolean])[] = [
    [{ upgrade: "websocket", connection: "Upgrade" }, true],
    [{ upgrade: "WebSocket", connection: "keep-alive, UPGRADE" }, true],
    [{ upgrade: "h2c, websocket", connection: "upgrade" }, true],
    [{ upgrade: "websocket" }, false],
    [{ connection: "upgrade" }, false],
    [{ upgrade: "h2c", connection: "upgrade" }, false],
    [{ upgrade: "websocket", connection: "keep-alive" }, false],
    [{ upgrade: "websockets", connection: "upgrades" }, false],
    [{}, false],
  ];
  for (const [headers, expected] of table) {
    const request = new Request("http://server.example/", { headers });
    assertEquals(isUpgrade(request), expected, JSON.stringify(headers));
  }
});

test("judgeUpgrade judges the handshake before the origin", () => {
  const scene = { remote: loopback, local: loopback, request: undefined };
  const policy = { origins: readOrigins([]), requireOrigin: false, error() {} };
  const foreign = "+Origin: https://evil.example";
  const judge = (...lines: string[]): number | string => {
    const judged = judgeUpgrade(request(...lines), policy, undefined, scene);
    return "status" in judged ? judged.status : "accepted";
  };
  assertEquals(judge(), "accepted");
  assertEquals(judge(foreign), 403);
  assertEquals(judge(foreign, "-Upgrade"), 426);
  assertEquals(judge("+Origin: http://server.example.com"), "accepted");
  assertEquals(judge("+Origin: http://localhost:5173"), 403);
  assertEquals(judge("+Origin: http://localhost:5173", "Host: localhost:8000"), "accepted");
});

/** A server that upgrades with `options`, and a raw connection to it. */
function scene(
  name: string,
  options: UpgradeOptions | undefined,
  body: (peer: RawPeer, reported: unknown[]) => Promise<void>,
  serverOptions: Partial<FetchServerOptions> = {},
): void {
  test(`upgrade() ${name}`, async () => {
    const reported: unknown[] = [];
    await using server = await serve({
      port: 0,
      error: (error) => reported.push(error),
      fetch: (_request, { upgrade }) =>
        upgrade((ws) => ws.send(JSON.stringify(ws.data ?? null)), { data: undefined, ...options }),
      ...serverOptions,
    });
    await using peer = await RawPeer.dial(server.port);
    await body(peer, reported);
  });
}

scene("answers 101 and gives the handler its data", { data: { room: 1 } }, async (peer) => {
  const response = await peer.upgrade();
  assertEquals(response.lines[0], "HTTP/1.1 101 Switching Protocols");
  assertEquals(response.get("upgrade"), "websocket");
  assertEquals(response.get("connection"), "Upgrade");
  assertEquals(response.get("sec-websocket-protocol"), undefined);
  assertEquals(response.get("sec-websocket-extensions"), undefined);
  assertEquals(new TextDecoder().decode((await peer.takeFrame()).payload), '{"room":1}');
});

scene("chooses a subprotocol that was offered", { protocol: ["v2", "v1"] }, async (peer) => {
  const response = await peer.upgrade("Sec-WebSocket-Protocol: v1, v2");
  assertEquals([response.status, response.get("sec-websocket-protocol")], [101, "v2"]);
});

scene("chooses none when none fits", { protocol: "v3" }, async (peer) => {
  const response = await peer.upgrade("Sec-WebSocket-Protocol: v1, v2");
  assertEquals([response.status, response.get("sec-websocket-protocol")], [101, undefined]);
});

scene("chooses by a function", {
  protocol: (offered, request) => offered.find((name) => name === request.headers.get("x-version")),
}, async (peer) => {
  const response = await peer.upgrade("Sec-WebSocket-Protocol: v1, v2", "X-Version: v2");
  assertEquals([response.status, response.get("sec-websocket-protocol")], [101, "v2"]);
});

scene("chooses none when the function does", { protocol: () => undefined }, async (peer) => {
  const response = await peer.upgrade("Sec-WebSocket-Protocol: v1");
  assertEquals([response.status, response.get("sec-websocket-protocol")], [101, undefined]);
});

for (const offer of [["Sec-WebSocket-Protocol: v1, v2"], []]) {
  scene(`answers 500 for a chosen subprotocol that was not offered, ${offer.length}`, {
    protocol: () => "v3",
  }, async (peer, reported) => {
    const { status, body } = await peer.upgrade(...offer);
    assertEquals([status, body], [500, "Internal server error"]);
    assertInstanceOf(reported[0], TypeError);
    assertStringIncludes(reported[0].message, "Expected a subprotocol that the client offers");
  });
}

scene("answers 500 for a function that throws", {
  protocol: () => {
    throw new Error("no protocol");
  },
}, async (peer, reported) => {
  assertEquals((await peer.upgrade()).status, 500);
  assertEquals(reported.map(String), ["Error: no protocol"]);
});

scene("sends header fields, Set-Cookie several times", {
  headers: [["Set-Cookie", "a=1; Path=/"], ["Set-Cookie", "b=2"], ["X-Room", "lobby"]],
}, async (peer) => {
  const response = await peer.upgrade();
  assertEquals(response.status, 101);
  assertEquals(response.get("x-room"), "lobby");
  assertEquals(
    response.lines.filter((line) => /^set-cookie/i.test(line)).map((line) => line.slice(12)),
    ["a=1; Path=/", "b=2"],
  );
});

for (
  const headers of [
    { "Sec-WebSocket-Accept": "x" },
    { Upgrade: "x" },
    { "Content-Length": "1" },
    { "bad name": "x" },
    { "x-bad": "a\nb" },
  ]
) {
  const [name] = Object.keys(headers);
  scene(`answers 500 for the header field ${JSON.stringify(name)}, and reports it`, {
    headers: headers as Record<string, string>,
  }, async (peer, reported) => {
    const { status, body } = await peer.upgrade();
    assertEquals([status, body], [500, "Internal server error"]);
    assertEquals(reported.length, 1);
    assertInstanceOf(reported[0], TypeError);
  });
}

scene("takes the key of RFC 6455 4.1, whose unused bits are not zero", {}, async (peer) => {
  const response = await peer.upgrade("Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==");
  assertEquals(response.status, 101);
  assertEquals(response.get("sec-websocket-accept"), "OfS0wDaT5NoxF2gqm7Zj2YtetzM=");
});

const refused: [string, string[], number, string][] = [
  ["no handshake", ["-Upgrade"], 426, "Expected Upgrade: websocket, got none"],
  [
    "another version",
    ["Sec-WebSocket-Version: 8"],
    426,
    "Expected Sec-WebSocket-Version 13, got 8",
  ],
  ["a malformed key", ["Sec-WebSocket-Key: abc"], 400, 'got "abc"'],
  ["a POST", ["POST /chat HTTP/1.1"], 405, "Expected method GET, got POST"],
  ["a foreign origin", ["Origin: https://evil.example"], 403, "`origins` option"],
  ["an opaque origin", ["Origin: null"], 403, 'got "null"'],
  ["two origins", ["+Origin: http://a", "+Origin: http://a"], 403, "Expected one Origin, got 2"],
];

for (const [what, lines, status, text] of refused) {
  scene(`refuses ${what} with ${status} and says why`, undefined, async (peer, reported) => {
    const response = await peer.upgrade(...lines);
    assertEquals(response.status, status);
    assertStringIncludes(response.body, text);
    assertStringIncludes(response.get("content-type") ?? "", "text/plain");
    if (status === 426) {
      assertEquals(response.get("upgrade"), "websocket");
      assertStringIncludes((response.get("connection") ?? "").toLowerCase(), "upgrade");
    }
    if (status === 405) assertEquals(response.get("allow"), "GET");
    assertEquals(reported, []);
    // What asked for no WebSocket is a request like any other; else nothing is parsed behind it.
    if (what === "no handshake") assertEquals((await peer.upgrade()).status, 101);
    else assertEquals((await peer.takeRest()).length, 0);
  });
}

for (
  const [origins, origin, allowed] of [
    [["https://app.example"], "https://app.example", true],
    [["https://app.example"], "https://app.example.evil", false],
    [["https://app.example"], "http://app.example", false],
    [["*"], "https://evil.example", true],
    [["null"], "null", true],
    [["https://*.app.example"], "https://eu.app.example", true],
    [["https://*.app.example"], "https://app.example", false],
    [["http://dev.example:*"], "http://dev.example:5173", true],
  ] as const
) {
  scene(`${allowed ? "allows" : "refuses"} ${origin} with origins ${origins}`, {}, async (peer) => {
    const { status } = await peer.upgrade(`Origin: ${origin}`);
    assertEquals(status, allowed ? 101 : 403);
  }, { origins });
}

test("upgrade() whose Response is not returned upgrades nothing", async () => {
  const { serve, connect } = createNetwork();
  let called = false;
  const server = await serve({
    fetch(_request, { upgrade }) {
      upgrade(() => called = true);
      return new Response("no", { status: 401 });
    },
  });
  const error = await assertRejects(() => connect(server.url), HandshakeError);
  assertEquals([error.status, error.body, called], [401, "no", false]);
  assertEquals(server.connections.size, 0);
  await server.close();
});

test("upgrade() of an earlier request upgrades nothing", async () => {
  let kept: Response | undefined;
  const reported: unknown[] = [];
  await using server = await serve({
    port: 0,
    error: (error) => reported.push(error),
    fetch(_request, { upgrade }) {
      if (kept !== undefined) return kept;
      kept = upgrade({});
      return new Response("kept");
    },
  });
  for (const status of [200, 500]) {
    await using peer = await RawPeer.dial(server.port);
    assertEquals((await peer.upgrade()).status, status);
  }
  assertEquals(reported.map((error) => error instanceof TypeError), [true]);
  assertEquals(server.connections.size, 0);
});

test("upgrade() gives the connection the Request that fetch saw", async () => {
  const { serve, connect } = createNetwork();
  let seen: Request | undefined;
  const server = await serve({
    fetch(request, { upgrade }) {
      seen = request;
      return upgrade((ws) => ws.send(String(ws.request === seen)), { protocol: "a" });
    },
  });
  const ws = await connect(`${server.url}room?x=1`, { protocols: ["b", "a"] });
  assertEquals(new URL(seen?.url ?? "").pathname, "/room");
  assertEquals(await ws.receive(), "true");
  assertEquals(ws.protocol, "a");
  await server.close();
});

test("serve() refuses an entry of origins that nothing could match", async () => {
  for (const origin of ["https://", "https://*.*.example", "https://app.example, https://b"]) {
    await assertRejects(
      () => createNetwork().serve({ origins: [origin], websocket: {} }),
      TypeError,
      `got ${JSON.stringify(origin)}`,
    );
  }
});

test("fetch refuses with any Response, also late, and all of it reaches the client", async () => {
  const decision = withResolvers<Response>();
  await using server = await serve({ port: 0, fetch: () => decision.promise });
  await using peer = await RawPeer.dial(server.port);
  peer.send(handshake());
  decision.resolve(
    new Response("Who are you?", {
      status: 401,
      headers: [
        ["WWW-Authenticate", "Bearer"],
        ["Set-Cookie", "a=1; Path=/"],
        ["Set-Cookie", "b=2"],
      ],
    }),
  );
  const response = await peer.takeResponse();
  assertEquals([response.status, response.body], [401, "Who are you?"]);
  assertEquals(response.get("www-authenticate"), "Bearer");
  const cookies = response.lines.filter((line) => /^set-cookie/i.test(line));
  assertEquals(cookies.map((line) => line.slice(12)), ["a=1; Path=/", "b=2"]);
  assertEquals(server.connections.size, 0);
});

/** A text frame as a client sends it. */
function text(message: string): Uint8Array {
  const payload = new TextEncoder().encode(message);
  return encodeFrames({ opcode: 1, payload, key: new Uint8Array([1, 2, 3, 4]) });
}

for (const waiting of ["the decision", "open"] as const) {
  test(`upgrade() keeps messages that come while ${waiting} is awaited, in order`, async () => {
    const called = withResolvers<void>();
    const gate = withResolvers<void>();
    const received: unknown[] = [];
    const wait = (): Promise<void> => {
      called.resolve();
      return gate.promise;
    };
    await using server = await serve({
      port: 0,
      fetch: async (_request, { upgrade }) => {
        if (waiting === "the decision") await wait();
        return upgrade({
          open: async (ws) => {
            if (waiting === "open") await wait();
            received.push("open");
            await ws.send("opened");
          },
          message: (ws, data) => {
            received.push(data);
            if (data === "last") return ws.send("done");
          },
        });
      },
    });
    await using peer = await RawPeer.dial(server.port);
    // The first message behind the head, the others later.
    peer.send(handshake());
    peer.send(text("first"));
    await called.promise;
    for (const message of ["second", "third", "last"]) await peer.flush(text(message));
    assertEquals(received, []);
    gate.resolve();
    assertEquals((await peer.takeResponse()).status, 101);
    for (const expected of ["opened", "done"]) {
      assertEquals(new TextDecoder().decode((await peer.takeFrame()).payload), expected);
    }
    assertEquals(received, ["open", "first", "second", "third", "last"]);
  });

  test(`upgrade() reads at most one chunk while ${waiting} is awaited`, async () => {
    const runtime = createMemoryRuntime();
    const gate = withResolvers<void>();
    const done = withResolvers<number>();
    const count = 64;
    let received = 0;
    const server = await createServe(runtime)({
      fetch: async (_request, { upgrade }) => {
        if (waiting === "the decision") await gate.promise;
        return upgrade({
          open: () => waiting === "open" ? gate.promise : undefined,
          message: () => void (++received === count && done.resolve(received)),
        });
      },
    });
    const peer = await runtime.dial(
      { hostname: "127.0.0.1", port: server.port },
      { signal: undefined },
    );
    peer.sink = { data() {}, end() {}, drain() {}, closed() {} };
    peer.resume();
    peer.write(new TextEncoder().encode(handshake()));
    const message = text("x".repeat(16_384)) as Uint8Array<ArrayBuffer>;
    for (let i = 0; i < count; i++) peer.write(message);
    await settled();
    // A chunk has 64 KiB at most, as many octets may wait, and as many are in the network's own buffer.
    const unread = peer.bufferedAmount + 65_536;
    assertEquals(unread >= count * message.length - 131_072, true);
    assertEquals(received, 0);
    gate.resolve();
    assertEquals(await done.promise, count);
    peer.destroy();
    await server.close();
  });
}
