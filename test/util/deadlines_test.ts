import { assertEquals } from "@std/assert";
import { type Bounded, startDeadline, stopDeadline } from "../../src/util/deadlines.ts";
import { withResolvers } from "../support/connections.ts";
import { test } from "../support/test.ts";

/** Something whose lateness is noted. */
function bounded(name: string, log: string[], then: () => void = () => {}): Bounded {
  return {
    late() {
      log.push(name);
      then();
    },
  };
}

test("startDeadline() calls late() of what is not stopped, in the order of its start", async () => {
  const log: string[] = [];
  const { promise, resolve } = withResolvers<void>();
  const [a, b, c] = [bounded("a", log), bounded("b", log), bounded("c", log, resolve)];
  for (const one of [a, b, c]) startDeadline(one, 5);
  stopDeadline(b, 5);
  await promise;
  assertEquals(log, ["a", "c"]);
});

test("startDeadline() sets the timer for the next one when the first was stopped", async () => {
  const log: string[] = [];
  const { promise, resolve } = withResolvers<void>();
  const [first, second] = [bounded("first", log), bounded("second", log, resolve)];
  startDeadline(first, 20);
  const later = withResolvers<void>();
  startDeadline(bounded("shorter", log, later.resolve), 5);
  await later.promise;
  startDeadline(second, 20);
  stopDeadline(first, 20);
  await promise;
  assertEquals(log, ["shorter", "second"]);
});

test("startDeadline() takes what late() starts anew", async () => {
  const log: string[] = [];
  const { promise, resolve } = withResolvers<void>();
  const again: Bounded = {
    late() {
      if (log.push("late") === 3) resolve();
      else startDeadline(again, 3);
    },
  };
  startDeadline(again, 3);
  await promise;
  assertEquals(log.length, 3);
});

test("stopDeadline() ignores what does not run", () => {
  const log: string[] = [];
  stopDeadline(bounded("never", log), 7);
  const one = bounded("one", log);
  startDeadline(one, 7);
  stopDeadline(one, 8);
  stopDeadline(one, 7);
  stopDeadline(one, 7);
  assertEquals(log, []);
});
