// The short way of an opening handshake and the long one must be the same to a client: each case is told by what it gets.

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  connect,
  type FetchHandler,
  HandshakeError,
  serve,
  type ServeOptions,
  type Server,
  type WebSocketConnection,
} from "@sansocket/ws";
import { RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

const echo = {
  message: (ws: { send(data: string | Uint8Array): unknown }, data: string | Uint8Array) =>
    ws.send(data),
};

test("Opening upgrades by routes, with parameters, protocol and header fields", async () => {
  await using server = await serve({
    port: 0,
    routes: {
      "/rooms/:room": {
        websocket: { open: (ws) => ws.send(JSON.stringify([ws.data, ws.request.url])) },
        protocol: (offered, request) => request.url.endsWith("?b") ? offered[1] : offered[0],
        headers: { "X-Served-By": "opening" },
      },
    },
  });
  for (const [query, protocol] of [["?a", "one"], ["?b", "two"]]) {
    const ws = await connect(`${server.url}rooms/lobby${query}`, { protocols: ["one", "two"] });
    assertEquals(ws.protocol, protocol);
    assertEquals(JSON.parse(await ws.receive() as string), [
      { room: "lobby" },
      `${server.url}rooms/lobby${query}`,
    ]);
    await ws.close();
  }
});

test("Opening gives ws.request the fields and target of the handshake, head in pieces or whole", async () => {
  await using server = await serve({
    port: 0,
    websocket: (ws) => ws.send(`${ws.request.url} ${ws.request.headers.get("x-note")}`),
  });
  for (const size of [1, 7, 10_000]) {
    const key = "dGhlIHNhbXBsZSBub25jZQ==";
    const head =
      `GET /a?b HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nX-Note: \u00e9t\u00e9\r\n` +
      `Connection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`;
    await using peer = await RawPeer.dial(server.port);
    for (let at = 0; at < head.length; at += size) {
      await peer.flush(Uint8Array.from(head.slice(at, at + size), (c) => c.charCodeAt(0)));
    }
    const answer = await peer.takeThrough("\r\n\r\n");
    assertMatch(answer, /^HTTP\/1\.1 101 .*s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/s);
  }
});

const cases: readonly (readonly [name: string, path: string, status: number])[] = [
  ["a path that no route has", "nothing", 404],
  ["a path with dots that leads to a page", "a/../page", 200],
  ["a page at a path", "page", 200],
  ["a parameter that cannot be decoded", "rooms/%zz", 400],
];
for (const [name, path, status] of cases) {
  test(`Opening leaves to HTTP ${name}`, async () => {
    const options: ServeOptions = {
      port: 0,
      routes: { "/rooms/:room": { websocket: echo }, "/page": () => new Response("page") },
    };
    await using server = await serve(options);
    const error = await assertRejects(() => connect(`${server.url}${path}`), HandshakeError);
    assertEquals(error.status, status);
  });
}

test("Opening answers a page request to a socket route with 426, and an upgrade behind it", async () => {
  await using server = await serve({ port: 0, routes: { "/": { websocket: echo } } });
  const response = await fetch(server.url);
  assertEquals([response.status, response.headers.get("upgrade")], [426, "websocket"]);
  await response.body?.cancel();
  const ws = await connect(server.url);
  await ws.send("still there");
  assertEquals(await ws.receive(), "still there");
  await ws.close();
});

test("Opening upgrades within the chunk where fetch decides at once, async or not", async () => {
  const decide = { open: (ws: WebSocketConnection) => ws.send("opened"), ...echo };
  const deciders: Record<string, FetchHandler> = {
    sync: (_request, { upgrade }) => upgrade(decide),
    // deno-lint-ignore require-await -- As users write it.
    async: async (_request, { upgrade }) => upgrade(decide),
    "async that awaits": async (_request, { upgrade }) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return upgrade(decide);
    },
    thrown: (_request, { upgrade }) => {
      throw upgrade(decide);
    },
    "a copy": (_request, { upgrade }) => {
      const response = upgrade(decide);
      return new Response(response.body, response);
    },
    "a clone": (_request, { upgrade }) => upgrade(decide).clone(),
    "more fields": (_request, { upgrade }) => {
      const response = upgrade(decide);
      response.headers.append("x-more", "1");
      return response;
    },
  };
  for (const [name, fetch] of Object.entries(deciders)) {
    for (const trustProxy of [undefined, 1]) {
      await using server = await serve({ port: 0, fetch, ...(trustProxy && { trustProxy }) });
      const ws = await connect(server.url);
      assertEquals([name, await ws.receive()], [name, "opened"]);
      assertEquals(ws.response?.headers.get("x-more"), name === "more fields" ? "1" : null);
      await ws.send("on");
      assertEquals(await ws.receive(), "on");
      await ws.close();
    }
  }
});

