// The end of a server's connections, with sessions that do nothing; real ones are in test/server_close_test.ts.

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { createContext } from "../../src/server/context.ts";
import { type Session, Sessions } from "../../src/server/sessions.ts";
import { isPending, withResolvers } from "../support/connections.ts";
import { test } from "../support/test.ts";

const never = new Promise<void>(() => {});

/** A session without a WebSocket connection, and whether it was cut. */
function session(
  answering: boolean,
): Session & { cut: boolean; end: () => void; ended: Promise<void> } {
  const { promise: ended, resolve: end } = withResolvers<void>();
  return {
    connection: undefined,
    answering,
    cut: false,
    ended,
    end,
    destroy() {
      this.cut = true;
      end();
    },
  };
}

function createSessions(closeTimeout = 10_000): Sessions {
  return new Sessions(createContext({ closeTimeout }, undefined, new Set()));
}

test("Sessions close() cuts those that wait for a request, and waits for those that answer one", async () => {
  const sessions = createSessions();
  const [idle, busy] = [session(false), session(true)];
  sessions.add(idle, idle.ended);
  sessions.add(busy, busy.ended);
  const closed = sessions.close();
  assertEquals([idle.cut, busy.cut], [true, false]);
  assertEquals(await isPending(closed), true);
  busy.end();
  await closed;
  assertEquals(busy.cut, false);
});

test("Sessions close({ timeout }) cuts what has not ended, and waits for nobody any more", async () => {
  const sessions = createSessions();
  const busy = session(true);
  sessions.add(busy, never);
  await sessions.close({ timeout: 10 });
  assertEquals(busy.cut, true);
});

test("Sessions close() takes closeTimeout for its timeout unless told", async () => {
  const sessions = createSessions(10);
  const busy = session(true);
  sessions.add(busy, never);
  await sessions.close();
  assertEquals(busy.cut, true);
});

test("Sessions close() lets go of a connection that has ended, and still waits for its handler", async () => {
  const sessions = createSessions();
  const ended = session(true);
  const handler = withResolvers<void>();
  sessions.add(ended, handler.promise);
  ended.onEnded?.();
  const closed = sessions.close({ timeout: 5_000 });
  assertEquals(await isPending(closed), true);
  handler.resolve();
  await closed;
  assertEquals(ended.cut, false);
});

test("Sessions close() stops what brings new ones, and waits for that", async () => {
  const sessions = createSessions();
  const stopped = withResolvers<void>();
  const closed = sessions.close({}, () => stopped.promise);
  assertEquals(await isPending(closed), true);
  stopped.resolve();
  await closed;
});

test("Sessions close() gives the same promise again, and does nothing for what is out of range", async () => {
  const sessions = createSessions();
  await assertRejects(() => sessions.close({ timeout: 0 }), RangeError, "timeout");
  const closed = sessions.close();
  assertStrictEquals(sessions.close({ code: 4000 }), closed);
  await closed;
});
