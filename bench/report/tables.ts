// The tables: each scenario with all who took part, and the targets.

import type { Comparison } from "../baseline.ts";
import { byRound, type Results, runtimesIn } from "../results.ts";
import { measuresClient, scenarioOf, scenarios, titleOf, unitOf } from "../scenarios.ts";
import { type Family, familyOf, type RuntimeName } from "../servers.ts";
import { median, medianRatio } from "../statistics.ts";
import { figureOf, judge, type Judgement, targets } from "../targets.ts";
import { format, formatCost, formatRatio } from "./text.ts";

/** Rows of cells; the first is the head. */
export type Table = readonly (readonly string[])[];

/** A table and what stands above it. */
export interface Titled {
  readonly title: string;
  readonly table: Table;
}

/** All judgements that the results allow, row by row. */
export function judgements(results: Pick<Results, "runs">): Judgement[] {
  const runtimes = runtimesIn(results);
  return targets.flatMap((target) =>
    runtimes.filter((runtime) => familyOf(runtime) === target.family)
      .map((runtime) => judge(target, runtime, results))
      .filter((judgement) => judgement !== undefined)
  );
}

/** What a judgement's reference is called. */
export function referenceOf(
  { reference, family, scenario }: Pick<Judgement, "reference" | "family" | "scenario">,
): string {
  if (typeof reference !== "string") {
    const { connections, shape } = scenarioOf(reference.scenario);
    return connections < scenarioOf(scenario).connections ? "ours, fewer" : `ours, ${shape}`;
  }
  if (reference === "raw") return "raw TCP";
  if (reference !== "native") return reference;
  if (family === "deno") return "Deno's own";
  return measuresClient(scenarioOf(scenario)) ? "Bun's own" : "Bun.serve";
}

/** The targets, one row each. */
export function targetTable(results: Pick<Results, "runs">): Table {
  const head = ["", "on", "ours", "reference", "", "ratio", "target", ""];
  const rows = judgements(results).map((judgement) => {
    const { title, runtime, ours, other, ratio, bound, met, scenario } = judgement;
    return [
      title,
      runtime,
      formatCost(scenario, ours),
      formatCost(scenario, other),
      referenceOf(judgement),
      formatRatio(ratio),
      `≤ ${formatRatio(bound)}`,
      met ? "met" : "NOT MET",
    ];
  });
  return [head, ...rows];
}

/** One table for each scenario: every subject, and its ratio to ours on the same runtime. */
export function scenarioTables(results: Pick<Results, "runs">): Titled[] {
  const subjects = [...new Set(results.runs.map(({ subject }) => subject))];
  const runtimes = runtimesIn(results);
  return scenarios.flatMap((scenario): Titled[] => {
    const rows = runtimes.flatMap((runtime) =>
      subjects.filter((subject) => subject.endsWith(`-${runtime}`))
        .map((subject) => row(results, scenario.name, subject, runtime))
        .filter((cells) => cells !== undefined)
    );
    if (rows.length === 0) return [];
    const cost = scenario.mode === "idle" ? "memory" : "CPU";
    const head = ["", cost, "of ours", "per second", "p50 µs", "p99 µs", "generator"];
    return [{ title: `${titleOf(scenario)}: per ${unitOf(scenario)}`, table: [head, ...rows] }];
  });
}

function row(
  results: Pick<Results, "runs">,
  scenario: string,
  subject: string,
  runtime: RuntimeName,
): string[] | undefined {
  const figure = figureOf(scenario);
  const values = byRound(results, subject, scenario, figure);
  if (values.size === 0) return undefined;
  const middle = (name: Parameters<typeof byRound>[3]): number =>
    median([...byRound(results, subject, scenario, name).values()]);
  const ratio = medianRatio(values, byRound(results, `ours-${runtime}`, scenario, figure));
  const idle = figure === "bytes";
  const busy = Math.round(middle("generator") * 100);
  return [
    subject,
    formatCost(scenario, median([...values.values()])),
    ratio === undefined ? "" : formatRatio(ratio),
    idle ? "" : Math.round(middle("rate")).toLocaleString("en"),
    idle ? "" : format(middle("p50")),
    idle ? "" : format(middle("p99")),
    idle ? "" : `${busy}%${busy > 95 ? " (the limit)" : ""}`,
  ];
}

/** How many of the targets of a family are met. */
export function score(all: readonly Judgement[], family?: Family): string {
  const mine = all.filter((each) => family === undefined || each.family === family);
  return `${mine.filter(({ met }) => met).length} of ${mine.length}`;
}

/** A quick run against the recorded one. */
export function comparisonTable(comparisons: readonly Comparison[]): Table {
  const head = ["", "on", "now", "recorded", "change", ""];
  const rows = comparisons.map(({ runtime, scenario, ratio, recorded, change, worse }) => {
    const percent = `${change > 0 ? "+" : ""}${Math.round(change * 100)}%`;
    return [
      scenario,
      runtime,
      formatRatio(ratio),
      recorded === undefined ? "-" : formatRatio(recorded),
      recorded === undefined ? "new" : percent,
      worse ? "WORSE" : "",
    ];
  });
  return [head, ...rows];
}
