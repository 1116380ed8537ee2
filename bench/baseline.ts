// `npm run bench -- --quick`: a few scenarios of ours against the recorded ones.
//
// What is compared is our cost as a ratio to that of a raw TCP echo on the same runtime in the same round, so that a
// faster machine or a slower hour changes both. A ratio of medians still moves by a few percent from run to run.

import { byRound, type Results, runtimesIn } from "./results.ts";
import { medianRatio } from "./statistics.ts";
import type { RuntimeName } from "./servers.ts";

/** Scenarios, and the echo whose raw twin each is divided by. */
const yardsticks: Readonly<Record<string, string>> = {
  "echo-64x1-20": "echo-64x1-20",
  "echo-64x32-20": "echo-64x32-20",
  "utf8-64x32-1k": "echo-64x32-1k",
  "echo-64x1-64k": "echo-64x1-64k",
  "broadcast-500x1": "echo-64x1-20",
  "connect-64": "echo-64x1-20",
};

/** What a quick run measures. */
export const quickScenarios: readonly string[] = [
  ...new Set([...Object.keys(yardsticks), ...Object.values(yardsticks)]),
];

/** The share by which a ratio may be worse. */
const TOLERANCE = 0.1;

/** The recorded ratios: of a runtime, then of a scenario. */
export type Baseline = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** A ratio, and the recorded one if there is one. */
export interface Comparison {
  readonly runtime: RuntimeName;
  readonly scenario: string;
  readonly ratio: number;
  readonly recorded: number | undefined;
  /** By which share it is worse than the recorded one; negative when it is better. */
  readonly change: number;
  readonly worse: boolean;
}

/** The ratios of a run, in the form in which they are recorded. */
export function createBaseline(results: Pick<Results, "runs">): Baseline {
  const ratios = runtimesIn(results).map((runtime) => [runtime, ratiosOn(runtime, results)]);
  return Object.fromEntries(ratios) as Baseline;
}

function ratiosOn(runtime: RuntimeName, results: Pick<Results, "runs">): Record<string, number> {
  const ratios: Record<string, number> = {};
  for (const [scenario, yardstick] of Object.entries(yardsticks)) {
    const ratio = medianRatio(
      byRound(results, `ours-${runtime}`, scenario, "cpu"),
      byRound(results, `raw-${runtime}`, yardstick, "cpu"),
    );
    if (ratio !== undefined) ratios[scenario] = Math.round(ratio * 1000) / 1000;
  }
  return ratios;
}

/** Compares a run with what was recorded. */
export function compare(results: Pick<Results, "runs">, baseline: Baseline): Comparison[] {
  return Object.entries(createBaseline(results)).flatMap(([runtime, ratios]) =>
    Object.entries(ratios).map(([scenario, ratio]) => {
      const recorded = baseline[runtime]?.[scenario];
      const change = recorded === undefined ? 0 : ratio / recorded - 1;
      const worse = change > TOLERANCE;
      return { runtime: runtime as RuntimeName, scenario, ratio, recorded, change, worse };
    })
  );
}
