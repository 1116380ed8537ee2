import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  type CloseInfo,
  ConnectionClosed,
  createWebSocketClass,
  parseJson,
  ProtocolError,
  receiveJson,
  sendJson,
  type WebSocketConnection,
} from "@sansocket/ws";
import * as browser from "@sansocket/ws/browser";
import { BrowserConnection, createBrowserConnect } from "@sansocket/ws/browser";
import { closeInfo } from "../support/close_info.ts";
import { createClocked } from "../support/clocked.ts";
import { isPending, settled, withResolvers } from "../support/connections.ts";
import { computeAccept } from "../../src/handshake/key.ts";
import type { RawPeer } from "../support/raw.ts";
import { memory, natives, type NativeScene } from "../support/native_sockets.ts";
import { test } from "../support/test.ts";

/** Both ends of a connection over a native class. */
async function open(
  scene: NativeScene,
  options?: browser.BrowserConnectOptions,
): Promise<{ ws: BrowserConnection; peer: WebSocketConnection; done: () => Promise<void> }> {
  const accepted = withResolvers<WebSocketConnection>();
  const server = await scene.serve({
    port: 0,
    websocket: (peer) => {
      accepted.resolve(peer);
      return peer.closed;
    },
  });
  const ws = await scene.connect(server.url, options);
  const peer = await accepted.promise;
  const done = async (): Promise<void> => {
    peer.terminate();
    await Promise.all([peer.closed, ws.closed, server.close()]);
  };
  return { ws, peer, done };
}

