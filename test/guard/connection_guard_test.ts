import { assertEquals } from "@std/assert";
import { ConnectionGuard, createGuardSettings } from "../../src/guard/connection_guard.ts";
import type { GuardOptions } from "../../src/guard/options.ts";
import type { ServerStats } from "../../src/guard/stats.ts";
import { test } from "../support/test.ts";

interface Scene {
  readonly guard: ConnectionGuard;
  readonly stats: () => ServerStats;
  /** Lets time pass. */
  readonly pass: (milliseconds: number) => void;
}

function scene(options: GuardOptions = {}): Scene {
  let now = 5;
  const settings = createGuardSettings(options, () => now);
  return {
    guard: new ConnectionGuard(settings),
    stats: () => settings.counters.snapshot(),
    pass: (milliseconds) => void (now += milliseconds),
  };
}

const rates: [keyof GuardOptions, string, (guard: ConnectionGuard) => unknown][] = [
  ["messagesPerSecond", "messages", (guard) => guard.message()],
  ["bytesPerSecond", "octets", (guard) => guard.received(1)],
  ["controlFramesPerSecond", "control frames", (guard) => guard.control()],
  ["tinyFragmentsPerSecond", "fragments of fewer than 128 octets", (guard) => guard.frame(1, true)],
];

for (const [name, what, act] of rates) {
  test(`ConnectionGuard ${name} fails the connection with 1008`, () => {
    const { guard, pass } = scene({ [name]: 3 });
    assertEquals([1, 2, 3].map(() => act(guard)), [undefined, undefined, undefined]);
    assertEquals(guard.violated, undefined);
    assertEquals(act(guard), {
      code: 1008,
      kind: name as never,
      reason: `More than 3 ${what} in a second (guard.${name})`,
    });
    assertEquals(guard.violated, name);
    pass(1000);
    assertEquals([1, 2, 3].map(() => act(guard)), [undefined, undefined, undefined]);
  });

  test(`ConnectionGuard ${name} is off when it is Infinity`, () => {
    const { guard } = scene({ [name]: Infinity });
    let violations = 0;
    for (let i = 0; i < 300_000; i++) if (act(guard) !== undefined) violations++;
    assertEquals(violations, 0);
  });
}

test("ConnectionGuard reasons fit into a Close frame", () => {
  for (const [name, , act] of rates) {
    const { guard } = scene({ [name]: 1 });
    act(guard);
    const violation = act(guard) as { reason: string };
    assertEquals(violation.reason.length <= 123, true);
  }
});

test("ConnectionGuard lets large fragments and whole messages pass, however many", () => {
  const { guard } = scene({ tinyFragmentsPerSecond: 1 });
  let violations = 0;
  for (let i = 0; i < 1000; i++) {
    if (guard.frame(128, true) !== undefined || guard.frame(0, false) !== undefined) violations++;
  }
  assertEquals(violations, 0);
});

test("ConnectionGuard counts messages and octets in both directions", () => {
  const { guard, stats } = scene();
  guard.received(10);
  guard.received(20);
  guard.message();
  guard.sending();
  guard.sending();
  guard.sent(7);
  const { messagesReceived, messagesSent, bytesReceived, bytesSent } = stats();
  assertEquals([messagesReceived, messagesSent, bytesReceived, bytesSent], [1, 2, 30, 7]);
});

test("ConnectionGuard frameTimeout fails a message that has begun and does not get on", () => {
  const { guard, pass } = scene({ frameTimeout: 100 });
  assertEquals(guard.check(true, 0), undefined);
  pass(99);
  assertEquals(guard.check(true, 0), undefined);
  pass(1);
  assertEquals(guard.check(true, 0), {
    code: 1008,
    kind: "frameTimeout",
    reason: "A message that had begun did not get on within 100 ms (guard.frameTimeout)",
  });
  assertEquals(guard.violated, "frameTimeout");
});

test("ConnectionGuard frameTimeout is not impressed by a few octets now and then", () => {
  const { guard, pass } = scene({ frameTimeout: 100 });
  const dribble = (octets: number): unknown => {
    let violation;
    for (let i = 0; i < 10 && violation === undefined; i++) {
      guard.received(octets);
      violation = guard.check(true, 0);
      pass(25);
    }
    return violation !== undefined;
  };
  assertEquals(dribble(300), false);
  assertEquals(dribble(10), true);
});

const progress: [string, (guard: ConnectionGuard) => void][] = [
  ["grows by 1,024 octets", (guard) => void guard.received(1024)],
  ["goes on with its next frame", (guard) => void guard.frame(1, true)],
];

for (const [what, act] of progress) {
  test(`ConnectionGuard frameTimeout begins anew for a message that ${what}`, () => {
    const { guard, pass } = scene({ frameTimeout: 100 });
    for (let i = 0; i < 10; i++) {
      assertEquals(guard.check(true, 0), undefined);
      act(guard);
      pass(99);
    }
    assertEquals(guard.violated, undefined);
  });
}

test("ConnectionGuard frameTimeout does not run between messages", () => {
  const { guard, pass } = scene({ frameTimeout: 100 });
  for (const receiving of [true, false, true, false, false, true]) {
    assertEquals(guard.check(receiving, 0), undefined);
    pass(99);
  }
  assertEquals(guard.violated, undefined);
});

test("ConnectionGuard stallTimeout fails a peer that takes nothing", () => {
  const { guard, pass } = scene({ stallTimeout: 100 });
  guard.sent(1000);
  assertEquals(guard.check(false, 1000), undefined);
  pass(100);
  assertEquals(guard.check(false, 1000), {
    code: 1008,
    kind: "stallTimeout",
    reason: "1000 octets waited and none left within 100 ms (guard.stallTimeout)",
  });
  assertEquals(guard.violated, "stallTimeout");
});

test("ConnectionGuard stallTimeout begins anew for each octet that leaves, though more waits", () => {
  const { guard, pass } = scene({ stallTimeout: 100 });
  guard.sent(1000);
  let waiting = 1000;
  for (let i = 0; i < 10; i++) {
    assertEquals(guard.check(false, waiting), undefined);
    guard.sent(50);
    waiting += 49;
    pass(99);
  }
  assertEquals(guard.violated, undefined);
  // More that waits is no progress.
  guard.check(false, waiting);
  guard.sent(500);
  pass(100);
  assertEquals(guard.check(false, waiting + 500)?.code, 1008);
});

test("ConnectionGuard stallTimeout does not run while nothing waits", () => {
  const { guard, pass } = scene({ stallTimeout: 100 });
  for (const waiting of [10, 0, 10, 0, 0, 10]) {
    guard.sent(10);
    assertEquals(guard.check(false, waiting), undefined);
    pass(99);
  }
  assertEquals(guard.violated, undefined);
});

test("ConnectionGuard patience is the shorter of both timeouts", () => {
  assertEquals(scene({ frameTimeout: 7, stallTimeout: 9 }).guard.patience, 7);
  assertEquals(scene({ frameTimeout: Infinity, stallTimeout: 9 }).guard.patience, 9);
});

test("ConnectionGuard remembers the first limit that was broken", () => {
  const { guard } = scene({ controlFramesPerSecond: 1, messagesPerSecond: 1 });
  for (let i = 0; i < 2; i++) guard.message();
  for (let i = 0; i < 2; i++) guard.control();
  guard.inflated();
  assertEquals(guard.violated, "messagesPerSecond");
});
