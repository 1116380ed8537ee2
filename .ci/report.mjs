// Reads what the three test runners report and adds it up.
//
// A runner that fails without naming a failed test (a file that does not load, a crash, a leak found
// after the last test) counts as one failure: green means that nothing at all went wrong.

import { existsSync, readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { root } from "./setup.mjs";

/**
 * @typedef {{ passed: number, failed: number, skipped: number }} Counts
 * @typedef {{ file: string, name: string, outcome: keyof Counts, seconds: number }} Case
 */

/** Counts of nothing. */
function noCounts() {
  return { passed: 0, failed: 0, skipped: 0 };
}

/**
 * Reads vitest's JSON report.
 *
 * @param {string} path The report.
 * @returns {Case[]} The test cases.
 */
export function readVitest(path) {
  if (!existsSync(path)) return [];
  return JSON.parse(readFileSync(path, "utf8")).testResults.flatMap((file) => {
    const cases = file.assertionResults.map(({ title, status, duration = 0 }) => ({
      file: file.name,
      name: title,
      outcome: status === "passed" || status === "failed" ? status : "skipped",
      seconds: duration / 1000,
    }));
    const silent = file.status === "failed" && !cases.some(({ outcome }) => outcome === "failed");
    if (silent) cases.push({ file: file.name, name: "", outcome: "failed", seconds: 0 });
    return cases;
  });
}

/**
 * Reads Bun's JUnit report.
 *
 * @param {string} path The report.
 * @returns {Case[]} The test cases.
 */
export function readBun(path) {
  return [...junitCases(path)];
}

/**
 * Reads Deno's JUnit report.
 *
 * It files a test under the module that called `Deno.test`, which is always test/support/test.ts
 * here. The order is the one they ran in, and the modules of deno_tests.mjs say how many each file has.
 *
 * @param {string} path The report.
 * @param {string} output What `deno test` printed.
 * @returns {Case[]} The test cases.
 */
export function readDeno(path, output) {
  const cases = [...junitCases(path)];
  const owners = [];
  for (const [, count, file] of output.matchAll(/^loaded (\d+) tests from (\S+)$/gm)) {
    for (let i = 0; i < Number(count); i++) owners.push(file);
  }
  const known = owners.length === cases.length;
  return cases.map((one, i) => ({ ...one, file: known ? owners[i] : "(all files)" }));
}

/** The test cases of a JUnit report, in its order. */
function* junitCases(path) {
  if (!existsSync(path)) return;
  const xml = readFileSync(path, "utf8");
  for (
    const [, head, end, body] of xml.matchAll(/<testcase\b([^>]*?)(?:(\/>)|>([^]*?)<\/testcase>)/g)
  ) {
    const file = / file="([^"]*)"/.exec(head)?.[1] ?? "";
    const inner = end === undefined ? body : "";
    const outcome = /<(failure|error)\b/.test(inner)
      ? "failed"
      : /<skipped\b/.test(inner)
      ? "skipped"
      : "passed";
    const name = unescape(/ name="([^"]*)"/.exec(head)?.[1] ?? "");
    yield { file, name, outcome, seconds: Number(/ time="([\d.]+)"/.exec(head)?.[1] ?? 0) };
  }
}

function unescape(text) {
  const characters = { quot: '"', apos: "'", lt: "<", gt: ">", amp: "&" };
  return text.replace(/&(quot|apos|lt|gt|amp);/g, (_, name) => characters[name]);
}

/**
 * Counts by file.
 *
 * @param {Iterable<Case>} cases The test cases of a runtime.
 * @returns {Map<string, Counts>} By path from the top level.
 */
export function tally(cases) {
  const files = new Map();
  for (const { file, outcome } of cases) {
    const path = fromTop(file);
    if (!files.has(path)) files.set(path, noCounts());
    files.get(path)[outcome]++;
  }
  return files;
}

/**
 * Why tests were skipped, with how many of each runtime; the reason is part of a test's name.
 *
 * @param {Map<string, Case[]>} runs By runtime, its test cases.
 * @returns {string} A line for each reason, the most frequent first; empty if there are none.
 */
export function skipReasons(runs) {
  const reasons = new Map();
  for (const [runtime, cases] of runs) {
    for (const { name, outcome } of cases) {
      if (outcome !== "skipped") continue;
      const reason = /\(skipped: (.*)\)$/.exec(name)?.[1] ?? "no reason given";
      const counts = reasons.get(reason) ?? new Map();
      reasons.set(reason, counts.set(runtime, (counts.get(runtime) ?? 0) + 1));
    }
  }
  const all = (counts) => [...counts.values()].reduce((a, b) => a + b, 0);
  return [...reasons]
    .sort(([, a], [, b]) => all(b) - all(a))
    .map(([reason, counts]) => {
      const each = [...counts].map(([runtime, count]) => `${count} on ${runtime}`).join(", ");
      return `${String(all(counts)).padStart(6)}  ${reason} (${each})`;
    })
    .join("\n");
}

/**
 * Where the time went: the five files of each runtime whose tests took longest.
 *
 * @param {Map<string, Case[]>} runs By runtime, its test cases.
 * @returns {string} A line for each runtime.
 */
export function slowest(runs) {
  return [...runs].map(([runtime, cases]) => {
    const times = new Map();
    for (const { file, seconds } of cases) {
      const path = fromTop(file).replace(/^test\/|_test\.ts$/g, "");
      times.set(path, (times.get(path) ?? 0) + seconds);
    }
    const first = [...times].sort(([, a], [, b]) => b - a).slice(0, 5);
    const list = first.map(([path, seconds]) => `${path} ${seconds.toFixed(1)} s`).join(", ");
    return `Slowest on ${runtime}: ${list}`;
  }).join("\n");
}

/**
 * Adds up.
 *
 * @param {Iterable<Counts>} all What to add.
 * @returns {Counts} The sum.
 */
export function sum(all) {
  const total = noCounts();
  for (const { passed, failed, skipped } of all) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  return total;
}

/**
 * Draws the table of test file by runtime.
 *
 * @param {Map<string, Case[]>} runs By runtime, its test cases.
 * @returns {string} The table.
 */
export function table(runs) {
  const runtimes = [...runs.keys()];
  const counts = new Map([...runs].map(([runtime, cases]) => [runtime, tally(cases)]));
  const files = [...new Set([...counts.values()].flatMap((run) => [...run.keys()]))].sort();
  const rows = [["test file", ...runtimes]];
  for (const file of files) {
    rows.push([
      file,
      ...runtimes.map((r) => cell(counts.get(r)?.get(file))),
    ]);
  }
  rows.push(["all", ...runtimes.map((r) => cell(sum(counts.get(r)?.values() ?? [])))]);
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) =>
    row.map((text, i) => text.padEnd(widths[i])).join("  ").trimEnd()
  );
  return [...lines, "(each cell: how many passed, then failed and skipped where there are any)"]
    .join("\n");
}

function cell(counts) {
  if (counts === undefined) return "-";
  const { passed, failed, skipped } = counts;
  return `${passed}${failed ? `, ${failed} failed` : ""}${skipped ? `, ${skipped} skipped` : ""}`;
}

/** A path from the top level, of what a runner calls a file. */
function fromTop(name) {
  return relative(root, resolve(root, name.replace(/^file:\/\//, "")));
}
