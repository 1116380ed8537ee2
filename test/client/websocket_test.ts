import { createWebSocketClass, WebSocket } from "@sansocket/ws";
import { serve, type WebSocketInstance } from "@sansocket/ws";
import { createClock, createNetwork } from "@sansocket/ws/testing";
import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertLessOrEqual,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import fc from "fast-check";
import { withResolvers } from "../support/connections.ts";
import { resizable } from "../support/realm.ts";
import { test } from "../support/test.ts";
import { echo, openWhatwg as open } from "../support/whatwg.ts";

/** The next event of a type. */
function next<Type extends "open" | "message" | "error" | "close">(
  ws: WebSocketInstance,
  type: Type,
) {
  return new Promise<Parameters<NonNullable<WebSocketInstance[`on${Type}`]>>[0]>((resolve) =>
    ws.addEventListener(type, (event) => resolve(event), { once: true })
  );
}

/** What happens from now until the end: the types, with the data of messages and what a close event tells. */
async function record(ws: WebSocketInstance): Promise<unknown[]> {
  const seen: unknown[] = [];
  ws.addEventListener("open", () => seen.push(["open", ws.readyState]));
  ws.addEventListener("message", ({ data }) => seen.push(["message", data]));
  ws.addEventListener("error", () => seen.push(["error", ws.readyState]));
  const { code, reason, wasClean } = await next(ws, "close");
  return [...seen, ["close", code, reason, wasClean, ws.readyState]];
}

function throwsDom(name: string, fn: () => unknown): void {
  assertEquals(assertThrows(fn, DOMException).name, name);
}

test("WebSocket has the constants on the class and on instances", async () => {
  const { WebSocket, server, url } = await open(echo);
  const ws = new WebSocket(url);
  const names = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"] as const;
  for (const [value, name] of names.entries()) {
    assertEquals<number>(WebSocket[name], value);
    assertEquals<number>(ws[name], value);
    assertThrows(() => Object.assign(ws, { [name]: 9 }), TypeError);
  }
  ws.close();
  await next(ws, "close");
  await server.close();
});

test("WebSocket refuses what cannot be a URL of a WebSocket", async () => {
  const { WebSocket, server } = await open(echo);
  const urls = [
    "",
    "/path",
    "ws://a b",
    "ftp://h/",
    "mailto:x@y",
    "ws://h/#f",
    "ws://h/#",
    "ws://",
  ];
  for (const url of urls) throwsDom("SyntaxError", () => new WebSocket(url));
  await server.close();
});

test("WebSocket maps http: and https: to ws: and wss:", async () => {
  const { WebSocket, server, url } = await open(echo);
  const ws = new WebSocket(url.replace("ws:", "http:"));
  assertEquals(ws.url, url);
  await next(ws, "open");
  ws.close();
  await next(ws, "close");
  const secure = new WebSocket("https://example.org/a?b");
  assertEquals(secure.url, "wss://example.org/a?b");
  secure.close();
  await next(secure, "close");
  await server.close();
});

test("WebSocket refuses subprotocols that are no tokens or are there twice", async () => {
  const { WebSocket, server, url } = await open(echo);
  for (const protocols of ["", "a b", "\u0080", "a,b", ["a", "a"], ["echo", "eCho"], ["a", ""]]) {
    throwsDom("SyntaxError", () => new WebSocket(url, protocols));
  }
  await server.close();
});

test("WebSocket has the subprotocol that the server chose", async () => {
  const { WebSocket, server, url, peers } = await open(echo, "two");
  for (const protocols of ["two", ["one", "two"], { protocols: ["two"] }]) {
    const ws = new WebSocket(url, protocols);
    assertEquals(ws.protocol, "");
    await next(ws, "open");
    assertEquals([ws.protocol, ws.extensions], ["two", peers.at(-1)?.extensions]);
    ws.close();
    await next(ws, "close");
  }
  await server.close();
});

