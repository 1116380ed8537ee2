// What a consumer that is behind hides, which is nothing: control frames behind messages that wait, the end of the
// connection, and the messages themselves.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import type { Message, WebSocketConnection, WebSocketHooks } from "@sansocket/ws";
import { ConnectionClosed, ProtocolError } from "@sansocket/ws";
import { decodeHex, encodeHex } from "@std/encoding";
import { createClock } from "@sansocket/ws/testing";
import { isPending, networks, settled, withResolvers } from "../support/connections.ts";
import {
  type FakeConnection,
  type FakeConnectionOptions,
  openFake,
} from "../support/established.ts";
import { decodeFrames, encodeFrames, type NaiveFrame } from "../support/frames.ts";
import { test } from "../support/test.ts";

const KEY = "00000000";
const PING = `8980 ${KEY}`;
const CLOSE = `8882 ${KEY} 0fa1`;
/** A text of one octet. */
const text = (letter: string): string => `8181 ${KEY} ${letter.charCodeAt(0).toString(16)}`;
const texts = (letters: string): string => [...letters].map(text).join(" ");

/** How the other end of a fake connection ends, with what it says of it. */
const ends: Readonly<Record<string, (fake: FakeConnection) => void>> = {
  "a Close frame": (fake) => fake.receive(CLOSE),
  "the end of its stream": (fake) => fake.transport.sink.end(),
  "a reset": (fake) => fake.transport.sink.closed(new Error("ECONNRESET")),
};

/** Has the other end end, and its byte stream after it. */
async function endBy(fake: FakeConnection, how: string): Promise<void> {
  ends[how]!(fake);
  await settled();
  if (fake.endpoint.info === undefined) fake.transport.sink.closed();
}

/** A hook that waits until it is let go. */
function gatedHook(): { hooks: WebSocketHooks<undefined>; log: string[]; open(): void } {
  const log: string[] = [];
  let gate = withResolvers<void>();
  return {
    log,
    hooks: {
      async message(_ws, data) {
        log.push(`begin ${data}`);
        await gate.promise;
        log.push(`end ${data}`);
      },
      close: (_ws, { code }) => void log.push(`close ${code}`),
    },
    open() {
      gate.resolve();
      gate = withResolvers<void>();
    },
  };
}

for (const [name, create] of Object.entries(networks)) {
  test(`a handler that only waits for ws.closed learns of a Close behind a message, over ${name}`, async () => {
    const network = create();
    const ended = withResolvers<number>();
    await using server = await network.serve({
      port: 0,
      websocket: async (ws) => {
        const { code } = await ws.closed;
        ended.resolve(code);
      },
    });
    const client = await network.connect(server.url);
    await client.send("nobody takes it");
    const info = await client.close(4001);
    assertEquals([info.wasClean, await ended.promise], [true, 4001]);
    await settled();
    assertEquals(server.connections.size, 0);
  });

  test(`a client that only sends learns of a Close behind a message, over ${name}`, async () => {
    const network = create();
    await using server = await network.serve({
      port: 0,
      websocket: async (ws) => {
        await ws.send("welcome");
        await ws.close(4002, "token expired");
      },
    });
    const client = await network.connect(server.url);
    const { code, reason, wasClean } = await client.closed;
    assertEquals([code, reason, wasClean], [4002, "token expired", true]);
    // What had come is still there.
    assertEquals(await client.receive(), "welcome");
    await assertRejects(() => client.receive(), ConnectionClosed);
  });

  test(`ping() in a message hook resolves with messages behind it, over ${name}`, async () => {
    const network = create();
    const seen: Message[] = [];
    const done = withResolvers<void>();
    await using server = await network.serve({
      port: 0,
      websocket: {
        async message(ws, data) {
          assert(await ws.ping() >= 0);
          if (seen.push(data) === 3) done.resolve();
        },
      },
    });
    const client = await network.connect(server.url);
    for (const data of ["one", "two", "three"]) client.send(data);
    await done.promise;
    assertEquals(seen, ["one", "two", "three"]);
    await client.close();
  });
}

