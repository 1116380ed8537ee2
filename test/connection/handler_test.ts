import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import {
  type CloseInfo,
  ConnectionClosed,
  type ServerOptions,
  type WebSocketConnection,
  type WebSocketFunction,
  type WebSocketHandler,
} from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import { isPending, settled, withResolvers } from "../support/connections.ts";
import { openFake } from "../support/established.ts";
import { test } from "../support/test.ts";

interface Scene {
  /** What the handlers noted. */
  readonly log: unknown[];
  /** What the server was told by its `error` option. */
  readonly reported: unknown[];
  /** A client connection. */
  connect(): Promise<WebSocketConnection>;
}

/** Runs `body` with a server whose connections `handler` takes. */
function scene(
  name: string,
  handler: (log: unknown[]) => WebSocketHandler,
  body: (scene: Scene) => Promise<void>,
  options: ServerOptions = {},
): void {
  test(name, async () => {
    const { serve, connect } = createNetwork();
    const log: unknown[] = [];
    const reported: unknown[] = [];
    const server = await serve({
      error: (error) => reported.push(error),
      ...options,
      websocket: handler(log),
    });
    await body({ log, reported, connect: () => connect(server.url) });
    await server.close();
  });
}

const failure = new Error("The handler's own mistake");

scene(
  "WebSocketHooks are called in order, close last",
  (log) => ({
    open: () => log.push("open"),
    message: (_ws, data) => log.push(data),
    close: (_ws, { code, reason, wasClean, initiator }) =>
      log.push({ code, reason, wasClean, initiator }),
    error: () => log.push("error"),
  }),
  async ({ log, reported, connect }) => {
    const ws = await connect();
    ws.send("1");
    ws.send("2");
    await ws.close(4000, "bye");
    await settled();
    assertEquals(log, ["open", "1", "2", {
      code: 4000,
      reason: "bye",
      wasClean: true,
      initiator: "remote",
    }]);
    assertEquals(reported, []);
  },
);

scene("WebSocketHooks may be empty", () => ({}), async ({ connect }) => {
  const ws = await connect();
  ws.send("to nobody");
  await ws.ping();
  assertEquals((await ws.close()).wasClean, true);
});

test("WebSocketHooks that are async run one at a time, open before messages", async () => {
  const { serve, connect } = createNetwork();
  const log: string[] = [];
  const gates = Array.from({ length: 4 }, () => withResolvers<void>());
  let next = 0;
  const step = async (name: string): Promise<void> => {
    log.push(`${name} begins`);
    await gates[next++]?.promise;
    log.push(`${name} ends`);
  };
  const server = await serve({
    websocket: {
      open: () => step("open"),
      message: (_ws, data) => step(String(data)),
      close: () => step("close"),
    },
  });
  const ws = await connect(server.url);
  ws.send("1");
  ws.send("2");
  const closed = ws.close();
  const expected: string[] = [];
  for (const [i, name] of ["open", "1", "2", "close"].entries()) {
    await settled();
    expected.push(`${name} begins`);
    assertEquals(log, expected);
    if (name === "close") await closed;
    gates[i]?.resolve();
    expected.push(`${name} ends`);
  }
  await server.close();
  assertEquals(log, expected);
});

test("WebSocketHooks close waits for the message hook that runs when the connection drops", async () => {
  const { serve, connect } = createNetwork();
  const log: string[] = [];
  const gate = withResolvers<void>();
  const done = withResolvers<CloseInfo>();
  const server = await serve({
    websocket: {
      async message(ws) {
        ws.terminate();
        await gate.promise;
        log.push("message ends");
      },
      close(_ws, info) {
        log.push("close");
        done.resolve(info);
      },
    },
  });
  const ws = await connect(server.url);
  await ws.send("1");
  await ws.closed;
  assertEquals(await isPending(done.promise), true);
  gate.resolve();
  assertEquals((await done.promise).code, 1006);
  assertEquals(log, ["message ends", "close"]);
  await server.close();
});

scene(
  "WebSocketHooks that return send() keep the order of answers",
  () => ({ message: (ws, data) => ws.send(`${data}!`) }),
  async ({ connect }) => {
    const ws = await connect();
    for (let i = 0; i < 50; i++) ws.send(`${i}`);
    for (let i = 0; i < 50; i++) assertEquals(await ws.receive(), `${i}!`);
    await ws.close();
  },
);

const throwing: [string, (log: unknown[]) => WebSocketHandler, boolean][] = [
  ["an open hook that throws", () => ({
    open() {
      throw failure;
    },
  }), false],
  ["an open hook that rejects", () => ({ open: () => Promise.reject(failure) }), false],
  ["a message hook that throws", (log) => ({
    message(_ws, data) {
      log.push(data);
      throw failure;
    },
  }), true],
  ["a message hook that rejects", (log) => ({
    async message(_ws, data) {
      log.push(data);
      await Promise.resolve();
      throw failure;
    },
  }), true],
  ["a function that throws", () => () => {
    throw failure;
  }, false],
  ["a function that rejects", (log) => async (ws) => {
    log.push(await ws.receive());
    throw failure;
  }, true],
];

