// reconnect() on a network in memory, by a clock that the test advances.

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  ConnectionClosed,
  HandshakeError,
  MessageRefused,
  PreparedMessage,
  reconnect,
  ReconnectingConnection,
  type ReconnectOptions,
  type ReconnectWait,
  serve,
  type WebSocketConnection,
} from "@sansocket/ws";
import { createClock, createNetwork, type Network, type TestClock } from "@sansocket/ws/testing";
import { test } from "../support/test.ts";

interface Stage {
  readonly clock: TestClock;
  readonly network: Network;
}

/** A network, and the time on it. */
function createStage(): Stage {
  const clock = createClock();
  return { clock, network: createNetwork({ clock }) };
}

/** What a promise rejects with. */
async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("It has resolved");
}

const PORT = 9000;
const URL_OF = `ws://127.0.0.1:${PORT}/`;

test("reconnect resolves with the first open connection, however often it takes", async () => {
  const { clock, network } = createStage();
  const waits: ReconnectWait[] = [];
  const attempts: (readonly [number, boolean])[] = [];
  const opening = network.reconnect(URL_OF, {
    onwait: (wait) => waits.push(wait),
    onattempt: ({ attempt, wasConnected }) => attempts.push([attempt, wasConnected]),
  });
  for (let i = 0; i < 3; i++) {
    await clock.advance(0);
    assertEquals(waits.length, i + 1);
    const { delay, failure } = waits[i]!;
    assert(delay >= 0 && delay <= 1_000 * 2 ** i);
    assertEquals([failure.attempt, (failure.error as { code?: string }).code], [
      i + 1,
      "ECONNREFUSED",
    ]);
    await clock.advance(delay);
  }
  const server = await network.serve({
    port: PORT,
    websocket: (ws) => ws.send("hi").then(() => ws.closed),
  });
  await clock.advance(8_000);
  const ws = await opening;
  assert(ws instanceof ReconnectingConnection);
  assertEquals([ws.state, await ws.receive(), ws.protocol, ws.extensions], [
    "open",
    "hi",
    "",
    "",
  ]);
  assertEquals(attempts.slice(0, 4), [[1, false], [2, false], [3, false], [4, false]]);
  assertEquals((await ws.close()).wasClean, true);
  assertEquals(ws.state, "closed");
  await server.close();
});

test("reconnect rejects what will fail again, and tries what may pass", async () => {
  const outcome = async (status: number): Promise<"fatal" | "tries"> => {
    const { clock, network } = createStage();
    const server = await network.serve({ port: PORT, websocket: {} });
    network.refuse({ with: status });
    const opening = network.reconnect(URL_OF);
    const failed = opening.then(() => "tries" as const, (error) => {
      assert(error instanceof HandshakeError);
      assertEquals(error.status, status);
      return "fatal" as const;
    });
    await clock.advance(2_000);
    const result = await failed;
    if (result === "tries") await (await opening).close();
    await server.close();
    return result;
  };
  for (const status of [400, 401, 403, 404, 410, 426, 451, 499]) {
    assertEquals([status, await outcome(status)], [status, "fatal"]);
  }
  for (const status of [301, 408, 425, 429, 500, 502, 503, 504, 599]) {
    assertEquals([status, await outcome(status)], [status, "tries"]);
  }
});

test("reconnect gives 401 one more attempt where a function makes the token", async () => {
  for (const [given, tries] of [["function", 2], ["value", 1]] as const) {
    const { clock, network } = createStage();
    const tokens: (string | null)[] = [];
    const server = await network.serve({
      port: PORT,
      fetch: (request, { upgrade }) => {
        tokens.push(request.headers.get("authorization"));
        return tokens.length === 4 ? upgrade({}) : new Response("no", { status: 401 });
      },
    });
    let token = 0;
    const headers: ReconnectOptions["headers"] = given === "value"
      ? { authorization: "Bearer 1" }
      : async ({ failure }) => {
        await clock.sleep(1);
        assertEquals(failure?.status, token === 0 ? undefined : 401);
        return { authorization: `Bearer ${++token}` };
      };
    const failed = failureOf(network.reconnect(URL_OF, { headers }));
    await clock.advance(5_000);
    assertEquals((await failed as HandshakeError).status, 401);
    assertEquals(tokens, ["Bearer 1", "Bearer 2"].slice(0, tries));
    await server.close();
  }
});

