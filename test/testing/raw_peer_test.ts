import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { decodeHex } from "@std/encoding";
import {
  AssertionError,
  createClock,
  createNetwork,
  encodeRawFrame,
  expectClose,
  expectMessage,
  type Network,
  type RawPeer,
} from "@sansocket/ws/testing";
import { test } from "../support/test.ts";

/** Runs `body` with a raw client of a server that echoes. */
async function withEcho(body: (peer: RawPeer, network: Network) => Promise<void>): Promise<void> {
  const network = createNetwork();
  const server = await network.serve({ websocket: { message: (ws, data) => ws.send(data) } });
  const peer = await network.raw(server.url);
  await body(peer, network);
  await peer[Symbol.asyncDispose]();
  await server.close();
}

async function failure(promise: Promise<unknown>): Promise<AssertionError> {
  return await assertRejects(() => promise, AssertionError);
}

test("raw sends and expects frames", () =>
  withEcho(async (peer) => {
    assertStringIncludes(peer.head, "HTTP/1.1 101 Switching Protocols\r\n");
    peer.sendFrame({ payload: "hi" });
    const frame = await peer.expectFrame({ opcode: 1, payload: "hi", fin: true, masked: false });
    assertEquals(frame.mask, undefined);
    peer.sendFrame({ payload: Uint8Array.of(1, 2), fin: false });
    peer.sendFrame({ opcode: 0, payload: Uint8Array.of(3) });
    await peer.expectFrame({ opcode: 2, payload: Uint8Array.of(1, 2, 3) });
    peer.sendFrame({ opcode: 9, payload: "p" });
    await peer.expectFrame({ opcode: 10, payload: "p" });
    peer.sendFrame({ opcode: 8, payload: decodeHex("0fa0") });
    assertEquals(await peer.expectClose({ code: 4000, reason: "" }), { code: 4000, reason: "" });
    await peer.expectEnd();
    peer.end();
  }));

test("raw sends and expects octets", () =>
  withEcho(async (peer) => {
    // TEXT "a", masked by 0.
    peer.send(decodeHex("818100000000"));
    peer.send("a");
    await peer.expectBytes(decodeHex("810161"));
    peer.send("\x82\x81\0\0\0\0\xff");
    await peer.expectBytes("\x82\x01\xff");
    peer.sendFrame({ payload: "abc" });
    assertEquals(await peer.receiveBytes(1), decodeHex("81"));
    assertEquals(await peer.receiveBytes(4), decodeHex("03616263"));
    assertThrows(() => peer.send("€"), TypeError, "one octet for each character");
  }));

test("raw sends what is wrong, and the library answers with its code", async () => {
  const wrong: [Parameters<RawPeer["sendFrame"]>[0], number][] = [
    [{ payload: "a", mask: false }, 1002],
    [{ payload: "a", rsv1: true }, 1002],
    [{ payload: "a", rsv2: true }, 1002],
    [{ payload: "a", rsv3: true }, 1002],
    [{ opcode: 3 }, 1002],
    [{ opcode: 0 }, 1002],
    [{ opcode: 9, fin: false }, 1002],
    [{ opcode: 9, payload: new Uint8Array(126) }, 1002],
    [{ payload: "a", lengthBits: 16 }, 1002],
    [{ payload: "a", lengthBits: 64 }, 1002],
    [{ opcode: 1, payload: Uint8Array.of(0xff) }, 1007],
    [{ length: 2 ** 40 }, 1009],
    [{ opcode: 8, payload: Uint8Array.of(3) }, 1002],
  ];
  for (const [frame, code] of wrong) {
    await withEcho(async (peer) => {
      peer.sendFrame(frame);
      await peer.expectClose({ code });
      await peer.expectEnd();
    });
  }
});

