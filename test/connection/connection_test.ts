import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { ConnectionClosed, type WebSocketConnection } from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import { isPending, networks, open, type OpenPair, settled } from "../support/connections.ts";
import { closeInfo } from "../support/close_info.ts";
import { test } from "../support/test.ts";

/** Registers a test on each network. */
function onBoth(name: string, body: (ends: OpenPair) => Promise<void>): void {
  for (const [kind, create] of Object.entries(networks)) {
    test(`WebSocketConnection ${name} (${kind})`, async () => {
      await using ends = await open(create());
      await body(ends);
    });
  }
}

/** Iterates to the end. */
async function collect(ws: WebSocketConnection): Promise<unknown[]> {
  const messages: unknown[] = [];
  for await (const message of ws) messages.push(message);
  return messages;
}

onBoth("send() carries text and every kind of bytes both ways", async ({ client, server }) => {
  const bytes = new Uint8Array([0, 1, 2, 255]);
  const sent = [
    "Grüße ☎ 𝄞",
    "",
    bytes,
    new Uint8Array(),
    bytes.buffer,
    new DataView(bytes.buffer, 1, 2),
  ];
  const received = ["Grüße ☎ 𝄞", "", bytes, new Uint8Array(), bytes, bytes.slice(1, 3)];
  for (const [from, to] of [[client, server], [server, client]] as const) {
    for (const message of sent) from.send(message);
    for (const message of received) assertEquals(await to.receive(), message);
  }
});

onBoth("send() throws for what is neither a string nor bytes", async ({ client, server }) => {
  for (const wrong of [1, true, null, undefined, {}, () => {}]) {
    assertThrows(() => client.send(wrong as unknown as string), TypeError, "Expected a string, b");
  }
  await client.send("unharmed");
  assertEquals(await server.receive(), "unharmed");
});

onBoth("receive() calls that wait get the messages in order", async ({ client, server }) => {
  const received = Promise.all([server.receive(), server.receive(), server.receive()]);
  for (const message of ["1", "2", "3"]) client.send(message);
  assertEquals(await received, ["1", "2", "3"]);
});

onBoth("receive() gives what came before the end, then rejects", async ({ client, server }) => {
  server.send("1");
  server.send("2");
  server.close(4001, "enough");
  assertEquals([await client.receive(), await client.receive()], ["1", "2"]);
  for (let i = 0; i < 2; i++) {
    const { info } = await assertRejects(() => client.receive(), ConnectionClosed);
    assertEquals([info?.code, info?.reason], [4001, "enough"]);
  }
});

onBoth("receive() that waits rejects when the connection ends", async ({ client, server }) => {
  const waiting = assertRejects(() => client.receive(), ConnectionClosed, "by the peer with 1000");
  server.close();
  assertEquals((await waiting).info, await client.closed);
});

for (const code of [1000, 1001]) {
  onBoth(`iteration ends at the peer's ${code}`, async ({ client, server }) => {
    server.send("a");
    server.send("b");
    server.close(code);
    assertEquals(await collect(client), ["a", "b"]);
  });
}

onBoth("iteration ends when this end closes, whatever the code", async ({ client }) => {
  const messages = collect(client);
  client.close(4000);
  assertEquals(await messages, []);
});

for (const code of [1002, 1011, 4000]) {
  onBoth(`iteration throws at the peer's ${code}`, async ({ client, server }) => {
    server.close(code, "why");
    const error = await assertRejects(() => collect(client), ConnectionClosed, `${code} (why)`);
    assertEquals(error.info.code, code);
  });
}

onBoth("iteration throws when the peer is gone without a close", async ({ client, server }) => {
  server.terminate();
  const error = await assertRejects(() => collect(client), ConnectionClosed);
  assertEquals(error.info.code, 1006);
});

