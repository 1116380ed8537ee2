// The README's chart: a few rows of docs/performance.md, on each runtime, won and lost alike.
//
// It is drawn from the page's tables, so that both say the same.

import type { Chart, ChartRow } from "./chart.ts";

/** Titles of tables on the page, and what the chart calls them. */
const scenarios: readonly (readonly [title: string, words: string])[] = [
  ["20 B, 1 in flight, 64 connections", "one message at a time"],
  ["20 B, 32 in flight, 64 connections", "32 messages at a time"],
];

/** Whose cost is compared on each runtime: what its users have otherwise. */
const runtimes: readonly (readonly [name: string, ours: string, other: string, words: string])[] = [
  ["Node", "ours-node20", "ws-node20", "ws"],
  ["Bun", "ours-bun", "native-bun", "Bun.serve"],
  ["Deno", "ours-deno", "native-deno", "Deno's own"],
];

/**
 * The chart.
 *
 * @param page The text of docs/performance.md.
 * @returns A row for each scenario and runtime.
 */
export function summaryOf(page: string): Chart {
  const rows = scenarios.flatMap(([title, words]) => {
    const costs = tableOf(page, `**${title}: per message**`);
    const targets = tableOf(page, "### Targets");
    return runtimes.map(([name, ours, other, reference]): ChartRow => {
      const [, own = ""] = costs.find(([subject]) => subject === ours) ?? [];
      const [, cost = "", ofOurs = ""] = costs.find(([subject]) => subject === other) ?? [];
      // The ratio that the page says, where it is a target; the inverse has lost a digit.
      const target = targets.find(([row, on = "", , than = ""]) =>
        row === title && on.startsWith(name) && than.startsWith(`${reference}: `)
      );
      const value = target === undefined ? 1 / parseFloat(ofOurs) : parseFloat(target[4] ?? "");
      if (!(value > 0) || own === "") throw new Error(`Expected ${other} in "${title}"`);
      return {
        title: `${name}: ${words}`,
        ours: { name: "sansocket", value, label: own },
        reference: { name: reference, value: 1, label: cost },
      };
    });
  });
  return {
    title: "What an echoed message costs the server",
    subtitle: "CPU time for a message of 20 octets, on 64 connections: shorter is better. " +
      "Each row has its own scale.",
    rows,
  };
}

/** The cells of the first table behind a heading. */
function tableOf(page: string, heading: string): string[][] {
  const [table = ""] = page.split(heading)[1]?.match(/(?:^\|.*\n)+/m) ?? [];
  return table.trim().split("\n").map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  );
}