test("WebSocket takes the options of connect() second or third, and the third win", async () => {
  const { serve, connect } = createNetwork();
  const WebSocket = createWebSocketClass(connect);
  const asked: (string | null)[][] = [];
  const server = await serve({
    fetch({ headers }, { upgrade }) {
      asked.push(["authorization", "sec-websocket-protocol"].map((name) => headers.get(name)));
      return upgrade((ws) => ws.closed, { protocol: ["one", "two"] });
    },
  });
  const authorized = (authorization: string) => ({ headers: { authorization } });
  const cases: [ConstructorParameters<typeof WebSocket>, string | null, string | null][] = [
    [[server.url, [], authorized("third")], "third", null],
    [[server.url, undefined, authorized("third")], "third", null],
    [[server.url, "one", authorized("third")], "third", "one"],
    [[server.url, authorized("second")], "second", null],
    [
      [server.url, { ...authorized("second"), protocols: "one" }, authorized("third")],
      "third",
      "one",
    ],
    [[server.url, authorized("second"), {}], "second", null],
    [[server.url, authorized("second"), { headers: undefined } as object], "second", null],
    [[server.url, ["one"], { protocols: ["two"] }], null, "two"],
    [[server.url, { protocols: "two" }], null, "two"],
    [[server.url, new Set(["one", "two"]) as unknown as string[]], null, "one, two"],
  ];
  for (const [args, authorization, protocols] of cases) {
    const ws = new WebSocket(...args);
    await next(ws, "open");
    assertEquals(asked.pop(), [authorization, protocols]);
    ws.close();
    await next(ws, "close");
  }
  await server.close();
});

test("WebSocket ignores arguments that the platform's class does not have", async () => {
  const { WebSocket, server, url } = await open(echo);
  for (const extra of [["text"], [5], [true, {}], [null], [undefined, "text"], [{}, "text"]]) {
    const ws = Reflect.construct(WebSocket, [url, [], ...extra]) as WebSocketInstance;
    await next(ws, "open");
    ws.close();
    await next(ws, "close");
  }
  await server.close();
});

test("WebSocket refuses arguments of other types, and says which", async () => {
  const { WebSocket, server, url } = await open(echo);
  const make = (...args: unknown[]) => () => Reflect.construct(WebSocket, [url, ...args]);
  for (
    const [wrong, name] of [[null, "null"], [5, "5"], [true, "true"], [() => {}, "a function"]]
  ) {
    const { message } = assertThrows(make(wrong), TypeError);
    assertEquals(
      message,
      `Expected protocols to be a string, a list of strings, or options; got ${name}`,
    );
  }
  assertThrows(make({ protocols: 5 }), TypeError, "protocols");
  assertThrows(make([], { protocols: [5] }), TypeError, "protocols");
  assertThrows(make([], { header: {} }), TypeError, "did you mean headers?");
  assertThrows(make([], { signal: AbortSignal.abort() }), TypeError, "signal");
  throwsDom("SyntaxError", make([], { protocols: ["a", "a"] }));
  throwsDom("SyntaxError", () => Reflect.construct(WebSocket, [undefined]));
  throwsDom("SyntaxError", () => Reflect.construct(WebSocket, [null]));
  assertThrows(() => Reflect.construct(WebSocket, []), TypeError);
  await server.close();
});

test("WebSocket fails when the server chose none of its subprotocols", async () => {
  const { WebSocket, server, url, ends } = await open(echo);
  const ws = new WebSocket(url, "one");
  assertEquals(await record(ws), [["error", 3], ["close", 1006, "", false, 3]]);
  assertEquals((await ends[0])?.code, 1006);
  await server.close();
});

test("WebSocket dispatches error and close when nothing listens, and tells why", async () => {
  const { WebSocket, server } = await open(echo);
  const ws = new WebSocket("ws://127.0.0.1:1/");
  const [{ error }, seen] = await Promise.all([next(ws, "error"), record(ws)]);
  assertInstanceOf(error, Error);
  assertEquals(seen, [["error", 3], ["close", 1006, "", false, 3]]);
  assertEquals([ws.protocol, ws.extensions], ["", ""]);
  await server.close();
});

test("WebSocket dispatches error and close when the server refuses", async () => {
  const { serve, connect } = createNetwork();
  const server = await serve({ fetch: () => new Response("no", { status: 404 }) });
  const ws = new (createWebSocketClass(connect))(server.url);
  assertEquals(await record(ws), [["error", 3], ["close", 1006, "", false, 3]]);
  await server.close();
});

test("WebSocket refuses to send while it is connecting", async () => {
  const { WebSocket, server, url } = await open(echo);
  const ws = new WebSocket(url);
  assertEquals(ws.readyState, WebSocket.CONNECTING);
  throwsDom("InvalidStateError", () => ws.send("early"));
  assertEquals(ws.bufferedAmount, 0);
  await next(ws, "open");
  ws.close();
  await next(ws, "close");
  await server.close();
});

