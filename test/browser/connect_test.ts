import {
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { createWebSocketClass, HandshakeError } from "@sansocket/ws";
import { type BrowserConnectOptions, connect, createBrowserConnect } from "@sansocket/ws/browser";
import type { NativeWebSocketClass } from "@sansocket/ws/browser";
import { BROWSER_OPTIONS } from "../../src/browser/connect.ts";
import { CONNECT_OPTIONS } from "../../src/client/connect.ts";
import { createClocked } from "../support/clocked.ts";
import { isPending, settled } from "../support/connections.ts";
import { withoutRow } from "../support/error_rows.ts";
import { memory, natives } from "../support/native_sockets.ts";
import { runtime, test } from "../support/test.ts";

for (const [kind, create] of Object.entries(natives)) {
  test(`createBrowserConnect() offers subprotocols (${kind})`, async () => {
    const { serve, connect } = await create();
    await using server = await serve({
      port: 0,
      fetch: (_request, { upgrade }) => upgrade((ws) => ws.closed, { protocol: "b" }),
    });
    for (const protocols of ["b", ["a", "b"]]) {
      const ws = await connect(server.url, { protocols });
      assertEquals(ws.protocol, "b");
      await ws.close();
    }
    // Deno's own class takes a connection without one.
    if (kind !== "the runtime's class" || runtime !== "deno") {
      await assertRejects(() => connect(server.url, { protocols: ["a"] }), HandshakeError);
    }
  });

  test(`createBrowserConnect() rejects with HandshakeError when it is refused (${kind})`, async () => {
    const { serve, connect } = await create();
    await using server = await serve({ port: 0, fetch: () => new Response("", { status: 403 }) });
    const error = await assertRejects(() => connect(server.url), HandshakeError);
    // Our class says what it was; a native one does not.
    assertMatch(error.code ?? "none", /^(?:EHANDSHAKE|ESTATUS)$/);
    const { href } = new URL(server.url.replace("http", "ws"));
    assertEquals(error.message.startsWith(`The opening handshake with ${href} failed: `), true);
    assertEquals(error.status, undefined);
  });

  test(`createBrowserConnect() rejects when nothing listens (${kind})`, async () => {
    const { serve, connect } = await create();
    const server = await serve({ port: 0, websocket: {} });
    await server.close();
    await assertRejects(() => connect(server.url), HandshakeError);
  });

  test(`createBrowserConnect() rejects for what is no URL of a WebSocket (${kind})`, async () => {
    const { connect } = await create();
    for (const url of ["ftp://a/", "ws://a/#b", "nothing", "", "ws://a b/", "ws+unix:/a"]) {
      await assertRejects(() => connect(url), SyntaxError);
    }
    await assertRejects(() => connect("ws://a/", { protocols: "no token" }), SyntaxError);
    await assertRejects(() => connect("ws://a/", { protocols: ["a", "a"] }), SyntaxError);
  });

  test(`createBrowserConnect() ends an attempt by its signal (${kind})`, async () => {
    const { serve, connect } = await create();
    await using server = await serve({ port: 0, websocket: (ws) => ws.closed });
    const reason = new Error("enough");
    const before = connect(server.url, { signal: AbortSignal.abort(reason) });
    assertStrictEquals(await before.catch((error) => error), reason);
    const controller = new AbortController();
    const { signal } = controller;
    const meanwhile = connect(server.url, { signal });
    controller.abort(reason);
    assertStrictEquals(await meanwhile.catch((error) => error), reason);
    const later = new AbortController();
    const ws = await connect(server.url, { signal: later.signal });
    later.abort(reason);
    await settled();
    assertEquals(ws.state, "open");
    await ws.close();
  });
}

for (const head of ["", "HTTP/1.1 101 Switching"]) {
  test(`createBrowserConnect() gives up after handshakeTimeout on ${JSON.stringify(head)}`, async () => {
    const { clock, connect, listen } = createClocked();
    const server = await listen();
    const open = createBrowserConnect(createWebSocketClass(connect), clock.source);
    const connecting = open(server.url, { handshakeTimeout: 3_000 });
    const refused = assertRejects(() => connecting, HandshakeError);
    const peer = await server.accept();
    peer.send(head);
    await clock.advance(2_999);
    assertEquals(await isPending(connecting), true);
    await clock.advance(1);
    const error = await refused;
    assertEquals(withoutRow(error.message), "The opening handshake took more than 3000 ms");
    assertEquals(error.code, "ETIMEDOUT");
    await peer.takeRest();
  });
}

test("createBrowserConnect() takes a timeout without an end", async () => {
  const { connect, serve } = memory();
  await using server = await serve({ port: 0, websocket: (ws) => ws.closed });
  const ws = await connect(server.url, { handshakeTimeout: Infinity, closeTimeout: Infinity });
  assertEquals((await ws.close()).code, 1000);
});

/** For each option that a browser has a value that it takes, and some that it does not. */
const samples: Partial<Record<keyof BrowserConnectOptions, readonly [unknown, ...unknown[]]>> = {
  maxMessageSize: [Infinity, "1", 0, 0.5, -1, NaN, null],
  maxBufferedAmount: [1, "1", 0, 0.5, -1, NaN, null],
  maxUnreadAmount: [1, "1", 0, 0.5, -1, NaN, null],
  closeTimeout: [1.5, "1", 0, -1, NaN, null, {}],
  handshakeTimeout: [10_000.5, "1000", 0, 0.5, -1, NaN, null],
  protocols: [["a"], 1, [1], null, {}],
  signal: [new AbortController().signal, {}, 1, null],
};

test("createBrowserConnect() checks each option of a browser", async () => {
  const { connect, serve } = memory();
  await using server = await serve({
    port: 0,
    fetch: (_request, { upgrade }) => upgrade((ws) => ws.closed, { protocol: "a" }),
  });
  const available = Object.entries(BROWSER_OPTIONS).filter(([, [, test]]) => test !== undefined);
  assertEquals(available.map(([name]) => name).sort(), Object.keys(samples).sort());
  for (const [name, [right, ...wrong]] of Object.entries(samples)) {
    const ws = await connect(server.url, { protocols: "a", [name]: right });
    await ws.close();
    await (await connect(server.url, { protocols: "a", [name]: undefined })).close();
    for (const value of wrong) {
      const error: unknown = await connect(server.url, { [name]: value }).catch((error) => error);
      assertInstanceOf(error, typeof value === "number" ? RangeError : TypeError, name);
      assertEquals((error as Error).message.startsWith(`Expected ${name} to be `), true);
    }
  }
});

test("createBrowserConnect() refuses options that a browser has not, with what to do", async () => {
  const { connect } = memory();
  // Each of the other runtimes is known by name.
  const names = Object.keys(BROWSER_OPTIONS);
  assertEquals(Object.keys(CONNECT_OPTIONS).filter((name) => !names.includes(name)), []);
  const absent = Object.entries(BROWSER_OPTIONS).filter(([, [, test]]) => test === undefined);
  assertEquals(absent.length, 19);
  for (const [name, [text]] of absent) {
    const refused = await assertRejects(() => connect("ws://a/", { [name]: {} }), TypeError);
    assertEquals(refused.message, `Expected no ${name} in a browser: ${text}`);
  }
  await assertRejects(
    () => connect("ws://a/", { header: {} } as BrowserConnectOptions),
    TypeError,
    "Expected an option of connect(), got header: there are maxMessageSize, ",
  );
  await assertRejects(
    // @ts-expect-error: the types refuse it too
    () => connect("ws://a/", { headers: { authorization: "a" } }),
    TypeError,
    "send a token in a cookie, the URL, a subprotocol or the first message",
  );
});

test("createBrowserConnect() says what the browser refuses at once", async () => {
  // As browsers do for `ws:` on a page with `https:`, which no server can bring about here.
  const Native = function () {
    throw new DOMException("An insecure connection", "SecurityError");
  } as unknown as NativeWebSocketClass;
  const error = await assertRejects(
    () => createBrowserConnect(Native)("ws://127.0.0.1/"),
    HandshakeError,
    "An insecure connection",
  );
  assertInstanceOf(error.cause, DOMException);
});

test("createBrowserConnect() takes a class of React Native's shape", async () => {
  const { serve, Native } = memory();
  /** Its events say less: no `wasClean`, no reason where it is empty, and no octets that wait. */
  class Shape {
    readonly bufferedAmount = 0;
    readonly extensions = "";
    readonly #socket;

    constructor(url: string, protocols?: string[]) {
      this.#socket = new Native(url, protocols);
    }
    set binaryType(type: string) {
      this.#socket.binaryType = type;
    }
    get readyState(): number {
      return this.#socket.readyState;
    }
    get protocol(): string {
      return this.#socket.protocol;
    }
    addEventListener(type: string, listener: (event: object) => void): void {
      this.#socket.addEventListener(type, (event) => {
        const { data, error, code, reason } = event as Record<string, unknown>;
        const message = (error as Error | undefined)?.message;
        listener({
          type,
          ...(data !== undefined && { data }),
          message,
          code,
          reason: reason || null,
        });
      });
    }
    send(data: never): void {
      this.#socket.send(data);
    }
    close(code?: number, reason?: string): void {
      this.#socket.close(code, reason);
    }
  }
  const connect = createBrowserConnect(Shape);
  await using server = await serve({
    port: 0,
    routes: {
      "/": { websocket: { message: (ws, data) => ws.send(data) } },
      "/lost": { websocket: (ws) => ws.terminate() },
    },
  });
  const ws = await connect(server.url);
  for (const message of ["text", Uint8Array.of(1, 2)]) {
    await ws.send(message);
    assertEquals(await ws.receive(), message);
  }
  const { code, wasClean, orderly } = await ws.close();
  assertEquals([code, wasClean, orderly], [1000, true, true]);
  const lost = await (await connect(new URL("/lost", server.url))).closed;
  assertEquals([lost.code, lost.wasClean], [1006, false]);
  const error = await assertRejects(() => connect(new URL("/no", server.url)), HandshakeError);
  assertEquals(error.message.includes("404"), true);
});

test("connect() goes over globalThis.WebSocket, and says when there is none", async () => {
  const { serve, Native } = memory();
  await using server = await serve({ port: 0, websocket: (ws) => ws.send("hello") });
  const before = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
  const set = (value: unknown): void => {
    Object.defineProperty(globalThis, "WebSocket", { value, configurable: true, writable: true });
  };
  try {
    set(Native);
    const ws = await connect(server.url);
    assertEquals(await ws.receive(), "hello");
    await ws.closed;
    set(undefined);
    await assertRejects(() => connect(server.url), Error, 'import "@sansocket/ws"');
  } finally {
    if (before === undefined) delete (globalThis as { WebSocket?: unknown }).WebSocket;
    else Object.defineProperty(globalThis, "WebSocket", before);
  }
});
