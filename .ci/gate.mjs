// `npm test`: everything that must hold, in one command.
//
// 1. It goes on to the end whatever fails, and shows what a step printed only if that step failed
//    (or with --verbose), all of it at once. The counts of code blocks are always shown.
// 2. The last line is "N passed, N failed, N skipped": the tests of the three runtimes, and one for
//    each step that is not a test run.
// 3. No step may reach a network. Tests find `@std/*` through test/support/import_map.json.
// 4. Something is printed at least every ten seconds, and every step ends.
//
// `--only lint,types` runs the steps of these names; steps.mjs has the list.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { skipReasons, slowest, sum, table, tally } from "./report.mjs";
import { ensureInstalled, environment, root, tool } from "./setup.mjs";
import { stepsIn } from "./steps.mjs";

const { values: options } = parseArgs({
  options: { only: { type: "string" }, verbose: { type: "boolean", default: false } },
});

// Longer than any run has taken, so that a hang ends as a failure with a name.
const stepTimeout = 20 * 60_000;
const progressInterval = 10_000;
const atOnce = Math.min(2, availableParallelism());
const scratch = mkdtempSync(join(tmpdir(), "sansocket-gate-"));
/** What is at work, to be ended when the gate is. */
const children = new Set();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

const chosen = choose(stepsIn(scratch));
ensureInstalled();

const started = performance.now();
const total = { passed: 0, failed: 0, skipped: 0 };
/** By runtime, the cases that its tests had. */
const runs = new Map();
const failures = [];
/** By name, the last line that each step at work has printed, and when it started. */
const running = new Map();

const progress = setInterval(() => {
  for (const [name, { since, line }] of running) {
    console.log(`   ${name}, ${seconds(since)}: ${line.slice(0, 80)}`);
  }
}, progressInterval);
await runAll();
clearInterval(progress);

if (runs.size > 0) {
  console.log(`\n${table(runs)}\n\n${slowest(runs)}`);
  const reasons = skipReasons(runs);
  if (reasons !== "") console.log(`\nSkipped:\n${reasons}`);
}
if (failures.length > 0) console.log(`\nFailed: ${failures.join(", ")}`);
console.log(`\n${seconds(started)}\n${describe(total)}`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;

/** The steps that `--only` names; all without it. Ends the process when it names another. */
function choose(steps) {
  if (options.only === undefined) return steps;
  const names = steps.map(({ name }) => name);
  const wanted = options.only.split(",");
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length === 0) return steps.filter(({ name }) => wanted.includes(name));
  console.error(`No step is called ${unknown.join(", ")}; the steps are ${names.join(", ")}`);
  process.exit(2);
}

/** Runs the steps, as many at once as may. */
async function runAll() {
  const waiting = [...chosen];
  const atWork = new Map();
  while (waiting.length > 0 || atWork.size > 0) {
    const steps = [...atWork.keys()];
    const stage = Math.min(...[...waiting, ...steps].map((step) => step.stage));
    const next = waiting.find((step) =>
      step.stage === stage && steps.length < atOnce &&
      ![...waiting, ...steps].some(({ name }) => name === step.after)
    );
    if (next === undefined) {
      await Promise.race(atWork.values());
    } else {
      waiting.splice(waiting.indexOf(next), 1);
      atWork.set(next, runStep(next).finally(() => atWork.delete(next)));
    }
  }
}

async function runStep(step) {
  const since = performance.now();
  running.set(step.name, { since, line: "" });
  const { ok, output } = await runCommands(step);
  running.delete(step.name);
  const counts = step.report === undefined
    ? { passed: Number(ok), failed: Number(!ok), skipped: 0 }
    : readReport(step, ok, output);
  const passed = ok && counts.failed === 0;
  const tests = step.report === undefined ? "" : `, ${describe(counts)}`;
  console.log(`== ${step.name} ${passed ? "ok" : "FAILED"} (${seconds(since)}${tests})`);
  if (!passed) failures.push(step.name);
  if (!passed || options.verbose) console.log(`\n${output.trimEnd()}\n`);
  else if (step.shows?.test(output)) console.log(step.shows.exec(output)[0]);
  Object.assign(total, sum([total, counts]));
}

/** What a runner reported, with one failure added if it failed and did not say where. */
function readReport({ runtime, report, read }, ok, output) {
  const cases = read(report, output);
  const counts = sum(tally(cases).values());
  if (counts.failed === 0 && (!ok || counts.passed === 0)) {
    cases.push({ file: "(outside of any test)", name: "", outcome: "failed", seconds: 0 });
  }
  runs.set(runtime, [...runs.get(runtime) ?? [], ...cases]);
  return sum(tally(cases).values());
}

function describe({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

/** Runs one command after the other until one fails. */
async function runCommands(step) {
  let output = "";
  for (const [name, ...args] of step.commands) {
    const result = await runCommand(step.name, name, args);
    output += `$ ${[name, ...args].join(" ")}\n${result.output}`;
    if (!result.ok) return { ok: false, output };
  }
  return { ok: true, output };
}

function runCommand(step, name, args) {
  const path = ["npm", "mv"].includes(name) ? name : tool(name);
  const child = spawn(path, args, {
    cwd: root,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: stepTimeout,
    killSignal: "SIGKILL",
  });
  children.add(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
      const line = text.split("\n").map((part) => part.trim()).findLast((part) => part !== "");
      if (line !== undefined) running.get(step).line = line;
    });
  }
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ ok: false, output: `${error.message}\n` }));
    child.on("close", (code, signal) => {
      children.delete(child);
      if (code !== 0) output += `(${signal ? `killed by ${signal}` : `exit ${code}`})\n`;
      resolve({ ok: code === 0, output });
    });
  });
}
