import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect, HandshakeError, serve, type ServeOptions } from "@sansocket/ws";
import { createHtmlFile } from "../../src/files/html_file.ts";
import { html } from "../../src/server/html.ts";
import { createRouter, type Routes } from "../../src/server/routes.ts";
import { RawPeer } from "../support/raw.ts";
import { test } from "../support/test.ts";

const TOOLS = { upgrade: () => new Response(null, { status: 204 }) };

async function ask(routes: Routes, path: string, fallback?: () => Response): Promise<string> {
  const router = createRouter(routes, fallback);
  const response = await router.fetch(new Request(`http://server.example${path}`), TOOLS);
  return `${response.status} ${await response.text()}`;
}

test("createRouter answers with the most specific route, whatever the order", async () => {
  const entries = Object.entries({
    "/*": () => new Response("rest"),
    "/:page": () => new Response("page"),
    "/about": new Response("about"),
    "/:page/edit": () => new Response("edit"),
  });
  for (const ordered of [entries, [...entries].reverse()]) {
    const routes: Routes = Object.fromEntries(ordered);
    assertEquals(await ask(routes, "/about"), "200 about");
    assertEquals(await ask(routes, "/other?about"), "200 page");
    assertEquals(await ask(routes, "/about/edit"), "200 edit");
    assertEquals(await ask(routes, "/about/"), "200 rest");
  }
});

test("createRouter answers 404 without a route, or asks the fallback", async () => {
  assertEquals(await ask({}, "/"), "404 Not found");
  assertEquals(await ask({ "/a": new Response("a") }, "/b"), "404 Not found");
  assertEquals(await ask({ "/a": new Response("a") }, "/b", () => new Response("b")), "200 b");
  assertEquals(await ask({}, "/%zz", () => new Response("b")), "200 b");
});

test("createRouter gives a function the params and the other tools", async () => {
  let given: unknown;
  const router = createRouter({
    "/rooms/:room/*": (request, tools) => {
      given = [new URL(request.url).search, tools];
      return new Response();
    },
  });
  await router.fetch(new Request("http://server.example/rooms/a%20b/c/d?e"), TOOLS);
  assertEquals(given, ["?e", { ...TOOLS, params: { room: "a b", "*": "c/d" } }]);
});

test("createRouter answers 400 for a parameter that cannot be decoded", async () => {
  const routes: Routes = { "/:a": () => new Response("called") };
  assertEquals(await ask(routes, "/%zz"), "400 Expected valid percent-encoding in the path");
  assertEquals(await ask(routes, "/%41"), "200 called");
});

test("createRouter answers a Response any number of times", async () => {
  const router = createRouter({
    "/text": new Response("text", { status: 201, headers: { "content-type": "text/css" } }),
    "/empty": new Response(null, { status: 204 }),
    "/moved": new Response(null, { status: 301, headers: { location: "/text" } }),
    "/stream": new Response(new Blob(["str", "eam"]).stream()),
  });
  for (let i = 0; i < 3; i++) {
    const [text, empty, moved, stream] = await Promise.all(
      ["text", "empty", "moved", "stream"].map((name) =>
        router.fetch(new Request(`http://server.example/${name}`), TOOLS)
      ),
    ) as [Response, Response, Response, Response];
    assertEquals([text.status, await text.text()], [201, "text"]);
    assertEquals(text.headers.get("content-length"), "4");
    assertEquals(text.headers.get("content-type"), "text/css");
    assertEquals([empty.status, empty.body], [204, null]);
    assertEquals([moved.status, moved.headers.get("location")], [301, "/text"]);
    assertEquals(await stream.text(), "stream");
  }
});

test("createRouter takes one Response for several routes", async () => {
  const page = new Response("page");
  const routes: Routes = { "/": page, "/index.html": page };
  for (const path of ["/", "/index.html", "/"]) assertEquals(await ask(routes, path), "200 page");
});

