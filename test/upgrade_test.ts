import { assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import { type FetchServerOptions, HandshakeError, serve, type UpgradeOptions } from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import { chooseProtocol, judgeUpgrade } from "../src/upgrade.ts";
import { request } from "./handshake/heads.ts";
import { RawPeer } from "./support/raw.ts";
import { test } from "./support/test.ts";

const loopback = { hostname: "127.0.0.1", port: 1 };

test("chooseProtocol takes the server's first that the client offers", () => {
  assertEquals(chooseProtocol(["a", "b"], ["b", "a"]), "a");
  assertEquals(chooseProtocol(["x", "b"], ["a", "b"]), "b");
  assertEquals(chooseProtocol("b", ["a", "b"]), "b");
  assertEquals(chooseProtocol("B", ["a", "b"]), undefined);
  assertEquals(chooseProtocol(["x"], ["a"]), undefined);
  assertEquals(chooseProtocol(undefined, ["a"]), undefined);
  assertEquals(chooseProtocol("a", []), undefined);
});

test("judgeUpgrade judges the handshake before the origin", () => {
  const peers = { remote: loopback, local: loopback };
  const foreign = "+Origin: https://evil.example";
  const judge = (...lines: string[]): number | string => {
    const judged = judgeUpgrade(request(...lines), [], peers);
    return "status" in judged ? judged.status : "accepted";
  };
  assertEquals(judge(), "accepted");
  assertEquals(judge(foreign), 403);
  assertEquals(judge(foreign, "-Upgrade"), 426);
  assertEquals(judge("+Origin: http://server.example.com"), "accepted");
  assertEquals(judge("+Origin: http://localhost:5173"), "accepted");
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
      fetch: (_request, { upgrade }) => upgrade((ws) => ws.send(JSON.stringify(ws.data)), options),
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
    // A refusal is a response like any other: the connection lives on.
    assertEquals((await peer.upgrade()).status, 101);
  });
}

for (
  const [origins, origin, allowed] of [
    [["https://app.example"], "https://app.example", true],
    [["https://app.example"], "https://app.example.evil", false],
    [["https://app.example"], "http://app.example", false],
    [["*"], "https://evil.example", true],
    [["null"], "null", true],
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
  await using server = await serve({
    port: 0,
    fetch(_request, { upgrade }) {
      if (kept !== undefined) return kept;
      kept = upgrade({});
      return new Response("kept");
    },
  });
  await using peer = await RawPeer.dial(server.port);
  for (let i = 0; i < 2; i++) assertEquals((await peer.upgrade()).status, i === 0 ? 200 : 204);
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