for (const [what, handler, takesMessage] of throwing) {
  scene(
    `WebSocketHandler: ${what} closes its connection with 1011 and is reported once`,
    handler,
    async ({ log, reported, connect }) => {
      const ws = await connect();
      ws.send("1");
      ws.send("2");
      const info = await ws.closed;
      assertEquals([info.code, info.reason, info.wasClean], [1011, "", true]);
      assertEquals(log, takesMessage ? ["1"] : []);
      assertEquals(reported.length, 1);
      assertStrictEquals(reported[0], failure);
    },
  );
}

scene(
  "WebSocketHooks error is told in place of the server",
  (log) => ({
    message() {
      throw failure;
    },
    error: (ws, error) => log.push(ws.data, error),
    close: (_ws, { sent }) => log.push(sent?.code),
  }),
  async ({ log, reported, connect }) => {
    const ws = await connect();
    ws.send("1");
    assertEquals((await ws.closed).code, 1011);
    await settled();
    assertEquals(log, [undefined, failure, 1011]);
    assertEquals(reported, []);
  },
);

scene(
  "WebSocketHooks error may send a last message and choose the code",
  () => ({
    message() {
      throw failure;
    },
    error(ws) {
      ws.send("bye");
      ws.close(4400, "Expected JSON");
    },
  }),
  async ({ reported, connect }) => {
    const ws = await connect();
    ws.send("1");
    assertEquals(await ws.receive(), "bye");
    const { code, reason } = await ws.closed;
    assertEquals([code, reason], [4400, "Expected JSON"]);
    assertEquals(reported, []);
  },
);

for (const style of ["throws", "rejects"]) {
  scene(
    `WebSocketHooks error that ${style} is reported itself`,
    () => ({
      open() {
        throw new Error("first");
      },
      error() {
        if (style === "throws") throw failure;
        return Promise.reject(failure);
      },
    }),
    async ({ reported, connect }) => {
      assertEquals((await (await connect()).closed).code, 1011);
      assertEquals(reported, [failure]);
    },
  );
}

scene(
  "WebSocketHooks close that throws is reported",
  () => ({
    close() {
      throw failure;
    },
  }),
  async ({ reported, connect }) => {
    const ws = await connect();
    assertEquals((await ws.close()).code, 1000);
    await settled();
    assertEquals(reported, [failure]);
  },
);

scene(
  "WebSocketHandler that throws harms no other connection",
  () => ({
    message(ws, data) {
      if (data === "bad") throw failure;
      return ws.send(data);
    },
  }),
  async ({ reported, connect }) => {
    const [good, bad] = [await connect(), await connect()];
    bad.send("bad");
    assertEquals((await bad.closed).code, 1011);
    await good.send("good");
    assertEquals(await good.receive(), "good");
    assertEquals((await good.close()).wasClean, true);
    assertEquals(reported, [failure]);
  },
);

scene(
  "WebSocketFunction that returns closes with 1000",
  () => (ws) => ws.send("only this"),
  async ({ connect }) => {
    const ws = await connect();
    assertEquals(await ws.receive(), "only this");
    const { code, initiator, wasClean } = await ws.closed;
    assertEquals({ code, initiator, wasClean }, {
      code: 1000,
      initiator: "remote",
      wasClean: true,
    });
  },
);

scene(
  "WebSocketFunction is not at fault when its connection has ended",
  (log) => async (ws) => {
    log.push(await ws.receive());
    ws.send("taken");
    // The peer is gone: this rejects with ConnectionClosed, which the function lets pass.
    await ws.receive();
  },
  async ({ log, reported, connect }) => {
    const ws = await connect();
    await ws.send("1");
    await ws.receive();
    ws.terminate();
    await settled();
    assertEquals(log, ["1"]);
    assertEquals(reported, []);
  },
);

scene(
  "WebSocketHooks are not at fault when their connection has ended",
  () => ({
    async message(ws) {
      ws.terminate();
      await ws.closed;
      await ws.send("too late");
    },
  }),
  async ({ reported, connect }) => {
    const ws = await connect();
    await ws.send("1");
    await ws.closed;
    await settled();
    assertEquals(reported, []);
  },
);

test("WebSocketFunction is at fault for the end of another connection", async () => {
  const { serve, connect } = createNetwork();
  const reported: unknown[] = [];
  const ended = await serve({ port: 0, websocket: (ws) => ws.close() });
  const other = await connect(ended.url);
  await other.closed;
  const server = await serve({
    port: 0,
    error: (error) => reported.push(error),
    websocket: () => other.send("to a connection that is gone"),
  });
  const ws = await connect(server.url);
  assertEquals((await ws.closed).code, 1011);
  await assertRejects(() => ws.receive(), ConnectionClosed);
  assertEquals(reported.length, 1);
  assertInstanceOf(reported[0], ConnectionClosed);
  await Promise.all([ended.close(), server.close()]);
});