test("a Ping behind 15 messages is answered while the first is at work", async () => {
  const { hooks, log, open } = gatedHook();
  await using fake = openFake({ handler: hooks });
  fake.receive(texts("abcdefghijklmno") + PING);
  await settled();
  assertEquals([fake.frames(), log], [["8a"], ["begin a"]]);
  open();
  await settled();
  assertEquals(log.slice(1), ["end a", "begin b"]);
  for (let i = 1; i < 15; i++) {
    open();
    await settled();
  }
  assertEquals(log.at(-1), "end o");
});

/** Frames that may wait, and what comes behind them that may not. */
const bounds: readonly (readonly [what: string, frames: string, more: string])[] = [
  ["16 messages", texts("a").repeat(16), text("b")],
  ["16 empty messages", `8280 ${KEY}`.repeat(16), `8280 ${KEY}`],
  ["65,472 octets in one message", large(65_472), text("b")],
  ["65,536 octets less 64 for each message", large(32_704) + large(32_704), `8280 ${KEY}`],
  ["fragments as they come", fragments(30_000, 35_472), text("b")],
  [
    "a fragment of a message in progress",
    encodeHex(encodeFrames(frame(30_000, 2, false))),
    encodeHex(encodeFrames(frame(36_000, 0))),
  ],
  ["a message too large to begin", "", large(65_473)],
];

/** A binary message, as hex. */
function large(length: number): string {
  return encodeHex(encodeFrames(frame(length)));
}

function frame(length: number, opcode = 2, fin = true): NaiveFrame {
  return { opcode, fin, payload: new Uint8Array(length).fill(0x61), key: new Uint8Array(4) };
}

/** A binary message in two fragments. */
function fragments(first: number, last: number): string {
  return encodeHex(encodeFrames(frame(first, 2, false), frame(last, 0)));
}

for (const [what, frames, more] of bounds) {
  test(`up to the bound messages wait, and no more: ${what}`, async () => {
    await using fake = openFake();
    const { transport, endpoint } = fake;
    fake.receive(frames + PING);
    await settled();
    assertEquals([transport.paused, endpoint.blocked, fake.frames()], [false, false, ["8a"]]);
    fake.receive(more + PING);
    await settled();
    assertEquals([transport.paused, endpoint.blocked, fake.frames()], [true, true, ["8a"]]);
    // A consumer that asks gets them all, and reading goes on.
    let got = 0;
    while (endpoint.blocked || endpoint.draining) {
      got += (await fake.connection.receive()).length;
      await settled();
    }
    const sent = decodeFrames(decodeHex((frames + more).replaceAll(" ", "")));
    assertEquals(got, sent.reduce((sum, { payload }) => sum + payload.length, 0));
    assertEquals([transport.paused, fake.frames()], [false, ["8a", "8a"]]);
  });
}

test("what is parsed ahead is judged at once", async () => {
  for (
    const [hex, code] of [
      [`8182 ${KEY} c0af`, 1007],
      [`0181 ${KEY} e2 8081 ${KEY} 61`, 1007],
      [`8381 ${KEY} 00`, 1002],
      [`82ff 0000000000100001 ${KEY}`, 1009],
    ] as const
  ) {
    await using fake = openFake();
    fake.receive(text("a") + hex);
    await settled();
    fake.transport.sink.closed();
    const { cause } = await fake.connection.closed;
    assertInstanceOf(cause, ProtocolError);
    assertEquals(cause.code, code);
    // A violation discards what waits.
    await assertRejects(() => fake.connection.receive(), ConnectionClosed);
  }
});

test("a consumer that asks within the turn gets what came before a mistake of the peer's, and may answer", async () => {
  await using fake = openFake();
  fake.receive(text("a") + `8381 ${KEY} 00`);
  assertEquals(await fake.connection.receive(), "a");
  void fake.connection.send("b");
  await settled();
  assertEquals(fake.frames().map((line) => line.slice(0, 7)), ["81 62", "88 03ea"]);
});