test("MethodRoute answers each method by what it names, HEAD by GET, and says which there are", async () => {
  await using server = await serve({
    port: 0,
    routes: {
      "/things/:id": {
        GET: (_request, { params }) => new Response(`thing ${params.id}`),
        POST: async (request, { params }) => new Response(`${params.id}: ${await request.text()}`),
        DELETE: new Response(null, { status: 204 }),
      },
      "/posts": { POST: () => new Response("posted") },
      "/own": {
        HEAD: new Response(null, { headers: { "x-head": "own" } }),
        GET: new Response("got"),
        OPTIONS: new Response("options"),
      },
      "/page": new Response("page"),
    },
  });
  await using peer = await RawPeer.dial(server.port);
  const ask = async (line: string, body = "") => {
    const length = body === "" ? "" : `Content-Length: ${body.length}\r\n`;
    peer.send(`${line} HTTP/1.1\r\nHost: a\r\n${length}\r\n${body}`);
    const response = await peer.takeResponse(line.split(" ")[0]);
    return [response.status, response.get("allow"), response.body];
  };
  const things = "GET, POST, DELETE, HEAD, OPTIONS";
  assertEquals(await ask("GET /things/a"), [200, undefined, "thing a"]);
  assertEquals(await ask("get /things/a"), [200, undefined, "thing a"]);
  assertEquals(await ask("POST /things/a", "hello"), [200, undefined, "a: hello"]);
  assertEquals(await ask("HEAD /things/a"), [200, undefined, ""]);
  assertEquals(await ask("DELETE /things/a"), [204, undefined, ""]);
  assertEquals(await ask("OPTIONS /things/a"), [204, things, ""]);
  for (const method of ["PUT", "PATCH", "PROPFIND"]) {
    const body = `Expected method ${things}, got ${method}`;
    assertEquals(await ask(`${method} /things/a`, "unread"), [405, things, body]);
  }
  assertEquals((await ask("GET /posts")).slice(0, 2), [405, "POST, OPTIONS"]);
  assertEquals((await ask("HEAD /posts")).slice(0, 2), [405, "POST, OPTIONS"]);
  assertEquals(await ask("OPTIONS /own"), [200, undefined, "options"]);
  peer.send("HEAD /own HTTP/1.1\r\nHost: a\r\n\r\n");
  assertEquals((await peer.takeResponse("HEAD")).get("x-head"), "own");

  // A Response alone is a page: it answers GET and HEAD.
  const page = "GET, HEAD, OPTIONS";
  assertEquals(await ask("GET /page"), [200, undefined, "page"]);
  assertEquals(await ask("HEAD /page"), [200, undefined, ""]);
  assertEquals(await ask("OPTIONS /page"), [204, page, ""]);
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "LOCK"]) {
    const body = `Expected method ${page}, got ${method}`;
    assertEquals(await ask(`${method} /page`, "unread"), [405, page, body]);
  }
});

test("RouteTools have the address of the client, and the TLS", async () => {
  const told: unknown[] = [];
  await using server = await serve({
    port: 0,
    trustProxy: true,
    routes: {
      "/": (_request, { remoteAddress, tls }) => {
        told.push(remoteAddress?.hostname, tls);
        return new Response();
      },
    },
    fetch: (_request, { remoteAddress, tls }) => {
      told.push(remoteAddress?.hostname, tls);
      return new Response();
    },
  });
  for (const path of ["", "other"]) {
    await (await fetch(server.url + path)).text();
    const headers = { "x-forwarded-for": "203.0.113.9" };
    await (await fetch(server.url + path, { headers })).text();
  }
  const both = ["127.0.0.1", undefined, "203.0.113.9", undefined];
  assertEquals(told, [...both, ...both]);
});

const invalid: readonly (readonly [string, unknown, string])[] = [
  ["a malformed pattern", { "rooms": () => {} }, 'begins with "/", got the route "rooms"'],
  [
    "two patterns for the same paths",
    { "/:a/x": () => {}, "/y": () => {}, "/:b/x": () => {} },
    'different paths, got "/:a/x" and "/:b/x"',
  ],
  ["a string", { "/a": "text" }, 'for the route "/a", got string'],
  ["null", { "/a": null }, 'for the route "/a", got null'],
  ["an object without websocket", { "/a": { data: 1 } }, 'for the route "/a", got Object'],
  ["an object without anything", { "/a": {} }, "or methods such as GET for the route"],
  ["a method in lower case", { "/a": { get() {} } }, "got get: did you mean GET?"],
  [
    "a method that is none",
    { "/a": { BREW() {} } },
    "got BREW: there are DELETE, GET, HEAD, OPTIONS",
  ],
  [
    "a method with a text",
    { "/a": { GET: "text" } },
    "Expected GET to be a function or a Response",
  ],
  [
    "a method beside a socket",
    { "/a": { websocket: {}, POST: () => {} } },
    'either methods or a socket for the route "/a", got POST and websocket',
  ],
  [
    "a method with the data of a socket",
    { "/a": { GET: () => {}, data: 1 } },
    'either methods or a socket for the route "/a", got GET and data',
  ],
  [
    "hooks without websocket",
    { "/a": { message() {} } },
    'of the route "/a", got message: it belongs inside, as in { websocket: { message } }',
  ],
];

for (const [what, routes, message] of invalid) {
  test(`createRouter refuses ${what}, and serve() with it`, async () => {
    assertThrows(() => createRouter(routes as Routes), TypeError, message);
    await assertRejects(() => serve({ port: 0, routes: routes as Routes }), TypeError, message);
  });
}

test("createRouter refuses a Response whose body is used", async () => {
  const used = new Response("a");
  await used.text();
  assertThrows(() => createRouter({ "/a": used }), TypeError, "whose body is not used");
});

test("createRouter says what to do with a page that is no route yet", () => {
  const file = createHtmlFile(() => Promise.reject(new Error("Expected no reading")));
  const refused = (route: unknown) =>
    assertThrows(() => createRouter({ "/a": route } as Routes), TypeError).message;
  const text = 'Expected a function for the route "/a", got HTML: return its';
  assertEquals(refused(file), `${text} respond()`);
  assertEquals(refused(html`<p>Hi</p>`), `${text} toResponse()`);
});

