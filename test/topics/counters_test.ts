// The numbers of what a process publishes: when they are repeated and forgotten.

import { assertEquals } from "@std/assert";
import { createClock } from "@sansocket/ws/testing";
import { Counters } from "../../src/topics/counters.ts";
import { test } from "../support/test.ts";

/** Counters, and what they have repeated. */
function counting(most?: number) {
  const clock = createClock();
  const repeated: [channel: string, sequence: number, generation: number][] = [];
  const counters = new Counters(clock.source, ({ channel, sequence, generation }) => {
    repeated.push([channel, sequence, generation]);
  }, most);
  return { clock, repeated, counters };
}

test("next() counts each channel from 1", () => {
  const { counters } = counting();
  const next = (channel: string) => {
    const { sequence, generation } = counters.next(channel);
    return [sequence, generation];
  };
  assertEquals([next("a"), next("a"), next("b"), next("a")], [[1, 1], [2, 1], [1, 2], [3, 1]]);
  assertEquals(counters.size, 2);
});

test("a last number is repeated once, after a second without a message", async () => {
  const { clock, repeated, counters } = counting();
  counters.start();
  for (let i = 0; i < 5; i++) {
    counters.next("a");
    await clock.advance(900);
  }
  assertEquals(repeated, []);
  await clock.advance(400);
  assertEquals(repeated, [["a", 5, 1]]);
  await clock.advance(30_000);
  assertEquals(repeated.length, 1);
});

test("nothing is repeated while the broker is away, nor what no other process heard", async () => {
  const { clock, repeated, counters } = counting();
  counters.start();
  counters.next("a");
  counters.next("b").alone = true;
  counters.stop();
  await clock.advance(10_000);
  assertEquals([repeated, clock.pending], [[], []]);
  counters.start();
  await clock.advance(250);
  assertEquals(repeated, [["a", 1, 1]]);
});

test("a counter is forgotten 60 s after its repetition, unless it was used", async () => {
  const { clock, counters } = counting();
  counters.start();
  counters.next("a");
  counters.next("b");
  await clock.advance(40_000);
  counters.next("b");
  await clock.advance(30_000);
  assertEquals(counters.size, 1);
  assertEquals(counters.next("a").generation, 3);
  assertEquals(counters.next("b").sequence, 3);
  await clock.advance(120_000);
  assertEquals([counters.size, clock.pending], [0, []]);
});

test("counters are bounded: the oldest goes, repeats its number first, and is counted", async () => {
  const { clock, repeated, counters } = counting(3);
  counters.start();
  for (const channel of "abcde") counters.next(channel);
  assertEquals([counters.size, counters.evicted], [3, 2]);
  assertEquals(repeated, [["a", 1, 1], ["b", 1, 2]]);
  await clock.advance(2_000);
  assertEquals(repeated.map(([channel]) => channel).join(""), "abcde");
});

test("counters that had to go while the broker is away leave no list behind", () => {
  const { counters, repeated } = counting(10);
  for (let i = 0; i < 10_000; i++) counters.next(`${i}`);
  counters.start();
  assertEquals([counters.size, counters.evicted, repeated.length], [10, 9_990, 0]);
});
