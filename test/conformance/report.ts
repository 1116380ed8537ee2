// What a run has found, as data and as a table for a terminal.

import { type Result, type Role, type Verdict, verdicts } from "./case.ts";
import { sections } from "./all.ts";

/** One end that was tested, and what came of it. */
export interface EndpointReport {
  /** What was tested: "sansocket", "ws", or a URL. */
  readonly name: string;
  /** With its version; empty when it is not known. */
  readonly runtime: string;
  readonly role: Role;
  readonly results: readonly Result[];
}

/** A run. */
export interface Report {
  /** When, in the form of ISO 8601. */
  readonly date: string;
  readonly endpoints: readonly EndpointReport[];
}

/** How often each verdict was given. */
export function tally(results: readonly Result[]): Record<Verdict, number> {
  const counts = Object.fromEntries(verdicts.map((verdict) => [verdict, 0]));
  for (const { verdict } of results) counts[verdict] = (counts[verdict] ?? 0) + 1;
  return counts as Record<Verdict, number>;
}

/** The section that a case belongs to. */
export function sectionOf(id: string): string {
  return id.split(".")[0] ?? "";
}

/** The sections that have results, in order. */
export function sectionsIn(results: readonly Result[]): [number: string, name: string][] {
  const present = new Set(results.map(({ id }) => sectionOf(id)));
  return Object.entries(sections)
    .filter(([number]) => present.has(number))
    .sort(([a], [b]) => Number(a) - Number(b));
}

/** One line for each end, and one for each kind of finding. */
export function formatTable({ endpoints }: Report): string {
  const header = ["", "role", "runtime", "cases", ...verdicts, "seconds"];
  const rows = endpoints.map(({ name, role, runtime, results }) => {
    const counts = tally(results);
    const seconds = results.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000;
    return [
      name,
      role,
      runtime,
      String(results.length),
      ...verdicts.map((verdict) => String(counts[verdict])),
      seconds.toFixed(1),
    ];
  });
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0))
  );
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column < 3 ? cell.padEnd(width) : cell.padStart(width);
    }).join("  ").trimEnd();
  return [header, ...rows].map(line).join("\n");
}

/** Results that say the same for the same reason. */
export interface Finding {
  readonly verdict: Verdict;
  readonly reason: string;
  readonly ids: readonly string[];
}

/** All that was not OK, the worst first. */
export function findings(results: readonly Result[]): Finding[] {
  const found = new Map<string, { verdict: Verdict; reason: string; ids: string[] }>();
  for (const { id, verdict, reason = "" } of results) {
    if (verdict === "OK") continue;
    const key = `${verdict} ${reason}`;
    const finding = found.get(key) ?? { verdict, reason, ids: [] };
    finding.ids.push(id);
    found.set(key, finding);
  }
  return [...found.values()].sort((a, b) =>
    verdicts.indexOf(b.verdict) - verdicts.indexOf(a.verdict)
  );
}

/** More ranges than this are given by section. */
const MANY_RANGES = 10;

/** Ids with neighbours joined: "6.4.1–6.4.4, 7.1.6"; or when they are many by section: "6 (145), 7 (4)". */
export function formatIds(ids: readonly string[]): string {
  const ranges: { first: string; last: string }[] = [];
  for (const id of ids) {
    const range = ranges.at(-1);
    if (range !== undefined && follows(range.last, id)) range.last = id;
    else ranges.push({ first: id, last: id });
  }
  if (ranges.length > MANY_RANGES) return countBySection(ids);
  return ranges
    .map(({ first, last }) => first === last ? first : `${first}–${last}`)
    .join(", ");
}

function countBySection(ids: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(sectionOf(id), (counts.get(sectionOf(id)) ?? 0) + 1);
  return [...counts].map(([section, count]) => `${section} (${count})`).join(", ");
}

function follows(first: string, second: string): boolean {
  const split = (id: string): [string, number] => {
    const at = id.lastIndexOf(".");
    return [id.slice(0, at), Number(id.slice(at + 1))];
  };
  const [group, index] = split(first);
  const [otherGroup, otherIndex] = split(second);
  return group === otherGroup && otherIndex === index + 1;
}