for (const how of Object.keys(ends)) {
  test(`behind ${how} what waits goes to a hook one at a time, then close`, async () => {
    const { hooks, log, open } = gatedHook();
    await using fake = openFake({ handler: hooks });
    fake.receive(texts("abc"));
    await settled();
    await endBy(fake, how);
    // The end is told at once, whatever waits.
    const { code } = await fake.connection.closed;
    assertEquals(log, ["begin a"]);
    for (const letter of "abc") {
      assertEquals(log.at(-1), `begin ${letter}`);
      open();
      await settled();
    }
    assertEquals(log.slice(-2), ["end c", `close ${code}`]);
  });

  test(`behind ${how} what waits goes to receive(), iteration, readable and stream`, async () => {
    const takers: Record<string, (ws: WebSocketConnection<undefined>) => Promise<string>> = {
      receive: async (ws) => {
        let got = "";
        for (let i = 0; i < 3; i++) got += await ws.receive();
        return got;
      },
      receiveStream: async (ws) => {
        let got = "";
        for (let i = 0; i < 3; i++) got += await (await ws.receiveStream()).collect();
        return got;
      },
      iteration: async (ws) => {
        let got = "";
        for (let i = 0; i < 3; i++) {
          // Leaving early leaves the rest to the next.
          for await (const message of ws) {
            got += message;
            break;
          }
        }
        return got;
      },
      readable: async (ws) => {
        let got = "";
        const reader = ws.readable.getReader();
        for (let i = 0; i < 3; i++) got += (await reader.read()).value;
        return got;
      },
    };
    for (const [name, take] of Object.entries(takers)) {
      await using fake = openFake();
      fake.receive(texts("abc"));
      await endBy(fake, how);
      await fake.connection.closed;
      assertEquals(await take(fake.connection), "abc", name);
      const error = await assertRejects(() => fake.connection.receive(), ConnectionClosed);
      assertStrictEquals(error.info, await fake.connection.closed);
    }
  });

  test(`behind ${how} the rest of a chunk is given out too, beyond the bound`, async () => {
    const seen: Message[] = [];
    const gate = withResolvers<void>();
    await using fake = openFake({
      handler: {
        async message(_ws, data) {
          await gate.promise;
          seen.push(data);
        },
      },
    });
    fake.receive(texts("abcdefghijklmnopqrstuvwxyz"));
    await settled();
    assertEquals(fake.transport.paused, true);
    fake.transport.sink.closed(how === "a reset" ? new Error("ECONNRESET") : undefined);
    await fake.connection.closed;
    gate.resolve();
    await settled();
    assertEquals(seen.join(""), "abcdefghijklmnopqrstuvwxyz");
  });
}

test("a Close frame is answered at the end of the turn in which it was found", async () => {
  const replies: string[] = [];
  await using fake = openFake({
    handler: {
      async message(ws, data) {
        for (let i = 0; i < 3; i++) await undefined;
        await ws.send(`re ${data}`).then(() => replies.push("sent"), () => replies.push("refused"));
      },
    },
  });
  fake.receive(texts("ab") + CLOSE);
  await settled();
  assertEquals(replies, ["sent", "sent"]);
  assertEquals(fake.frames(), ["81 72652061", "81 72652062", "88 0fa1"]);
  await assertRejects(() => fake.connection.send("late"), ConnectionClosed);
});

/** What discards messages that wait. */
const discards: Readonly<Record<string, (fake: FakeConnection) => unknown>> = {
  "close()": ({ connection }) => void connection.close(),
  "terminate()": ({ connection }) => connection.terminate(),
  "a violation": (fake) => fake.receive(`8381 ${KEY} 00`),
  "cancelling readable": ({ connection }) => void connection.readable.cancel(),
};

for (const [what, act] of Object.entries(discards)) {
  for (const closedBefore of what === "a violation" ? [false] : [false, true]) {
    test(`${what} discards what waits, ${closedBefore ? "also behind" : "without"} a Close frame of the peer's`, async () => {
      await using fake = openFake();
      fake.receive(texts("abc"));
      if (closedBefore) await endBy(fake, "a Close frame");
      act(fake);
      await settled();
      assertEquals(fake.endpoint.draining, false);
      fake.receive(CLOSE);
      await settled();
      if (fake.endpoint.info === undefined) fake.transport.sink.closed();
      await assertRejects(() => fake.connection.receive(), ConnectionClosed);
    });
  }
}