/** Answers a client's handshake by hand. */
async function answerUpgrade(peer: RawPeer): Promise<void> {
  const request = await peer.takeThrough("\r\n\r\n");
  const key = /^sec-websocket-key: (.*)\r$/im.exec(request)?.[1] ?? "";
  peer.send(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${computeAccept(key)}\r\n\r\n`,
  );
}

/** What is the same whatever the native class says of an error. */
const known = ({ cause: _, ...info }: CloseInfo) => info;

for (const [kind, create] of Object.entries(natives)) {
  test(`BrowserConnection sends texts, bytes and Blobs (${kind})`, async () => {
    const { ws, peer, done } = await open(await create());
    assertEquals([ws.state, ws.protocol, ws.bufferedAmount], ["open", "", 0]);
    const bytes = Uint8Array.of(1, 2, 3, 4);
    await ws.send("é");
    await ws.send("");
    await ws.send(bytes);
    await ws.send(bytes.buffer);
    await ws.send(new DataView(bytes.buffer, 1, 2));
    await ws.send(new Blob([bytes]));
    await ws.send("hi", { binary: true });
    await ws.send(Uint8Array.of(0xc3, 0xa9), { binary: false });
    const sent = ["é", "", bytes, bytes, bytes.subarray(1, 3), bytes];
    for (const message of [...sent, Uint8Array.of(0x68, 0x69), "é"]) {
      assertEquals(await peer.receive(), message);
    }
    await done();
  });

  test(`BrowserConnection receives texts and bytes, each in its own buffer (${kind})`, async () => {
    const { ws, peer, done } = await open(await create());
    const large = new Uint8Array(100_000).fill(7);
    for (const message of ["a", "", Uint8Array.of(1, 2), large]) await peer.send(message);
    assertEquals(await ws.receive(), "a");
    assertEquals(await ws.receive(), "");
    const small = await ws.receive() as Uint8Array;
    assertEquals([small, small.buffer.byteLength], [Uint8Array.of(1, 2), 2]);
    assertEquals(await ws.receive(), large);
    await done();
  });

  test(`BrowserConnection gives messages out in order, to those that wait and later (${kind})`, async () => {
    const { ws, peer, done } = await open(await create());
    const waiting = [ws.receive(), ws.receive()];
    for (let i = 0; i < 500; i++) await peer.send(`${i}`);
    assertEquals(await Promise.all(waiting), ["0", "1"]);
    for (let i = 2; i < 500; i++) assertEquals(await ws.receive(), `${i}`);
    await done();
  });

  test(`BrowserConnection.receive() ends its wait by a signal, which takes no message (${kind})`, async () => {
    const { ws, peer, done } = await open(await create());
    const controller = new AbortController();
    const given = ws.receive({ signal: controller.signal });
    controller.abort(new Error("enough"));
    await assertRejects(() => given, Error, "enough");
    await assertRejects(() => ws.receive({ signal: controller.signal }), Error, "enough");
    await peer.send("kept");
    assertEquals(await ws.receive(), "kept");
    await done();
  });

  test(`BrowserConnection is iterated until the peer closes it as intended (${kind})`, async () => {
    const { ws, peer, done } = await open(await create());
    await peer.send("a");
    await peer.send("b");
    peer.close(1001, "moved");
    const got: unknown[] = [];
    for await (const message of ws) got.push(message);
    assertEquals(got, ["a", "b"]);
    const received = { code: 1001, reason: "moved" };
    const info = closeInfo({ ...received, received });
    assertEquals(await ws.closed, info);
    const error = await assertRejects(() => ws.receive(), ConnectionClosed, "1001 (moved)");
    assertEquals(error.info, info);
    assertEquals(ws.state, "closed");
    await done();
  });

  test(`BrowserConnection's iteration throws after another end (${kind})`, async () => {
    const { ws, peer, done } = await open(await create());
    await peer.send("a");
    peer.close(4001, "no");
    const got: unknown[] = [];
    const error = await assertRejects(async () => {
      for await (const message of ws) got.push(message);
    }, ConnectionClosed);
    assertEquals([got, error.info.code, error.info.orderly], [["a"], 4001, false]);
    await done();
  });

  test(`BrowserConnection.close() says what both ends sent, and discards (${kind})`, async () => {
    const { ws, peer, done } = await open(await create());
    await peer.send("late");
    await ws.send("before");
    const before = peer.receive();
    const closed = ws.close(3001, "enough");
    assertEquals(ws.state, "closing");
    await assertRejects(
      () => ws.send("after"),
      ConnectionClosed,
      "closing: this end said 3001 (enough)",
    );
    await assertRejects(() => ws.receive(), ConnectionClosed);
    const status = { code: 3001, reason: "enough" };
    const { received, reason, ...rest } = await closed;
    const { received: _, reason: __, ...expected } = closeInfo({
      code: 3001,
      initiator: "local",
      sent: status,
    });
    assertEquals(rest, expected);
    assertEquals([received?.code, received?.reason], [3001, reason]);
    assertEquals([await before, (await peer.closed).received], ["before", status]);
    assertEquals(await ws.close(), await closed);
    await done();
  });

  test(`BrowserConnection.close() sends a code that a page may not send as 3000 more (${kind})`, async () => {
    for (const [code, sent] of [[1001, 4001], [1003, 4003], [1014, 4014], [4999, 4999]] as const) {
      const { ws, peer, done } = await open(await create());
      await ws.close(code, "why");
      const { received } = await peer.closed;
      assertEquals(received, { code: sent, reason: "why" });
      await done();
    }
    const { ws, peer, done } = await open(await create());
    const { sent } = await ws.close(null);
    assertEquals([sent?.code, (await peer.closed).code], [1005, 1005]);
    await done();
  });

  test(`BrowserConnection.close() refuses what no end may send (${kind})`, async () => {
    const { ws, done } = await open(await create());
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5, NaN]) {
      assertThrows(() => ws.close(code), RangeError, `got ${code}`);
    }
    assertThrows(() => ws.close(1000, "é".repeat(62)), RangeError, "got 124");
    assertThrows(() => ws.close(null, "why"), TypeError, "needs a close code");
    assertEquals(ws.state, "open");
    await done();
  });

  test(`BrowserConnection tells of a connection that is lost (${kind})`, async () => {
    const { ws, peer, done } = await open(await create());
    const waiting = ws.receive();
    peer.terminate();
    const { cause, ...info } = await ws.closed;
    assertEquals(info, known(closeInfo({ code: 1006, wasClean: false, endedBy: "transport" })));
    assertInstanceOf(cause, Error);
    await assertRejects(() => waiting, ConnectionClosed, "with 1006");
    await assertRejects(() => ws.send("late"), ConnectionClosed, "with 1006");
    await done();
  });

  test(`BrowserConnection.terminate() ends at once (${kind})`, async () => {
    const { ws, peer, done } = await open(await create());
    const waiting = ws.receive();
    ws.terminate();
    assertEquals(ws.state, "closed");
    const info = await ws.closed;
    assertEquals(
      known(info),
      known(closeInfo({ code: 1006, wasClean: false, initiator: "local" })),
    );
    assertEquals(info.cause?.message, "The connection was terminated");
    await assertRejects(() => waiting, ConnectionClosed, "terminated");
    await peer.closed;
    await done();
  });

  test(`BrowserConnection fails when too much waits for receive() (${kind})`, async () => {
    const { ws, peer, done } = await open(await create(), { maxUnreadAmount: 100 });
    await peer.send("x".repeat(84));
    await peer.send("");
    const info = await ws.closed;
    assertEquals([info.code, info.endedBy, info.orderly], [4009, "local", false]);
    assertEquals(
      info.cause?.message,
      "More than 100 octets (maxUnreadAmount) waited for receive(); receive faster, or call " +
        "ignoreMessages()",
    );
    await assertRejects(() => ws.receive(), ConnectionClosed, "maxUnreadAmount");
    assertEquals((await peer.closed).received?.code, 4009);
    await done();
  });

  test(`BrowserConnection counts what waits anew when it was received (${kind})`, async () => {
    const { ws, peer, done } = await open(await create(), { maxUnreadAmount: 100 });
    for (let i = 0; i < 10; i++) {
      await peer.send("x".repeat(84));
      assertEquals((await ws.receive()).length, 84);
    }
    assertEquals(ws.state, "open");
    await done();
  });

  test(`BrowserConnection fails for a message that is too large (${kind})`, async () => {
    for (const message of ["é".repeat(6), "x".repeat(11), new Uint8Array(11)]) {
      const { ws, peer, done } = await open(await create(), { maxMessageSize: 10 });
      await peer.send("é".repeat(5));
      await peer.send(message);
      const { code, endedBy, violation, cause } = await ws.closed;
      assertEquals([code, endedBy, violation], [4009, "violation", "message-too-big"]);
      assertInstanceOf(cause, ProtocolError);
      assertEquals((await peer.closed).received?.code, 4009);
      await done();
    }
  });

  test(`BrowserConnection.ignoreMessages() discards, and counts (${kind})`, async () => {
    const { ws, peer, done } = await open(await create(), { maxUnreadAmount: 100 });
    await peer.send("a");
    await peer.send("b");
    assertEquals(await ws.receive(), "a");
    await peer.send("c");
    await ws.send("d");
    const waiting = ws.receive();
    assertEquals([await peer.receive(), await waiting], ["d", "b"]);
    const never = ws.receive().then((message) => message === "c" ? ws.receive() : message);
    await settled();
    ws.ignoreMessages();
    await assertRejects(() => never, TypeError, "ignoreMessages()");
    await assertRejects(() => ws.receive(), TypeError, "ignoreMessages()");
    for (let i = 0; i < 20; i++) await peer.send("x".repeat(50));
    peer.close();
    await ws.closed;
    assertEquals(ws.ignored, 20);
    await done();
  });

  test(`sendJson(), receiveJson() and parseJson() take a BrowserConnection (${kind})`, async () => {
    const { ws, peer, done } = await open(await create());
    await sendJson(ws, [1]);
    assertEquals(await receiveJson(peer), [1]);
    await sendJson(peer, { a: 2 });
    assertEquals(await receiveJson(ws), { a: 2 });
    assertEquals(parseJson(ws, "3"), 3);
    await peer.send("{");
    const error = await assertRejects(() => receiveJson(ws), ConnectionClosed, "Expected JSON");
    assertEquals(error.info.final, false);
    assertEquals((await peer.closed).received, { code: 4007, reason: "Expected JSON" });
    await done();
  });

  test(`BrowserConnection is closed by await using (${kind})`, async () => {
    const opened = await open(await create());
    {
      await using ws = opened.ws;
      assertEquals(ws.state, "open");
    }
    assertEquals((await opened.peer.closed).code, 1000);
    await opened.done();
  });
}

