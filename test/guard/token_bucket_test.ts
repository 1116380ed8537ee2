// Against a twin that remembers every token it gave away.

import { assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { TokenBucket } from "../../src/guard/token_bucket.ts";
import { test } from "../support/test.ts";

test("TokenBucket gives what it holds, then what it has earned", () => {
  let now = 0;
  const bucket = new TokenBucket(10, () => now);
  const takes = (): number => {
    let count = 0;
    while (bucket.take(1)) count++;
    return count;
  };
  assertEquals(takes(), 10);
  now = 99;
  assertEquals(takes(), 0);
  now = 100;
  assertEquals(takes(), 1);
  now = 450;
  assertEquals(takes(), 3);
  // One second's worth at most, however long it was idle.
  now = 1_000_000;
  assertEquals(takes(), 10);
});

test("TokenBucket keeps the fraction of a token in the clock", () => {
  let now = 0;
  const bucket = new TokenBucket(3, () => now);
  bucket.take(3);
  let taken = 0;
  for (now = 1; now <= 10_000; now++) if (bucket.take(1)) taken++;
  // 30 tokens in ten seconds; each refill may leave less than one behind.
  assertEquals(taken >= 29 && taken <= 30, true);
});

test("TokenBucket takes all that is asked for or nothing", () => {
  const bucket = new TokenBucket(10, () => 0);
  assertEquals([bucket.take(8), bucket.take(3), bucket.take(2), bucket.take(1)], [
    true,
    false,
    true,
    false,
  ]);
});

test("TokenBucket asks for the time only when it has run out", () => {
  let asked = 0;
  const bucket = new TokenBucket(100, () => asked++);
  for (let i = 0; i < 100; i++) bucket.take(1);
  assertEquals(asked, 1);
  bucket.take(1);
  assertEquals(asked, 2);
});

test("TokenBucket of Infinity never ends and never asks for the time", () => {
  let asked = 0;
  const bucket = new TokenBucket(Infinity, () => asked++);
  let refused = 0;
  // Twice around the largest small integer.
  for (let i = 0; i < 300; i++) if (!bucket.take(0xff_ffff)) refused++;
  assertEquals([refused, asked], [0, 0]);
});

test("TokenBucket lets through at most two seconds' worth above its rate, over any time", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 50 }),
    fc.array(fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 1, max: 60 }))),
    (rate, steps) => {
      let now = 0;
      const bucket = new TokenBucket(rate, () => now);
      const given: number[] = [];
      for (const [wait, count] of steps) {
        now += wait;
        for (let i = 0; i < count; i++) if (bucket.take(1)) given.push(now);
      }
      for (let first = 0; first < given.length; first++) {
        for (let last = first; last < given.length; last++) {
          const earned = (given[last]! - given[first]!) * rate / 1000;
          assertLessOrEqual(last - first + 1, 2 * rate + earned);
        }
      }
    },
  ));
});