test("a hook that fails discards what waits, and close comes next", async () => {
  for (const closedBefore of [false, true]) {
    const log: string[] = [];
    const gate = withResolvers<void>();
    await using fake = openFake({
      handler: {
        async message(_ws, data) {
          log.push(`${data}`);
          await gate.promise;
          throw new Error("broken");
        },
        close: () => void log.push("close"),
      },
    });
    fake.receive(texts("abc"));
    await settled();
    if (closedBefore) await endBy(fake, "a Close frame");
    gate.resolve();
    await settled();
    if (!closedBefore) fake.transport.sink.closed();
    await settled();
    assertEquals([log, fake.reported.length], [["a", "close"], 1]);
  }
});

test("a function handler that returns discards what waits", async () => {
  const gate = withResolvers<void>();
  const seen: Message[] = [];
  await using fake = openFake({
    handler: async (ws) => {
      seen.push(await ws.receive());
      await gate.promise;
    },
  });
  fake.receive(texts("abc"));
  await settled();
  gate.resolve();
  await settled();
  assertEquals([seen, fake.endpoint.draining, fake.frames()], [["a"], false, ["88 03e8"]]);
});

test("ignoreMessages() discards any number, counts them, and answers what stands behind them", async () => {
  await using fake = openFake();
  const { connection: ws, transport } = fake;
  fake.receive(texts("abc"));
  ws.ignoreMessages();
  assertEquals(ws.ignored, 3);
  for (let i = 0; i < 50; i++) fake.receive(large(10_000));
  fake.receive(fragments(40_000, 40_000) + PING);
  assertEquals([ws.ignored, transport.paused, fake.frames()], [54, false, ["8a"]]);
  await assertRejects(() => ws.receive(), TypeError, "ignoreMessages()");
  await assertRejects(() => ws.receiveStream(), TypeError, "ignoreMessages()");
  fake.receive(CLOSE);
  await settled();
  assertEquals(fake.frames().at(-1), "88 0fa1");
});

test("ignoreMessages() ends what waits for a message, and a hook gets no more", async () => {
  {
    await using fake = openFake();
    const received = fake.connection.receive();
    fake.connection.ignoreMessages();
    await assertRejects(() => received, Error, "ignoreMessages()");
  }
  const seen: Message[] = [];
  await using fake = openFake({
    handler: {
      message(ws, data) {
        seen.push(data);
        ws.ignoreMessages();
      },
    },
  });
  fake.receive(texts("abc"));
  assertEquals([seen, fake.connection.ignored], [["a"], 2]);
});

test("ignoreMessages() leaves a message that is being read in chunks to its reader", async () => {
  await using fake = openFake();
  const received = fake.connection.receiveStream();
  fake.receive(`0281 ${KEY} 01`);
  const chunks = (await received)[Symbol.asyncIterator]();
  assertEquals((await chunks.next()).value, Uint8Array.of(1));
  fake.connection.ignoreMessages();
  const next = chunks.next();
  fake.receive(`8081 ${KEY} 02` + text("a"));
  assertEquals((await next).value, Uint8Array.of(2));
  assertEquals([(await chunks.next()).done, fake.connection.ignored], [true, 1]);
});

test("hooks that take no messages have none of what exceeds the bound collected", async () => {
  await using fake = openFake({ handler: { close() {} } });
  fake.receive(large(60_000) + encodeHex(encodeFrames(frame(900_000, 2, false))) + PING);
  await settled();
  assertEquals([fake.connection.ignored, fake.frames()], [0, ["8a"]]);
  // One that asks in the middle of it gets what is whole.
  const received = [fake.connection.receive(), fake.connection.receive()];
  fake.receive(`8081 ${KEY} 02` + text("a"));
  assertEquals((await received[0]!).length, 60_000);
  assertEquals([await received[1], fake.connection.ignored], ["a", 1]);
});

test("the close timer, and a peer that is idle, take nothing from a handler that is behind", async () => {
  const { hooks, log, open } = gatedHook();
  const clock = createClock();
  await using fake = openFake({ clock, handler: hooks, heartbeat: false, idleTimeout: 60_000 });
  fake.transport.destroy = () => queueMicrotask(() => fake.transport.sink.closed());
  fake.receive(texts("abc"));
  await clock.advance(3_600_000);
  assertEquals([fake.endpoint.open, log], [true, ["begin a"]]);
  fake.receive(CLOSE);
  // The peer never ends its stream.
  await clock.advance(10_000);
  await fake.connection.closed;
  for (let i = 0; i < 3; i++) {
    open();
    await settled();
  }
  assertEquals(log.slice(-2), ["end c", "close 4001"]);
});

