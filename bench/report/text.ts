// Figures as words: what the terminal and the Markdown page have in common.

import type { Failure, Run } from "../results.ts";
import { scenarioOf } from "../scenarios.ts";

/** A number with about three digits: "0.0123", "8.41", "1,063". */
export function format(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const magnitude = Math.abs(value);
  const digits = magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3;
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A ratio: "0.95×". */
export function formatRatio(ratio: number): string {
  return `${ratio < 0.1 ? ratio.toFixed(3) : ratio.toFixed(2)}×`;
}

/** What is measured in a scenario, with its unit: "8.41 µs", "9.8 KB". */
export function formatCost(scenario: string, value: number): string {
  if (scenarioOf(scenario).mode === "idle") return `${format(value / 1000)} KB`;
  return `${format(value)} µs`;
}

/** Above this share of a CPU the generator was the limit. */
const BOUND = 0.95;

/** The line that the terminal shows of a run. */
export function describeRun(run: Run | Failure, rounds: number): string {
  const cell = `${run.round + 1}/${rounds}  ${run.scenario.padEnd(21)} ${run.subject.padEnd(20)}`;
  if ("error" in run) return `${cell} FAILED: ${run.error}`;
  const { bytes, cpu, rate, p50, p99, generator, foreign = 0, beside } = run;
  const marks = [
    ...(beside !== undefined ? [`beside ${beside}`] : []),
    ...(generator > BOUND ? ["generator-bound"] : []),
    ...(foreign > 0.08 ? [`${Math.round(foreign * 100)}% of the CPU was used by others`] : []),
  ].join(", ");
  const cost = formatCost(run.scenario, bytes ?? cpu).padStart(11);
  if (bytes !== undefined) return `${cell} ${cost}`;
  return `${cell} ${cost}  ${Math.round(rate).toLocaleString("en").padStart(11)}/s` +
    `  p50 ${format(p50).padStart(6)} p99 ${format(p99).padStart(6)} µs` +
    `  generator ${String(Math.round(generator * 100)).padStart(3)}%  ${marks}`.trimEnd();
}

/** Lines of a table with aligned columns, the first to the left, the others to the right. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))
      .join("  ").trimEnd()
  );
}
