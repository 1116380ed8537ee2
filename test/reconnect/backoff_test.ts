import { assertEquals } from "@std/assert";
import { HandshakeError } from "@sansocket/ws";
import { createClock } from "@sansocket/ws/testing";
import { Backoff, type BackoffSettings } from "../../src/reconnect/backoff.ts";
import {
  ended,
  failedAttempt,
  failedCall,
  withoutConnection,
} from "../../src/reconnect/failure.ts";
import { test } from "../support/test.ts";

const SETTINGS: BackoffSettings = { baseDelay: 1_000, maxDelay: 30_000, minUptime: 5_000 };
const RESET = failedAttempt(1, Object.assign(new Error("reset"), { code: "ECONNRESET" }), false);

/** Runs with random numbers that are all the same. */
function withRandom(value: number, body: () => void): void {
  const { random } = Math;
  Math.random = () => value;
  try {
    body();
  } finally {
    Math.random = random;
  }
}

function delays(backoff: Backoff, count: number): number[] {
  return Array.from({ length: count }, () => backoff.next(RESET));
}

test("Backoff doubles the delay up to the longest, of which a random part counts", () => {
  for (const part of [0, 0.25, 0.999]) {
    withRandom(part, () => {
      assertEquals(
        delays(new Backoff(SETTINGS, createClock().source), 7),
        [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000].map((most) => most * part),
      );
    });
  }
});

test("Backoff waits no longer than a timer can, and not without a wait", () => {
  const longest = 2 ** 31 - 1;
  for (const most of [1e12, Number.MAX_VALUE, Infinity]) {
    const settings = { baseDelay: most, maxDelay: most, minUptime: 0 };
    const backoff = (): Backoff => new Backoff(settings, createClock().source);
    withRandom(0, () => assertEquals(delays(backoff(), 3), [0, 0, 0]));
    withRandom(0.5, () => assertEquals(delays(backoff(), 2), [longest / 2, longest / 2]));
    withRandom(1, () => {
      const headers = new Headers({ "retry-after": "60" });
      const error = new HandshakeError("503", { status: 503, headers });
      assertEquals(backoff().next(failedAttempt(1, error, false)), longest);
    });
  }
});

test("Backoff takes any error for one without Retry-After", () => {
  const fields: unknown[] = [{ "retry-after": "60" }, null, "text", { get: () => 60 }];
  const errors: unknown[] = fields.map((headers) => Object.assign(new Error(), { headers }));
  errors.push(undefined, null, Symbol("thrown"), {
    get headers() {
      throw new Error("a getter");
    },
  });
  for (const error of errors) {
    const backoff = new Backoff(SETTINGS, createClock().source);
    withRandom(0.5, () => assertEquals(backoff.next(failedCall(1, error)), 500));
  }
});

test("Backoff begins anew after a connection that lasted", () => {
  withRandom(1, () => {
    const backoff = new Backoff(SETTINGS, createClock().source);
    assertEquals(delays(backoff, 3), [1_000, 2_000, 4_000]);
    assertEquals(backoff.lasted(4_999), false);
    assertEquals(delays(backoff, 1), [8_000]);
    assertEquals(backoff.lasted(5_000), true);
    assertEquals(delays(backoff, 2), [1_000, 2_000]);
  });
});

test("Backoff spreads the clients of a server that goes", () => {
  withRandom(1, () => {
    for (const [code, most] of [[1001, 4_000], [1012, 4_000], [1013, 4_000], [1006, 1_000]]) {
      const backoff = new Backoff(SETTINGS, createClock().source);
      const info = { ...withoutConnection(undefined, false), code: code! };
      assertEquals(backoff.next(ended(1, info)), most);
      // Only the first delay: then it is a failure like others.
      assertEquals(backoff.next(ended(1, info)), 2_000);
    }
    const short = new Backoff({ ...SETTINGS, maxDelay: 3_000 }, createClock().source);
    assertEquals(
      short.next(ended(1, { ...withoutConnection(undefined, false), code: 1001 })),
      3_000,
    );
  });
});

test("Backoff waits as long as Retry-After says, at most five minutes", async () => {
  const clock = createClock();
  await clock.advance(60_000);
  const after = (value: string): number => {
    const headers = new Headers({ "retry-after": value });
    const error = new HandshakeError("503", { status: 503, headers });
    return new Backoff(SETTINGS, clock.source).next(failedAttempt(1, error, false));
  };
  withRandom(0.5, () => {
    assertEquals(after("7"), 7_500);
    assertEquals(after(" 0 "), 500);
    assertEquals(after("301"), 300_500);
    assertEquals(after("99999999999999999999"), 300_500);
    assertEquals(after("Thu, 01 Jan 1970 00:01:10 GMT"), 10_500);
    assertEquals(after("Thu, 01 Jan 1970 00:00:10 GMT"), 500);
    for (const none of ["", "-1", "soon", "1.5e3x", "NaN"]) assertEquals(after(none), 500);
  });
});
