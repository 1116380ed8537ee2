// What must be reached: a bound for a ratio of our server's cost to a reference's, or of our client's, measured in the
// same rounds.

import { byRound, type Figure, type Results } from "./results.ts";
import { scenarioOf, scenarios, titleOf } from "./scenarios.ts";
import type { Engine, Family, RuntimeName } from "./servers.ts";
import { median, medianRatio } from "./statistics.ts";

/** A bound. */
export interface Target {
  readonly family: Family;
  readonly scenario: string;
  /** What ours is divided by: an engine in the same scenario, or ours in another. */
  readonly reference: Engine | { readonly scenario: string };
  readonly bound: number;
}

type Row = readonly [
  scenario: string,
  node: readonly [Engine, number],
  bun: number,
  /** Without one, the figures are stated. */
  deno?: number,
];

/** On Bun and Deno the reference is the runtime's own server, or its own client. */
const rows: readonly Row[] = [
  ["echo-64x1-20", ["raw", 1.1], 1, 0.95],
  ["echo-64x1-1k", ["raw", 1.1], 1, 0.95],
  ["echo-64x32-20", ["raw", 2], 1, 0.1],
  ["echo-64x32-1k", ["raw", 2], 1, 0.125],
  ["utf8-64x32-1k", ["ws", 0.5], 1, 0.6],
  ["echo-64x1-64k", ["raw", 1.7], 1, 1],
  ["echo-8x4-1m", ["raw", 1.3], 1, 1],
  ["echo-64x1-20-tls", ["ws", 0.9], 1.1],
  ["echo-64x32-20-tls", ["ws", 0.5], 1.1, 0.2],
  ["echo-64x1-64k-tls", ["ws", 1], 0.9],
  ["broadcast-500x1", ["ws", 0.75], 1.05, 1],
  ["broadcast-5000x1", ["ws", 0.8], 1.05, 1],
  ["broadcast-500x8", ["ws", 0.25], 1, 0.3],
  ["broadcast-500x8-from8", ["ws", 0.25], 1.05, 0.3],
  ["connect-64", ["ws", 0.6], 1.5, 1],
  ["idle-5000", ["ws", 1], 2, 0.5],
  ["connect-64-fetch", ["ws", 0.85], 1.5, 1.25],
  ["broadcast-500x1-loop", ["ws", 0.85], 1.1, 1],
  ["broadcast-500x1-loop-text", ["ws", 0.85], 1.1, 1],
  ["get-64-1k-page", ["hono", 0.8], 2.2, 1.6],
  ["get-64-1k-page-route", ["http", 1.5], 1.8, 1.4],
  ["client-64x1-20", ["ws", 0.95], 1, 1.1],
  ["client-64x32-20", ["ws", 0.25], 0.2, 0.3],
];

/** Measured and shown without a bound. */
const stated: readonly string[] = ["client-connect-64"];

/** Ours against ours, on Node, Bun and Deno: what growing may cost, and a function that decides. */
const ownRows = [
  ["echo-10000x1-20", "echo-64x1-20", [1.3, 1.3, 1.3]],
  ["broadcast-5000x1", "broadcast-500x1", [1.3, 1.3, 1.3]],
  ["connect-64-fetch", "connect-64", [1.4, 1.2, 1.3]],
  ["connect-64-async", "connect-64-fetch", [1.15, 1.15, 1.15]],
  ["get-64-1k-page-async", "get-64-1k-page", [1.15, 1.15, 1.15]],
  ["idle-5000-field", "idle-5000", [1.1, 1.1, 1.1]],
] as const;

const families: readonly Family[] = ["node", "bun", "deno"];

/** All of them, row by row. */
export const targets: readonly Target[] = [
  ...rows.flatMap(([scenario, [reference, bound], bun, deno]): Target[] => [
    { family: "node", scenario, reference, bound },
    { family: "bun", scenario, reference: "native", bound: bun },
    ...(deno === undefined
      ? []
      : [{ family: "deno", scenario, reference: "native", bound: deno } as const]),
  ]),
  ...ownRows.flatMap(([scenario, from, bounds]) =>
    families.map((family, i): Target => ({
      family,
      scenario,
      reference: { scenario: from },
      bound: bounds[i]!,
    }))
  ),
  { family: "node", scenario: "connect-64-attach", reference: "ws", bound: 1 },
  { family: "node", scenario: "broadcast-500x1-json", reference: "ws", bound: 0.1 },
  { family: "node", scenario: "deflate-64x1-1k", reference: "ws", bound: 0.25 },
  { family: "bun", scenario: "deflate-64x1-1k", reference: "native", bound: 1 },
];

/** The scenarios of the default run, in the order of all scenarios. */
export const targetScenarios: readonly string[] = scenarios
  .map(({ name }) => name)
  .filter((name) => stated.includes(name) || targets.some(({ scenario }) => scenario === name));

/** The scenario of ours that ours is compared with in this one: they are measured in turns. */
export function ownReferenceOf(scenario: string): string | undefined {
  return ownRows.find(([own]) => own === scenario)?.[1];
}

/** A target, and what was measured. */
export interface Judgement extends Target {
  readonly runtime: RuntimeName;
  readonly title: string;
  /** Ours, and the reference: µs of CPU, or octets. */
  readonly ours: number;
  readonly other: number;
  readonly ratio: number;
  readonly met: boolean;
}

/** The figure that a scenario is judged by. */
export function figureOf(scenario: string): Figure {
  return scenarioOf(scenario).mode === "idle" ? "bytes" : "cpu";
}

/** Judges one target on a runtime; undefined when it was not measured. */
export function judge(
  target: Target,
  runtime: RuntimeName,
  results: Pick<Results, "runs">,
): Judgement | undefined {
  const { scenario, reference, bound } = target;
  const figure = figureOf(scenario);
  const ours = byRound(results, `ours-${runtime}`, scenario, figure);
  const other = typeof reference === "string"
    ? byRound(results, `${reference}-${runtime}`, scenario, figure)
    : byRound(results, `ours-${runtime}`, reference.scenario, figure, scenario);
  const ratio = medianRatio(ours, other);
  if (ratio === undefined) return undefined;
  return {
    ...target,
    runtime,
    title: titleOf(scenarioOf(scenario)),
    ours: median([...ours.values()]),
    other: median([...other.values()]),
    ratio,
    met: ratio <= bound,
  };
}