test("WebSocket.close() while connecting fails the connection", async () => {
  const { WebSocket, server, url } = await open(echo);
  const ws = new WebSocket(url);
  ws.close(3000, "never mind");
  assertEquals(ws.readyState, WebSocket.CLOSING);
  ws.close();
  assertEquals(await record(ws), [["error", 3], ["close", 1006, "", false, 3]]);
  ws.close();
  assertEquals(ws.readyState, WebSocket.CLOSED);
  await server.close();
});

test("WebSocket.close() while connecting, at any step of the opening handshake", async () => {
  const { WebSocket, server, url } = await open(echo);
  for (let rounds = 0; rounds < 120; rounds += 3) {
    const ws = new WebSocket(url);
    const seen = record(ws);
    for (let i = 0; i < rounds; i++) await undefined;
    const state = ws.readyState;
    ws.close();
    const expected = state === WebSocket.CONNECTING
      ? [["error", 3], ["close", 1006, "", false, 3]]
      : [["open", 1], ["close", 1005, "", true, 3]];
    assertEquals(await seen, expected);
  }
  await server.close();
});

test("WebSocket.close() sends the code and the reason, or an empty Close frame", async () => {
  const { WebSocket, server, url, ends } = await open(echo);
  const cases: [Parameters<WebSocketInstance["close"]>, number, string][] = [
    [[], 1005, ""],
    [[undefined], 1005, ""],
    [[undefined, "why"], 1000, "why"],
    [[1000], 1000, ""],
    [[3000, "reason"], 3000, "reason"],
    [[4999, "\ud807"], 4999, "\ufffd"],
    [[1000, "a".repeat(123)], 1000, "a".repeat(123)],
  ];
  for (const [args, code, reason] of cases) {
    const ws = new WebSocket(url);
    await next(ws, "open");
    ws.close(...args);
    assertEquals(ws.readyState, WebSocket.CLOSING);
    assertEquals(await record(ws), [["close", code, "", true, 3]]);
    assertEquals((await ends.pop())?.received, { code, reason });
  }
  await server.close();
});

test("WebSocket.close() refuses codes and reasons that may not be sent", async () => {
  const { WebSocket, server, url } = await open(echo);
  const ws = new WebSocket(url);
  const check = (): void => {
    for (const code of [0, 999, 1001, 1005, 1006, 1015, 2999, 5000, 65_536 + 1000, NaN, -1]) {
      throwsDom("InvalidAccessError", () => ws.close(code));
    }
    for (const code of [null, "0", "a string"]) {
      throwsDom("InvalidAccessError", () => ws.close(code as unknown as number));
    }
    for (const reason of ["a".repeat(124), "\u00e9".repeat(62)]) {
      throwsDom("SyntaxError", () => ws.close(1000, reason));
      throwsDom("SyntaxError", () => ws.close(undefined, reason));
    }
  };
  check();
  assertEquals(ws.readyState, WebSocket.CONNECTING);
  await next(ws, "open");
  check();
  assertEquals(ws.readyState, WebSocket.OPEN);
  ws.close();
  await next(ws, "close");
  check();
  await server.close();
});

test("WebSocket has the peer's close code and reason", async () => {
  const { WebSocket, server, url } = await open((ws) => ws.close(4321, "enough"));
  assertEquals(await record(new WebSocket(url)), [["open", 1], ["close", 4321, "enough", true, 3]]);
  await server.close();
});

test("WebSocket has 1006 and an error when the connection is lost", async () => {
  const { WebSocket, server, url } = await open((ws) => ws.terminate());
  const ws = new WebSocket(url);
  assertEquals(await record(ws), [["open", 1], ["error", 3], ["close", 1006, "", false, 3]]);
  await server.close();
});

test("WebSocket has 1006 and an error when it failed the connection", async () => {
  const { WebSocket, server, url, ends } = await open(async (ws) => {
    await ws.send("too long");
    await ws.closed;
  });
  const ws = new WebSocket(url, { maxMessageSize: 3 });
  assertEquals(await record(ws), [["open", 1], ["error", 3], ["close", 1006, "", false, 3]]);
  assertEquals((await ends[0])?.code, 1009);
  await server.close();
});