test("raw sends half a frame, and the rest later", () =>
  withEcho(async (peer) => {
    const bytes = encodeRawFrame({ payload: "halves", mask: 0x37fa213d });
    peer.send(bytes.subarray(0, 3));
    await failure(peer.receiveFrame({ timeout: 1 }));
    peer.send(bytes.subarray(3));
    await peer.expectFrame({ payload: "halves" });
    peer.sendFrame({ payload: "abc", length: 5 });
    peer.end();
    await peer.expectEnd();
  }));

test("encodeRawFrame writes what it is told", () => {
  const hex = (frame: Parameters<typeof encodeRawFrame>[0]): string =>
    [...encodeRawFrame(frame)].map((octet) => octet.toString(16).padStart(2, "0")).join("");
  assertEquals(hex({}), "8100");
  assertEquals(hex({ payload: new Uint8Array(1) }), "820100");
  assertEquals(hex({ opcode: 15, fin: false, rsv1: true, rsv2: true, rsv3: true }), "7f00");
  assertEquals(hex({ payload: "a", lengthBits: 64 }), "817f000000000000000161");
  assertEquals(hex({ length: 65_536 }), "817f0000000000010000");
  assertEquals(hex({ length: 65_535 }), "817effff");
  assertEquals(hex({ payload: "Hello", mask: 0x37fa213d }), "818537fa213d7f9f4d5158");
  assertThrows(() => encodeRawFrame({ length: 126, lengthBits: 7 }), RangeError, "7 bits");
  assertThrows(() => encodeRawFrame({ opcode: 16 }), RangeError, "opcode");
  assertThrows(() => encodeRawFrame({ lengthBits: 8 as 7 }), TypeError, "7, 16 or 64");
  assertThrows(() => encodeRawFrame({ op: 1 } as object), TypeError, "opcode");
});

test("raw peers show what came instead", () =>
  withEcho(async (peer) => {
    peer.sendFrame({ payload: "hi" });
    const frame = await failure(peer.expectFrame({ opcode: 1, payload: "ho" }));
    assertEquals(
      frame.message,
      'Expected < TEXT "ho" [2 octets], got < TEXT "hi" [2 octets], not masked; ' +
        "the payloads: they differ from octet 1 on: expected 0x6f, got 0x69",
    );
    peer.sendFrame({ payload: "hi" });
    assertEquals(
      (await failure(peer.expectFrame({ opcode: 2, masked: true }))).message,
      'Expected a frame with opcode 2, masked, got < TEXT "hi" [2 octets], not masked',
    );
    peer.sendFrame({ payload: "hi" });
    assertEquals(
      (await failure(peer.expectBytes(decodeHex("810268ff")))).message,
      "Expected 81 02 68 ff, got 81 02 68 69; they differ from octet 3 on: expected 0xff, got 0x69",
    );
    assertEquals(
      (await failure(peer.expectEnd())).message,
      'Expected the end of the stream, got < TEXT "hi" [2 octets]',
    );
    assertEquals(
      (await failure(peer.expectClose({ code: 1000 }))).message,
      'Expected < CLOSE 1000, got < TEXT "hi" [2 octets]',
    );
    assertEquals(
      (await failure(peer.receiveFrame({ timeout: 1 }))).message,
      "Expected a frame, got nothing within 1 ms",
    );
    await assertRejects(() => peer.expectFrame({ op: 1 } as object), TypeError, "opcode");
  }));

test("raw peers wait by the clock of the network", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const server = await network.rawServer();
  const [near, far] = await Promise.all([network.raw(server.url), server.accept()]);
  const failed = failure(near.expectBytes("ab"));
  far.send("a");
  await clock.advance(1_000);
  assertEquals((await failed).message, "Expected 61 62, got 61 and nothing more within 1000 ms");
  await near.expectBytes("a");
  far.end();
  assertEquals(
    (await failure(near.receiveFrame())).message,
    "Expected a frame, got the end of the stream",
  );
  await near.expectEnd();
  await server.close();
});