test("reconnect ends with 1000 and without a code, and with codes that say that it does wrong", async () => {
  const after = async (code: number | null): Promise<[string, boolean | undefined]> => {
    const { clock, network } = createStage();
    let connections = 0;
    const server = await network.serve({
      websocket: { open: (ws) => void (connections++ === 0 && ws.close(code)) },
    });
    const ws = await network.reconnect(server.url);
    const messages = (async () => {
      for await (const _ of ws);
    })();
    const ended = messages.then(() => true, (error) => {
      assert(error instanceof ConnectionClosed);
      return false;
    });
    await clock.advance(5_000);
    const { state } = ws;
    if (state === "open") await ws.close();
    await server.close();
    return [state, state === "open" ? undefined : await ended];
  };
  for (const code of [1000, null]) {
    assertEquals([code, await after(code)], [code, ["closed", true]]);
  }
  for (const code of [1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003, 4000, 4321, 4999]) {
    assertEquals([code, await after(code)], [code, ["closed", false]]);
  }
  for (const code of [1001, 1011, 1012, 1013, 1014, 3001, 3002, 3999]) {
    assertEquals([code, await after(code)], [code, ["open", undefined]]);
  }
});

test("reconnect does what retry decides", async () => {
  const { clock, network } = createStage();
  const server = await network.serve({ port: PORT, websocket: {} });
  const asked: [status: number | undefined, fatal: boolean][] = [];
  network.refuse({ with: 404 });
  network.refuse({ with: 503 });
  const opening = network.reconnect(URL_OF, {
    retry: async ({ status, fatal }) => {
      await Promise.resolve();
      asked.push([status, fatal]);
      return status === 404 ? true : status === 503 ? false : undefined;
    },
  });
  const failed = failureOf(opening);
  await clock.advance(5_000);
  assertEquals((await failed as HandshakeError).status, 503);
  assertEquals(asked, [[404, true], [503, false]]);
  await server.close();
});

test("reconnect rejects with whatever a function of an attempt throws", async () => {
  const wrong: unknown[] = [
    Object.create(null),
    Symbol("thrown"),
    null,
    // As clients of HTTP throw it, whose header fields are no Headers.
    Object.assign(new Error("503"), { status: 503, headers: { "retry-after": "60" } }),
  ];
  for (const thrown of wrong) {
    const { clock, network } = createStage();
    let calls = 0;
    const opening = network.reconnect(URL_OF, {
      maxAttempts: 2,
      headers() {
        calls++;
        throw thrown;
      },
    });
    const failed = failureOf(opening);
    await clock.advance(1_000);
    const error = await failed;
    assert(Object.is(error, thrown) || (thrown === null && error instanceof ConnectionClosed));
    assertEquals(calls, 2);
  }
});

test("reconnect gives up after maxAttempts in a row", async () => {
  const { clock, network } = createStage();
  let attempts = 0;
  const failed = failureOf(
    network.reconnect(URL_OF, { maxAttempts: 3, onattempt: () => void attempts++ }),
  );
  await clock.advance(60_000);
  assertEquals([(await failed as { code?: string }).code, attempts], ["ECONNREFUSED", 3]);

  // A connection that lasts counts as a new beginning; one that does not is an attempt like others.
  const server = await network.serve({
    port: PORT,
    websocket: {
      open: (ws) => void clock.sleep(attempts < 6 ? 6_000 : 10).then(() => ws.terminate()),
    },
  });
  attempts = 0;
  const ws = await network.reconnect(URL_OF, { maxAttempts: 2, onattempt: () => void attempts++ });
  await clock.advance(200_000);
  const info = await ws.closed;
  assertEquals([attempts, info.code, ws.state], [7, 1006, "closed"]);
  await server.close();
});

