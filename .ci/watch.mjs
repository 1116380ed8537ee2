// `npm run watch`: types of everything, and the tests of the file that has just been saved, on Node.
//
// A file's tests are test/…/name_test.ts for src/…/name.ts, and runtimes/…/name.ts has them in test/runtimes; a file
// without has those that import it.

import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, watch } from "node:fs";
import { join, posix } from "node:path";
import process from "node:process";
import { ensureInstalled, environment, root, tool } from "./setup.mjs";
import { incremental } from "./steps.mjs";

ensureInstalled();

/** Editors write a file in several steps. */
const settled = 100;

const changed = new Set();
const children = new Set();
let timer;
let running = false;

for (const folder of ["src", "runtimes", "test"]) {
  watch(join(root, folder), { recursive: true }, (_, file) => noticed(posix.join(folder, file)));
}
watch(join(root, "mod.ts"), () => noticed("mod.ts"));
run("tsc", ["-p", ".", "--noEmit", "--watch", "--preserveWatchOutput", ...incremental]);
process.on("exit", () => {
  for (const child of children) child.kill();
});
console.log("watch: save a file and its tests run; Ctrl+C ends");

function noticed(path) {
  if (!path.endsWith(".ts")) return;
  changed.add(path);
  clearTimeout(timer);
  timer = setTimeout(test, settled);
}

async function test() {
  // The end of the run at hand comes back here.
  if (running || changed.size === 0) return;
  const paths = [...changed];
  changed.clear();
  const tests = [...new Set(paths.flatMap(testsOf))];
  if (tests.length === 0) return console.log(`watch: no test imports ${paths.join(", ")}`);
  running = true;
  await run("vitest", ["run", ...tests]);
  running = false;
  test();
}

/** The test files of a file. */
function testsOf(path) {
  if (path.endsWith("_test.ts")) return existsSync(join(root, path)) ? [path] : [];
  const own = posix.join("test", path.replace(/^(?:src|test)\//, "")).replace(/\.ts$/, "_test.ts");
  if (existsSync(join(root, own))) return [own];
  return readdirSync(join(root, "test"), { recursive: true })
    .map((file) => posix.join("test", file))
    .filter((file) => file.endsWith("_test.ts") && imports(file, path));
}

function imports(file, path) {
  const code = readFileSync(join(root, file), "utf8");
  return [...code.matchAll(/\bfrom "(\.[^"]+)"/g)]
    .some(([, specifier]) => posix.join(posix.dirname(file), specifier) === path);
}

/** Runs a tool, its output on ours, until it ends. */
function run(name, args) {
  const child = spawn(tool(name), args, { cwd: root, env: environment, stdio: "inherit" });
  children.add(child);
  return new Promise((resolve) => {
    child.on("close", () => {
      children.delete(child);
      resolve();
    });
  });
}
