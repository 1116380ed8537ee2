// Platform tests of connecting: what the constructor takes and refuses, and the opening handshake.

import { createWebSocketClass, type WebSocketClass, type WebSocketInstance } from "@sansocket/ws";
import { createClock, createNetwork, type RawPeer } from "@sansocket/ws/testing";
import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { computeAccept } from "@sansocket/ws/core";
import { openWhatwg } from "../../support/whatwg.ts";
import { atLocation, events, next, opened, platformTests, served, throwsDom } from "./suite.ts";

/** The constructor takes these arguments behind the URL, or throws a SyntaxError. */
const refusesProtocols = (...lists: unknown[]) =>
  served(({ WebSocket, url }) => {
    for (const protocols of lists) {
      throwsDom("SyntaxError", () => Reflect.construct(WebSocket, [url, protocols]));
    }
  });

/** The server chooses a subprotocol of those that are offered. */
const chooses = (offer: string | string[], chosen: string) =>
  served(
    async ({ WebSocket, url }) => {
      const ws = new WebSocket(url, offer);
      assertEquals(ws.protocol, "");
      await next(ws, "open");
      assertEquals(ws.protocol, chosen);
      ws.close();
      assertEquals((await next(ws, "close")).wasClean, true);
    },
    (ws) => ws.closed,
    chosen,
  );

/** A URL leads to a server, and is what `url` gives. */
const reaches = (change: (url: string) => string) =>
  served(async ({ WebSocket, url }) => {
    const ws = new WebSocket(change(url));
    await next(ws, "open");
    assertEquals(ws.url, url);
    ws.close();
    assertEquals((await next(ws, "close")).wasClean, true);
  });

/** A server that answers by hand, and how the client ends. */
const answers = (
  answer: (peer: RawPeer, head: string) => unknown,
  expected: unknown[],
  offer: string[] = [],
) =>
async (): Promise<void> => {
  const network = createNetwork();
  const server = await network.rawServer();
  const ws = new (createWebSocketClass(network.connect))(server.url, offer);
  const seen = events(ws);
  const peer = await server.accept({ handshake: false });
  await answer(peer, await peer.receiveHead());
  assertEquals(await seen, expected);
};

const FAILED = ["error", 1006, "", false];

/** A head of HTTP/1.1. */
const head = (status: string, ...fields: string[]) =>
  ["HTTP/1.1 " + status, ...fields, "", ""].join("\r\n");

/** The right answer to a request, with more fields. */
function accept(asked: string, ...fields: string[]): string {
  const key = /^sec-websocket-key: *(.*)$/im.exec(asked)?.[1] ?? "";
  return head(
    "101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${computeAccept(key)}`,
    ...fields,
  );
}

/** What the server is asked for. */
const asks = (
  make: (WebSocket: WebSocketClass, url: string) => WebSocketInstance,
  check: (request: Request, ws: WebSocketInstance) => void,
) =>
async (): Promise<void> => {
  const { serve, connect } = createNetwork();
  let request: Request | undefined;
  const server = await serve({
    origins: ["*"],
    fetch(asked, { upgrade }) {
      request = asked;
      return upgrade((ws) => ws.closed);
    },
  });
  const ws = make(createWebSocketClass(connect), server.url.replace("http:", "ws:"));
  await next(ws, "open");
  check(request!, ws);
  ws.close();
  await next(ws, "close");
  await server.close();
};

const opensAndCloses = opened(async (ws) => {
  assertEquals(ws.extensions, "");
  ws.close();
  assertEquals(await events(ws), [1005, "", true]);
});

/** The request says where the program is. */
const sendsOrigin = () =>
  atLocation("https://example.org/a", () =>
    asks(
      (WebSocket, url) => new WebSocket(url),
      ({ headers }) => assertEquals(headers.get("origin"), "https://example.org"),
    )());

const refusesUrls = (...urls: unknown[]) =>
  served(({ WebSocket }) => {
    for (const url of urls) {
      throwsDom("SyntaxError", () => Reflect.construct(WebSocket, [url]));
    }
  });