test("reconnect lets a caller call off what it waits for", async () => {
  const reason = new Error("called off");
  {
    const { network } = createStage();
    const aborted = AbortSignal.abort(reason);
    assertEquals(await failureOf(network.reconnect(URL_OF, { signal: aborted })), reason);
  }
  // While it waits, while it connects, while a function works, in onopen.
  const stages: Record<string, Partial<ReconnectOptions>> = {
    waiting: {},
    connecting: {},
    function: { headers: () => new Promise<never>(() => {}) },
    onopen: { onopen: () => new Promise<never>(() => {}) },
  };
  for (const [stage, options] of Object.entries(stages)) {
    const { clock, network } = createStage();
    const server = stage === "waiting"
      ? undefined
      : await network.serve({ port: PORT, websocket: {} });
    if (stage === "connecting") network.refuse({ with: "timeout", times: 1 });
    const controller = new AbortController();
    const failed = failureOf(
      network.reconnect(URL_OF, { ...options, signal: controller.signal, baseDelay: 5_000 }),
    );
    await clock.advance(0);
    controller.abort(reason);
    assertEquals([stage, await failed], [stage, reason]);
    await server?.close();
    await clock.advance(0);
    assertEquals([stage, clock.pending], [stage, []]);
  }
});

test("reconnect bounds the functions of an attempt", async () => {
  const { clock, network } = createStage();
  const waits: ReconnectWait[] = [];
  const ws = await network.reconnect(() => new Promise<never>(() => {}), {
    lazy: true,
    handshakeTimeout: 500,
    onwait: (wait) => waits.push(wait),
  });
  await clock.advance(500);
  assertEquals((waits[0]?.failure.error as HandshakeError).code, "ETIMEDOUT");
  assertEquals(ws.state, "waiting");
  await ws.close();
  // What a function throws passes.
  const server = await network.serve({ port: PORT, websocket: {} });
  let calls = 0;
  const opening = network.reconnect(() => {
    if (calls++ === 0) throw new TypeError("no token today");
    return Promise.resolve(URL_OF);
  });
  await clock.advance(1_000);
  await (await opening).close();
  await server.close();
});

test("reconnect with lazy resolves at once, and keeps what is sent meanwhile", async () => {
  const { clock, network } = createStage();
  const ws = await network.reconnect(URL_OF, { lazy: true });
  assertEquals([ws.state, ws.connection], ["connecting", undefined]);
  await ws.send("early");
  const got: unknown[] = [];
  const server = await network.serve({
    port: PORT,
    websocket: { message: (_ws, data) => void got.push(data) },
  });
  await clock.advance(10_000);
  assertEquals([got, ws.state, ws.sent], [["early"], "open", 1]);
  await ws.close();
  await server.close();
});

test("reconnect runs onopen first, then sends what waits, and keeps what comes meanwhile", async () => {
  const { clock, network } = createStage();
  const got: unknown[] = [];
  const server = await network.serve({
    port: PORT,
    websocket: {
      open: (ws) => void ws.send("to the hook"),
      message: (ws, data) => {
        got.push(data);
        if (data === "subscribe") ws.send("to the program");
      },
    },
  });
  const opened: unknown[] = [];
  const ws = await network.reconnect(URL_OF, {
    async onopen(connection, { attempt, wasConnected }) {
      opened.push([attempt, wasConnected, await connection.receive()]);
      await connection.send("subscribe");
      await clock.sleep(100);
    },
    lazy: true,
  });
  ws.send("waits");
  await clock.advance(50);
  assertEquals([got, ws.state], [["subscribe"], "connecting"]);
  await clock.advance(50);
  assertEquals([got, ws.state], [["subscribe", "waits"], "open"]);
  assertEquals(await ws.receive(), "to the program");
  await clock.advance(10_000);
  network.link(ws.connection!).cut();
  await clock.advance(5_000);
  assertEquals(opened, [[1, false, "to the hook"], [1, true, "to the hook"]]);
  assertEquals(await ws.receive(), "to the program");
  await ws.close();
  await server.close();
});

