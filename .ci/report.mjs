// Reads what the three test runners report and adds it up.
//
// A runner that fails without naming a failed test (a file that does not load, a crash, a leak found
// after the last test) counts as one failure: green means that nothing at all went wrong.

import { existsSync, readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { root } from "./setup.mjs";

/**
 * @typedef {{ passed: number, failed: number, skipped: number }} Counts
 */

/**
 * Counts of nothing.
 *
 * @returns {Counts} All zero.
 */
export function noCounts() {
  return { passed: 0, failed: 0, skipped: 0 };
}

/**
 * Reads vitest's JSON report.
 *
 * @param {string} path The report.
 * @returns {Map<string, Counts>} Counts by test file.
 */
export function readVitest(path) {
  const files = new Map();
  if (!existsSync(path)) return files;
  for (const file of JSON.parse(readFileSync(path, "utf8")).testResults) {
    const counts = countsOf(files, file.name);
    for (const { status } of file.assertionResults) {
      if (status === "passed") counts.passed++;
      else if (status === "failed") counts.failed++;
      else counts.skipped++;
    }
    if (file.status === "failed" && counts.failed === 0) counts.failed++;
  }
  return files;
}

/**
 * Reads Bun's JUnit report.
 *
 * @param {string} path The report.
 * @returns {Map<string, Counts>} Counts by test file.
 */
export function readBun(path) {
  const files = new Map();
  for (const { file, outcome } of junitCases(path)) countsOf(files, file)[outcome]++;
  return files;
}

/**
 * Reads Deno's JUnit report.
 *
 * It files a test under the module that called `Deno.test`, which is always test/support/test.ts
 * here. The order is the one they ran in, and the console says how many each file has.
 *
 * @param {string} path The report.
 * @param {string} output What `deno test` printed.
 * @returns {Map<string, Counts>} Counts by test file.
 */
export function readDeno(path, output) {
  const files = new Map();
  const cases = [...junitCases(path)];
  const owners = [];
  for (const [, count, file] of output.matchAll(/^running (\d+) tests? from (\S+)$/gm)) {
    for (let i = 0; i < Number(count); i++) owners.push(file);
  }
  const known = owners.length === cases.length;
  cases.forEach(({ outcome }, i) => countsOf(files, known ? owners[i] : "(all files)")[outcome]++);
  return files;
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
    yield { file, outcome };
  }
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
 * @param {Map<string, Map<string, Counts>>} runs By runtime, the counts of each file.
 * @returns {string} The table.
 */
export function table(runs) {
  const runtimes = [...runs.keys()];
  const files = [...new Set([...runs.values()].flatMap((run) => [...run.keys()]))].sort();
  const rows = [["test file", ...runtimes]];
  for (const file of files) rows.push([file, ...runtimes.map((r) => cell(runs.get(r)?.get(file)))]);
  rows.push(["all", ...runtimes.map((r) => cell(sum(runs.get(r)?.values() ?? [])))]);
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

/** The counts of one file, made on first use. */
function countsOf(files, name) {
  const path = relative(root, resolve(root, name.replace(/^file:\/\//, "")));
  let counts = files.get(path);
  if (counts === undefined) files.set(path, counts = noCounts());
  return counts;
}
