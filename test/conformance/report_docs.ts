// docs/conformance.md: the part between its two markers is written from a run, the rest by hand.

import { verdicts } from "./case.ts";
import {
  type EndpointReport,
  findings,
  formatIds,
  type Report,
  sectionOf,
  sectionsIn,
  tally,
} from "./report.ts";

const BEGIN = "<!-- written by npm run conformance -- --compare: begin -->";
const END = "<!-- end -->";

/**
 * Replaces what a run has written with what this one found.
 *
 * @param report The run.
 * @param page The page as it stands.
 * @throws {Error} When the page has lost its markers.
 */
export function formatDocs(report: Report, page: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error("docs/conformance.md has lost its markers");
  const body = [overview(report), bySection(report), differences(report)].join("\n\n");
  return `${page.slice(0, begin)}${BEGIN}\n\n${body}\n\n${page.slice(end)}`;
}

function label({ name, role, runtime }: EndpointReport): string {
  return name === "sansocket" ? `${name} ${role}, ${runtime}` : `${name}, ${runtime}`;
}

function overview({ date, endpoints }: Report): string {
  const rows = endpoints.map((endpoint) => {
    const counts = tally(endpoint.results);
    return [
      label(endpoint),
      String(endpoint.results.length),
      ...verdicts.map((verdict) => String(counts[verdict])),
    ];
  });
  return `Run on ${date.slice(0, 10)}.\n\n${table(["", "cases", ...verdicts], rows)}`;
}

/** What is OK of how many, for each section. */
function bySection({ endpoints }: Report): string {
  const names = sectionsIn(endpoints.flatMap(({ results }) => results));
  const rows = endpoints.map((endpoint) => [
    label(endpoint),
    ...names.map(([number]) => {
      const results = endpoint.results.filter(({ id }) => sectionOf(id) === number);
      const good = results.filter(({ verdict }) => verdict === "OK").length;
      return results.length === 0
        ? ""
        : good === results.length
        ? `${good}`
        : `${good}/${results.length}`;
    }),
  ]);
  const key = names.map(([number, name]) => `${number} ${name}`).join("; ");
  return `## By section\n\nEach cell counts the cases that are OK, with the total if some are not. ${key}.\n\n${
    table(["", ...names.map(([number]) => number)], rows)
  }`;
}

function differences({ endpoints }: Report): string {
  const parts = endpoints.map((endpoint) => {
    const rows = findings(endpoint.results)
      .map(({ verdict, reason, ids }) => [verdict, formatIds(ids), reason]);
    const body = rows.length === 0 ? "Nothing." : table(["", "cases", "why"], rows);
    return `### ${label(endpoint)}\n\n${body}`;
  });
  return `## What is not OK, and why\n\n${parts.join("\n\n")}`;
}

/** A table in the form that the formatter keeps. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [header, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = header.map((_, column) => Math.max(3, ...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(cells[0]!), rule, ...cells.slice(1).map(line)].join("\n");
}