test("reconnect takes an attempt for failed when onopen throws", async () => {
  const { clock, network } = createStage();
  const codes: number[] = [];
  const server = await network.serve({
    port: PORT,
    websocket: { close: (_ws, { code }) => void codes.push(code) },
  });
  const failures: unknown[] = [];
  const opening = network.reconnect(URL_OF, {
    onopen(_connection, { attempt }) {
      if (attempt < 3) throw new Error(`not yet ${attempt}`);
    },
    onwait: ({ failure }) => failures.push((failure.error as Error).message),
  });
  await clock.advance(10_000);
  const ws = await opening;
  assertEquals([failures, codes], [["not yet 1", "not yet 2"], [1011, 1011]]);
  await ws.close();
  await server.close();
});

test("reconnect gives up an onopen whose connection is lost", async () => {
  const { clock, network } = createStage();
  const server = await network.serve({
    port: PORT,
    websocket: { open: (ws) => ws.send("before the end").then(() => ws.close(1012)) },
  });
  let calls = 0;
  const ws = await network.reconnect(URL_OF, {
    onopen: () => ++calls === 1 ? new Promise<never>(() => {}) : undefined,
    lazy: true,
  });
  await clock.advance(0);
  assertEquals([calls, ws.state], [1, "waiting"]);
  assertEquals(await ws.receive(), "before the end");
  await clock.advance(4_000);
  assert(calls > 1);
  await ws.close();
  await server.close();
});

test("reconnectNow ends a wait, and nothing else", async () => {
  const { clock, network } = createStage();
  let attempts = 0;
  const ws = await network.reconnect(URL_OF, {
    lazy: true,
    baseDelay: 30_000,
    onattempt: () => void attempts++,
  });
  ws.reconnectNow();
  await clock.advance(0);
  assertEquals([attempts, ws.state], [1, "waiting"]);
  const server = await network.serve({ port: PORT, websocket: {} });
  ws.reconnectNow();
  ws.reconnectNow();
  await clock.advance(0);
  assertEquals([attempts, ws.state], [2, "open"]);
  ws.reconnectNow();
  await clock.advance(0);
  assertEquals([attempts, ws.state], [2, "open"]);
  await ws.close();
  ws.reconnectNow();
  await clock.advance(0);
  assertEquals([attempts, clock.pending], [2, []]);
  await server.close();
});

test("reconnect calls no function of an attempt that onattempt has closed", async () => {
  const { clock, network } = createStage();
  let calls = 0;
  const ws = await network.reconnect(() => {
    calls++;
    return URL_OF;
  }, {
    lazy: true,
    onattempt: ({ attempt }) => void (attempt === 2 && ws.close()),
  });
  await clock.advance(0);
  ws.reconnectNow();
  const { code, orderly } = await ws.closed;
  await clock.advance(0);
  assertEquals([calls, code, orderly, clock.pending], [1, 1006, true, []]);
});

test("reconnect closes while it waits, connects, or runs onopen, and drops what waits", async () => {
  for (const stage of ["waiting", "connecting", "onopen"]) {
    for (const end of ["close", "terminate"] as const) {
      const { clock, network } = createStage();
      const server = stage === "waiting"
        ? undefined
        : await network.serve({ port: PORT, websocket: {} });
      if (stage === "connecting") network.refuse({ with: "timeout" });
      const ws = await network.reconnect(URL_OF, {
        lazy: true,
        ...(stage === "onopen" && { onopen: () => new Promise<never>(() => {}) }),
      });
      await clock.advance(0);
      await ws.send("never sent");
      const waiting = ws.receive();
      ws[end]();
      ws[end]();
      await clock.advance(0);
      const info = await ws.closed;
      assertEquals([stage, info.code, ws.state, ws.dropped, ws.sent], [
        stage,
        stage === "onopen" && end === "close" ? 1000 : 1006,
        "closed",
        1,
        0,
      ]);
      assertEquals([stage, info.initiator], [stage, "local"]);
      await assertRejects(() => waiting, ConnectionClosed);
      await assertRejects(() => ws.send("late"), ConnectionClosed);
      assertEquals(ws.refused, 1);
      await server?.close();
      await clock.advance(0);
      assertEquals([stage, clock.pending], [stage, []]);
    }
  }
});

