import { assertEquals } from "@std/assert";
import { type CloseInfo, ProtocolError } from "../../src/protocol/errors.ts";
import { type CloseCause, Counters } from "../../src/guard/stats.ts";
import { closeInfo } from "../support/close_info.ts";
import { test } from "../support/test.ts";

function info(changes: Partial<CloseInfo>): CloseInfo {
  return closeInfo({ code: 1006, wasClean: false, initiator: "local", ...changes });
}

const ends: [string, Partial<CloseInfo>, CloseCause][] = [
  ["a closing handshake", { wasClean: true, initiator: "remote" }, "clean"],
  ["a peer's mistake", { endedBy: "violation" }, "failed"],
  ["a peer that vanished", { initiator: "remote", cause: new Error("gone") }, "lost"],
  ["a connection that this end dropped", { cause: new Error("timeout") }, "cut"],
];

for (const [what, changes, cause] of ends) {
  test(`Counters counts ${what} as ${cause}`, () => {
    const counters = new Counters();
    counters.opened();
    counters.ended(info(changes), undefined);
    const { closed, connections, totalConnections } = counters.snapshot();
    assertEquals([closed[cause], connections, totalConnections], [1, 0, 1]);
    assertEquals(Object.values(closed).reduce((sum, count) => sum + count), 1);
  });
}

test("Counters counts what a limit of the guard ended under the limit", () => {
  const counters = new Counters();
  counters.opened();
  counters.ended(
    info({ cause: new ProtocolError(1008, "flood", "controlFramesPerSecond") }),
    "controlFramesPerSecond",
  );
  const { closed } = counters.snapshot();
  assertEquals([closed.controlFramesPerSecond, closed.failed], [1, 0]);
});

test("Counters snapshot() does not change afterwards", () => {
  const counters = new Counters();
  const before = counters.snapshot();
  counters.refused.maxConnections++;
  counters.closed.clean++;
  counters.bytesSent = 5;
  assertEquals([before.refused.maxConnections, before.closed.clean, before.bytesSent], [0, 0, 0]);
  assertEquals(counters.snapshot().bytesSent, 5);
});