test("hooks that take no messages keep as many as may wait, and count what exceeds them", async () => {
  await using fake = openFake({ handler: { close() {} } });
  const { connection: ws, transport } = fake;
  fake.receive(texts("abcdefghijklmnopqrst") + PING);
  await settled();
  assertEquals([ws.ignored, transport.paused, fake.frames()], [4, false, ["8a"]]);
  fake.receive(large(70_000));
  assertEquals(ws.ignored, 5);
  // Once somebody has asked, nothing is dropped any more.
  let got = "";
  for (let i = 0; i < 16; i++) got += await ws.receive();
  assertEquals(got, "abcdefghijklmnop");
  fake.receive(texts("ABCDEFGHIJKLMNOPQ"));
  await settled();
  assertEquals([ws.ignored, transport.paused], [5, true]);
  for (const letter of "ABCDEFGHIJKLMNOPQ") assertEquals(await ws.receive(), letter);
  assertEquals(transport.paused, false);
});

test("a receive() whose signal has fired before takes no message, and from then on none is dropped", async () => {
  await using fake = openFake({ handler: { close() {} } });
  const { connection: ws, transport } = fake;
  fake.receive(texts("abcd"));
  const signal = AbortSignal.abort();
  await assertRejects(() => ws.receive({ signal }), DOMException);
  await assertRejects(() => ws.receiveStream({ signal }), DOMException);
  fake.receive(texts("efghijklmnopqrstu"));
  await settled();
  assertEquals([ws.ignored, transport.paused], [0, true]);
  for (const letter of "abcdefghijklmnopqrstu") assertEquals(await ws.receive(), letter);
  assertEquals(transport.paused, false);
});

test("hooks that take no messages are told of the end though messages wait", async () => {
  const closed = withResolvers<number>();
  await using fake = openFake({ handler: { close: (_ws, { code }) => closed.resolve(code) } });
  fake.receive(texts("ab"));
  await endBy(fake, "a Close frame");
  assertEquals(await closed.promise, 4001);
  assertEquals(await fake.connection.receive(), "a");
});

test("receive() in an open hook gets the messages of a handler without a message hook", async () => {
  for (const pending of [true, false]) {
    let got: Message | undefined;
    await using fake = openFake({
      handler: {
        open(ws) {
          const received = ws.receive().then((data) => void (got = data));
          return pending ? received : undefined;
        },
      },
    });
    fake.receive(texts("ab"));
    await settled();
    assertEquals([got, await fake.connection.receive()], ["a", "b"]);
  }
});

test("receive() beside a message hook rejects at once and names the hook, and the hook waits for open", async () => {
  const log: unknown[] = [];
  const gate = withResolvers<void>();
  await using fake = openFake({
    handler: {
      async open(ws) {
        for (const take of [() => ws.receive(), () => ws.receiveStream(), () => first(ws)]) {
          await assertRejects(take, TypeError, "message hook");
        }
        log.push("refused");
        await gate.promise;
        log.push("opened");
      },
      message: (_ws, data) => void log.push(data),
    },
  });
  fake.receive(texts("ab"));
  await settled();
  assertEquals(log, ["refused"]);
  gate.resolve();
  await settled();
  assertEquals([log, fake.reported], [["refused", "opened", "a", "b"], []]);
});

async function first(ws: WebSocketConnection<undefined>): Promise<Message | undefined> {
  for await (const message of ws) return message;
}

test("a receive() that was given up leaves the stream hook as it was", async () => {
  const log: string[] = [];
  const options: FakeConnectionOptions = {
    handler: {
      open(ws) {
        const controller = new AbortController();
        void ws.receive({ signal: controller.signal }).catch(() => {});
        controller.abort();
      },
      async stream(_ws, message) {
        log.push(`stream ${(await message.collect()).length}`);
      },
      streamFrom: 1000,
    },
  };
  await using fake = openFake(options);
  fake.receive(large(5000));
  await settled();
  // Without a message hook it gets the small ones as well, unless a receive() waits.
  fake.receive(text("a"));
  await settled();
  const received = fake.connection.receive();
  fake.receive(large(2000));
  await settled();
  fake.receive(large(3000));
  await settled();
  assertEquals(log, ["stream 5000", "stream 1", "stream 3000"]);
  assertEquals((await received).length, 2000);
});

