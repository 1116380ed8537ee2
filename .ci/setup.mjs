// What `npm start` and `npm test` need before they can run, done only when it is missing.
//
// Freshness is judged by content: the versions that node_modules says it holds against those of
// package-lock.json. Times of modification would say "stale" after every clone and checkout.
// Nothing here reaches a network except `npm ci`.

import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The repository's top level. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The environment of every tool: plain text, no prompts, no update checks. */
export const environment = {
  ...process.env,
  NO_COLOR: "1",
  DENO_NO_PROMPT: "1",
  DENO_NO_UPDATE_CHECK: "1",
  DO_NOT_TRACK: "1",
};
// Node warns when both are set; NO_COLOR is the one that all tools know.
delete environment.FORCE_COLOR;

/**
 * The path of a tool that npm installed.
 *
 * @param {string} name As in node_modules/.bin.
 * @returns {string} Its path.
 */
export function tool(name) {
  return join(root, "node_modules", ".bin", name);
}

/**
 * Installs the dependencies when they differ from the lock file.
 */
export function ensureInstalled() {
  const difference = installDifference();
  if (difference !== undefined) {
    console.log(`set-up: npm ci, because ${difference}`);
    run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  }
  // These three fetch a native binary in an install script, which npm may be told not to run. The
  // binary itself is an optional dependency and is there: the script only moves it into place.
  for (
    const [name, script] of [["deno", "install.cjs"], ["bun", "install.js"], [
      "esbuild",
      "install.js",
    ]]
  ) {
    if (works(name)) continue;
    console.log(`set-up: ${script} of ${name}, because npm did not run it`);
    run("node", [join("node_modules", name, script)]);
    if (!works(name)) throw new Error(`Expected ${name} to run after its install script`);
  }
}

/**
 * Builds dist/ when a source file is newer than what was built from it.
 *
 * Several test files may ask at once: one of them builds, and the others wait for it. What a build
 * writes is in a folder of its own until it is whole, so that a build that is cut short leaves
 * dist/ as it was, and nothing of an older build stays in it.
 */
export function ensureBuilt() {
  if (isBuilt()) return;
  mkdirSync(join(root, ".cache"), { recursive: true });
  const release = lock(join(root, ".cache", "build.lock"));
  try {
    if (isBuilt()) return;
    console.log("set-up: tsup, because dist/ is older than the sources");
    const folder = `.cache/dist-${process.pid}`;
    try {
      run(tool("tsup"), ["--silent", "--out-dir", folder]);
      rmSync(join(root, "dist"), { recursive: true, force: true });
      renameSync(join(root, folder), join(root, "dist"));
    } finally {
      rmSync(join(root, folder), { recursive: true, force: true });
    }
  } finally {
    release();
  }
}

/** Whether each entry point in dist/ is newer than all sources. */
function isBuilt() {
  const built = entryFiles().map((path) => mtime(join(root, path)));
  const sources = ["mod.ts", "src", "runtimes", "tsup.config.ts", "tsconfig.json"];
  const newest = Math.max(...sources.map((path) => newestIn(join(root, path))));
  return Math.min(...built) > newest;
}

/** How long a build may take on a busy machine, in milliseconds. */
const patience = 600_000;

/** Waits until no other process has the lock, takes it, and returns what gives it back. */
function lock(path) {
  for (const start = Date.now();;) {
    try {
      writeFileSync(path, `${process.pid}`, { flag: "wx" });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    if (isAbandoned(path)) rmSync(path, { force: true });
    else if (Date.now() - start > patience) {
      throw new Error(`Expected another build to end: remove ${path} if there is none`);
    } else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
}

/** Whether the process that took the lock has ended. */
function isAbandoned(path) {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    // The owner writes its id just after it has made the file.
    if (pid > 0) process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH";
  }
}

/** Every file that package.json's `exports` names. */
function entryFiles() {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const filesIn = (value) =>
    typeof value === "string" ? [value] : Object.values(value).flatMap(filesIn);
  return [...new Set(filesIn(exports))];
}

/** Why node_modules is not what package-lock.json asks for; undefined if it is. */
function installDifference() {
  const installedLock = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installedLock)) return "node_modules is missing";
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(readFileSync(installedLock, "utf8")).packages;
  for (const [path, { version, optional, peer }] of Object.entries(wanted)) {
    if (path === "") continue;
    const found = installed[path]?.version;
    // Optional ones are binaries for other systems.
    if (found === undefined && (optional || peer)) continue;
    if (found !== version) return `${path} is ${found ?? "missing"}, the lock file has ${version}`;
  }
  return undefined;
}

/** Whether an installed tool starts. */
function works(name) {
  const { status, stdout } = spawnSync(tool(name), ["--version"], {
    env: environment,
    encoding: "utf8",
  });
  return status === 0 && /\d+\.\d+/.test(stdout);
}

/** Runs a command at the top level, its output on ours; throws when it fails. */
function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    env: environment,
    stdio: "inherit",
  });
  if (status !== 0) {
    throw new Error(`${command} ${args.join(" ")} failed: ${error?.message ?? `exit ${status}`}`);
  }
}

/** When a file changed; -Infinity if it does not exist. */
function mtime(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity;
}

/** When the newest file at or under a path changed. */
function newestIn(path) {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return mtime(path);
  return Math.max(-Infinity, ...readdirSync(path).map((name) => newestIn(join(path, name))));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  ensureInstalled();
  if (process.argv.includes("--build")) ensureBuilt();
}
