// The steps of the gate: what each runs, and beside what it may run.
//
// 1. A step starts when all steps of earlier stages have ended, so that no linter meets the files that tests write.
// 2. Steps of one stage run two at a time, in this order. No test's verdict depends on time, so two runtimes may be
//    tested at once.
// 3. Node's tests come last: vitest has a worker for each core, so that none of them is idle in the end.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { writeDenoTests } from "./deno_tests.mjs";
import { readBun, readDeno, readVitest } from "./report.mjs";
import { root } from "./setup.mjs";

/**
 * @typedef {object} Step
 * @property {string} name For `--only`.
 * @property {number} stage When it may start.
 * @property {string} [after] The name of a step of its stage that has to end before.
 * @property {string[][]} commands What it runs, one after the other, until one fails.
 * @property {string} [runtime] Whose tests it runs.
 * @property {string} [report] Where the runner writes its report.
 * @property {Function} [read] Reads that.
 * @property {RegExp} [shows] What of its output is shown also when it succeeds.
 */

/**
 * All steps. In the first stage those that take longest come first, but for what "site" waits for.
 *
 * @param {string} scratch A folder for reports and for the package.
 * @returns {Step[]} The steps.
 */
export function stepsIn(scratch) {
  const tarball = join(scratch, "package.tgz");
  const reports = {
    deno: join(scratch, "deno.xml"),
    bun: join(scratch, "bun.xml"),
    node: join(scratch, "node.json"),
    structure: join(scratch, "structure.json"),
  };
  const importMap = ["--import-map", "test/support/import_map.json"];
  const entryPoints = Object.values(readJson("jsr.json").exports);
  return [
    // The layer rule and what else the sources promise about themselves: named on its own because
    // it is the first thing to look at when it breaks. The tests on Node leave it out.
    {
      name: "structure",
      stage: 1,
      runtime: "Node",
      report: reports.structure,
      read: readVitest,
      shows: /Code blocks: .*(?:\n +\d.*)*/,
      commands: [["vitest", "run", "test/structure", ...vitestReport(reports.structure)]],
    },
    {
      // test/pages/site_test.ts looks at what it has built. It writes into docs/, which the structure
      // tests read.
      name: "site",
      stage: 1,
      after: "structure",
      commands: [["npm", "run", "--silent", "docs"]],
    },
    {
      name: "types-deno",
      stage: 1,
      commands: [["deno", "check", ...importMap, ...entryPoints, "test/"]],
    },
    { name: "build", stage: 1, commands: [["tsup", "--silent"]] },
    // What has not changed since the last time is not checked again: it goes by content.
    { name: "types", stage: 1, commands: [["tsc", "-p", ".", "--noEmit", ...incremental]] },
    {
      name: "publish",
      stage: 1,
      // What types-deno checks is not checked again; slow types are looked for all the same.
      commands: [
        ["deno", "publish", "--dry-run", "--allow-dirty", "--no-check", "--config", "jsr.json"],
      ],
    },
    {
      // Each entry point by itself: what one exports is no export of another.
      name: "docs",
      stage: 1,
      commands: entryPoints.map((entry) => ["deno", "doc", "--lint", "--no-npm", entry]),
    },
    { name: "lint", stage: 1, commands: [["deno", "lint"]] },
    { name: "format", stage: 1, commands: [["deno", "fmt", "--check"]] },
    {
      name: "package",
      stage: 1,
      after: "build",
      commands: [
        ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", scratch],
        ["mv", join(scratch, packedName()), tarball],
        ["publint", "run", tarball, "--strict"],
        // Without conditional exports there are no sub-paths, so "node10" cannot pass and is left out.
        ["attw", tarball, "--profile", "node16", "--no-definitely-typed", "--no-emoji"],
      ],
    },
    {
      name: "deno",
      stage: 2,
      runtime: "Deno",
      report: reports.deno,
      read: readDeno,
      commands: [
        ["deno", "test", "-A", "--no-check", "--config", "deno.json", ...importMap]
          .concat(`--junit-path=${reports.deno}`, writeDenoTests(scratch)),
      ],
    },
    {
      name: "bun",
      stage: 2,
      runtime: "Bun",
      report: reports.bun,
      read: readBun,
      commands: [
        ["bun", "test", "--reporter=junit", `--reporter-outfile=${reports.bun}`, "test/"],
      ],
    },
    {
      name: "node",
      stage: 2,
      runtime: "Node",
      report: reports.node,
      read: readVitest,
      commands: [
        ["vitest", "run", "--exclude=test/structure{_test.ts,/**}", ...vitestReport(reports.node)],
      ],
    },
  ];
}

/** How tsc remembers what it has checked. */
export const incremental = ["--incremental", "--tsBuildInfoFile", ".cache/types.tsbuildinfo"];

/** Has vitest write its report to a file, and print as always. */
function vitestReport(path) {
  return ["--reporter=default", "--reporter=json", `--outputFile.json=${path}`];
}

/** What `npm pack` calls the file. */
function packedName() {
  const { name, version } = readJson("package.json");
  return `${name.replace("@", "").replace("/", "-")}-${version}.tgz`;
}

function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}
