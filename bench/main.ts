// `npm run bench`: measures our server against others on this machine. docs/performance.md says how and why.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type Baseline, compare, createBaseline } from "./baseline.ts";
import { describeMachine } from "./machine.ts";
import { parseOptions, usage } from "./options.ts";
import { createPlan, list } from "./plan.ts";
import { takePrecedence } from "./priority.ts";
import { writePage } from "./report/page.ts";
import {
  comparisonTable,
  judgements,
  scenarioTables,
  score,
  targetTable,
} from "./report/tables.ts";
import { alignColumns, describeRun } from "./report/text.ts";
import type { Failure, Results, Run } from "./results.ts";
import { bundle, executableOf, pins, root, versionsOf } from "./runtimes.ts";
import { type Plan, runAll } from "./session.ts";

const baselineFile = join(root, "bench/baseline.json");

const options = understood(() => parseOptions(process.argv.slice(2)));
process.chdir(root);

if (options.help) console.log(usage);
else if (options.list) list();
else if (options.report !== undefined) report(options.report);
else await measureAndTell(understood(() => createPlan(options)));

/** What `read` returns; where it throws because of what was typed, a line says so. */
function understood<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    console.error(error.message);
    process.exit(2);
  }
}

async function measureAndTell(plan: Plan): Promise<void> {
  const results = await measure(plan);
  const file = options.out ?? join(tmpdir(), "bench-results.json");
  writeJson(file, results);
  if (options.quick) tellChanges(results);
  else tell(results);
  console.log(`\nAll figures are in ${file}.`);
  if (results.failures.length > 0) {
    console.log(`${results.failures.length} runs failed, see above.`);
    process.exitCode = 1;
  }
}

/** Runs the plan, a line for each run. */
async function measure(plan: Plan): Promise<Results> {
  const { subjects, rounds, seconds, warmup } = plan;
  if (pins === undefined) console.log("Nothing can be pinned here: expect more noise.");
  takePrecedence();
  const runs: Run[] = [];
  const failures: Failure[] = [];
  using programs = await bundle();
  for await (const run of runAll(plan, programs)) {
    console.log(describeRun(run, rounds));
    if ("error" in run) failures.push(run);
    else runs.push(run);
  }
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(),
    versions: versionsOf([...new Set(subjects.map(({ runtime }) => runtime))]),
    rounds,
    seconds,
    warmup,
    runs,
    failures,
  };
}

function tell(results: Results): void {
  for (const { title, table } of scenarioTables(results)) {
    console.log(`\n${title}\n${alignColumns(table).join("\n")}`);
  }
  const all = judgements(results);
  if (all.length === 0) return;
  console.log(`\nTargets: ${score(all)} met\n${alignColumns(targetTable(results)).join("\n")}`);
}

function tellChanges(results: Results): void {
  const baseline = existsSync(baselineFile)
    ? JSON.parse(readFileSync(baselineFile, "utf8")) as Baseline
    : {};
  if (options.record) {
    // A runtime that was not measured keeps what was recorded of it.
    writeJson(baselineFile, { ...baseline, ...createBaseline(results) });
    console.log(`\nRecorded in ${baselineFile}.`);
    return;
  }
  const comparisons = compare(results, baseline);
  console.log(`\nAgainst a raw TCP echo\n${alignColumns(comparisonTable(comparisons)).join("\n")}`);
  const worse = comparisons.filter((each) => each.worse).length;
  console.log(
    worse === 0 ? "\nNothing got worse by over 10%." : `\n${worse} got worse by over 10%.`,
  );
  if (worse > 0) process.exitCode = 1;
}

function report(file: string): void {
  const results = JSON.parse(readFileSync(file, "utf8")) as Results;
  tell(results);
  const files = writePage(results, join(root, "docs"));
  // The gate asks for the one form of `deno fmt`, of charts too.
  spawnSync(executableOf("deno")!, ["fmt", "--quiet", ...files], { stdio: "inherit" });
  for (const file of files) console.log(`Wrote ${file}.`);
}

function writeJson(file: string, value: unknown): void {
  writeFileSync(file, `${JSON.stringify(value, undefined, 2)}\n`);
}