onBoth(
  "iteration whose results are not awaited gives each its message, or the end",
  async ({ client, server }) => {
    const iteration = server[Symbol.asyncIterator]();
    const results = [iteration.next(), iteration.next(), iteration.next()];
    client.send("1");
    client.send("2");
    assertEquals(await Promise.all(results.slice(0, 2)), [
      { done: false, value: "1" },
      { done: false, value: "2" },
    ]);
    // Nothing awaits the third when it rejects.
    client.terminate();
    await server.closed;
    await settled();
    const error = await assertRejects(() => results[2]!, ConnectionClosed);
    assertEquals(error.info.code, 1006);
    await assertRejects(() => iteration.next(), ConnectionClosed);
  },
);

onBoth("iteration left early leaves the connection open", async ({ client, server }) => {
  client.send("1");
  client.send("2");
  for await (const message of server) {
    assertEquals(message, "1");
    break;
  }
  assertEquals(await server.receive(), "2");
});

onBoth("ping() resolves to the round trip", async ({ client, server }) => {
  for (const data of [undefined, "", "beat", new Uint8Array(125)]) {
    const [there, back] = await Promise.all([client.ping(data), server.ping(data)]);
    assert(there >= 0 && back >= 0);
  }
});

onBoth("ping() refuses more than 125 octets", async ({ client }) => {
  assertThrows(() => client.ping("ü".repeat(63)), RangeError, "got 126");
  assert(await client.ping("ü".repeat(62)) >= 0);
});

onBoth("ping() rejects when the connection ends first", async ({ client, server }) => {
  // The server's end is behind: its messages are not taken, so nothing after the first is read.
  client.send("1");
  client.send("2");
  const ping = client.ping();
  const unawaited = client.ping();
  client.terminate();
  await assertRejects(() => ping, ConnectionClosed);
  await assertRejects(async () => await client.ping(), ConnectionClosed);
  server.terminate();
  assertInstanceOf(await unawaited.catch((error) => error), ConnectionClosed);
});

onBoth("close() tells both ends who closed, and why", async ({ client, server }) => {
  const local = await client.close(4321, "Grüße");
  const status = { code: 4321, reason: "Grüße" };
  const answer = { code: 4321, reason: "" };
  assertEquals(await server.closed, closeInfo({ ...status, sent: answer, received: status }));
  assertEquals(local, closeInfo({ ...answer, initiator: "local", sent: status, received: answer }));
  assertStrictEquals(await client.closed, local);
});

onBoth("close() says 1000, and is done once", async ({ client, server }) => {
  const first = client.close();
  const second = client.close(4000);
  assertStrictEquals(await first, await second);
  assertEquals([(await first).code, (await server.closed).code], [1000, 1000]);
});

onBoth("close() by both at once is clean", async ({ client, server }) => {
  const infos = await Promise.all([client.close(4001), server.close(4002)]);
  assertEquals(infos.map(({ code, wasClean, initiator }) => ({ code, wasClean, initiator })), [
    { code: 4002, wasClean: true, initiator: "local" },
    { code: 4001, wasClean: true, initiator: "local" },
  ]);
});

onBoth("close() lets what was sent before leave", async ({ client, server }) => {
  for (let i = 0; i < 100; i++) client.send(`message ${i}`);
  client.close();
  assertEquals((await collect(server)).length, 100);
});

onBoth("close() with a wrong code or reason throws and closes nothing", async (ends) => {
  const { client, server } = ends;
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1.5, NaN]) {
    assertThrows(() => client.close(code), RangeError, `got ${code}`);
  }
  assertThrows(() => client.close(1000, "ü".repeat(62)), RangeError, "got 124");
  await client.send("still open");
  assertEquals(await server.receive(), "still open");
});

onBoth("terminate() ends at once, and both ends know", async ({ client, server }) => {
  client.terminate();
  client.terminate();
  const local = await client.closed;
  assertEquals([local.code, local.wasClean, local.initiator], [1006, false, "local"]);
  assertEquals(local.cause?.message, "The connection was terminated");
  const remote = await server.closed;
  assertEquals([remote.code, remote.wasClean, remote.initiator], [1006, false, "remote"]);
  assertInstanceOf(remote.cause, Error);
});

