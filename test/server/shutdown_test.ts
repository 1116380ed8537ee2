// The end of a server's connections, with sessions that do nothing; real ones are in test/server/server_close_test.ts.

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { createContext } from "../../src/server/context.ts";
import { type Session, Sessions } from "../../src/server/shutdown.ts";
import type { WaitGroup } from "../../src/server/wait_group.ts";
import { isPending, withResolvers } from "../support/connections.ts";
import { test } from "../support/test.ts";

/** A session without a WebSocket connection, and whether it was cut. */
class FakeSession implements Session {
  cut = false;
  readonly answering: boolean;
  readonly #sessions: Sessions;

  constructor(sessions: Sessions, answering: boolean) {
    this.#sessions = sessions;
    this.answering = answering;
    sessions.add(this);
  }

  destroy(): void {
    this.cut = true;
    this.#sessions.leave(this);
  }
}

function createScene(closeTimeout = 10_000): { sessions: Sessions; atWork: WaitGroup } {
  const context = createContext({ closeTimeout }, undefined, new Set());
  return { sessions: new Sessions(context), atWork: context.atWork };
}

test("Sessions close() cuts those that wait for a request, and waits for those that answer one", async () => {
  const { sessions } = createScene();
  const [idle, busy] = [new FakeSession(sessions, false), new FakeSession(sessions, true)];
  const closed = sessions.close();
  assertEquals([idle.cut, busy.cut], [true, false]);
  assertEquals(await isPending(closed), true);
  sessions.leave(busy);
  await closed;
  assertEquals(busy.cut, false);
});

test("Sessions close({ timeout }) cuts what has not ended, and waits for nobody any more", async () => {
  const { sessions } = createScene();
  const busy = new FakeSession(sessions, true);
  await sessions.close({ timeout: 10 });
  assertEquals(busy.cut, true);
});

test("Sessions close() takes closeTimeout for its timeout unless told", async () => {
  const { sessions } = createScene(10);
  const busy = new FakeSession(sessions, true);
  await sessions.close();
  assertEquals(busy.cut, true);
});

test("Sessions close() lets go of what has become a connection, and still waits for its handler", async () => {
  const { sessions, atWork } = createScene();
  const upgraded = new FakeSession(sessions, true);
  // As a connection is counted.
  atWork.enter();
  sessions.leave(upgraded);
  sessions.leave(upgraded);
  const closed = sessions.close({ timeout: 5_000 });
  assertEquals(await isPending(closed), true);
  atWork.leave();
  await closed;
  assertEquals(upgraded.cut, false);
});

test("Sessions close() waits for one that serves in the place of another", async () => {
  const { sessions } = createScene();
  const first = new FakeSession(sessions, true);
  const second: Session = { answering: true, destroy: () => sessions.leave(second) };
  sessions.replace(first, second);
  const closed = sessions.close();
  assertEquals(await isPending(closed), true);
  sessions.leave(second);
  await closed;
  assertEquals(first.cut, false);
});

test("Sessions close() stops what brings new ones, and waits for that", async () => {
  const sessions = createScene().sessions;
  const stopped = withResolvers<void>();
  const closed = sessions.close({}, () => stopped.promise);
  assertEquals(await isPending(closed), true);
  stopped.resolve();
  await closed;
});

test("Sessions close() gives the same promise again, and does nothing for what is out of range", async () => {
  const sessions = createScene().sessions;
  await assertRejects(() => sessions.close({ timeout: 0 }), RangeError, "timeout");
  const closed = sessions.close();
  assertStrictEquals(sessions.close({ code: 4000 }), closed);
  await closed;
});