test("WebSocket gives binary messages as binaryType says", async () => {
  const { WebSocket, server, url } = await open(echo);
  const ws = new WebSocket(url);
  assertEquals(ws.binaryType, "blob");
  Object.assign(ws, { binaryType: "notBlobOrArrayBuffer" });
  assertEquals(ws.binaryType, "blob");
  await next(ws, "open");
  ws.send(decodeHex("00ff80"));
  const { data: blob, origin } = await next(ws, "message");
  assertInstanceOf(blob, Blob);
  assertEquals(encodeHex(await blob.arrayBuffer()), "00ff80");
  assertEquals(origin, new URL(url).origin);
  ws.binaryType = "arraybuffer";
  for (const size of [0, 1, 70_000]) {
    ws.send(new Uint8Array(size).fill(0x5a));
    const { data } = await next(ws, "message");
    assertInstanceOf(data, ArrayBuffer);
    assertEquals(new Uint8Array(data), new Uint8Array(size).fill(0x5a));
  }
  ws.close();
  await next(ws, "close");
  await server.close();
});

test("WebSocket.send() takes strings, buffers, views and Blobs and converts the rest", async () => {
  const { WebSocket, server, url } = await open(echo);
  const ws = new WebSocket(url);
  ws.binaryType = "arraybuffer";
  await next(ws, "open");
  const bytes = decodeHex("0102030405060708");
  const cases: [unknown, string | Uint8Array][] = [
    ["", ""],
    ["\ud800 \u{1f600}", "\ufffd \u{1f600}"],
    [null, "null"],
    [undefined, "undefined"],
    [12, "12"],
    [{}, "[object Object]"],
    [new SharedArrayBuffer(1), "[object SharedArrayBuffer]"],
    [bytes.buffer, bytes],
    [new Uint16Array(bytes.buffer, 2, 2), decodeHex("03040506")],
    [new DataView(bytes.buffer, 7), decodeHex("08")],
    [new Blob(["blob"]), decodeHex("626c6f62")],
  ];
  for (const [sent, expected] of cases) {
    ws.send(sent as string);
    const { data } = await next(ws, "message");
    assertEquals<unknown>(data instanceof ArrayBuffer ? new Uint8Array(data) : data, expected);
  }
  ws.close();
  await next(ws, "close");
  await server.close();
});

test("WebSocket.send() wants an argument, and memory that cannot change", async () => {
  const { WebSocket, server, url } = await open(echo);
  const ws = new WebSocket(url);
  const wrong = [
    new Uint8Array(new SharedArrayBuffer(3)),
    new DataView(new SharedArrayBuffer(3)),
    resizable(),
    new Uint8Array(resizable()),
  ];
  const old = { [Symbol.toStringTag]: "Blob", size: 1 } as unknown as Blob;
  const check = (): void => {
    assertThrows(() => (ws as unknown as { send(): void }).send(), TypeError, "send(): expected 1");
    assertThrows(() => ws.send(old), TypeError, "Expected a Blob with arrayBuffer()");
    for (const data of wrong) assertThrows(() => ws.send(data), TypeError, "Expected memory that");
  };
  check();
  await next(ws, "open");
  check();
  ws.send("unharmed");
  assertEquals((await next(ws, "message")).data, "unharmed");
  ws.close();
  check();
  await next(ws, "close");
  await server.close();
});

test("WebSocket.send() keeps the order around Blobs, and close() comes last", async () => {
  const received: string[] = [];
  const { WebSocket, server, url, ends } = await open(async (ws) => {
    for await (const m of ws) received.push(typeof m === "string" ? m : `0x${encodeHex(m)}`);
  });
  const ws = new WebSocket(url);
  await next(ws, "open");
  const bytes = decodeHex("04");
  ws.send("1");
  ws.send(new Blob([decodeHex("02")]));
  ws.send("3");
  ws.send(bytes);
  ws.send(new Blob([]));
  ws.send("6");
  bytes[0] = 0xff;
  assertEquals(ws.bufferedAmount, 5);
  ws.close(3001, "done");
  assertEquals(await record(ws), [["close", 3001, "", true, 3]]);
  assertEquals(received, ["1", "0x02", "3", "0x04", "0x", "6"]);
  assertEquals((await ends[0])?.reason, "done");
  await server.close();
});