test("BrowserConnection.send() refuses what a browser cannot send", async () => {
  const { ws, done } = await open(memory());
  const wrong: [unknown, string][] = [
    [["chunks"], "got Array; sendJson()"],
    [{}, "got Object; sendJson()"],
    [5, "got number"],
    [null, "got null"],
  ];
  for (const [data, text] of wrong) assertThrows(() => ws.send(data as string), TypeError, text);
  assertThrows(
    // @ts-expect-error: a browser decides
    () => ws.send("a", { compress: true }),
    TypeError,
    "Expected no compress in a browser: a browser decides itself what it compresses",
  );
  assertThrows(() => ws.send("a", { binary: 1 as unknown as boolean }), RangeError, "got 1");
  // @ts-expect-error: no such option
  assertThrows(() => ws.send("a", { bin: true }), TypeError, "got bin: there are binary");
  assertThrows(() => ws.send(Uint8Array.of(0xff), { binary: false }), TypeError);
  assertThrows(() => ws.receive({ signal: {} as AbortSignal }), TypeError, "to be an AbortSignal");
  assertEquals(ws.state, "open");
  await done();
});

test("BrowserConnection.send() waits from 64 KiB on, until all has left", async () => {
  const scene = memory();
  const { ws, peer, done } = await open(scene);
  const [link] = scene.network.links;
  // The peer's TCP takes nothing.
  link!.pause("server");
  const waits: Promise<void>[] = [];
  for (let i = 0; i < 4; i++) waits.push(ws.send(new Uint8Array(50_000)));
  assertEquals(await isPending(waits[0]!), false);
  assert(ws.bufferedAmount >= 100_000);
  await scene.clock.advance(1_000);
  assertEquals(await isPending(waits[3]!), true);
  link!.resume("server");
  const received = Promise.all(waits.map(() => peer.receive()));
  await scene.clock.advance(1_000);
  await Promise.all(waits);
  assertEquals((await received).map(({ length }) => length), [50_000, 50_000, 50_000, 50_000]);
  assertEquals(ws.bufferedAmount, 0);
  await done();
});

