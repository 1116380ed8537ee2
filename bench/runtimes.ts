// Where the runtimes are, what they need, and how to start a program on one.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build } from "tsup";
import { code } from "../tsup.config.ts";
import { familyOf, type RuntimeName, type Subject } from "./servers.ts";

/** The top of the repository. */
export const root: string = fileURLToPath(new URL("..", import.meta.url));

const here = join(root, "bench");
const peers = join(here, "peers");
const windows = process.platform === "win32";

/** The Node that runs the bench. */
export const ownNode: RuntimeName = `node${Number(process.versions.node.split(".")[0])}`;

/** All that can be measured; some may not be available here. */
export const runtimes: readonly RuntimeName[] = [
  ...new Set<RuntimeName>([ownNode, "node24", "node26", "bun", "deno"]),
];

/** The CPUs of the server and of the generator; undefined where there are too few, or no taskset. */
export const pins: { readonly server: number; readonly generator: number } | undefined =
  cpus().length > 1 && spawnSync("taskset", ["-c", "0,1", "true"]).status === 0
    ? { server: 0, generator: 1 }
    : undefined;

/** A command that runs on one CPU only. */
export function pinned(role: "server" | "generator", command: readonly string[]): string[] {
  return pins === undefined ? [...command] : ["taskset", "-c", String(pins[role]), ...command];
}

/** The path of a runtime's program, or undefined when there is none here. */
export function executableOf(runtime: RuntimeName): string | undefined {
  const path = runtime === ownNode
    ? process.execPath
    : runtime === "bun"
    ? join(root, "node_modules/bun/bin/bun.exe")
    : runtime === "deno"
    ? join(root, windows ? "node_modules/deno/deno.exe" : "node_modules/deno/deno")
    : join(peers, "node_modules", runtime, windows ? "node.exe" : "bin/node");
  return existsSync(path) ? realpathSync(path) : undefined;
}

/** The command that runs a program. */
export function commandOf(runtime: RuntimeName, file: string, args: readonly string[]): string[] {
  const options = runtime === "deno" ? ["run", "-A", "--no-config", "--no-check"] : [];
  return [executableOf(runtime)!, ...options, file, ...args];
}

/** Whether a subject needs what `installPeers()` installs. */
export function needsPeers({ engine, runtime }: Subject): boolean {
  const packages = ["ws", "ws-bufferutil", "crossws", "hono"].includes(engine);
  return packages || (familyOf(runtime) === "node" && runtime !== ownNode);
}

/** Installs the packages that are compared with, the first time. */
export function installPeers(): void {
  if (existsSync(join(peers, "node_modules"))) return;
  console.log("Installing what is compared with into bench/peers/node_modules ...");
  const { status } = spawnSync("npm", ["ci"], { cwd: peers, stdio: "inherit", shell: windows });
  if (status !== 0) throw new Error("npm could not install bench/peers");
}

/** Where the bundle of our server and client is. */
export interface Bundle extends Disposable {
  /** The path of a program: one of the bundle's own, or of another below bench/. */
  path(program: string): string;
}

/** Bundles our programs from the sources as `npm run build` bundles the package. */
export async function bundle(): Promise<Bundle> {
  const folder = mkdtempSync(join(tmpdir(), "sansocket-bench-"));
  await build({
    ...code,
    // Of tsup.config.ts only that: here the runtime is found when the program runs.
    config: false,
    entry: readdirSync(join(here, "ours")).map((name) => join(here, "ours", name)),
    outDir: folder,
    outExtension: () => ({ js: ".mjs" }),
    format: ["esm"],
    silent: true,
  });
  return {
    path: (program) =>
      join(program.startsWith("ours/") ? folder : here, program.replace(/^ours\//, "")),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The versions of these runtimes and of what is compared with. */
export function versionsOf(names: readonly RuntimeName[]): Record<string, string> {
  const versions: Record<string, string> = { "@sansocket/ws": ownVersion() };
  for (const name of names) {
    const { stdout } = spawnSync(executableOf(name)!, ["--version"], { encoding: "utf8" });
    versions[name] = /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? "unknown";
  }
  for (const name of ["ws", "bufferutil", "crossws", "@hono/node-server"]) {
    const file = join(peers, "node_modules", name, "package.json");
    if (existsSync(file)) versions[name] = versionIn(file);
  }
  versions.undici = versionIn(join(root, "node_modules/undici/package.json"));
  return versions;
}

function versionIn(file: string): string {
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/** With the commit, where there is git. */
function ownVersion(): string {
  const version = versionIn(join(root, "package.json"));
  const { stdout } = spawnSync("git", ["rev-parse", "--short", "HEAD"], {
    cwd: root,
    encoding: "utf8",
  });
  return stdout ? `${version} (${stdout.trim()})` : version;
}
