import { assertEquals } from "@std/assert";
import { type ConnectionLimits, resolveLimits } from "../../src/connection/limits.ts";
import { LONGEST_TIMER } from "../../src/util/clock.ts";
import { test } from "../support/test.ts";

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
    heartbeat: { interval: 25_000, timeout: 20_000 },
    idleTimeout: Infinity,
    autoPong: true,
    ownBuffers: false,
    maxLifetime: Infinity,
  });
});

for (const name of [...counts, ...periods]) {
  test(`resolveLimits keeps any ${name}`, () => {
    for (const value of [1, 2 ** 40, Infinity]) {
      assertEquals(resolveLimits({ [name]: value })[name], value);
    }
  });
}

for (const name of timers) {
  test(`resolveLimits keeps any ${name}, as far as a timer goes`, () => {
    for (const value of [1, 1.5, LONGEST_TIMER]) {
      assertEquals(resolveLimits({ [name]: value })[name], value);
    }
    for (const value of [LONGEST_TIMER + 1, 2 ** 40, Infinity]) {
      assertEquals(resolveLimits({ [name]: value })[name], LONGEST_TIMER);
    }
  });
}

test("resolveLimits takes either time of the heartbeat, and false for none", () => {
  const times = (heartbeat: NonNullable<ConnectionLimits["heartbeat"]>) => {
    const { interval, timeout } = resolveLimits({ heartbeat }).heartbeat;
    return [interval, timeout];
  };
  assertEquals(times({}), [25_000, 20_000]);
  assertEquals(times({ interval: 5 }), [5, 20_000]);
  assertEquals(times({ timeout: 5 }), [25_000, 5]);
  assertEquals(times({ interval: 1, timeout: 2 }), [1, 2]);
  assertEquals(times(false), [Infinity, Infinity]);
});

test("resolveLimits keeps each policy of overflow", () => {
  for (const overflow of ["close", "wait", "drop-oldest", "drop-newest"] as const) {
    assertEquals(resolveLimits({ overflow }).overflow, overflow);
  }
});
