import { assertEquals, assertRejects } from "@std/assert";
import { CloseTimer } from "../../src/connection/close_timer.ts";
import { withResolvers } from "../support/connections.ts";
import { test } from "../support/test.ts";

test("CloseTimer gives up what does not end in time, and says how long it had", async () => {
  const { promise, reject } = withResolvers<void>();
  new CloseTimer({ lose: reject }, 5);
  await assertRejects(() => promise, Error, "The connection did not close within 5 ms");
});

test("CloseTimer gives up nothing that has ended", async () => {
  const lost: string[] = [];
  const { promise, resolve } = withResolvers<void>();
  const stopped = new CloseTimer({ lose: () => lost.push("stopped") }, 5);
  stopped.stop();
  new CloseTimer({
    lose: () => {
      lost.push("other");
      resolve();
    },
  }, 5);
  await promise;
  assertEquals(lost, ["other"]);
});
