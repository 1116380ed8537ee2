import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, sendJson, serve } from "@sansocket/ws";
import {
  AssertionError,
  createClock,
  createNetwork,
  expectClose,
  expectJson,
  expectMessage,
  expectNothing,
  pair,
} from "@sansocket/ws/testing";
import { test } from "../support/test.ts";

/** What a matcher rejects with. */
async function failure(matcher: Promise<unknown>): Promise<AssertionError> {
  return await assertRejects(() => matcher, AssertionError);
}

test("expectMessage takes the message that comes next", async () => {
  const { client, server } = await pair();
  server.send("one");
  server.send(Uint8Array.of(1, 2));
  await expectMessage(client, "one");
  await expectMessage(client, Uint8Array.of(1, 2));
  server.send(new Uint8Array());
  await expectMessage(client, new ArrayBuffer(0));
  await client.close();
});

test("expectMessage works on the server's end and before the message is sent", async () => {
  const { client, server } = await pair();
  const both = Promise.all([expectMessage(server, "a"), expectMessage(server, "b")]);
  client.send("a");
  client.send("b");
  await both;
  await client.close();
});

test("expectMessage shows the frame that came instead, and where it differs", async () => {
  const { client, server } = await pair();
  server.send("hullo");
  const text = await failure(expectMessage(client, "hello"));
  assertEquals(text.name, "AssertionError");
  assertEquals([text.actual, text.expected], ["hullo", "hello"]);
  assertEquals(
    text.message,
    'Expected < TEXT "hello" [5 octets], got < TEXT "hullo" [5 octets]; ' +
      "they differ from octet 1 on: expected 0x65, got 0x75",
  );
  server.send(Uint8Array.of(1, 2));
  const bytes = await failure(expectMessage(client, Uint8Array.of(1, 2, 3)));
  assertEquals(
    bytes.message,
    "Expected < BINARY 01 02 03 [3 octets], got < BINARY 01 02 [2 octets]; " +
      "they differ from octet 2 on: expected 0x03, got none",
  );
  server.send(new TextEncoder().encode("a"));
  assertEquals(
    (await failure(expectMessage(client, "a"))).message,
    'Expected < TEXT "a" [1 octet], got < BINARY 61 [1 octet]',
  );
  await client.close();
});

test("expectMessage shows the end that came instead", async () => {
  const { client, server } = await pair();
  server.close(4001, "no");
  assertEquals(
    (await failure(expectMessage(client, "a"))).message,
    'Expected < TEXT "a" [1 octet], got < CLOSE 4001 "no" [4 octets]',
  );
  const cut = await pair();
  cut.server.terminate();
  assertStringIncludes(
    (await failure(expectMessage(cut.client, "a"))).message,
    "got the end: ",
  );
});

test("expectMessage gives up when the time has passed on the clock of the network", async () => {
  const clock = createClock();
  const { client } = await pair({ clock });
  const failed = failure(expectMessage(client, "a", { timeout: 200 }));
  assertEquals(
    clock.pending.map(({ waits }) => waits).includes("expectMessage() of the test"),
    true,
  );
  await clock.advance(200);
  const { message, actual } = await failed;
  assertEquals(message, 'Expected < TEXT "a" [1 octet], got nothing within 200 ms');
  assertEquals(actual, undefined);
  const longer = failure(expectMessage(client, "a"));
  await clock.advance(1_000);
  assertStringIncludes((await longer).message, "within 1000 ms");
  client.terminate();
});

test("expectMessage gives up by the system's clock where there is no other", async () => {
  const { client, server } = await pair();
  const { message } = await failure(expectMessage(client, "a", { timeout: 1 }));
  assertStringIncludes(message, "got nothing within 1 ms");
  server.send("late");
  await expectMessage(client, "late");
  await client.close();
});

test("expectMessage needs no advance of the clock for what is under way", async () => {
  const clock = createClock();
  const { client, server } = await pair({ clock });
  server.send("now");
  await expectMessage(client, "now");
  assertEquals(clock.now, 0);
  assertEquals(clock.pending.filter(({ waits }) => waits.startsWith("expect")), []);
  client.terminate();
});

test("expectMessage says that the clock stands still when the test never advances it", async () => {
  const clock = createClock();
  const { client } = await pair({ clock });
  const { setTimeout } = globalThis;
  // It waits for 4 s of real time before it says so.
  globalThis.setTimeout = ((call: () => void) => setTimeout(call, 0)) as typeof setTimeout;
  const failed = failure(expectMessage(client, "a"));
  const nothing = failure(expectNothing(client));
  globalThis.setTimeout = setTimeout;
  const { message } = await failed;
  assertStringIncludes(message, "got nothing while the clock stands still at 0 ms: advance it");
  assertStringIncludes((await nothing).message, "while the clock stands still at 0 ms");
  client.terminate();
});

