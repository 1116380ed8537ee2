// How tests build the package: once, whole, and one at a time (.ci/setup.mjs). A script that counts
// stands for tsup.

import { assertEquals, assertRejects } from "@std/assert";
import { spawnSync } from "node:child_process";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "../support/test.ts";
import { root, run, skip, withFolder } from "./support.ts";

/** Says that it runs, writes half of what it builds, and the rest when another one could have begun. */
const tsup = `#!/usr/bin/env node
const { appendFileSync, existsSync, mkdirSync, writeFileSync } = require("node:fs");
const folder = process.argv[process.argv.indexOf("--out-dir") + 1];
appendFileSync("runs.txt", "run\\n");
mkdirSync(folder, { recursive: true });
writeFileSync(folder + "/mod.js", "half");
if (existsSync("fails")) process.exit(1);
setTimeout(() => writeFileSync(folder + "/mod.js", "whole"), 90);
`;

/** A project whose dist/ is older than its source, and has a file that no build writes any more. */
function withProject(body: (project: string) => Promise<void>): Promise<void> {
  return withFolder(async (project) => {
    for (const folder of [".ci", "dist", "node_modules/.bin"]) {
      await mkdir(join(project, folder), { recursive: true });
    }
    await cp(join(root, ".ci/setup.mjs"), join(project, ".ci/setup.mjs"));
    await writeFile(join(project, "package.json"), `{ "exports": { ".": "./dist/mod.js" } }`);
    await writeFile(join(project, "node_modules/.bin/tsup"), tsup, { mode: 0o755 });
    await writeFile(join(project, "dist/stale.js"), "");
    await writeFile(join(project, "mod.ts"), "");
    await body(project);
  });
}

const build = (project: string): Promise<string> =>
  run("node", ["-e", `import("./.ci/setup.mjs").then((setup) => setup.ensureBuilt())`], {
    cwd: project,
  });

/** What dist/ has, what else is left, and how often it was built. */
async function stateOf(project: string) {
  const files = await readdir(join(project, "dist"));
  const text = files.includes("mod.js") && await readFile(join(project, "dist/mod.js"), "utf8");
  const runs = (await readFile(join(project, "runs.txt"), "utf8")).split("\n").length - 1;
  return { files, text, runs, left: await readdir(join(project, ".cache")) };
}

test(
  "three builds at once are one, and nothing of an older build stays",
  () =>
    withProject(async (project) => {
      await Promise.all([build(project), build(project), build(project)]);
      const built = { files: ["mod.js"], text: "whole", runs: 1, left: [] };
      assertEquals(await stateOf(project), built);
      await build(project);
      assertEquals(await stateOf(project), built);
    }),
  { skip },
);

test(
  "a build that fails leaves dist/ as it was, and the next one is made",
  () =>
    withProject(async (project) => {
      await writeFile(join(project, "fails"), "");
      await assertRejects(() => build(project), Error, "failed: exit 1");
      assertEquals(await stateOf(project), {
        files: ["stale.js"],
        text: false,
        runs: 1,
        left: [],
      });
    }),
  { skip },
);

test("a lock whose process has ended holds up no build", () =>
  withProject(async (project) => {
    const { pid } = spawnSync("node", ["-e", ""]);
    await mkdir(join(project, ".cache"));
    await writeFile(join(project, ".cache/build.lock"), `${pid}`);
    await build(project);
    assertEquals((await stateOf(project)).files, ["mod.js"]);
  }), { skip });