test("a stream hook and its message hook share messages by size, whether they waited or not", async () => {
  const log: string[] = [];
  const gate = withResolvers<void>();
  await using fake = openFake({
    handler: {
      open: () => gate.promise,
      message: (_ws, data) => void log.push(`message ${data.length}`),
      async stream(_ws, message) {
        log.push(`stream ${(await message.collect()).length}`);
      },
      streamFrom: 1000,
    },
  });
  fake.receive(large(999) + large(1000) + text("a"));
  await settled();
  gate.resolve();
  await settled();
  fake.receive(large(999) + large(1000));
  await settled();
  const both = ["message 999", "stream 1000"];
  assertEquals(log, [...both, "message 1", ...both]);
});

/** Transfers the memory of a message, as `postMessage()` does. */
function transfer(data: Message): void {
  assert(typeof data !== "string");
  structuredClone(data.buffer, { transfer: [data.buffer] });
}

test("a message whose memory is transferred fails its connection at worst, and is reported", async () => {
  for (const size of [20, 100, 3000]) {
    const seen: number[] = [];
    await using fake = openFake({
      handler: {
        message(_ws, data) {
          seen.push(data.length);
          transfer(data);
        },
      },
    });
    fake.receive(large(size));
    assertEquals([seen, fake.endpoint.open], [[size], true], "the last of its chunk harms nobody");
    fake.receive(large(size).repeat(3));
    await settled();
    if (fake.endpoint.open) {
      // Where small messages are copied one by one there is nothing to lose.
      assertEquals([seen.length, fake.reported], [4, []]);
      continue;
    }
    assertEquals([seen.length, fake.reported.length], [2, 1]);
    assert(fake.frames().at(-1)?.startsWith("88 03f3"));
    const [error] = fake.reported;
    assertInstanceOf(error, Error);
    assert(error.message.includes("ownBuffers"), error.message);
  }
});

test("ownBuffers gives each binary message a buffer that begins with it and has nothing else", async () => {
  const seen: Message[] = [];
  await using fake = openFake({
    ownBuffers: true,
    handler: {
      message(_ws, data) {
        assert(typeof data !== "string");
        assertEquals([data.byteOffset, data.buffer.byteLength], [0, data.length]);
        seen.push(data.slice());
        transfer(data);
      },
    },
  });
  fake.receive(`8284 ${KEY} 0000803f 8284 ${KEY} 00000040` + large(300));
  assertEquals(seen.map(({ length }) => length), [4, 4, 300]);
  assertEquals([fake.endpoint.open, fake.reported], [true, []]);
});

test("messages that wait do not keep the chunk that they came in", async () => {
  await using fake = openFake();
  fake.receive(`8281 ${KEY} 01` + large(30_000) + `8281 ${KEY} 02`);
  await settled();
  const kept = [];
  for (let i = 0; i < 3; i++) kept.push(await fake.connection.receive());
  for (const data of kept) {
    assert(typeof data !== "string");
    assertEquals(data.buffer.byteLength, data.length);
  }
});

test("a consumer that keeps up within the turn is never parsed ahead of", async () => {
  const draining: boolean[] = [];
  await using fake = openFake({
    handler: async (ws) => {
      for await (const message of ws) {
        draining.push(fake.endpoint.draining);
        await ws.send(message);
      }
    },
  });
  fake.receive(texts("abcdefghijklmnopqrst"));
  await settled();
  assertEquals(draining, Array(20).fill(false));
});

test("closed resolves while a message is still at work", async () => {
  const gate = withResolvers<void>();
  await using fake = openFake({ handler: { message: () => gate.promise } });
  fake.receive(texts("ab"));
  await settled();
  await endBy(fake, "a Close frame");
  assertEquals(await isPending(fake.connection.closed), false);
  gate.resolve();
});