onBoth("send() rejects after close(), awaited or not", async ({ client }) => {
  const closed = client.close();
  // Left alone, this one must not end the process.
  client.send("nobody awaits this");
  const closing = await assertRejects(() => client.send("x"), ConnectionClosed, "is closing");
  const { initiator, sent, received, final } = closing.info;
  assertEquals([initiator, sent?.code, received, final], ["local", 1000, undefined, false]);
  const info = await closed;
  client.send("nor this");
  const over = await assertRejects(() => client.send("x"), ConnectionClosed, "this end with 1000");
  assertEquals(over.info, info);
  await settled();
});

for (const by of ["client", "server"] as const) {
  onBoth(`send() says how the connection ends, once the ${by} has begun`, async (ends) => {
    const { client } = ends;
    const waiting = client.receive().catch(() => {});
    ends[by].close(4321, "why");
    if (by === "server") await waiting;
    const who = by === "client" ? "this end" : "the peer";
    const send = [
      (): Promise<void> => client.send("text"),
      (): Promise<void> => client.send(["a", "b"]),
      (): Promise<void> => client.send(new Blob(["a"])),
    ];
    const closing = by === "client" ? send.map((one) => one()) : [];
    const ping = by === "client" ? client.ping() : undefined;
    for (const one of [...closing, ...ping === undefined ? [] : [ping]]) {
      const error = await assertRejects(() => one, ConnectionClosed);
      assertEquals(error.message, `The connection is closing: ${who} said 4321 (why)`);
    }
    await Promise.all([client.closed, ends.server.receive().catch(() => {})]);
    for (const one of [...send, () => client.ping()]) {
      const error = await assertRejects(one, ConnectionClosed);
      assertEquals(error.message, `The connection was closed by ${who} with 4321 (why)`);
      assertEquals([error.info.code, error.info.wasClean], [4321, true]);
    }
  });
}

for (const [kind, create] of Object.entries(networks)) {
  test(`WebSocketConnection send() above the high-water mark waits for the peer (${kind})`, async () => {
    await using ends = await open(create(), {}, { maxBufferedAmount: 1 << 28 });
    const { client, server } = ends;
    // Nobody takes the first message, so nothing behind it is read; 24 MiB are more than the kernel holds.
    client.send("first");
    await settled();
    const count = 48;
    for (let i = 0; i < count; i++) client.send(new Uint8Array(1 << 19));
    const last = client.send("last");
    assertEquals(await isPending(last), true);
    assert(client.bufferedAmount > 65_536);
    let received = 0;
    while (await server.receive() !== "last") received++;
    await last;
    assertEquals(received, count + 1);
  });
}

test("WebSocketConnection send() shares one promise below the high-water mark", async () => {
  await using ends = await open(createNetwork());
  const first = ends.client.send("a");
  assertStrictEquals(ends.client.send("b"), first);
  assertStrictEquals(ends.server.send("c"), first);
  assertEquals(await isPending(first), false);
});

test("WebSocketConnection send() that waits rejects when the connection ends", async () => {
  await using ends = await open(createNetwork());
  const { client, server } = ends;
  const shared = client.send("");
  let waiting = shared;
  while (waiting === shared) waiting = client.send(new Uint8Array(10_000));
  const unawaited = client.send("another");
  server.terminate();
  await assertRejects(() => waiting, ConnectionClosed, "by the peer with 1006");
  await client.closed;
  assertInstanceOf(await unawaited.catch((error) => error), ConnectionClosed);
});

for (const [kind, create] of Object.entries(networks)) {
  test(`WebSocketConnection is dropped above maxBufferedAmount (${kind})`, async () => {
    await using ends = await open(create(), {}, { maxBufferedAmount: 100_000 });
    const { client, server } = ends;
    let over = false;
    client.closed.then(() => over = true);
    // Kernel buffers hold some megabytes; a peer that takes nothing fills them at last.
    for (let sent = 0; !over && sent < 512; sent++) {
      client.send(new Uint8Array(1 << 18));
      await settled();
    }
    const info = await client.closed;
    assertEquals([info.code, info.wasClean, info.initiator], [1006, false, "local"]);
    assertMatch(
      info.cause?.message ?? "",
      /^More than 100000 octets \(maxBufferedAmount\) waited to be sent: \d{6,}; await send\(\)/,
    );
    assertEquals(client.bufferedAmount, 0);
    server.terminate();
  });
}