test("raw peers reset a connection, and see that they were reset", async () => {
  const network = createNetwork();
  const server = await network.rawServer();
  const [near, far] = await Promise.all([network.raw(server.url), server.accept()]);
  far.reset();
  const { message } = await failure(near.expectEnd());
  assertStringIncludes(message, "Expected the end of the stream, got ");
  assertStringIncludes(message, "reset");
  await server.close();
});

test("a raw peer that expects nothing reads nothing", async () => {
  const network = createNetwork();
  const server = await network.serve({
    websocket: { open: (ws) => void ws.send(new Uint8Array(1_000_000)) },
  });
  const peer = await network.raw(server.url);
  const { payload } = await peer.expectFrame({ opcode: 2 });
  assertEquals(payload.length, 1_000_000);
  await peer[Symbol.asyncDispose]();
  await server.close();
});

test("raw makes any handshake", async () => {
  const network = createNetwork();
  const server = await network.serve({
    fetch: () => new Response("no", { status: 403 }),
  });
  const bare = await network.raw(server.url, { handshake: false });
  assertEquals(bare.head, "");
  bare.send("GET / HTTP/1.1\r\nHost: a\r\n");
  bare.send("Connection: close\r\n\r\n");
  assertStringIncludes(await bare.receiveHead(), "HTTP/1.1 403 ");
  const own = await network.raw(server.url, {
    handshake: "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
  });
  assertStringIncludes(own.head, "HTTP/1.1 400 ");
  const { message } = await failure(network.raw(server.url));
  assertStringIncludes(message, 'Expected a valid answer, got "HTTP/1.1 403 ');
  assertStringIncludes(message, "Expected status 101");
  await assertRejects(
    () => network.raw(server.url, { hand: true } as object),
    TypeError,
    "Expected an option of raw(), got hand",
  );
  await bare[Symbol.asyncDispose]();
  await own[Symbol.asyncDispose]();
  await server.close();
});

test("raw says that nothing answers", async () => {
  const clock = createClock();
  const network = createNetwork({ clock });
  const server = await network.rawServer({ port: 5 });
  assertEquals(server.url, "ws://127.0.0.1:5/");
  const unanswered = failure(network.raw(server.url, { timeout: 10 }));
  await clock.advance(10);
  assertStringIncludes(
    (await unanswered).message,
    "Expected a head of HTTP, got nothing within 10",
  );
  network.refuse({ with: "timeout" });
  const unreached = failure(network.raw(server.url, { timeout: 10 }));
  await clock.advance(10);
  assertStringIncludes((await unreached).message, "Expected a connection to 127.0.0.1:5, got");
  await server.accept({ handshake: false });
  const nobody = failure(server.accept({ timeout: 10 }));
  await clock.advance(10);
  assertEquals((await nobody).message, "Expected a connection to port 5, got nothing within 10 ms");
  await server.close();
});