/** A Blob that is read when the test says so. */
function slowBlob(text: string): { blob: Blob; read(): void } {
  const blob = new Blob([text]);
  const gate = withResolvers<void>();
  const bytes = blob.arrayBuffer();
  Object.defineProperty(blob, "arrayBuffer", { value: () => gate.promise.then(() => bytes) });
  return { blob, read: gate.resolve };
}

for (const overflow of ["close", "drop-newest", "drop-oldest", "wait"] as const) {
  test(`WebSocket.send() bounds what waits for a Blob, by overflow: "${overflow}"`, async () => {
    const received: string[] = [];
    const { WebSocket, server, url } = await open(async (ws) => {
      const decoder = new TextDecoder();
      try {
        for await (const m of ws) received.push(typeof m === "string" ? m : decoder.decode(m));
      } catch {
        // The connection may be cut.
      }
    });
    const ws = new WebSocket(url, { maxBufferedAmount: 10, overflow });
    await next(ws, "open");
    const { blob, read } = slowBlob("blob");
    ws.send(blob);
    // At most the limit waits before each of these.
    ws.send("123456");
    ws.send("over");
    assertEquals(ws.bufferedAmount, 14);
    ws.send("newest");
    const amounts = { close: 14, "drop-newest": 14, "drop-oldest": 16, wait: 20 };
    assertEquals(ws.bufferedAmount, amounts[overflow]);
    if (overflow === "close") {
      let error: unknown;
      ws.onerror = (event) => error = (event as ErrorEvent).error;
      await next(ws, "close");
      assertStringIncludes(String(error), "More than 10 octets (maxBufferedAmount) waited");
      read();
    } else {
      read();
      ws.close();
      await next(ws, "close");
    }
    const texts = {
      close: [],
      "drop-newest": ["blob", "123456", "over"],
      "drop-oldest": ["123456", "over", "newest"],
      wait: ["blob", "123456", "over", "newest"],
    };
    assertEquals(received, texts[overflow]);
    await server.close();
  });
}

test("WebSocket fails when a Blob cannot be read", async () => {
  const { WebSocket, server, url } = await open(echo);
  const ws = new WebSocket(url);
  await next(ws, "open");
  const blob = new Blob(["x"]);
  Object.defineProperty(blob, "arrayBuffer", { value: () => Promise.reject(new Error("gone")) });
  ws.send(blob);
  assertEquals(await record(ws), [["error", 3], ["close", 1006, "", false, 3]]);
  assertEquals(ws.bufferedAmount, 1);
  await server.close();
});

test("WebSocket.bufferedAmount counts UTF-8 and octets without headers", async () => {
  const { WebSocket, server, url } = await open(echo);
  const ws = new WebSocket(url);
  await next(ws, "open");
  ws.send("\u00e5 \u20ac \u{1f600} \ud800");
  assertEquals(ws.bufferedAmount, 15);
  ws.send(new Uint8Array(15_000));
  assertEquals(ws.bufferedAmount, 15_015);
  ws.send("c".repeat(65_000));
  assertEquals(ws.bufferedAmount, 80_015);
  for (let i = 0; i < 3; i++) await next(ws, "message");
  assertEquals(ws.bufferedAmount, 0);
  ws.close();
  await next(ws, "close");
  await server.close();
});

test("WebSocket.bufferedAmount equals the length of any text in UTF-8", async () => {
  const { WebSocket, server, url } = await open(echo);
  const ws = new WebSocket(url);
  await next(ws, "open");
  await fc.assert(fc.asyncProperty(fc.string({ unit: "binary" }), async (text) => {
    ws.send(text);
    assertEquals(ws.bufferedAmount, new TextEncoder().encode(text).length);
    assertEquals((await next(ws, "message")).data, text);
  }));
  ws.close();
  await next(ws, "close");
  await server.close();
});

for (const how of ["the peer drops", "the close timer runs out"] as const) {
  test(`WebSocket.bufferedAmount stays what had not left when ${how}`, async () => {
    // A handler that takes no message.
    const clock = createClock();
    const never = () => new Promise(() => {});
    const { WebSocket, server, url, peers } = await open(never, undefined, clock);
    const ws = new WebSocket(url);
    await next(ws, "open");
    for (let i = 0; i < 3; i++) ws.send(new Uint8Array(900_000));
    if (how === "the peer drops") peers[0]?.terminate();
    else ws.close();
    const closed = next(ws, "close");
    await clock.advance(10_000);
    await closed;
    const { bufferedAmount } = ws;
    assertGreater(bufferedAmount, 900_000);
    assertLessOrEqual(bufferedAmount, 2_700_000);
    ws.send("abc");
    assertEquals(ws.bufferedAmount, bufferedAmount + 3);
    peers[0]?.terminate();
    const stopped = server.close();
    await clock.advance(10_000);
    await stopped;
  });
}

