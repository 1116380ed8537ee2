import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConnectionClosed } from "@sansocket/ws";
import type { ReceiveOptions, WebSocketConnection } from "@sansocket/ws";
import { Receivers } from "../../src/connection/receivers.ts";
import { createClocked } from "../support/clocked.ts";
import { isPending } from "../support/connections.ts";
import { runtime, test } from "../support/test.ts";

/** A client and its server's end, on a network in memory with a clock. */
async function withPair(
  body: (
    client: WebSocketConnection,
    server: WebSocketConnection,
    pass: (milliseconds: number) => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const network = createClocked();
  let opened: ((ws: WebSocketConnection) => void) | undefined;
  const other = new Promise<WebSocketConnection>((resolve) => opened = resolve);
  const server = await network.serve({
    port: 0,
    websocket: async (ws) => {
      opened?.(ws);
      await ws.closed;
    },
  });
  const client = await network.connect(server.url);
  await body(client, await other, (milliseconds) => network.clock.advance(milliseconds));
  await client.close();
  await server.close();
}

test("receive timeout resolves with undefined, and the next call gets the message", () =>
  withPair(async (client, server, pass) => {
    const first = client.receive({ timeout: 1_000 });
    const second = client.receive();
    await pass(999);
    assertEquals(await isPending(first), true);
    await pass(1);
    assertEquals(await first, undefined);
    assertEquals(await isPending(second), true);
    await server.send("late");
    assertEquals(await second, "late");
  }));

test("receive timeout gives a message in time, the end, and the timeout apart", () =>
  withPair(async (client, server, pass) => {
    const seen: unknown[] = [];
    const loop = (async () => {
      try {
        for (;;) seen.push(await client.receive({ timeout: 1_000 }));
      } catch (error) {
        seen.push(error instanceof ConnectionClosed ? error.info.code : error);
      }
    })();
    await server.send("");
    await pass(500);
    await server.send("b");
    await pass(999);
    assertEquals(seen, ["", "b"]);
    await pass(1);
    assertEquals(seen, ["", "b", undefined]);
    await server.close(4000);
    await loop;
    assertEquals(seen, ["", "b", undefined, 4000]);
  }));

test("receive timeout stops with the call: no timer is left", () =>
  withPair(async (client, server, pass) => {
    const given = client.receive({ timeout: 1_000, signal: new AbortController().signal });
    await server.send("a");
    assertEquals(await given, "a");
    const controller = new AbortController();
    const aborted = client.receive({ timeout: 1_000, signal: controller.signal });
    controller.abort(new Error("enough"));
    await assertRejects(() => aborted, Error, "enough");
    // Two timers that are left would take the messages away from these.
    const next = client.receive();
    await pass(5_000);
    await server.send("b");
    assertEquals(await next, "b");
  }));

test("receive timeout of Infinity waits for ever, and so does the longest that a timer takes", () =>
  withPair(async (client, server, pass) => {
    const calls = [Infinity, 2 ** 40].map((timeout) => client.receive({ timeout }));
    await pass(10_000);
    await server.send("a");
    await server.send("b");
    assertEquals(await Promise.all(calls), ["a", "b"]);
  }));

test("receiveStream timeout is for the beginning of a message", () =>
  withPair(async (client, server, pass) => {
    const nothing = client.receiveStream({ timeout: 100 });
    await pass(100);
    assertEquals(await nothing, undefined);
    let goOn: (() => void) | undefined;
    const gate = new Promise<void>((resolve) => goOn = resolve);
    const sent = server.send((async function* () {
      yield "a";
      await gate;
      yield "b";
    })());
    const message = await client.receiveStream({ timeout: 100 });
    assert(message !== undefined);
    await pass(1_000);
    goOn?.();
    let text = "";
    for await (const chunk of message) text += String(chunk);
    await sent;
    assertEquals(text, "ab");
  }));

test("receive refuses a timeout that is none", () =>
  withPair((client) => {
    for (const timeout of [0, -1, NaN]) {
      assertThrows(() => client.receive({ timeout }), RangeError, "timeout");
    }
    const wrong = { timeout: "1" } as unknown as ReceiveOptions;
    assertThrows(() => client.receive(wrong), TypeError, "timeout");
    return Promise.resolve();
  }));

test("unread counts the messages that wait, those of the chunk at hand too", () =>
  withPair(async (client, server, pass) => {
    assertEquals(client.unread, 0);
    for (const text of ["1", "2", "3"]) server.send(text);
    await pass(0);
    assertEquals(client.unread, 3);
    assertEquals(await client.receive(), "1");
    assertEquals(client.unread, 2);
    assertEquals([await client.receive(), await client.receive()], ["2", "3"]);
    assertEquals(client.unread, 0);
    const waited = client.receive();
    for (const text of ["4", "5"]) server.send(text);
    assertEquals(await waited, "4");
    assertEquals(client.unread, 1);
    assertEquals(await client.receive(), "5");
  }));

test("unread tells a hook how many messages it has behind the one that it works on", async () => {
  const network = createClocked();
  const seen: unknown[] = [];
  let goOn: (() => void) | undefined;
  const gate = new Promise<void>((resolve) => goOn = resolve);
  const server = await network.serve({
    port: 0,
    websocket: {
      async message(ws, data) {
        await gate;
        seen.push([data, ws.unread]);
      },
    },
  });
  const client = await network.connect(server.url);
  for (const text of ["1", "2", "3"]) await client.send(text);
  await network.clock.advance(0);
  goOn?.();
  await client.close();
  await server.close();
  assertEquals(seen, [["1", 2], ["2", 1], ["3", 0]]);
});

test("unread counts at most 16, and is 0 when they were discarded", () =>
  withPair(async (client, server, pass) => {
    for (let i = 0; i < 20; i++) server.send("x");
    await pass(0);
    assertEquals(client.unread, 16);
    client.terminate();
    assertEquals(client.unread, 0);
  }));

test("Receivers forgets a call whose time is up, and tells so", async () => {
  let changed = 0;
  const receivers = new Receivers(() => changed++);
  const timers: (() => void)[] = [];
  const clock = {
    setTimer: (due: () => void) => timers.push(due),
    clearTimer: (timer: unknown) => void (timers[Number(timer) - 1] = () => {}),
  };
  const first = receivers.add(false, { timeout: 1 }, clock);
  const second = receivers.add(false, { timeout: 1 }, clock);
  timers[0]!();
  assertEquals([await first, receivers.count, changed], [undefined, 1, 1]);
  receivers.give("a");
  assertEquals(await second, "a");
  timers[1]!();
  assertEquals([receivers.count, changed], [0, 1]);
});

test("receive timeout works over the network of this machine", async () => {
  const { connect, serve } = await import("@sansocket/ws");
  const server = await serve({
    port: 0,
    websocket: async (ws) => {
      const first = await ws.receive({ timeout: 1 });
      await ws.send(String(first));
      await ws.closed;
    },
  });
  const client = await connect(server.url);
  assertEquals(await client.receive(), "undefined", runtime);
  await client.close();
  await server.close();
});
