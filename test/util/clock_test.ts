import { assert, assertEquals } from "@std/assert";
import { systemClock, type Watched, watchUntil } from "../../src/util/clock.ts";
import { withResolvers } from "../support/connections.ts";
import { test } from "../support/test.ts";

test("systemClock tells the time of the system", () => {
  const before = performance.now();
  const { origin, now } = systemClock;
  assert(now() >= before && now() <= performance.now());
  assertEquals(origin, performance.timeOrigin);
});

test("systemClock calls a timer once, and a ticker until it is cleared", async () => {
  const { promise, resolve } = withResolvers<void>();
  let once = 0;
  let ticks = 0;
  systemClock.setTimer(() => once++, 1, "once");
  const ticker = systemClock.setTicker(
    () => {
      if (++ticks < 3) return;
      systemClock.clearTimer(ticker);
      resolve();
    },
    1,
    "thrice",
  );
  await promise;
  await new Promise<void>((resolve) => systemClock.setTimer(resolve, 5, "five ticks more"));
  assertEquals([once, ticks], [1, 3]);
});

test("systemClock keeps deadlines, and stops them", async () => {
  const late = withResolvers<string>();
  const bounded = (name: string) => ({ waits: name, late: () => late.resolve(name) });
  const [first, second] = [bounded("first"), bounded("second")];
  systemClock.startDeadline(first, 3);
  systemClock.startDeadline(second, 3);
  systemClock.stopDeadline(first, 3);
  assertEquals(await late.promise, "second");
});

test("watchUntil() lists what waits until it is over, and does nothing without a list", () => {
  const listed: Watched[] = [];
  const over = watchUntil({ ...systemClock, watch: (one) => listed.push(one) }, () => "a hook");
  assertEquals([listed[0]!.waits, listed[0]!.over], ["a hook", false]);
  over();
  assertEquals([listed.length, listed[0]!.over], [1, true]);
  for (const clock of [undefined, systemClock]) watchUntil(clock, () => "nothing")();
});