test("serve() refuses routes together with websocket", async () => {
  const options = { port: 0, routes: {}, websocket: {} } as unknown as ServeOptions;
  await assertRejects(() => serve(options), TypeError, "Expected either websocket or routes");
});

test("serve() serves pages and sockets by routes on one port", async () => {
  await using server = await serve({
    port: 0,
    routes: {
      "/": new Response("page"),
      "/hello/:name": async (request, { params }) =>
        new Response(`${request.method} ${params.name} ${await request.text()}`),
      "/rooms/:room": { websocket: (ws) => ws.send(ws.data.room) },
      "/echo": { websocket: { message: (ws, data) => ws.send(data) }, protocol: ["v2", "v1"] },
    },
    fetch: () => new Response("fallback", { status: 404 }),
  });
  const at = (path: string) => new URL(path, server.url);
  assertEquals(await (await fetch(at("/"))).text(), "page");
  const posted = await fetch(at("/hello/J%C3%BCrgen"), { method: "POST", body: "body" });
  assertEquals(await posted.text(), "POST Jürgen body");
  const missing = await fetch(at("/missing"));
  assertEquals([missing.status, await missing.text()], [404, "fallback"]);

  const room = await connect(at("/rooms/lobby%20one"));
  assertEquals(await room.receive(), "lobby one");
  const echo = await connect(at("/echo"), { protocols: ["v1", "v2"] });
  assertEquals(echo.protocol, "v2");
  await echo.send("hello");
  assertEquals(await echo.receive(), "hello");
  await Promise.all([room.close(), echo.close()]);
});

test("serve() answers HEAD by the function for GET, and by a Response", async () => {
  await using server = await serve({
    port: 0,
    routes: { "/": new Response("page"), "/f": () => new Response("function") },
  });
  await using peer = await RawPeer.dial(server.port);
  for (const [path, length] of [["/", "4"], ["/f", "8"]] as const) {
    peer.send(`HEAD ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const response = await peer.takeResponse("HEAD");
    assertEquals([response.status, response.get("content-length")], [200, length]);
  }
  assertEquals(peer.available, 0);
});

test("SocketRoute answers 426 to what is no handshake, and tells what to upgrade to", async () => {
  await using server = await serve({ port: 0, routes: { "/": { websocket: {} } } });
  await using peer = await RawPeer.dial(server.port);
  for (const method of ["GET", "POST"]) {
    peer.send(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`);
    const response = await peer.takeResponse();
    assertEquals([response.status, response.get("upgrade")], [426, "websocket"]);
    assertEquals(response.get("connection"), "upgrade");
  }
  assertEquals((await peer.upgrade("GET / HTTP/1.1")).status, 101);
});

test("SocketRoute with fetch serves a page and a socket at one address", async () => {
  await using server = await serve({
    port: 0,
    routes: {
      "/rooms/:room": {
        websocket: (ws) => ws.send(`socket ${JSON.stringify(ws.data)}`),
        data: { user: "ann" },
        headers: [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]],
        fetch: (_request, { params }) => new Response(`page ${params.room}`),
      },
    },
  });
  const url = new URL("/rooms/lobby", server.url);
  assertEquals(await (await fetch(url)).text(), "page lobby");
  const ws = await connect(url);
  assertEquals(await ws.receive(), 'socket {"user":"ann"}');
  await ws.close();

  // A handshake, though a bad one, is none for the page.
  await using first = await RawPeer.dial(server.port);
  const refused = await first.upgrade("GET /rooms/a HTTP/1.1", "Sec-WebSocket-Version: 8");
  assertEquals([refused.status, refused.get("sec-websocket-version")], [426, "13"]);
  await using peer = await RawPeer.dial(server.port);
  const accepted = await peer.upgrade("GET /rooms/a HTTP/1.1");
  assertEquals([accepted.status, accepted.get("set-cookie")], [101, "a=1, b=2"]);
});

test("serve() answers an upgrade of what is no socket like any request", async () => {
  await using server = await serve({ port: 0, routes: { "/": new Response("page") } });
  const status = async (path: string) => {
    const error = await assertRejects(() => connect(new URL(path, server.url)), HandshakeError);
    return error.status;
  };
  assertEquals([await status("/"), await status("/missing")], [200, 404]);
});

test("serve() reports a route that throws, and answers 500", async () => {
  const reported: unknown[] = [];
  const failure = new Error("no");
  await using server = await serve({
    port: 0,
    error: (error) => reported.push(error),
    routes: {
      "/sync": () => {
        throw failure;
      },
      "/async": () => Promise.reject(failure),
      "/stream": new Response(
        new ReadableStream({ pull: (controller) => controller.error(failure) }),
      ),
    },
  });
  for (const path of ["/sync", "/async", "/stream", "/stream"]) {
    const response = await fetch(new URL(path, server.url));
    assertEquals([response.status, await response.text()], [500, "Internal server error"]);
  }
  assertEquals(reported, [failure, failure, failure, failure]);
});