test("Opening gives fetch a real Request, and ws.request is that one while the program keeps it", async () => {
  const kept: Request[] = [];
  const seen: [same: boolean, url: string, note: string | null][] = [];
  await using server = await serve({
    port: 0,
    fetch(request, { upgrade }) {
      const copy = new Request(request, { headers: { "x-copied": "1" } });
      assertEquals([copy.url, request instanceof Request], [request.url, true]);
      if (request.url.endsWith("keep")) kept.push(request);
      return upgrade({
        message(ws) {
          seen.push([ws.request === kept[0], ws.request.url, ws.request.headers.get("x-note")]);
          ws.send("seen");
        },
      });
    },
  });
  for (const path of ["keep", "drop"]) {
    const ws = await connect(`${server.url}${path}`, { headers: { "x-note": path } });
    await ws.send("look");
    await ws.receive();
    await ws.close();
  }
  assertEquals(seen, [
    [true, `${server.url.replace("ws", "http")}keep`, "keep"],
    [false, `${server.url.replace("ws", "http")}drop`, "drop"],
  ]);
});

test("Opening hands over what fetch does not upgrade: a page, a refusal, an error, nothing", async () => {
  const errors: unknown[] = [];
  const answers: Record<string, () => unknown> = {
    "418": () => new Response("a page", { status: 418 }),
    "403": () => Promise.resolve(new Response("no", { status: 403 })),
    "500": () => {
      throw new Error("mine");
    },
    "500 ": () => undefined,
    "500  ": async () => {
      await Promise.resolve();
      throw new Error("late");
    },
  };
  for (const [status, answer] of Object.entries(answers)) {
    await using server = await serve({
      port: 0,
      error: (error) => errors.push(error),
      fetch: answer as FetchHandler,
    });
    const error = await assertRejects(() => connect(server.url), HandshakeError);
    assertEquals([status, error.status], [status, Number(status)]);
    assertEquals(server.stats().connections, 0);
  }
  assertEquals(errors.map((error) => (error as Error).message), [
    "mine",
    "Expected fetch to return a Response, got undefined",
    "late",
  ]);
});

test("Opening takes an upgrade of a fetch that closes the server for none", async () => {
  for (const later of [false, true]) {
    let closed: Promise<void> | undefined;
    const server: Server = await serve({
      port: 0,
      fetch(_request, { upgrade }) {
        closed = server.close();
        return later ? Promise.resolve(upgrade(echo)) : upgrade(echo);
      },
    });
    const error = await assertRejects(() => connect(server.url), HandshakeError);
    assertEquals([later, error.status], [later, 503]);
    await closed;
  }
});

test("Opening leaves what is no handshake to the fetch of a socket's route, behind proxies too", async () => {
  for (const trustProxy of [undefined, 1]) {
    await using server = await serve({
      port: 0,
      routes: {
        "/rooms/:room": {
          websocket: (ws) => ws.send(`in ${ws.data.room}`),
          fetch: () => new Response("the page of the room"),
        },
      },
      ...(trustProxy && { trustProxy }),
    });
    const url = `${server.url}rooms/lobby`;
    const page = await fetch(url);
    assertEquals([trustProxy, page.status, await page.text()], [
      trustProxy,
      200,
      "the page of the room",
    ]);
    const ws = await connect(url);
    assertEquals(await ws.receive(), "in lobby");
    await ws.close();
  }
});