test("rawServer answers a client, validly and by hand", async () => {
  const network = createNetwork();
  const server = await network.rawServer();
  const [ws, peer] = await Promise.all([
    network.connect(server.url, { protocols: ["a", "b"] }),
    server.accept({ protocol: "b", headers: { "x-one": "1" } }),
  ]);
  assertEquals([ws.protocol, ws.response?.headers.get("x-one")], ["b", "1"]);
  assertStringIncludes(peer.head, "GET / HTTP/1.1\r\n");
  peer.sendFrame({ payload: "hi" });
  await expectMessage(ws, "hi");
  ws.send("back");
  await peer.expectFrame({ opcode: 1, payload: "back", masked: true });
  peer.sendFrame({ payload: "a", mask: true });
  await peer.expectClose({ code: 1002 });
  await peer.expectEnd();
  peer.end();
  await expectClose(ws, { code: 1002 });

  const refused = assertRejects(() => network.connect(server.url), Error, "418");
  const teapot = await server.accept({ handshake: "HTTP/1.1 418 I'm a teapot\r\n\r\n" });
  teapot.end();
  await refused;
  const bad = assertRejects(() => network.connect(server.url), Error, "Sec-WebSocket-Accept");
  const unproven = await server.accept({ handshake: false });
  assertStringIncludes(await unproven.receiveHead(), "Sec-WebSocket-Key");
  unproven.send("HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  await bad;

  const plain = network.raw(server.url, { handshake: "GET / HTTP/1.1\r\nHost: a\r\n\r\n" })
    .catch(() => {});
  assertStringIncludes(
    (await failure(server.accept())).message,
    'Expected an opening handshake, got "GET / HTTP/1.1": ',
  );
  void plain;
  await server.close();
});

test("a raw peer whose opening handshake fails leaves no connection open", async () => {
  const network = createNetwork();
  const server = await network.serve({ fetch: () => new Response("no", { status: 403 }) });
  for (let i = 0; i < 10; i++) await failure(network.raw(server.url));
  assertEquals(network.links.length, 0);
  await server.close();

  const raw = await network.rawServer();
  const client = network.raw(raw.url, { handshake: "GET / HTTP/1.0\r\n\r\n" });
  const lost = failure(client);
  assertStringIncludes((await failure(raw.accept())).message, "Expected an opening handshake, got");
  await lost;
  assertEquals(network.links.length, 0);
  await raw.close();
});

test("a raw peer sends nothing after end() or reset(), and says so", () =>
  withEcho(async (peer, network) => {
    peer.end();
    peer.end();
    assertThrows(() => peer.send("a"), Error, "got send() after end()");
    assertThrows(() => peer.sendFrame({}), Error, "got sendFrame() after end()");
    peer.reset();
    assertThrows(() => peer.send("a"), Error, "got send() after reset()");
    assertThrows(() => peer.reset(), Error, "got reset() after reset()");
    peer.end();
    await failure(peer.expectBytes("a"));
    assertEquals(network.links.length, 0);
  }));

test("raw peers check what they are given", () =>
  withEcho(async (peer, network) => {
    for (const wrong of ["x", {}, null, undefined]) {
      await assertRejects(() => peer.receiveBytes(wrong as never), TypeError, "octets");
    }
    for (const wrong of [NaN, Infinity, -1, 1.5]) {
      await assertRejects(() => peer.receiveBytes(wrong), RangeError, "octets");
    }
    for (const wrong of [5, true, [], undefined, null, "a"]) {
      assertThrows(() => peer.sendFrame(wrong as never), TypeError, "sendFrame()");
    }
    const url = "ws://127.0.0.1:1/";
    for (const handshake of [0, {}, null]) {
      const options = { handshake: handshake as never };
      const words = "handshake to be true, false, a text or bytes, got";
      await assertRejects(() => network.raw(url, options), TypeError, words);
    }
    for (const wrong of [5, "a", {}, { hostname: 1, port: 1 }, { hostname: "a", port: "1" }]) {
      const options = { remoteAddress: wrong as never };
      await assertRejects(() => network.raw(url, options), TypeError, "remoteAddress to be an");
    }
    await assertRejects(
      () => network.raw(url, { tlsInfo: 5 as never }),
      TypeError,
      "tlsInfo to be",
    );
  }));

test("expectFrame asks for each reserved bit, and shows them", async () => {
  const network = createNetwork();
  const server = await network.rawServer();
  const [client, peer] = await Promise.all([network.raw(server.url), server.accept()]);
  peer.sendFrame({ payload: "a", rsv2: true, rsv3: true });
  await client.expectFrame({ rsv1: false, rsv2: true, rsv3: true }, { timeout: undefined });
  peer.sendFrame({ payload: "a", rsv2: true });
  const { message } = await failure(client.expectFrame({ rsv2: false, rsv3: true }));
  assertEquals(
    message,
    "Expected a frame, without RSV2, with RSV3, " +
      'got < TEXT "a" [1 octet] with RSV2, not masked',
  );
  peer.reset();
  await server.close();
});
