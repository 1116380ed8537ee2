import { assert, assertEquals } from "@std/assert";
import { Histogram, median, medianRatio } from "../../bench/statistics.ts";
import { test } from "../support/test.ts";

function assertNear(actual: number, expected: number, tolerance: number): void {
  assert(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected} ± ${tolerance}`);
}

test("median takes the middle, whatever the order, and the mean of two", () => {
  assertEquals(median([3]), 3);
  assertEquals(median([10, 2, 9]), 9);
  assertEquals(median([4, 1, 3, 2]), 2.5);
  assertEquals(median([]), NaN);
});

test("medianRatio compares rounds with themselves, and only those that both have", () => {
  const ours = new Map([[0, 10], [1, 200], [2, 6], [5, 1]]);
  const other = new Map([[0, 5], [1, 100], [2, 2], [3, 9]]);
  assertEquals(medianRatio(ours, other), 2);
  assertEquals(medianRatio(ours, new Map([[7, 1]])), undefined);
  assertEquals(medianRatio(ours, new Map([[0, 0]])), undefined);
});

test("Histogram keeps every latency to within 1.6%", () => {
  for (const milliseconds of [0.0003, 0.0064, 0.25, 1, 17.3, 999, 120_000]) {
    const histogram = new Histogram();
    histogram.add(milliseconds);
    const microseconds = milliseconds * 1000;
    assertNear(histogram.quantile(0.5), microseconds, Math.max(microseconds * 0.016, 0.05));
  }
});

test("Histogram finds quantiles among values added many at a time", () => {
  const histogram = new Histogram();
  histogram.add(1, 98);
  histogram.add(50, 2);
  assertEquals(histogram.count, 100);
  assertNear(histogram.quantile(0.5), 1000, 16);
  assertNear(histogram.quantile(0.99), 50_000, 800);
  histogram.reset();
  assertEquals(histogram.quantile(0.5), 0);
});

test("Histogram takes what is below zero for zero, and what is too long for the longest", () => {
  const histogram = new Histogram();
  histogram.add(-1);
  assertEquals(histogram.quantile(1), 0);
  histogram.add(1e12);
  assertNear(histogram.quantile(1), 0xffff_ffff / 10, 0xffff_ffff / 600);
});