test("close sends what waits first, and no longer than closeTimeout", async () => {
  for (const [slow, expected] of [[false, [30, 0]], [true, undefined]] as const) {
    const { clock, network } = createStage();
    let got = 0;
    const server = await network.serve({
      port: PORT,
      maxMessageSize: 1_000_000,
      websocket: { message: () => void got++ },
    });
    const ws = await network.reconnect(URL_OF, { compression: false, closeTimeout: 1_000 });
    const link = network.link(ws.connection!);
    if (slow) link.pause("server");
    for (let i = 0; i < 30; i++) ws.send(new Uint8Array(50_000));
    const closing = ws.close();
    assertEquals(ws.state, "closing");
    await clock.advance(0);
    if (!slow) assertEquals([got, ws.dropped], expected);
    await clock.advance(5_000);
    const info = await closing;
    assertEquals(info.wasClean, !slow);
    assertEquals(ws.sent + ws.dropped, 30);
    if (slow) assert(ws.dropped > 20, `${ws.dropped} were dropped`);
    const closed = server.close();
    await clock.advance(60_000);
    await closed;
  }
});

test("send refuses chunks while there is no connection, and takes them when there is one", async () => {
  const { clock, network } = createStage();
  const ws = await network.reconnect(URL_OF, { lazy: true });
  const error = await failureOf(ws.send(["a", "b"]));
  assert(error instanceof MessageRefused);
  assertEquals([error.code, error.name], ["ENOTCONN", "MessageRefused"]);
  assertEquals(await failureOf(ws.send(new Blob(["x"]))) instanceof MessageRefused, true);
  const got: unknown[] = [];
  const server = await network.serve({
    port: PORT,
    websocket: { message: (_ws, data) => void got.push(data) },
  });
  await clock.advance(10_000);
  await ws.send(["a", "b"]);
  await ws.send(new Blob(["x"]));
  await ws.send(new PreparedMessage("prepared"));
  await clock.advance(0);
  assertEquals([got, ws.sent, ws.refused], [["ab", new Uint8Array([0x78]), "prepared"], 3, 2]);
  await ws.close();
  await server.close();
});

test("send throws for what connections do not take, with and without one", async () => {
  const { clock, network } = createStage();
  const server = await network.serve({ port: PORT, websocket: {} });
  const ws = await network.reconnect(URL_OF);
  for (const step of ["open", "waiting"]) {
    for (
      const [data, options] of [
        [{}, undefined],
        [undefined, undefined],
        [[], undefined],
        ["a", { compres: true }],
        [new Uint8Array([0xff]), { binary: false }],
      ] as const
    ) {
      let error: unknown;
      try {
        await ws.send(data as never, options as never);
      } catch (thrown) {
        error = thrown;
      }
      assertEquals([step, (error as Error)?.name], [step, "TypeError"]);
    }
    assertEquals([step, ws.state], [step, step]);
    if (step === "open") {
      network.link(ws.connection!).cut();
      await clock.advance(0);
    }
  }
  assertEquals([ws.sent, ws.refused, ws.bufferedAmount], [0, 0, 0]);
  await ws.close();
  await server.close();
});