test("matchers refuse a connection whose messages something else takes", async () => {
  const { client, server } = await pair();
  const iterated = server[Symbol.asyncIterator]();
  const first = iterated.next();
  await assertRejects(() => expectMessage(server, "a"), TypeError, "got one with an iteration");
  client.send("first");
  assertEquals((await first).value, "first");
  const own = client.receive();
  for (
    const matcher of [expectMessage(client, "a"), expectJson(client, 1), expectNothing(client)]
  ) {
    await assertRejects(() => matcher, TypeError, "got one with a receive() that waits");
  }
  server.send("a");
  assertEquals(await own, "a");
  client.ignoreMessages();
  await assertRejects(() => expectMessage(client, "a"), TypeError, "or ignoreMessages()");
  await client.close();
  await assertRejects(
    () => expectMessage({} as typeof client, "a"),
    TypeError,
    "expectMessage() expected a WebSocketConnection, got an object",
  );
});

test("matchers check their options", async () => {
  const { client } = await pair();
  await assertRejects(
    () => expectMessage(client, "a", { timeOut: 5 } as object),
    TypeError,
    "did you mean timeout?",
  );
  await assertRejects(() => expectNothing(client, { timeout: -1 }), RangeError, "timeout");
  await assertRejects(() => expectClose(client, { code: 5 }), RangeError, "code");
  await assertRejects(() => expectMessage(client, 5 as never), TypeError, "a string or bytes");
  await client.close();
});

test("expectJson compares exactly, but for the order of keys", async () => {
  const { client, server } = await pair();
  server.send('{"b":[1,{"c":null}],"a":"x"}');
  await expectJson(client, { a: "x", b: [1, { c: null }], d: undefined });
  const differences: [string, unknown, string][] = [
    ['{"a":1}', { a: 2 }, "they differ at $.a: expected 2, got 1"],
    ['{"a":1}', { a: "1" }, 'they differ at $.a: expected "1", got 1'],
    ['{"a":1,"b":2}', { a: 1 }, "they differ at $.b: expected nothing, got 2"],
    ['{"a":1}', { a: 1, "b c": [] }, 'they differ at $["b c"]: expected [], got nothing'],
    ['{"a":[1,2]}', { a: [1] }, "they differ at $.a[1]: expected nothing, got 2"],
    ['{"a":[1]}', { a: [1, null] }, "they differ at $.a[1]: expected null, got nothing"],
    ["[]", {}, "they differ at $: expected {}, got []"],
    ["null", {}, "they differ at $: expected {}, got null"],
    ['{"__proto__":1}', {}, "they differ at $.__proto__: expected nothing, got 1"],
    ["no", {}, "which is not JSON"],
  ];
  for (const [sent, expected, said] of differences) {
    server.send(sent);
    assertStringIncludes((await failure(expectJson(client, expected))).message, said);
  }
  server.send(Uint8Array.of(0x31));
  assertStringIncludes((await failure(expectJson(client, 1))).message, "a binary message");
  await assertRejects(() => expectJson(client, undefined), TypeError, "a value for JSON");
  server.send('{"a":1}');
  const { actual, expected } = await failure(expectJson(client, { a: 2 }));
  assertEquals([actual, expected], [{ a: 1 }, { a: 2 }]);
  await client.close();
});

