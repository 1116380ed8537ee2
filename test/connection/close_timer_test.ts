import { assertEquals } from "@std/assert";
import { createClock } from "@sansocket/ws/testing";
import { CloseTimer } from "../../src/connection/close_timer.ts";
import { test } from "../support/test.ts";

test("CloseTimer gives up what does not end in time, and says how long it had", async () => {
  const clock = createClock();
  const lost: string[] = [];
  new CloseTimer({ lose: ({ message }) => lost.push(message) }, 10_000, clock.source);
  await clock.advance(9_999);
  assertEquals(lost, []);
  await clock.advance(1);
  assertEquals(lost, ["The connection did not close within 10000 ms"]);
});

test("CloseTimer gives up nothing that has ended", async () => {
  const clock = createClock();
  const lost: string[] = [];
  const stopped = new CloseTimer({ lose: () => lost.push("stopped") }, 10_000, clock.source);
  stopped.stop();
  await clock.advance(20_000);
  assertEquals(lost, []);
});