onBoth("bufferedAmount is 0 once all has left", async ({ client, server }) => {
  assertEquals(client.bufferedAmount, 0);
  client.send("12345");
  assert(client.bufferedAmount >= 11);
  assertEquals(await server.receive(), "12345");
  assertEquals(client.bufferedAmount, 0);
});

onBoth("has an address, a request and no subprotocol", async ({ client, server }) => {
  assertEquals([client.protocol, server.protocol], ["", ""]);
  assertEquals([client.extensions, server.extensions], ["", ""]);
  assertEquals(client.remoteAddress?.hostname, "127.0.0.1");
  assertEquals(server.remoteAddress?.hostname, "127.0.0.1");
  assertEquals(client.request.url, server.request.url);
  assertEquals(new URL(client.request.url).protocol, "http:");
  assertStrictEquals(server.request, server.request);
  assertEquals(server.request.headers.get("upgrade"), "websocket");
  assertEquals([client.data, server.data], [undefined, undefined]);
  await client.close();
});

onBoth("receive({ signal }) that is given up leaves the message to the next", async (ends) => {
  const { client, server } = ends;
  const controller = new AbortController();
  const given = server.receive({ signal: controller.signal });
  const reason = new Error("enough");
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => given), reason);
  client.send("1");
  client.send("2");
  assertEquals([await server.receive(), await server.receive()], ["1", "2"]);
});

onBoth("receive({ signal }) tells a timeout from the end of the connection", async (ends) => {
  const { client, server } = ends;
  const timeout = await assertRejects(
    () => server.receive({ signal: AbortSignal.timeout(20) }),
    DOMException,
  );
  assertEquals(timeout.name, "TimeoutError");
  const controller = new AbortController();
  const closed = assertRejects(
    () => server.receive({ signal: controller.signal }),
    ConnectionClosed,
  );
  client.close(4000);
  assertEquals((await closed).info?.code, 4000);
  controller.abort();
});

onBoth("receiveStream() gives what send(source) sends, chunk by chunk", async (ends) => {
  const { client, server } = ends;
  const gates = ["one ", "two ", "three"];
  const received: unknown[] = [];
  let go = (): void => {};
  async function* source(): AsyncGenerator<string> {
    for (const gate of gates) {
      const taken = new Promise<void>((resolve) => go = resolve);
      yield gate;
      // The next chunk is made when this one has arrived.
      await taken;
    }
  }
  const sent = client.send(source());
  for await (const chunk of await server.receiveStream()) {
    received.push(chunk);
    go();
  }
  await sent;
  assertEquals(received, gates);
});

onBoth("dropped counts nothing unless the option says so", async ({ client, server }) => {
  await Promise.all([client.send("a"), server.receive()]);
  assertEquals([client.dropped, server.dropped], [0, 0]);
});

onBoth("send({ binary }) says text or binary whatever the type is", async ({ client, server }) => {
  const bytes = new TextEncoder().encode("\ufeffü");
  await client.send("\ufeffü", { binary: true });
  assertEquals(await server.receive(), bytes);
  await client.send("ü", { binary: false });
  assertEquals(await server.receive(), "ü");
  for (const data of [bytes, bytes.buffer, new DataView(bytes.buffer)]) {
    await client.send(data, { binary: false });
    assertEquals(await server.receive(), "\ufeffü");
    await client.send(data, { binary: true });
    assertEquals(await server.receive(), bytes);
  }
  assertThrows(() => client.send(new Uint8Array([0xff]), { binary: false }), TypeError);
  await client.send("unharmed");
  assertEquals(await server.receive(), "unharmed");
});

onBoth("send() of a Blob is a binary message, in its place", async ({ client, server }) => {
  const large = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
  const sent = [
    client.send("before"),
    client.send(new Blob([large.subarray(0, 5), large.subarray(5)], { type: "text/plain" })),
    client.send(new Blob([])),
    client.send("after"),
  ];
  for (const expected of ["before", large, new Uint8Array(), "after"]) {
    assertEquals(await server.receive(), expected);
  }
  await Promise.all(sent);
});
