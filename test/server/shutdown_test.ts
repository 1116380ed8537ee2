// The end of a server's connections, with sessions that do nothing; real ones are in test/server/server_close_test.ts.

import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { createClock, type TestClock } from "@sansocket/ws/testing";
import { createContext } from "../../src/server/context.ts";
import { type Session, Shutdown } from "../../src/server/shutdown.ts";
import type { WaitGroup } from "../../src/server/wait_group.ts";
import { isPending, withResolvers } from "../support/connections.ts";
import { test } from "../support/test.ts";

/** A session without a WebSocket connection, and whether it was cut. */
class FakeSession implements Session {
  cut = false;
  readonly answering: boolean;
  readonly #shutdown: Shutdown;

  constructor(shutdown: Shutdown, answering: boolean) {
    this.#shutdown = shutdown;
    this.answering = answering;
    shutdown.add(this);
  }

  destroy(): void {
    this.cut = true;
    this.#shutdown.leave(this);
  }
}

interface Scene {
  readonly clock: TestClock;
  readonly shutdown: Shutdown;
  readonly atWork: WaitGroup;
}

function createScene(closeTimeout = 10_000): Scene {
  const clock = createClock();
  const context = createContext({ closeTimeout }, { clock: clock.source }, new Set());
  return { clock, shutdown: new Shutdown(context), atWork: context.atWork };
}

test("Shutdown close() cuts those that wait for a request, and waits for those that answer one", async () => {
  const { shutdown } = createScene();
  const [idle, busy] = [new FakeSession(shutdown, false), new FakeSession(shutdown, true)];
  const closed = shutdown.close();
  assertEquals([idle.cut, busy.cut], [true, false]);
  assertEquals(await isPending(closed), true);
  shutdown.leave(busy);
  await closed;
  assertEquals(busy.cut, false);
});

test("Shutdown close({ timeout }) cuts what has not ended, and waits no longer", async () => {
  const { clock, shutdown } = createScene();
  const busy = new FakeSession(shutdown, true);
  const closed = shutdown.close({ timeout: 60_000 });
  await clock.advance(59_999);
  assertEquals(busy.cut, false);
  await clock.advance(1);
  await closed;
  assertEquals(busy.cut, true);
});

test("Shutdown close() takes closeTimeout for its timeout unless told", async () => {
  const { clock, shutdown } = createScene(30_000);
  const busy = new FakeSession(shutdown, true);
  const closed = shutdown.close();
  await clock.advance(30_000);
  await closed;
  assertEquals(busy.cut, true);
});

test("Shutdown close() lets go of what has become a connection, and still waits for its handler", async () => {
  const { shutdown, atWork } = createScene();
  const upgraded = new FakeSession(shutdown, true);
  // As a connection is counted.
  atWork.enter();
  shutdown.leave(upgraded);
  shutdown.leave(upgraded);
  const closed = shutdown.close({ timeout: 5_000 });
  assertEquals(await isPending(closed), true);
  atWork.leave();
  await closed;
  assertEquals(upgraded.cut, false);
});

test("Shutdown close() waits for one that serves in the place of another", async () => {
  const { shutdown } = createScene();
  const first = new FakeSession(shutdown, true);
  const second: Session = { answering: true, destroy: () => shutdown.leave(second) };
  shutdown.replace(first, second);
  const closed = shutdown.close();
  assertEquals(await isPending(closed), true);
  shutdown.leave(second);
  await closed;
  assertEquals(first.cut, false);
});

test("Shutdown close() stops what brings new ones, and waits for that", async () => {
  const shutdown = createScene().shutdown;
  const stopped = withResolvers<void>();
  const closed = shutdown.close({}, () => stopped.promise);
  assertEquals(await isPending(closed), true);
  stopped.resolve();
  await closed;
});

test("Shutdown close() gives the same promise again, and does nothing for what is out of range", async () => {
  const shutdown = createScene().shutdown;
  await assertRejects(() => shutdown.close({ timeout: 0 }), RangeError, "timeout");
  const closed = shutdown.close();
  assertStrictEquals(shutdown.close({ code: 4000 }), closed);
  await closed;
});
