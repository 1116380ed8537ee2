// Programs that run together until one of them ends, or Ctrl+C ends them all.
//
// 1. Their output goes to ours, each line behind the name of its program.
// 2. Ctrl+C in a terminal reaches the programs as well as this one, and npm sends it on once more.
//    Each program gets one signal from here, the one that was started last first, and ten seconds
//    to end; then it is killed.
// 3. What is given to `afterwards()` runs when all have ended, in any case.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { environment, root } from "./setup.mjs";

/** Programs that run together. */
export class Together {
  #children = new Map();
  #asked = new WeakSet();
  #cleanups = [];
  #code;

  constructor() {
    // 128 + 2: stopped with Ctrl+C, which is how one stops it.
    for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]]) {
      process.on(signal, () => this.end(code));
    }
  }

  /** Whether the end has begun. */
  get ending() {
    return this.#code !== undefined;
  }

  /**
   * Starts a program.
   *
   * @param {string} name What stands before each line of its output.
   * @param {string[]} command The executable and its arguments.
   * @param {object} [options]
   * @param {RegExp} [options.ready] What it prints when it is ready. Default: it is at once.
   * @param {boolean} [options.quiet] Whether to show nothing of its output unless it fails.
   * @param {Record<string, string>} [options.env] What its environment has besides ours.
   * @returns {Promise<{ pid: number, match: RegExpMatchArray | null }>} Once it is ready.
   */
  start(name, [executable, ...args], { ready, quiet = false, env = {} } = {}) {
    const child = spawn(executable, args, {
      cwd: root,
      env: { ...environment, ...env },
      // A group of its own, which Ctrl+C in the terminal does not reach: it gets it from here.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#children.set(child, name);
    const kept = [];
    return new Promise((resolve, reject) => {
      if (ready === undefined) resolve({ pid: child.pid, match: null });
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          kept.push(line);
          kept.splice(0, kept.length - 20);
          if (!quiet) console.log(`${name}: ${line}`);
          const match = ready?.exec(line);
          if (match) resolve({ pid: child.pid, match });
        });
      }
      const ended = (reason) => {
        if (!this.#children.delete(child)) return;
        if (!this.ending) {
          if (quiet) { for (const line of kept) console.error(`${name}: ${line}`); }
          console.error(`${name} has ended (${reason}): ending everything`);
          this.end(1);
        } else {
          this.#next();
        }
        reject(new Error(`${name} has ended (${reason})`));
      };
      child.on("error", (error) => ended(error.message));
      // Behind the last line of its output.
      child.on("close", (code, signal) => ended(signal ?? `exit code ${code}`));
    });
  }

  /** Runs a function once all programs have ended. */
  afterwards(cleanup) {
    this.#cleanups.push(cleanup);
  }

  /** Ends all programs, and then this one. */
  end(code) {
    if (this.ending) return;
    this.#code = code;
    this.#next();
  }

  #next() {
    const child = [...this.#children.keys()].at(-1);
    if (child === undefined) {
      for (const cleanup of this.#cleanups.splice(0)) cleanup();
      process.exit(this.#code);
    }
    if (this.#asked.has(child)) return;
    this.#asked.add(child);
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), 10_000).unref();
  }
}

/** The path of a program, or undefined where it is not installed. */
export function findProgram(name) {
  // Where Debian has what only administrators are meant to start, such as nginx.
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** Ports of 127.0.0.1 that are free, for programs that cannot choose one and say which. */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(servers.map((server) =>
    new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve(server.address().port));
    })
  ));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
