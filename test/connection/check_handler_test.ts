// Which handlers are taken: by serve(), which checks once, and by upgrade(), which checks each connection's.

import { assertEquals } from "@std/assert";
import type { WebSocketConnection, WebSocketHandler } from "@sansocket/ws";
import { createNetwork } from "@sansocket/ws/testing";
import { test } from "../support/test.ts";

/** What serve() says about a handler, and what upgrade() says; undefined when it is taken. */
async function judge(handler: unknown): Promise<readonly (string | undefined)[]> {
  const { serve, connect } = createNetwork();
  const websocket = handler as WebSocketHandler;
  const first = await serve({ port: 1, websocket }).then(
    (server) => void server.close(),
    (error) => String(error),
  );
  const reported: unknown[] = [];
  const server = await serve({
    port: 2,
    error: (error) => reported.push(error),
    fetch: (_request, { upgrade }) => upgrade(websocket as WebSocketHandler<undefined>),
  });
  const ws = await connect(server.url).catch(() => undefined);
  ws?.terminate();
  await server.close();
  return [first, reported.length === 0 ? undefined : String(reported[0])];
}

async function assertTaken(handler: unknown): Promise<void> {
  assertEquals(await judge(handler), [undefined, undefined]);
}

async function assertRefused(handler: unknown, reason: string): Promise<void> {
  for (const [i, said] of (await judge(handler)).entries()) {
    const name = i === 0 ? "websocket" : "the handler";
    assertEquals(said, `TypeError: ${reason.replaceAll("HANDLER", name)}`);
  }
}

const nothing = (): void => {};

test("a handler is a function or an object of hooks", async () => {
  await assertTaken((ws: WebSocketConnection) => ws.closed);
  await assertTaken({});
  await assertTaken({ open: nothing, close: nothing, streamFrom: 1 });
  for (const [value, got] of [[5, "5"], ["hooks", '"hooks"'], [null, "null"], [[], "an array"]]) {
    await assertRefused(
      value,
      `Expected HANDLER to be a function or an object of hooks, got ${got}`,
    );
  }
});

test("a hook is a function, and streamFrom a number", async () => {
  await assertTaken({ message: undefined, mesage: undefined });
  await assertRefused({ message: "x" }, 'Expected HANDLER.message to be a function, got "x"');
  await assertRefused({ open: null }, "Expected HANDLER.open to be a function, got null");
  await assertRefused(
    { streamFrom: "1" },
    'Expected HANDLER.streamFrom to be a whole number of octets, 0 or more, got "1"',
  );
});

test("a plain object of hooks has no other functions", async () => {
  const all = "open, message, stream, streamFrom, drain, ping, pong, close, error";
  await assertRefused(
    { mesage: nothing },
    "Expected hooks in HANDLER, got mesage: did you mean message?",
  );
  await assertRefused(
    { onopen: nothing },
    "Expected hooks in HANDLER, got onopen: did you mean open?",
  );
  await assertRefused(
    { helper: nothing },
    `Expected hooks in HANDLER, got helper: there are ${all}`,
  );
  await assertRefused(
    Object.assign(Object.create(null), { helper: nothing }),
    `Expected hooks in HANDLER, got helper: there are ${all}`,
  );
  await assertRefused(
    { streamfrom: 5 },
    "Expected hooks in HANDLER, got streamfrom: did you mean streamFrom?",
  );
  await assertTaken({ message: nothing, room: "lobby", count: 0, errors: [], seen: new Set() });
});

test("an instance of a class has methods of its own, but none that looks like a hook", async () => {
  class Base {
    log(): void {}
    poll(): void {}
    draw(): void {}
  }
  class Chat extends Base {
    errors: unknown[] = [];
    helper = nothing;
    message(): void {}
    messages(): void {}
    broadcast(): void {}
    get opened(): boolean {
      throw new Error("This is not to be read");
    }
  }
  await assertTaken(new Chat());
  await assertTaken(new Chat());
  const wrong: [string, string][] = [
    ["mesage", "message"],
    ["mesages", "message"],
    ["onMessage", "message"],
    ["onopen", "open"],
    ["opened", "open"],
    ["clsoe", "close"],
    ["strem", "stream"],
    ["drian", "drain"],
    ["eror", "error"],
  ];
  for (const [name, meant] of wrong) {
    class Wrong extends Base {}
    Object.defineProperty(Wrong.prototype, name, { value: nothing });
    const reason = `Expected hooks in HANDLER, got ${name}: did you mean ${meant}?`;
    await assertRefused(new Wrong(), reason);
    await assertRefused(Object.assign(new Base(), { [name]: nothing }), reason);
  }
});

test("a module may be a handler, with functions of its own", async () => {
  const namespace = (mesage?: () => void): object =>
    Object.assign(Object.create(null), {
      [Symbol.toStringTag]: "Module",
      message: mesage === undefined ? nothing : undefined,
      helper: nothing,
      ...(mesage && { mesage }),
    });
  await assertTaken(namespace());
  await assertRefused(
    namespace(nothing),
    "Expected hooks in HANDLER, got mesage: did you mean message?",
  );
});