platformTests("connecting", {
  "Create-asciiSep-protocol-string.any.js": refusesProtocols("/echo", "a b", "a,b"),
  "Create-blocked-port.any.js": opensAndCloses,
  "Create-extensions-empty.any.js": opensAndCloses,
  "Create-http-urls.any.js": served(({ WebSocket }) => {
    for (const [from, to] of [["http", "ws"], ["https", "wss"]]) {
      const ws = new WebSocket(`${from}://127.0.0.1:1/`);
      assertEquals(ws.url, `${to}://127.0.0.1:1/`);
      ws.close();
    }
  }),
  "Create-invalid-urls.any.js": refusesUrls(
    "ws://foo bar.com/",
    "wss://foo bar.com/",
    "ftp://localhost/",
    "mailto:example@example.org",
    "about:blank",
    "http://localhost/#",
    "ws://localhost/#test",
    "#test",
  ),
  "Create-non-absolute-url.any.js": () =>
    atLocation("http://127.0.0.1:1/a/b?c", async () => {
      const { WebSocket, server } = await openWhatwg((ws) => ws.closed);
      for (
        const [url, expected] of [
          ["test", "ws://127.0.0.1:1/a/test"],
          ["?", "ws://127.0.0.1:1/a/b?"],
          [null, "ws://127.0.0.1:1/a/null"],
          [123, "ws://127.0.0.1:1/a/123"],
        ]
      ) {
        const ws = Reflect.construct(WebSocket, [url]) as WebSocketInstance;
        assertEquals<unknown>(ws.url, expected);
        ws.close();
      }
      await server.close();
    }),
  "Create-nonAscii-protocol-string.any.js": refusesProtocols("\u0080echo"),
  "Create-protocol-with-space.any.js": refusesProtocols("ec ho"),
  "Create-protocols-repeated-case-insensitive.any.js": refusesProtocols(["echo", "eCho"]),
  "Create-protocols-repeated.any.js": refusesProtocols(["echo", "echo"]),
  "Create-url-with-space.any.js": refusesUrls("ws://web platform.test/"),
  "Create-url-with-windows-1252-encoding.html": served(({ WebSocket }) => {
    const ws = new WebSocket("ws://127.0.0.1:1/?\u20ac");
    assertEquals(ws.url, "ws://127.0.0.1:1/?%E2%82%AC");
    ws.close();
  }),
  "Create-valid-url-array-protocols.any.js": chooses(["echo", "chat"], "echo"),
  "Create-valid-url-binaryType-blob.any.js": opened((ws) => {
    assertEquals(ws.binaryType, "blob");
  }),
  "Create-valid-url-protocol-empty.any.js": refusesProtocols(""),
  "Create-valid-url-protocol-setCorrectly.any.js": chooses("echo", "echo"),
  "Create-valid-url-protocol-string.any.js": chooses("echo", "echo"),
  "Create-valid-url-protocol.any.js": chooses("chat", "chat"),
  "Create-valid-url.any.js": opensAndCloses,
  "basic-auth.any.js": asks(
    (WebSocket, url) => new WebSocket(url.replace("//", "//foo:bar@")),
    ({ headers }) => assertEquals(headers.get("authorization"), "Basic Zm9vOmJhcg=="),
  ),
  "constructor.any.js": served(({ WebSocket, url }) => {
    const ws = Reflect.construct(WebSocket, [url, "echo", "Stray argument"]);
    assertInstanceOf(ws, WebSocket);
    (ws as WebSocketInstance).close();
  }),
  "constructor/001.html": served(({ WebSocket }) => {
    assertThrows(() => Reflect.construct(WebSocket, []), TypeError);
  }),
  "constructor/004.html": refusesProtocols(
    "",
    ...Array.from({ length: 0x20 }, (_, i) => `a${String.fromCharCode(i)}b`),
    ...Array.from({ length: 0x81 }, (_, i) => `a${String.fromCharCode(0x7f + i)}b`),
  ),
  "constructor/005.html": served(({ WebSocket, url }) => {
    const ws = new WebSocket(url);
    assertInstanceOf(ws, WebSocket);
    ws.close();
  }),
  "constructor/007.html": refusesProtocols("a\0b"),
  "constructor/008.html": served(({ WebSocket }) => {
    for (const url of ["ws://a.invalid:80/", "wss://a.invalid:80/", "ws://a.invalid:443/"]) {
      new WebSocket(url).close();
    }
    assertEquals(new URL("ws://a.invalid:80/").port, "");
  }),
  "constructor/009.html": chooses("foobar", "foobar"),
  "constructor/010.html": answers((peer, asked) => {
    peer.send(accept(asked, "Sec-WebSocket-Protocol: foobar"));
  }, FAILED),
  "constructor/011.html": answers(
    (peer, asked) => peer.send(accept(asked, "Sec-WebSocket-Protocol: foobar")),
    FAILED,
    ["FOOBAR"],
  ),
  "constructor/012.html": answers((peer, asked) => peer.send(accept(asked)), FAILED, ["foobar"]),
  "constructor/013.html": served(async ({ WebSocket, url }) => {
    const all = await Promise.all(Array.from({ length: 25 }, async (_, i) => {
      const ws = new WebSocket(url);
      await next(ws, "open");
      ws.send(`${i}`);
      const { data } = await next(ws, "message");
      ws.close();
      return [data, (await next(ws, "close")).wasClean];
    }));
    assertEquals(all, Array.from({ length: 25 }, (_, i) => [`${i}`, true]));
  }),
  "constructor/016.html": asks(
    (WebSocket, url) => new WebSocket(`${url}?\u00e5\u00e4\u00f6`),
    ({ url }) => assertEquals(new URL(url).search, "?%C3%A5%C3%A4%C3%B6"),
  ),
  "constructor/017.html": served(({ WebSocket }) => {
    for (const start of ["ws:", "ws:/", "ws:///"]) {
      const ws = new WebSocket(`${start}127.0.0.1:1/echo`);
      assertEquals(ws.url, "ws://127.0.0.1:1/echo");
      ws.close();
    }
  }),
  "constructor/018.html": asks(
    (WebSocket, url) => new WebSocket(`${url}?x\0y\0`),
    ({ url }) => assertEquals(new URL(url).search, "?x%00y"),
  ),
  "constructor/019.html": reaches((url) => url.replace("ws:", "WS:")),
  "constructor/020.html": reaches((url) => url.toUpperCase()),
  "constructor/021.html": refusesProtocols(["foobar, foobar"]),
  "constructor/022.html": chooses(["foobar", "foobar2"], "foobar"),
  "keeping-connection-open/001.html": async () => {
    const clock = createClock();
    const { WebSocket, url, server } = await openWhatwg(
      async (ws) => {
        for await (const message of ws) await ws.send(message);
      },
      undefined,
      clock,
    );
    const ws = new WebSocket(url);
    await next(ws, "open");
    await clock.advance(20_000);
    ws.send("test");
    assertEquals((await next(ws, "message")).data, "test");
    ws.close();
    assertEquals((await next(ws, "close")).wasClean, true);
    await server.close();
  },
  "opening-handshake/001.html": answers((peer) => {
    peer.send("FOO BAR BAZ\r\n\r\n");
    peer.end();
  }, FAILED),
  "opening-handshake/002.html": opensAndCloses,
  "opening-handshake/003-sets-origin.worker.js": sendsOrigin,
  "opening-handshake/003.html": sendsOrigin,
  "opening-handshake/005.html": answers(async (peer, asked) => {
    const close = "\x88\x06\x03\xe9PASS";
    peer.send(accept(asked, "Set-Cookie: ws_test=test") + close);
    await peer.expectFrame({ opcode: 8 });
    peer.end();
  }, ["open", 1001, "PASS", true]),
  "opening-handshake/006.html": served(async ({ WebSocket, url }) => {
    for (const path of ["ws://nobody.invalid:1/", "ws://nobody.invalid:2/", url]) {
      const ws = new WebSocket(path);
      ws.onopen = () => ws.close();
      assertEquals((await next(ws, "close")).wasClean, path === url);
    }
  }),
  "opening-handshake/received-301-code.html": answers((peer) => {
    peer.send(head("301 Moved Permanently", "Location: /other", "Content-Length: 0"));
    peer.end();
  }, FAILED),
  "referrer.any.js": asks(
    (WebSocket, url) => new WebSocket(url),
    ({ headers }) => assertEquals(headers.get("referer"), null),
  ),
  "security/001.html": answers((peer) => {
    const fields = ["Upgrade: websocket", "Connection: Upgrade"];
    peer.send(head("101 Switching Protocols", ...fields, "Sec-WebSocket-Accept: XTd6Nm==")); // wrong
    peer.end();
  }, FAILED),
});
