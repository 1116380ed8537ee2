// `npm run bench`: measures our server against others on this machine. See docs/performance.md for how and why.

import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describeMachine } from "./machine.ts";
import { type Options, parseOptions, select, usage } from "./options.ts";
import type { Failure, Results, Run } from "./results.ts";
import { describeRun } from "./report/text.ts";
import {
  bundle,
  executableOf,
  installPeers,
  needsPeers,
  ownNode,
  root,
  runtimes,
  versionsOf,
} from "./runtimes.ts";
import { scenarios } from "./scenarios.ts";
import { subjectsOn } from "./servers.ts";
import { type Plan, runAll } from "./session.ts";
import { targetScenarios } from "./targets.ts";

const options = parseOptions(process.argv.slice(2));
process.chdir(root);

if (options.help) console.log(usage);
else if (options.list) list();
else await measureAndReport(plan(options));

function list(): void {
  console.log("Servers and clients:");
  for (const { name } of subjectsOn(runtimes)) console.log(`  ${name}`);
  console.log("Scenarios (* in the default run):");
  for (const { name } of scenarios) {
    console.log(`${targetScenarios.includes(name) ? "*" : " "} ${name}`);
  }
}

/** What the options choose, as far as it is available here. */
function plan({ servers, scenarios: wanted, all, ...timing }: Options): Plan {
  const every = subjectsOn(runtimes);
  const usual = every.filter(({ engine, runtime }) =>
    (runtime === ownNode || !runtime.startsWith("node")) &&
    ["ours", "ws", "native", "raw"].includes(engine)
  );
  const names = every.map(({ name }) => name);
  const chosen = servers === undefined
    ? (all ? every : usual).map(({ name }) => name)
    : select(names, servers);
  const subjects = every.filter(({ name }) => chosen.includes(name));
  if (subjects.some(needsPeers)) installPeers();
  for (const runtime of new Set(subjects.map(({ runtime }) => runtime))) {
    if (executableOf(runtime) === undefined) console.log(`${runtime} is not available here.`);
  }
  const titles = wanted === undefined
    ? (all ? scenarios.map(({ name }) => name) : targetScenarios)
    : select(scenarios.map(({ name }) => name), wanted);
  return {
    ...timing,
    subjects: subjects.filter(({ runtime }) => executableOf(runtime) !== undefined),
    scenarios: scenarios.filter(({ name }) => titles.includes(name)),
  };
}

async function measure(plan: Plan): Promise<Results> {
  const { subjects, rounds, seconds, warmup } = plan;
  const runs: Run[] = [];
  const failures: Failure[] = [];
  using programs = await bundle();
  for await (const run of runAll(plan, programs)) {
    console.log(describeRun(run, rounds));
    if ("error" in run) failures.push(run);
    else runs.push(run);
  }
  const used = [...new Set(subjects.map(({ runtime }) => runtime))];
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(),
    versions: versionsOf(used),
    rounds,
    seconds,
    warmup,
    runs,
    failures,
  };
}

async function measureAndReport(plan: Plan): Promise<void> {
  const results = await measure(plan);
  const file = options.out ?? join(tmpdir(), "bench-results.json");
  writeFileSync(file, `${JSON.stringify(results, undefined, 1)}\n`);
  console.log(`\nAll figures: ${file}`);
  if (results.failures.length > 0) process.exitCode = 1;
}

void readFileSync;