test("WebSocket.bufferedAmount grows after close() and stays", async () => {
  const { WebSocket, server, url } = await open(echo);
  const ws = new WebSocket(url);
  await next(ws, "open");
  ws.close();
  ws.send("12345");
  ws.send(new Blob(["678"]));
  assertEquals(ws.bufferedAmount, 8);
  await next(ws, "close");
  assertEquals(ws.bufferedAmount, 8);
  ws.send(new Uint8Array(2));
  assertEquals(ws.bufferedAmount, 10);
  await server.close();
});

test("WebSocket delivers no message after close() was called", async () => {
  const { WebSocket, server, url } = await open(async (ws) => {
    for (let i = 0; i < 5; i++) await ws.send(`${i}`);
    await ws.closed;
  });
  const ws = new WebSocket(url);
  ws.onmessage = () => ws.close();
  assertEquals(await record(ws), [["open", 1], ["message", "0"], ["close", 1005, "", true, 3]]);
  await server.close();
});

test("WebSocket delivers every message that came before the peer's Close frame", async () => {
  const { WebSocket, server, url } = await open(async (ws) => {
    for (let i = 0; i < 5; i++) await ws.send(`${i}`);
  });
  const seen = await record(new WebSocket(url));
  assertEquals(seen.slice(1, -1), ["0", "1", "2", "3", "4"].map((data) => ["message", data]));
  assertEquals(seen.at(-1), ["close", 1000, "", true, 3]);
  await server.close();
});

test("WebSocket lets what awaits an event run before the next event", async () => {
  const { WebSocket, server, url } = await open(async (ws) => {
    for (let i = 0; i < 9; i++) await ws.send(`${i}`);
  });
  const ws = new WebSocket(url);
  const message = async () => (await next(ws, "message")).data;
  const nested = async () => await message();
  await next(ws, "open");
  const received: unknown[] = [];
  for (let i = 0; i < 9; i++) received.push(await nested());
  assertEquals(received, ["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
  await next(ws, "close");
  await server.close();
});

test("WebSocket calls on… handlers in the place of the first, with the socket as `this`", async () => {
  const { WebSocket, server, url } = await open((ws) => ws.send("x"));
  const ws = new WebSocket(url);
  const called: string[] = [];
  assertEquals([ws.onopen, ws.onmessage, ws.onerror, ws.onclose], [null, null, null, null]);
  ws.onmessage = () => called.push("replaced");
  ws.addEventListener("message", () => called.push("listener"));
  const handler = function (this: unknown) {
    called.push(this === ws ? "handler" : "wrong this");
  };
  ws.onmessage = handler;
  assertEquals(ws.onmessage, handler);
  ws.onopen = () => called.push("never");
  ws.onopen = null;
  assertEquals(ws.onopen, null);
  Object.assign(ws, { onclose: 1 });
  assertEquals(ws.onclose, null);
  const object = {};
  Object.assign(ws, { onerror: object });
  assertEquals<unknown>(ws.onerror, object);
  await next(ws, "close");
  assertEquals(called, ["handler", "listener"]);
  await server.close();
});

test("WebSocket over TCP, in place of the runtime's own", async () => {
  const server = await serve({ port: 0, websocket: echo });
  const ws: globalThis.WebSocket = new WebSocket(server.url);
  ws.binaryType = "arraybuffer";
  const closed = new Promise<CloseEvent>((resolve) => ws.onclose = resolve);
  await new Promise((resolve) => ws.onopen = resolve);
  const received: unknown[] = [];
  ws.onmessage = ({ data }) => {
    received.push(typeof data === "string" ? data : encodeHex(data));
    if (received.length === 2) ws.close(1000, "bye");
  };
  ws.send("hello");
  ws.send(new Blob([decodeHex("cafe")]));
  const { code, wasClean } = await closed;
  assertEquals([received, code, wasClean], [["hello", "cafe"], 1000, true]);
  assert(ws instanceof EventTarget);
  await server.close();
});
