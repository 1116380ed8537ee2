// docs/performance.md and its charts, from results, and the README's chart from that page.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { byRound, type Results } from "../results.ts";
import type { RuntimeName } from "../servers.ts";
import { median, medianRatio } from "../statistics.ts";
import { figureOf } from "../targets.ts";
import { type Bar, type Chart, type ChartRow, createChart } from "./chart.ts";
import { chartRuntimes, createMarkdown, nameOf, replaceGenerated } from "./markdown.ts";
import { judgements, referenceOf } from "./tables.ts";
import { summaryOf } from "./summary.ts";
import { formatCost } from "./text.ts";

/** Writes the page, a chart for each runtime and the README's below `docs`; returns the files. */
export function writePage(results: Results, docs: string): string[] {
  const page = join(docs, "performance.md");
  const text = replaceGenerated(readFileSync(page, "utf8"), createMarkdown(results));
  writeFileSync(page, text);
  mkdirSync(join(docs, "performance"), { recursive: true });
  const summary = join(docs, "performance", "summary.svg");
  writeFileSync(summary, createChart(summaryOf(text)));
  const charts = chartRuntimes(results).map((runtime) => {
    const file = join(docs, "performance", `${runtime}.svg`);
    writeFileSync(file, createChart(chartOf(runtime, results)));
    return file;
  });
  return [page, summary, ...charts];
}

/** The chart of a runtime: ours against what the runtime's users have otherwise. */
export function chartOf(runtime: RuntimeName, results: Results): Chart {
  const rows = judgements(results)
    .filter((each) => each.runtime === runtime && typeof each.reference === "string")
    .map(({ scenario, title, family }): ChartRow | undefined => {
      const engine = family === "node" ? "ws" : "native";
      const valuesOf = (subject: string): ReadonlyMap<number, number> =>
        byRound(results, subject, scenario, figureOf(scenario));
      const others = valuesOf(`${engine}-${runtime}`);
      // As long as the tables' ratio says, which is not that of two medians.
      const bar = (subject: string, name: string): Bar | undefined => {
        const values = valuesOf(subject);
        const value = medianRatio(values, others);
        if (value === undefined) return undefined;
        return { name, value, label: formatCost(scenario, median([...values.values()])) };
      };
      const ours = bar(`ours-${runtime}`, "sansocket");
      const reference = bar(
        `${engine}-${runtime}`,
        referenceOf({ reference: engine, family, scenario }),
      );
      const limit = bar(`raw-${runtime}`, "raw TCP echo, the limit");
      if (ours === undefined || reference === undefined) return undefined;
      return { title, ours, reference, ...(limit && { limit }) };
    })
    .filter((row) => row !== undefined);
  return {
    title: `What a message costs on ${nameOf(runtime, results)}`,
    subtitle:
      "CPU time of the server, or the client, for each message, or memory: shorter is better. " +
      "Each row has its own scale.",
    rows,
  };
}