test("errors hold small values whole, and of large ones the part that differs", async () => {
  const { client, server } = await pair();
  const small = "a".repeat(4_096);
  server.send(small);
  const whole = await failure(expectMessage(client, "b"));
  assertEquals([whole.actual, whole.expected], [small, "b"]);

  const large = "a".repeat(400_000);
  server.send(`${large}b${large}`);
  const text = await failure(expectMessage(client, large + large));
  const left = "a".repeat(64);
  assertEquals(
    text.actual,
    `[399936 characters] … ${left}b${"a".repeat(191)} … [399809 characters]`,
  );
  assertEquals(
    text.expected,
    `[399936 characters] … ${left}${"a".repeat(192)} … [399808 characters]`,
  );

  server.send(large);
  const longer = await failure(expectMessage(client, "aa"));
  assertEquals([longer.actual, longer.expected], [
    `${"a".repeat(194)} … [399806 characters]`,
    "aa",
  ]);
  server.send(large);
  const nothing = await failure(expectNothing(client));
  assertEquals(nothing.actual, `${"a".repeat(192)} … [399808 characters]`);

  const bytes = new Uint8Array(5_000);
  server.send(bytes);
  const other = bytes.slice();
  other[4_999] = 0xff;
  const octets = await failure(expectMessage(client, other));
  assertEquals(octets.actual, `[4935 octets] … ${"00 ".repeat(64)}00`);
  assertEquals(octets.expected, `[4935 octets] … ${"00 ".repeat(64)}ff`);
  server.send("a");
  const kinds = await failure(expectMessage(client, bytes));
  assertEquals([kinds.actual, kinds.expected], ["a", `00${" 00".repeat(191)} … [4808 octets]`]);

  const list = Array.from({ length: 10_000 }, (_, id) => ({ id }));
  server.send(JSON.stringify(list));
  const json = await failure(
    expectJson(client, list.map(({ id }) => ({ id: id === 5_000 ? -1 : id }))),
  );
  assertEquals([json.actual, json.expected], [{ "$[5000].id": "5000" }, { "$[5000].id": "-1" }]);
  await client.close();
});

test("expectJson compares values that are nested deeper than the stack is", async () => {
  const { client, server } = await pair();
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  server.send(deep);
  const { message, actual } = await failure(expectJson(client, { a: 1 }));
  assertStringIncludes(message, 'Expected < TEXT "{\\"a\\":1}" [7 octets], got < TEXT "[[[[[[[[');
  assertEquals(JSON.stringify(actual).length < 2_000, true);
  for (const depth of [1_000, 3_000]) {
    const nested = (inner: unknown): unknown => {
      for (let i = 0; i < depth; i++) inner = [inner];
      return inner;
    };
    server.send(JSON.stringify(nested(1)));
    await expectJson(client, nested(1));
    server.send(JSON.stringify(nested(1)));
    assertStringIncludes(
      (await failure(expectJson(client, nested(2)))).message,
      "[0]: expected 2, got 1",
    );
  }
  const endless = { toJSON: (): unknown => [endless.toJSON()] };
  await assertRejects(() => expectJson(client, endless), TypeError, "nested too deep");
  await client.close();
});

test("expectNothing lasts until the test has advanced the clock", async () => {
  const clock = createClock();
  const { client, server } = await pair({ clock });
  let over = false;
  const nothing = expectNothing(client, { timeout: 50 }).then(() => over = true);
  client.ping();
  await clock.advance(49);
  assertEquals(over, false);
  await clock.advance(1);
  await nothing;
  server.send("late");
  await expectMessage(client, "late");
  client.terminate();
});

test("expectNothing shows what came", async () => {
  const { client, server } = await pair();
  server.send("hi");
  assertEquals(
    (await failure(expectNothing(client))).message,
    'Expected no message, got < TEXT "hi" [2 octets]',
  );
  const ended = failure(expectNothing(client));
  server.close();
  assertEquals((await ended).message, "Expected no message, got < CLOSE 1000 [2 octets]");
});

test("expectClose waits for the end, and returns how it came", async () => {
  const { client, server } = await pair();
  const closed = expectClose(client, { code: 4000, reason: "x" });
  server.close(4000, "x");
  assertEquals((await closed).wasClean, true);
  await expectClose(client);
  await expectClose(server, { code: 4000 });
  const { message, actual, expected } = await failure(expectClose(client, { code: 1000 }));
  assertEquals(message, 'Expected CLOSE 1000, got < CLOSE 4000 "x" [3 octets]');
  assertEquals([actual, expected], [{ code: 4000, reason: "x" }, { code: 1000, reason: "x" }]);
});

test("expectClose of a connection that was cut has 1006", async () => {
  const { client, link } = await pair();
  link.cut();
  await expectClose(client, { code: 1006 });
  assertStringIncludes(
    (await failure(expectClose(client, { code: 1000, reason: "bye" }))).message,
    'Expected CLOSE 1000 "bye", got ',
  );
});

test("expectClose shows the first message that nothing has taken, however many wait", async () => {
  for (const [count, size] of [[1, 1], [17, 1], [3, 100_000]] as const) {
    for (const closes of [true, false]) {
      const { client, server } = await pair();
      for (let i = 0; i < count; i++) server.send("a".repeat(size));
      if (closes) server.close(4000);
      const { message, actual } = await failure(expectClose(client, { code: 4000 }));
      assertStringIncludes(message, 'Expected CLOSE 4000, got < TEXT "a');
      assertStringIncludes(message, ", which nothing has taken: take each message before");
      assertEquals(typeof actual, "string");
      for (let i = 1; i < count; i++) await expectMessage(client, "a".repeat(size));
      const end = expectClose(client, { code: 4000 });
      if (!closes) server.close(4000);
      assertEquals((await end).code, 4000);
    }
  }
});

