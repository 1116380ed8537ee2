import { assertEquals } from "@std/assert";
import type { Deadline } from "../../src/util/clock.ts";
import { Deadlines } from "../../src/util/deadlines.ts";
import { withResolvers } from "../support/connections.ts";
import { test } from "../support/test.ts";

const deadlines = new Deadlines();

/**
 * Tries a test until the machine was fast enough for it: a deadline that is stopped too late has
 * been called by right.
 *
 * @param attempt Asserts, and resolves with true; with false if it came too late to its stop.
 */
async function inTime(attempt: () => Promise<boolean>): Promise<void> {
  while (!await attempt());
}

/** Something whose lateness is noted. */
function deadline(name: string, log: string[], then: () => void = () => {}): Deadline {
  return {
    waits: name,
    late() {
      log.push(name);
      then();
    },
  };
}

test("Deadlines start() calls late() of what is not stopped, in the order of its start", async () => {
  const log: string[] = [];
  const { promise, resolve } = withResolvers<void>();
  const [a, b, c] = [deadline("a", log), deadline("b", log), deadline("c", log, resolve)];
  for (const one of [a, b, c]) deadlines.start(one, 5);
  deadlines.stop(b, 5);
  await promise;
  assertEquals(log, ["a", "c"]);
});

test("Deadlines start() sets the timer for the next one when the first was stopped", () =>
  inTime(async () => {
    const log: string[] = [];
    const { promise, resolve } = withResolvers<void>();
    const [first, second] = [deadline("first", log), deadline("second", log, resolve)];
    const started = performance.now();
    deadlines.start(first, 20);
    const later = withResolvers<void>();
    deadlines.start(deadline("shorter", log, later.resolve), 5);
    await later.promise;
    deadlines.start(second, 20);
    deadlines.stop(first, 20);
    if (performance.now() - started >= 19) return false;
    await promise;
    assertEquals(log, ["shorter", "second"]);
    return true;
  }));

test("Deadlines start() takes what late() starts anew", async () => {
  const log: string[] = [];
  const { promise, resolve } = withResolvers<void>();
  const again: Deadline = {
    waits: "again",
    late() {
      if (log.push("late") === 3) resolve();
      else deadlines.start(again, 3);
    },
  };
  deadlines.start(again, 3);
  await promise;
  assertEquals(log.length, 3);
});

test("Deadlines stop() ignores what does not run", () => {
  const log: string[] = [];
  deadlines.stop(deadline("never", log), 7);
  const one = deadline("one", log);
  deadlines.start(one, 7);
  deadlines.stop(one, 8);
  deadlines.stop(one, 7);
  deadlines.stop(one, 7);
  assertEquals(log, []);
});

/** Resolves after `timeout` milliseconds, by a deadline. */
function after(timeout: number): Promise<void> {
  const { promise, resolve } = withResolvers<void>();
  deadlines.start(deadline("after", [], resolve), timeout);
  return promise;
}

test("Deadlines stop() stops what late() has started after it had stopped all others", async () => {
  const log: string[] = [];
  const { promise, resolve } = withResolvers<void>();
  const [other, fresh] = [deadline("other", log), deadline("fresh", log)];
  const first = deadline("first", log, () => {
    deadlines.stop(other, 11);
    deadlines.start(fresh, 11);
    resolve();
  });
  for (const one of [first, other]) deadlines.start(one, 11);
  await promise;
  deadlines.stop(fresh, 11);
  await after(30);
  assertEquals(log, ["first"]);
});

test("Deadlines stop() stops what was started after late() had started another", () =>
  inTime(async () => {
    const log: string[] = [];
    const { promise, resolve } = withResolvers<void>();
    const [fresh, next] = [deadline("fresh", log), deadline("next", log)];
    deadlines.start(
      deadline("first", log, () => {
        deadlines.start(fresh, 60);
        resolve();
      }),
      60,
    );
    await promise;
    const first = performance.now();
    await after(30);
    deadlines.stop(fresh, 60);
    if (performance.now() - first >= 59) return false;
    const started = performance.now();
    deadlines.start(next, 60);
    // The first timer of `fresh` would be due meanwhile.
    await after(45);
    deadlines.stop(next, 60);
    if (performance.now() - started >= 59) return false;
    await after(50);
    assertEquals(log, ["first"]);
    return true;
  }));