test("send sends as text or binary what it kept", async () => {
  const { clock, network } = createStage();
  const ws = await network.reconnect(URL_OF, { lazy: true });
  await ws.send("h\u00e9", { binary: true });
  await ws.send(new Uint8Array([0x68, 0x69]), { binary: false });
  await ws.send(new Uint16Array([0x0201]));
  const got: unknown[] = [];
  const server = await network.serve({
    port: PORT,
    websocket: { message: (_ws, data) => void got.push(data) },
  });
  await clock.advance(10_000);
  assertEquals(got, [new Uint8Array([0x68, 0xc3, 0xa9]), "hi", new Uint8Array([1, 2])]);
  await ws.close();
  await server.close();
});

test("ignoreMessages discards what comes on each connection", async () => {
  const { clock, network } = createStage();
  const server = await network.serve({
    port: PORT,
    websocket: {
      open: (ws) => {
        for (let i = 0; i < 100; i++) ws.send("noise");
      },
      message: (ws) => ws.close(1012),
    },
  });
  const ws = await network.reconnect(URL_OF);
  ws.ignoreMessages();
  await assertRejects(() => ws.receive(), TypeError);
  for (let i = 0; i < 5; i++) {
    await ws.send("next");
    await clock.advance(40_000);
  }
  assertEquals([ws.sent, ws.state], [5, "open"]);
  await ws.close();
  await server.close();
});

test("reconnect checks its options at once", async () => {
  const { network } = createStage();
  const wrong: [unknown, string][] = [
    [{ baseDelay: 0 }, "RangeError"],
    [{ minUptime: -1 }, "RangeError"],
    [{ maxAttempts: 0 }, "RangeError"],
    [{ queue: "keep" }, "TypeError"],
    [{ overflow: "wait" }, "TypeError"],
    [{ onOpen: () => {} }, "TypeError"],
    [{ resend: 1 }, "TypeError"],
    [{ retry: true }, "TypeError"],
    [null, "TypeError"],
  ];
  for (const [options, name] of wrong) {
    const error = await failureOf(network.reconnect(URL_OF, options as never));
    assertEquals([options, (error as Error).name], [options, name]);
  }
  const error = await failureOf(network.reconnect("ftp://example.org", { lazy: true }));
  assertEquals((error as Error).name, "SyntaxError");
});

test("reconnect takes a mistake in what a function gives for fatal", async () => {
  const { network } = createStage();
  const error = await failureOf(network.reconnect(() => "no url"));
  assertEquals((error as Error).name, "SyntaxError");
});

test("reconnect keeps one message in order with what comes on the next connection", async () => {
  const { clock, network } = createStage();
  let connection: WebSocketConnection | undefined;
  const server = await network.serve({
    port: PORT,
    websocket: { open: (ws) => void (connection = ws) },
  });
  const ws = await network.reconnect(URL_OF);
  const got: unknown[] = [];
  const reading = (async () => {
    for await (const message of ws) got.push(message);
  })();
  for (let i = 0; i < 20; i++) {
    for (let j = 0; j < 5; j++) connection!.send(`${i}.${j}`);
    await clock.advance(0);
    network.link(ws.connection!).cut();
    await clock.advance(40_000);
  }
  const expected = Array.from({ length: 100 }, (_, i) => `${Math.floor(i / 5)}.${i % 5}`);
  assertEquals(got, expected);
  await ws.close();
  await reading;
  await server.close();
});

test("reconnect comes back to a server that is started again, over TCP", async () => {
  const start = (port: number) =>
    serve({ port, websocket: { message: (ws, data) => ws.send(`${data}`) } });
  let server = await start(0);
  const { port } = new URL(server.url);
  const ws = await reconnect(server.url, { baseDelay: 20, maxDelay: 50 });
  await ws.send("one");
  assertEquals(await ws.receive(), "one");
  await server.close();
  await ws.send("two");
  const next = ws.receive();
  server = await start(Number(port));
  assertEquals(await next, "two");
  assertEquals([ws.sent, ws.dropped, ws.unconfirmed, ws.refused], [2, 0, 1, 0]);
  const { code, wasClean } = await ws.close(4000, "done");
  assertEquals([code, wasClean], [4000, true]);
  await server.close();
});