test("expectClose lets messages pass that something else takes", async () => {
  const clock = createClock();
  const { client, server } = await pair({ clock });
  client.ignoreMessages();
  for (let i = 0; i < 20; i++) server.send("a");
  const failed = failure(expectClose(client, {}, { timeout: 5 }));
  await clock.advance(5);
  assertEquals(
    (await failed).message,
    "Expected the end of the connection, got no end within 5 ms; " +
      "the messages go to a message hook or ignoreMessages()",
  );
  server.close(4000);
  await expectClose(client, { code: 4000 });
});

test("expectClose says that nothing came", async () => {
  const clock = createClock();
  const { client } = await pair({ clock });
  const nothing = failure(expectClose(client, { code: 1000 }, { timeout: 5 }));
  await clock.advance(5);
  assertEquals((await nothing).message, "Expected CLOSE 1000, got nothing within 5 ms");
  client.terminate();
});

test("an iteration takes the messages from its beginning to its end", async () => {
  const { client, server } = await pair();
  server.send("first");
  server.send("second");
  for await (const message of client) {
    // The body works, and no receive() waits.
    for (
      const matcher of [expectMessage(client, "x"), expectJson(client, 1), expectNothing(client)]
    ) {
      await assertRejects(() => matcher, TypeError, "got one with an iteration");
    }
    if (message === "second") break;
  }
  server.send("third");
  await expectMessage(client, "third");
  const iteration = client[Symbol.asyncIterator]();
  const last = iteration.next();
  server.close();
  assertEquals((await last).done, true);
  assertEquals((await iteration.next()).done, true);
  await expectClose(client, { code: 1000 });
});

test("an iteration that begins while matchers wait gets the message", async () => {
  const { client, server } = await pair();
  const matchers = [expectMessage(client, "x"), expectClose(client), expectNothing(client)];
  const rejected = Promise.all(
    matchers.map((matcher) => assertRejects(() => matcher, TypeError, "got one with an iteration")),
  );
  const iteration = client[Symbol.asyncIterator]();
  const first = iteration.next();
  server.send("first");
  assertEquals((await first).value, "first");
  await rejected;
  await iteration.return!();
  server.send("second");
  await expectMessage(client, "second");
  await client.close();
});

test("matchers refuse a timeout that the system's timers cannot wait", async () => {
  const { client } = await pair();
  const month = { timeout: 30 * 86_400_000 };
  for (
    const matcher of [
      expectMessage(client, "a", month),
      expectJson(client, 1, month),
      expectNothing(client, month),
      expectClose(client, {}, month),
    ]
  ) {
    await assertRejects(() => matcher, RangeError, "at most 2147483647 milliseconds");
  }
  const clock = createClock();
  const slow = await pair({ clock });
  const nothing = failure(expectNothing(slow.client, month));
  const [wait] = clock.pending.filter(({ waits }) => waits === "expectNothing() of the test");
  assertEquals(wait?.due, month.timeout);
  slow.client.terminate();
  await nothing;
  await client.close();
});

test("a message that is not valid deflate ends what a matcher waits for", async () => {
  const network = createNetwork();
  const server = await network.serve({ compression: true, websocket: (ws) => ws.closed });
  const peer = await network.raw(server.url, {
    handshake: "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n" +
      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" +
      "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
  });
  const [ws] = server.connections;
  const failed = failure(expectMessage(ws!, "a"));
  peer.sendFrame({ opcode: 1, rsv1: true, payload: Uint8Array.of(0xff, 0xff) });
  await peer.expectClose({ code: 1007 });
  peer.end();
  assertStringIncludes((await failed).message, "got the end: ");
  await expectClose(ws!, { code: 1007 });
  await server.close();
});

test("matchers work on a connection over a socket", async () => {
  await using server = await serve({
    port: 0,
    websocket: {
      message: (ws, data) => data === "quit" ? void ws.close(4000) : sendJson(ws, { got: data }),
    },
  });
  const ws = await connect(server.url);
  await ws.send("a");
  await expectJson(ws, { got: "a" });
  await expectNothing(ws, { timeout: 1 });
  await ws.send("quit");
  await expectClose(ws, { code: 4000 });
});
