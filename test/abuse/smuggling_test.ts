// A proxy that has passed a request for a WebSocket on may take what follows for frames and look at it no more. So what
// follows a request that was not upgraded must never be executed as another request.

import { assertEquals, assertMatch } from "@std/assert";
import { serve, type ServeOptions } from "@sansocket/ws";
import { handshake, RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

/** What each server is told of: the paths that were executed. */
let executed: string[] = [];

function page(request: Request): Response {
  executed.push(new URL(request.url).pathname);
  return new Response("page");
}

const socket = { message: () => {} };
const servers: [string, ServeOptions][] = [
  ["routes", { routes: { "/chat": { websocket: socket }, "/*": page } }],
  ["a route with fetch", { routes: { "/chat": { websocket: socket, fetch: page }, "/*": page } }],
  ["fetch", {
    fetch: (request, { upgrade }) =>
      request.url.endsWith("/chat") ? upgrade(socket) : page(request),
  }],
  ["websocket", { websocket: socket }],
];

/** Whatever is wrong with a request for a WebSocket, and the status it gets. */
const broken: [string, string[], RegExp][] = [
  ["another version", ["Sec-WebSocket-Version: 8"], /^426$/],
  ["no version", ["-Sec-WebSocket-Version"], /^400$/],
  ["a bad key", ["Sec-WebSocket-Key: short"], /^400$/],
  ["a foreign origin", ["Origin: https://evil.example"], /^403$/],
  ["another method", ["POST /chat HTTP/1.1"], /^405$|^200$/],
  ["a body", ["Content-Length: 5"], /^400$/],
  ["a chunked body", ["+Transfer-Encoding: chunked"], /^400$/],
  ["no Connection", ["-Connection"], /^426$|^200$/],
  ["Connection: keep-alive", ["Connection: keep-alive"], /^426$|^200$/],
  ["HTTP/1.0", ["GET /chat HTTP/1.0", "Connection: Upgrade, keep-alive"], /^400$|^200$/],
  ["a version of the protocol", ["Upgrade: websocket/13"], /^426$|^200$/],
  ["a parameter", ["Upgrade: WebSocket;v=13"], /^426$|^200$/],
  ["two subprotocols of one name", ["+Sec-WebSocket-Protocol: a, a"], /^400$/],
];

const behind = "GET /behind HTTP/1.1\r\nHost: server.example.com\r\n\r\n";

for (const [form, options] of servers) {
  for (const [what, changes, status] of broken) {
    test(`serve() by ${form} parses nothing behind a request for a WebSocket with ${what}`, async () => {
      executed = [];
      await using server = await serve({ ...options, port: 0 });
      await using peer = await RawPeer.dial(server.port);
      const body = what === "a body" ? "01234" : what === "a chunked body" ? "0\r\n\r\n" : "";
      peer.send(handshake(...changes) + body + behind);
      const response = await peer.takeResponse();
      assertMatch(String(response.status), status);
      assertMatch(response.get("connection") ?? "", /\bclose\b/i);
      assertEquals((await peer.takeRest()).length, 0);
      assertEquals(executed.filter((path) => path !== "/chat"), []);
    });
  }
}

test("serve() parses nothing behind a request for a WebSocket that the application refuses", async () => {
  executed = [];
  await using server = await serve({
    port: 0,
    routes: {
      "/chat": () => Promise.resolve(new Response("no", { status: 401 })),
      "/home": new Response("home"),
      "/*": page,
    },
  });
  for (const [path, status] of [["/chat", 401], ["/home", 200]] as const) {
    await using peer = await RawPeer.dial(server.port);
    peer.send(handshake(`GET ${path} HTTP/1.1`) + behind);
    const response = await peer.takeResponse();
    assertEquals([response.status, response.get("connection")], [status, "close"]);
    assertEquals((await peer.takeRest()).length, 0);
  }
  assertEquals(executed, []);
});

test("serve() lives on behind what does not ask for a WebSocket", async () => {
  executed = [];
  await using server = await serve({
    port: 0,
    routes: { "/chat": { websocket: socket }, "/*": page },
  });
  await using peer = await RawPeer.dial(server.port);
  for (const changes of [["-Upgrade"], ["Upgrade: h2c", "Connection: Upgrade"]]) {
    peer.send(handshake(...changes) + behind);
    assertEquals((await peer.takeResponse()).status, 426);
    assertEquals((await peer.takeResponse()).body, "page");
  }
  assertEquals(executed, ["/behind", "/behind"]);
});
