import {
  serve,
  WebSocketError,
  WebSocketStream,
  type WebSocketStreamInstance,
} from "@sansocket/ws";
import {
  assertEquals,
  assertInstanceOf,
  assertLessOrEqual,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { decodeHex } from "@std/encoding";
import { createStreamError } from "../../src/client/whatwg_error.ts";
import { createClock } from "@sansocket/ws/testing";
import { isPending } from "../support/connections.ts";
import { resizable } from "../support/realm.ts";
import { test } from "../support/test.ts";
import { echo, openWhatwg as open } from "../support/whatwg.ts";

/** Lets all that happens in memory happen: it needs microtasks only. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

async function rejectsWithWebSocketError(
  promise: PromiseLike<unknown>,
  closeCode: number | null = 1006,
): Promise<WebSocketError> {
  const error = await assertRejects(() => promise, WebSocketError);
  assertEquals([error.name, error.closeCode], ["WebSocketError", closeCode]);
  return error;
}

async function rejectsWithDom(promise: PromiseLike<unknown>, name: string): Promise<void> {
  assertEquals((await assertRejects(() => promise, DOMException)).name, name);
}

function throwsDom(name: string, fn: () => unknown): void {
  assertEquals(assertThrows(fn, DOMException).name, name);
}

test("WebSocketStream refuses URLs and subprotocols that cannot be", async () => {
  const { WebSocketStream, server, url } = await open(echo);
  for (const bad of ["", "/path", "ftp://h/", "ws://h/#f", "ws://h/#"]) {
    throwsDom("SyntaxError", () => new WebSocketStream(bad));
  }
  for (const protocols of [["a", "A"], [""], ["a b"]]) {
    throwsDom("SyntaxError", () => new WebSocketStream(url, { protocols }));
  }
  await server.close();
});

test("WebSocketStream refuses arguments of other types", async () => {
  const { WebSocketStream, server, url } = await open(echo);
  const make = (...args: unknown[]) => () => Reflect.construct(WebSocketStream, args);
  assertThrows(make(), TypeError);
  for (const wrong of [true, 5, "text"]) {
    assertThrows(make(url, wrong), TypeError, "Expected options to be an object");
  }
  for (const protocols of ["a", 5, [5], null]) {
    assertThrows(make(url, { protocols }), TypeError, "Expected protocols to be a list of strings");
  }
  for (const signal of [{}, null, "signal"]) assertThrows(make(url, { signal }), TypeError);
  const stream = new WebSocketStream(url, null as unknown as undefined);
  await stream.opened;
  for (const wrong of [true, 5, "text", { closeCode: 70_000 }, { closeCode: "x" }]) {
    assertThrows(() => stream.close(wrong as object), TypeError);
  }
  stream.close(null as unknown as undefined);
  await stream.closed;
  await server.close();
});

test("WebSocketStream rejects what cannot be written", async () => {
  const { WebSocketStream, server, url } = await open(echo);
  const wrong = [
    resizable(),
    new Uint8Array(resizable()),
    new Uint8Array(new SharedArrayBuffer(3)),
    Symbol("s"),
    { toString: () => ({}) },
  ];
  for (const chunk of wrong) {
    const stream = new WebSocketStream(url);
    const { writable } = await stream.opened;
    const writer = writable.getWriter();
    writer.closed.catch(() => {});
    await assertRejects(() => writer.write(chunk as string), TypeError);
    stream.close();
    await stream.closed;
  }
  await server.close();
});

test("WebSocketStream opens, echoes text and bytes, and closes", async () => {
  const { WebSocketStream, server, url, peers } = await open(echo, "two");
  const stream = new WebSocketStream(url.replace("ws:", "http:"), { protocols: ["one", "two"] });
  assertEquals(stream.url, url);
  const { readable, writable, protocol, extensions } = await stream.opened;
  assertEquals([protocol, extensions], ["two", peers[0]?.extensions]);
  const writer = writable.getWriter();
  const reader = readable.getReader();
  const bytes = decodeHex("0001feff");
  const cases: [unknown, string | Uint8Array][] = [
    ["text", "text"],
    ["\ud800", "\ufffd"],
    [bytes, bytes],
    [bytes.buffer, bytes],
    [new DataView(bytes.buffer, 1, 2), decodeHex("01fe")],
    [7, "7"],
  ];
  for (const [chunk, expected] of cases) {
    await writer.write(chunk as string);
    assertEquals((await reader.read()).value, expected);
  }
  stream.close();
  assertEquals(await stream.closed, { closeCode: 1005, reason: "" });
  assertEquals((await reader.read()).done, true);
  await reader.closed;
  await server.close();
});

test("WebSocketStream.close() sends the code and the reason, or an empty Close frame", async () => {
  const { WebSocketStream, server, url, ends } = await open(echo);
  const cases: [Parameters<WebSocketStreamInstance["close"]>, number, string][] = [
    [[], 1005, ""],
    [[{}], 1005, ""],
    [[{ reason: "" }], 1005, ""],
    [[{ reason: "why" }], 1000, "why"],
    [[{ closeCode: 3456, reason: "pizza" }], 3456, "pizza"],
  ];
  for (const [args, code, reason] of cases) {
    const stream = new WebSocketStream(url);
    await stream.opened;
    stream.close(...args);
    stream.close({ closeCode: 4999 });
    assertEquals(await stream.closed, { closeCode: code, reason: "" });
    assertEquals((await ends.pop())?.received, { code, reason });
  }
  await server.close();
});

test("WebSocketStream.close() refuses codes and reasons that may not be sent", async () => {
  const { WebSocketStream, server, url } = await open(echo);
  const stream = new WebSocketStream(url);
  await stream.opened;
  for (const closeCode of [999, 1001, 2999, 5000]) {
    throwsDom("InvalidAccessError", () => stream.close({ closeCode }));
  }
  throwsDom("SyntaxError", () => stream.close({ reason: ".".repeat(124) }));
  stream.close();
  await stream.closed;
  await server.close();
});

test("WebSocketStream.close() while connecting rejects both promises", async () => {
  const { WebSocketStream, server, url } = await open(echo);
  for (let rounds = 0; rounds < 8; rounds++) {
    const stream = new WebSocketStream(url);
    for (let i = 0; i < rounds; i++) await undefined;
    stream.close({ closeCode: 3000 });
    const error = await rejectsWithWebSocketError(stream.opened);
    assertStrictEquals(await rejectsWithWebSocketError(stream.closed), error);
  }
  await server.close();
});

test("WebSocketStream rejects with the signal's reason when that fires before it is open", async () => {
  const { WebSocketStream, server, url } = await open(echo);
  const aborted = new WebSocketStream(url, { signal: AbortSignal.abort() });
  await rejectsWithDom(aborted.opened, "AbortError");
  await rejectsWithDom(aborted.closed, "AbortError");
  const controller = new AbortController();
  const stream = new WebSocketStream(url, { signal: controller.signal });
  controller.abort(new RangeError("mine"));
  await assertRejects(() => stream.opened, RangeError, "mine");
  await assertRejects(() => stream.closed, RangeError, "mine");
  await server.close();
});

test("WebSocketStream does not look at the signal once it is open", async () => {
  const { WebSocketStream, server, url } = await open(echo);
  const controller = new AbortController();
  const stream = new WebSocketStream(url, { signal: controller.signal });
  const { readable, writable } = await stream.opened;
  controller.abort();
  await writable.getWriter().write("still here");
  assertEquals((await readable.getReader().read()).value, "still here");
  stream.close();
  await stream.closed;
  await server.close();
});

test("WebSocketStream rejects both promises when the opening handshake fails", async () => {
  const { WebSocketStream, server, url } = await open(echo);
  for (
    const stream of [
      new WebSocketStream("ws://127.0.0.1:1/"),
      new WebSocketStream(url, { protocols: ["not.chosen"] }),
    ]
  ) {
    const error = await rejectsWithWebSocketError(stream.opened);
    assertInstanceOf(error.cause, Error);
    assertEquals(error.message, error.cause.message);
    assertStrictEquals(await rejectsWithWebSocketError(stream.closed), error);
  }
  await server.close();
});

test("WebSocketStream ends its streams when the peer closes", async () => {
  const { WebSocketStream, server, url } = await open(async (ws) => {
    await ws.send("last words");
    await ws.close(4001, "enough");
  });
  const stream = new WebSocketStream(url);
  const { readable, writable } = await stream.opened;
  const received: unknown[] = [];
  for await (const message of readable) received.push(message);
  assertEquals(received, ["last words"]);
  assertEquals(await stream.closed, { closeCode: 4001, reason: "enough" });
  await rejectsWithDom(writable.getWriter().write("late"), "InvalidStateError");
  stream.close();
  await server.close();
});

test("WebSocketStream fails its streams when the connection is lost", async () => {
  const { WebSocketStream, server, url } = await open((ws) => ws.terminate());
  const stream = new WebSocketStream(url);
  const { readable, writable } = await stream.opened;
  const reader = readable.getReader();
  const writer = writable.getWriter();
  const error = await rejectsWithWebSocketError(reader.read());
  assertStrictEquals(await rejectsWithWebSocketError(stream.closed), error);
  assertStrictEquals(await rejectsWithWebSocketError(writer.write("late")), error);
  assertStrictEquals(await rejectsWithWebSocketError(writer.closed), error);
  await server.close();
});

test("WebSocketStream rejects a write that meets the end with what the end was", async () => {
  const { WebSocketStream, server, url } = await open(echo);
  const stream = new WebSocketStream(url);
  const { writable } = await stream.opened;
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  stream.close();
  await rejectsWithDom(writer.write("late"), "InvalidStateError");
  await server.close();
});

test("WebSocketStream fails when the peer closed while a write was under way", async () => {
  const { WebSocketStream, server, url } = await open((ws) => ws.close(4567, "enough"));
  const stream = new WebSocketStream(url);
  const { readable, writable } = await stream.opened;
  const writer = writable.getWriter();
  // The first may still leave.
  const first = writer.write(new Uint8Array(1_048_576)).catch(() => {});
  const ends = [writer.write("more"), writer.closed, readable.getReader().read()];
  const errors = await Promise.all(ends.map((end) => rejectsWithWebSocketError(end, 4567)));
  const error = await rejectsWithWebSocketError(stream.closed, 4567);
  assertEquals(error.reason, "enough");
  for (const other of errors) assertStrictEquals(other, error);
  await first;
  await server.close();
});

test("WebSocketStream does not fail for what is written once the peer has closed", async () => {
  const { WebSocketStream, server, url } = await open((ws) => ws.close(4567, "enough"));
  const stream = new WebSocketStream(url);
  const { writable } = await stream.opened;
  assertEquals(await stream.closed, { closeCode: 4567, reason: "enough" });
  await rejectsWithDom(writable.getWriter().write("late"), "InvalidStateError");
  assertEquals(await stream.closed, { closeCode: 4567, reason: "enough" });
  await server.close();
});

test("WebSocketStream closes when its writable is closed, after what was written", async () => {
  const received: unknown[] = [];
  const { WebSocketStream, server, url, ends } = await open(async (ws) => {
    for await (const message of ws) received.push(message);
  });
  const stream = new WebSocketStream(url);
  const { writable } = await stream.opened;
  const writer = writable.getWriter();
  writer.write("a");
  writer.write("b");
  await writer.close();
  assertEquals(received, ["a", "b"]);
  assertEquals((await ends[0])?.received, { code: 1005, reason: "" });
  assertEquals(await stream.closed, { closeCode: 1005, reason: "" });
  await writer.closed;
  await server.close();
});

test("WebSocketStream's writable is not closed before the closing handshake is complete", async () => {
  const clock = createClock();
  const { WebSocketStream, server, url } = await open((ws) => ws.closed, undefined, clock);
  const stream = new WebSocketStream(url);
  const { writable } = await stream.opened;
  const writer = writable.getWriter();
  // More than may wait for a consumer, so the Close frame behind it is not seen and not answered.
  await writer.write("x".repeat(65_536));
  const closed = writer.close();
  const rejected = rejectsWithWebSocketError(closed);
  await clock.advance(9_999);
  assertEquals(await isPending(closed), true);
  await clock.advance(1);
  assertStrictEquals(await rejectsWithWebSocketError(stream.closed), await rejected);
  await server.close();
});

for (const side of ["readable", "writable"] as const) {
  const method = side === "readable" ? "cancel" : "abort";

  test(`WebSocketStream closes when ${method}() is called on its ${side}`, async () => {
    const { WebSocketStream, server, url, ends } = await open(echo);
    const cases: [unknown, number, string][] = [
      [undefined, 1005, ""],
      [{ closeCode: 3456, reason: "ignored" }, 1005, ""],
      [new Error("ignored"), 1005, ""],
      [new WebSocketError("said", { closeCode: 3456, reason: "set" }), 3456, "set"],
      [new WebSocketError("", { reason: "only" }), 1000, "only"],
      [createStreamError("", { code: 1006, reason: "ours" }), 1005, ""],
    ];
    for (const [reason, code, text] of cases) {
      const stream = new WebSocketStream(url);
      const { readable, writable } = await stream.opened;
      if (side === "readable") await readable.cancel(reason);
      else await writable.abort(reason);
      assertEquals(await stream.closed, { closeCode: code, reason: "" });
      assertEquals((await ends.pop())?.received, { code, reason: text });
    }
    await server.close();
  });
}

test("WebSocketStream closes when its readable is cancelled with a read under way", async () => {
  const { WebSocketStream, server, url } = await open(echo);
  const stream = new WebSocketStream(url);
  const reader = (await stream.opened).readable.getReader();
  const read = reader.read();
  await reader.cancel();
  assertEquals((await read).done, true);
  assertEquals(await stream.closed, { closeCode: 1005, reason: "" });
  await server.close();
});

test("WebSocketStream receives no more than is read", async () => {
  let sent = 0;
  const { WebSocketStream, server, url } = await open(async (ws) => {
    for (; sent < 40; sent++) await ws.send(new Uint8Array(65_536));
  });
  const { readable } = await new WebSocketStream(url).opened;
  let received = 0;
  for await (const message of readable) {
    assertEquals(message.length, 65_536);
    received++;
    await turn();
    assertLessOrEqual(sent, received + 4);
  }
  assertEquals([received, sent], [40, 40]);
  await server.close();
});

test("WebSocketStream's write() waits while the peer is behind", async () => {
  let start!: () => void;
  const started = new Promise<void>((resolve) => start = resolve);
  const { WebSocketStream, server, url } = await open(async (ws) => {
    await started;
    for await (const message of ws) await ws.send(`${message.length}`);
  });
  const { readable, writable } = await new WebSocketStream(url).opened;
  const writer = writable.getWriter();
  let written = 0;
  const writes = Array.from(
    { length: 20 },
    () => writer.write(new Uint8Array(65_536)).then(() => written++),
  );
  await turn();
  assertLessOrEqual(written, 4);
  start();
  await Promise.all(writes);
  const reader = readable.getReader();
  for (let i = 0; i < 20; i++) assertEquals((await reader.read()).value, "65536");
  await writer.close();
  await server.close();
});

test("WebSocketStream's writable can be aborted while a write waits", async () => {
  const clock = createClock();
  const { WebSocketStream, server, url } = await open((ws) => ws.closed, undefined, clock);
  const stream = new WebSocketStream(url);
  const writer = (await stream.opened).writable.getWriter();
  const writes = Array.from({ length: 4 }, () => writer.write(new Uint8Array(65_536)));
  const last = assertRejects(() => Promise.all(writes));
  writer.closed.catch(() => {});
  await turn();
  const aborted = writer.abort();
  const rejected = rejectsWithWebSocketError(stream.closed);
  await clock.advance(10_000);
  await rejected;
  await last;
  await aborted;
  await server.close();
});

test("WebSocketStream pipes a connection into itself: an echo", async () => {
  const { WebSocketStream, server, url } = await open(async (ws) => {
    for (const text of ["a", "b", "c"]) {
      await ws.send(text);
      assertEquals(await ws.receive(), text);
    }
  });
  const stream = new WebSocketStream(url);
  const { readable, writable } = await stream.opened;
  // The end closes the one and fails the other, and which the pipe sees first is left to it.
  await readable.pipeTo(writable).catch((error) => assertInstanceOf(error, DOMException));
  assertEquals(await stream.closed, { closeCode: 1000, reason: "" });
  await server.close();
});

test("WebSocketStream over TCP", async () => {
  const server = await serve({ port: 0, websocket: echo });
  const stream = new WebSocketStream(server.url);
  const { readable, writable } = await stream.opened;
  const writer = writable.getWriter();
  const reader = readable.getReader();
  for (const message of ["hello", decodeHex("cafe"), new Uint8Array(300_000)]) {
    const [, { value }] = await Promise.all([writer.write(message), reader.read()]);
    assertEquals<unknown>(value, message);
  }
  stream.close({ closeCode: 4000, reason: "done" });
  assertEquals(await stream.closed, { closeCode: 4000, reason: "" });
  await server.close();
});

test("WebSocketStream gives what came before the end, then ends or fails", async () => {
  for (const clean of [true, false]) {
    const { WebSocketStream, server, url } = await open(async (ws) => {
      for (const text of ["a", "b", "c"]) await ws.send(text);
      await turn();
      if (clean) await ws.close(4000, "over");
      else ws.terminate();
    });
    const stream = new WebSocketStream(url);
    const { readable, writable } = await stream.opened;
    await (clean ? stream.closed : rejectsWithWebSocketError(stream.closed));
    const reader = readable.getReader();
    for (const text of ["a", "b", "c"]) assertEquals((await reader.read()).value, text);
    if (clean) assertEquals((await reader.read()).done, true);
    else await rejectsWithWebSocketError(reader.read());
    await assertRejects(() => writable.getWriter().closed);
    await server.close();
  }
});

test("WebSocketStream discards what came before the end when its readable is cancelled", async () => {
  const { WebSocketStream, server, url } = await open(async (ws) => {
    for (const text of ["a", "b", "c"]) await ws.send(text);
    await ws.closed;
  });
  const stream = new WebSocketStream(url);
  const { readable } = await stream.opened;
  await turn();
  await readable.cancel();
  assertEquals(await stream.closed, { closeCode: 1005, reason: "" });
  await server.close();
});
