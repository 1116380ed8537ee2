// `npm test`: everything that must hold, in one command.
//
// 1. It goes on to the end whatever fails, and shows what a step printed only if that step failed
//    (or with --verbose).
// 2. The last line is "N passed, N failed, N skipped": the tests of the three runtimes, and one for
//    each step that is not a test run.
// 3. No step may reach a network. Tests find `@std/*` through test/support/import_map.json.
//
// `--only deno,types` runs the steps whose names contain one of these words.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { readBun, readDeno, readVitest, sum, table } from "./report.mjs";
import { ensureInstalled, environment, root, tool } from "./setup.mjs";

const { values: options } = parseArgs({
  options: { only: { type: "string" }, verbose: { type: "boolean", default: false } },
});

ensureInstalled();

// Longer than any run has taken, so that a hang ends as a failure with a name.
const stepTimeout = 20 * 60_000;
const scratch = mkdtempSync(join(tmpdir(), "sansocket-gate-"));
const tarball = join(scratch, "package.tgz");
const importMap = ["--import-map", "test/support/import_map.json"];
const entryPoints = Object.values(JSON.parse(readFileSync(join(root, "jsr.json"), "utf8")).exports);

/** Each step: its name, then the commands it runs until one fails; `report` marks a test run. */
const steps = [
  { name: "format", commands: [["deno", "fmt", "--check"]] },
  { name: "lint", commands: [["deno", "lint"]] },
  { name: "types (tsc)", commands: [["tsc", "-p", ".", "--noEmit"]] },
  { name: "types (deno)", commands: [["deno", "check", ...importMap, ...entryPoints, "test/"]] },
  {
    // Each entry point by itself: what one exports is no export of another.
    name: "doc lint",
    commands: entryPoints.map((entry) => ["deno", "doc", "--lint", "--no-npm", entry]),
  },
  {
    // The layer rule and what else the sources promise about themselves: named on its own because
    // it is the first thing to look at when it breaks.
    name: "structure",
    commands: [["vitest", "run", "test/structure"]],
  },
  {
    name: "publish to JSR (dry run)",
    commands: [["deno", "publish", "--dry-run", "--allow-dirty", "--config", "jsr.json"]],
  },
  { name: "build", commands: [["tsup", "--silent"]] },
  {
    name: "package (publint, attw)",
    commands: [
      ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", scratch],
      ["mv", join(scratch, packedName()), tarball],
      ["publint", "run", tarball, "--strict"],
      // Without conditional exports there are no sub-paths, so "node10" cannot pass and is left out.
      ["attw", tarball, "--profile", "node16", "--no-definitely-typed", "--no-emoji"],
    ],
  },
  {
    name: "tests on Node",
    runtime: "Node",
    report: join(scratch, "node.json"),
    read: readVitest,
    commands: [
      ["vitest", "run", "--reporter=default", "--reporter=json"]
        .concat(`--outputFile.json=${join(scratch, "node.json")}`),
    ],
  },
  {
    name: "tests on Deno",
    runtime: "Deno",
    report: join(scratch, "deno.xml"),
    read: readDeno,
    commands: [
      ["deno", "test", "-A", "--no-check", ...importMap]
        .concat(`--junit-path=${join(scratch, "deno.xml")}`, "test/"),
    ],
  },
  {
    name: "tests on Bun",
    runtime: "Bun",
    report: join(scratch, "bun.xml"),
    read: readBun,
    commands: [
      [
        "bun",
        "test",
        "--reporter=junit",
        `--reporter-outfile=${join(scratch, "bun.xml")}`,
        "test/",
      ],
    ],
  },
];

const chosen = steps.filter(({ name }) =>
  options.only === undefined ||
  options.only.split(",").some((word) => name.toLowerCase().includes(word.toLowerCase()))
);
const total = { passed: 0, failed: 0, skipped: 0 };
const runs = new Map();
const failures = [];

process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

for (const step of chosen) {
  process.stdout.write(`== ${step.name} ... `);
  const started = performance.now();
  const { ok, output } = await runCommands(step.commands);
  const counts = step.report === undefined
    ? { passed: Number(ok), failed: Number(!ok), skipped: 0 }
    : readReport(step, ok, output);
  const passed = ok && counts.failed === 0;
  const tests = step.report === undefined ? "" : `, ${describe(counts)}`;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${passed ? "ok" : "FAILED"} (${seconds} s${tests})`);
  if (!passed) failures.push(step.name);
  if (!passed || options.verbose) console.log(`\n${output.trimEnd()}\n`);
  Object.assign(total, sum([total, counts]));
}

if (runs.size > 0) console.log(`\n${table(runs)}`);
if (failures.length > 0) console.log(`\nFailed: ${failures.join(", ")}`);
console.log(`\n${describe(total)}`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;

/** What a runner reported, with one failure added if it failed and did not say where. */
function readReport({ runtime, report, read }, ok, output) {
  const files = read(report, output);
  runs.set(runtime, files);
  const counts = sum(files.values());
  const silent = counts.failed === 0 && (!ok || counts.passed === 0);
  if (silent) files.set("(outside of any test)", { passed: 0, failed: 1, skipped: 0 });
  return sum(files.values());
}

function describe({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Runs one command after the other until one fails. */
async function runCommands(commands) {
  let output = "";
  for (const [name, ...args] of commands) {
    const result = await runCommand(name, args);
    output += `$ ${[name, ...args].join(" ")}\n${result.output}`;
    if (!result.ok) return { ok: false, output };
  }
  return { ok: true, output };
}

function runCommand(name, args) {
  const path = ["npm", "mv"].includes(name) ? name : tool(name);
  const child = spawn(path, args, {
    cwd: root,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: stepTimeout,
    killSignal: "SIGKILL",
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => output += text);
  }
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ ok: false, output: `${error.message}\n` }));
    child.on("close", (code, signal) => {
      if (code !== 0) output += `(${signal ? `killed by ${signal}` : `exit ${code}`})\n`;
      resolve({ ok: code === 0, output });
    });
  });
}

/** What `npm pack` calls the file. */
function packedName() {
  const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return `${name.replace("@", "").replace("/", "-")}-${version}.tgz`;
}