test("WebSocketHooks ping, pong and drain are told, in order with messages", async () => {
  const log: unknown[] = [];
  await using fake = openFake({
    handler: {
      message: (_ws, data) => void log.push(data),
      ping: (ws, payload) => void log.push("ping", ws === fake.connection, payload),
      pong: (ws, payload) => void log.push("pong", ws === fake.connection, payload),
      drain: (ws) => void log.push("drain", ws === fake.connection),
    },
  });
  fake.receive("8181 00000000 61  8981 00000000 01  8a81 00000000 02  8181 00000000 62");
  assertEquals(log.splice(0), [
    "a",
    "ping",
    true,
    Uint8Array.of(1),
    "pong",
    true,
    Uint8Array.of(2),
    "b",
  ]);
  fake.transport.congested = true;
  const sent = fake.connection.send(new Uint8Array(100_000));
  assertEquals([log, await isPending(sent)], [[], true]);
  fake.transport.drain();
  assertEquals(log, ["drain", true]);
  await sent;
});

test("WebSocketHooks ping and pong come though a message hook runs, and hold nothing up", async () => {
  const log: unknown[] = [];
  const never = new Promise<void>(() => {});
  const gate = withResolvers<void>();
  await using fake = openFake({
    handler: {
      async message(_ws, data) {
        log.push(data);
        await gate.promise;
      },
      ping: () => {
        log.push("ping");
        return never;
      },
      pong: () => {
        log.push("pong");
        return never;
      },
    },
  });
  fake.receive("8181 00000000 61  8980 00000000  8a80 00000000  8181 00000000 62");
  await settled();
  assertEquals([log, fake.frames()], [["a", "ping", "pong"], ["8a"]]);
  gate.resolve();
  await settled();
  assertEquals(log, ["a", "ping", "pong", "b"]);
});

for (const hook of ["ping", "pong", "drain"] as const) {
  for (const style of ["throws", "rejects"] as const) {
    test(`WebSocketHooks ${hook} that ${style} closes with 1011 and is reported once`, async () => {
      const fails = (): Promise<never> => {
        if (style === "throws") throw failure;
        return Promise.reject(failure);
      };
      await using fake = openFake({ handler: { [hook]: fails } });
      if (hook === "ping") fake.receive("8980 00000000");
      if (hook === "pong") fake.receive("8a80 00000000");
      if (hook === "drain") {
        fake.transport.congested = true;
        fake.connection.send(new Uint8Array(100_000));
        fake.transport.writes.length = 0;
        fake.transport.drain();
      }
      await settled();
      assertEquals(fake.frames().at(-1), "88 03f3");
      assertEquals(fake.reported, [failure]);
    });
  }
}

test("WebSocketHooks that are not async make no promise, and all of a chunk is taken in one go", async () => {
  const log: unknown[] = [];
  const returned = [undefined, null, 0, "", false, {}, { then: 1 }];
  await using fake = openFake({
    handler: {
      message(_ws, data) {
        log.push(data);
        return returned[log.length - 1];
      },
    },
  });
  fake.receive("8181 00000000 61".repeat(returned.length));
  // Without a single microtask in between.
  assertEquals(log.length, returned.length);
  assertEquals(fake.transport.paused, false);
});

test("WebSocketHooks take any object with then() for a promise", async () => {
  const log: unknown[] = [];
  const { promise, resolve } = withResolvers<void>();
  await using fake = openFake({
    handler: {
      message(_ws, data) {
        log.push(data);
        return { then: promise.then.bind(promise) };
      },
    },
  });
  fake.receive("8181 00000000 61  8181 00000000 62");
  await settled();
  assertEquals([log, fake.endpoint.draining], [["a"], true]);
  resolve();
  await settled();
  assertEquals([log, fake.endpoint.draining], [["a", "b"], false]);
});

test("a function handler that returns at once without using its connection is told so once", async () => {
  const kept: unknown[] = [];
  const unusedHandlers: WebSocketFunction<undefined>[] = [
    (ws) => void kept.push(ws),
    // deno-lint-ignore require-await -- As users write it.
    async (ws) => void kept.push(ws),
  ];
  for (const handler of unusedHandlers) {
    for (const told of [1, 0]) {
      await using fake = openFake({ handler });
      await settled();
      assertEquals(fake.frames(), ["88 03e8"]);
      assertEquals(fake.reported.length, told);
      if (told > 0) assert(String(fake.reported[0]).includes("ws.closed"));
    }
  }
});

test("a function handler that has used its connection, or waits, is not told so", async () => {
  const handlers: WebSocketFunction<undefined>[] = [
    (ws) => void ws.send("a"),
    (ws) => void ws.receive().catch(() => {}),
    (ws) => void ws.receive({ signal: AbortSignal.abort() }).catch(() => {}),
    (ws) => void ws.closed,
    (ws) => void ws.close(),
    (ws) => void ws.ping().catch(() => {}),
    (ws) => ws.ignoreMessages(),
    (ws) => ws.terminate(),
    () => settled(),
  ];
  for (const handler of handlers) {
    await using fake = openFake({ handler });
    await settled();
    assertEquals(fake.reported, []);
  }
});
