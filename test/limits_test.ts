import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type ConnectionLimits,
  LONGEST_TIMER,
  positive,
  type ResolvedLimits,
  resolveLimits,
} from "../src/limits.ts";
import { test } from "./support/test.ts";

const counts = ["maxMessageSize", "maxFragments", "maxBufferedAmount"] as const;
const timers = ["handshakeTimeout", "closeTimeout"] as const;
const periods = ["idleTimeout", "maxLifetime"] as const;

test("resolveLimits fills in the documented defaults, a heartbeat among them", () => {
  assertEquals(resolveLimits({}), {
    maxMessageSize: 1_048_576,
    maxFragments: 131_072,
    maxBufferedAmount: 16_777_216,
    handshakeTimeout: 10_000,
    closeTimeout: 10_000,
    overflow: "close",
    pingInterval: 25_000,
    pingTimeout: 20_000,
    idleTimeout: Infinity,
    maxLifetime: Infinity,
  });
});

for (const name of [...counts, ...periods]) {
  test(`resolveLimits takes any ${name} above 0`, () => {
    for (const value of [0.5, 1, 2 ** 40, Infinity]) {
      assertEquals(resolveLimits({ [name]: value })[name], value);
    }
  });
}

for (const name of timers) {
  test(`resolveLimits takes any ${name} above 0, as far as a timer goes`, () => {
    for (const value of [0.5, 1, LONGEST_TIMER]) {
      assertEquals(resolveLimits({ [name]: value })[name], value);
    }
    for (const value of [LONGEST_TIMER + 1, 2 ** 40, Infinity]) {
      assertEquals(resolveLimits({ [name]: value })[name], LONGEST_TIMER);
    }
  });
}

for (const name of [...counts, ...timers, ...periods]) {
  test(`resolveLimits refuses a ${name} that is not above 0`, () => {
    for (const value of [0, -0, -1, NaN, "1x" as unknown as number]) {
      const options: ConnectionLimits = { [name]: value };
      const error = assertThrows(() => resolveLimits(options), RangeError);
      assertStringIncludes(error.message, `Expected ${name} to be above 0, got ${value}`);
    }
  });
}

test("resolveLimits takes either time of the heartbeat, and false for none", () => {
  const times = (heartbeat: NonNullable<ConnectionLimits["heartbeat"]>) => {
    const { pingInterval, pingTimeout }: ResolvedLimits = resolveLimits({ heartbeat });
    return [pingInterval, pingTimeout];
  };
  assertEquals(times({}), [25_000, 20_000]);
  assertEquals(times({ interval: 5 }), [5, 20_000]);
  assertEquals(times({ timeout: 5 }), [25_000, 5]);
  assertEquals(times({ interval: 1, timeout: 2 }), [1, 2]);
  assertEquals(times(false), [Infinity, Infinity]);
});

test("resolveLimits refuses a heartbeat of no time", () => {
  for (const name of ["interval", "timeout"]) {
    for (const value of [0, -1, NaN]) {
      assertThrows(
        () => resolveLimits({ heartbeat: { [name]: value } }),
        RangeError,
        `Expected heartbeat.${name} to be above 0, got ${value}`,
      );
    }
  }
});

test("resolveLimits takes the four policies of overflow, and no other", () => {
  for (const overflow of ["close", "wait", "drop-oldest", "drop-newest"] as const) {
    assertEquals(resolveLimits({ overflow }).overflow, overflow);
  }
  assertThrows(
    () => resolveLimits({ overflow: "drop" as "close" }),
    RangeError,
    "Expected overflow to be close, wait, drop-oldest or drop-newest, got drop",
  );
});

test("positive takes the preset for undefined only", () => {
  assertEquals([positive("x", undefined, 7), positive("x", 1, 7)], [7, 1]);
  assertThrows(() => positive("x", 0, 7), RangeError, "Expected x to be above 0, got 0");
});