test("BrowserConnection ends when more than maxBufferedAmount waits to be sent", async () => {
  const scene = memory();
  const { ws, done } = await open(scene, { maxBufferedAmount: 100_000 });
  scene.network.links[0]!.pause("server");
  const waits: Promise<void>[] = [];
  while (ws.state === "open") waits.push(ws.send(new Uint8Array(50_000)));
  assert(waits.length > 3);
  const last = await assertRejects(() => waits.at(-1)!, ConnectionClosed);
  assertEquals(
    last.info.cause?.message,
    "More than 100000 octets (maxBufferedAmount) waited to be sent; await send()",
  );
  assert(last.info.unsent > 100_000);
  assertEquals([last.info.code, last.info.endedBy, ws.bufferedAmount], [1006, "local", 0]);
  // Those that waited for the network learn of it too.
  await assertRejects(() => waits.at(-2)!, ConnectionClosed);
  await done();
});

test("BrowserConnection.receive() ends its wait by a timeout, and unread counts", async () => {
  const scene = memory();
  const { ws, peer, done } = await open(scene);
  const early = ws.receive({ timeout: 1_000 });
  await scene.clock.advance(1_000);
  assertEquals([await early, ws.unread], [undefined, 0]);
  const late = ws.receive({ timeout: 1_000 });
  for (const text of ["1", "2", "3"]) peer.send(text);
  await scene.clock.advance(0);
  assertEquals([await late, ws.unread], ["1", 2]);
  assertEquals([await ws.receive(), await ws.receive(), ws.unread], ["2", "3", 0]);
  assertThrows(() => ws.receive({ timeout: 0 }), RangeError, "timeout");
  await done();
});

test("BrowserConnection gives a peer up that does not close within closeTimeout", async () => {
  const network = createClocked();
  const server = await network.listen();
  const Native = createWebSocketClass(network.connect);
  const connecting = createBrowserConnect(Native, network.clock.source)(server.url, {
    closeTimeout: 3_000,
  });
  const peer = await server.accept();
  await answerUpgrade(peer);
  const ws = await connecting;
  const closed = ws.close(4000);
  await network.clock.advance(2_999);
  assertEquals([ws.state, await isPending(closed)], ["closing", true]);
  await network.clock.advance(1);
  const info = await closed;
  assertEquals([info.code, info.endedBy, info.sent?.code], [1006, "timeout", 4000]);
  assertEquals(info.cause?.message, "The connection did not close within 3000 ms");
  await network.clock.advance(20_000);
  await peer.takeRest();
});

test("BrowserConnection has no member that a browser cannot have", async () => {
  const { ws, done } = await open(memory());
  const absent = ["ping", "pong", "receiveStream", "subscribe", "trace", "request", "tls"] as const;
  assertEquals(absent.filter((name) => ws[name] !== undefined), []);
  await done();
});

test("BrowserConnection, its errors and helpers are those of the main entry point", async () => {
  const library = await import("@sansocket/ws");
  for (
    const name of [
      "CloseCode",
      "ConnectionClosed",
      "HandshakeError",
      "ProtocolError",
      "parseJson",
      "receiveJson",
      "sendJson",
    ] as const
  ) assertEquals(browser[name] as unknown, library[name], name);
});
