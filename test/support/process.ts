// Child processes for tests: a TypeScript file run by any of the three runtimes.
//
// 1. The native binary is spawned, never an npm wrapper: a wrapper would get the signals and die
//    alone, and the server behind it would keep the port.
// 2. All output is kept, so that a failure can say what the child said.
// 3. `stop()` waits for the exit, and kills what has not ended after ten seconds.

import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The runtimes that a child process can be started on. */
export type RuntimeName = "node" | "deno" | "bun";

/** All of them. */
export const runtimeNames: readonly RuntimeName[] = ["node", "deno", "bun"];

/** The top of the repository, with a slash at the end. */
export const root: string = fileURLToPath(new URL("../../", import.meta.url));

const commands: Record<RuntimeName, [string, ...string[]]> = {
  node: ["node", "--import", "tsx"],
  deno: [join(root, "node_modules/deno/deno"), "run", "-A"],
  bun: [join(root, "node_modules/.bin/bun")],
};

/** A running child process. */
export interface Child {
  /** All that it has written to standard output and standard error so far. */
  output(): string;
  /** Whether it has ended. */
  ended(): boolean;
  /**
   * Waits for a line, or part of one, in the output.
   * @throws {Error} When the process ends first.
   */
  waitFor(pattern: RegExp): Promise<RegExpMatchArray>;
  /** Sends a signal. */
  signal(signal: "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGCONT" | "SIGKILL"): void;
  /** Stops it by SIGSTOP, until SIGCONT. */
  freeze(): Promise<void>;
  /** Resolves with the next output, or the end. */
  changed(): Promise<void>;
  /** The exit code, once the process has ended. */
  readonly exit: Promise<number | null>;
  /** Sends a signal, SIGTERM unless told, and waits for the exit; the result is the exit code. */
  stop(signal?: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<number | null>;
}

/**
 * Runs a TypeScript file the way that its documentation says: `node --import tsx FILE`,
 * `deno run -A FILE`, `bun FILE`.
 *
 * @param name The runtime.
 * @param file The file, relative to the top of the repository.
 * @param args Its command line.
 * @returns The running process.
 */
export function start(name: RuntimeName, file: string, args: readonly string[] = []): Child {
  return run(commandOf(name, file, args));
}

/**
 * The command line of `start()`, for those who put something before it.
 *
 * @param name The runtime.
 * @param file The file, relative to the top of the repository.
 * @param args Its command line.
 * @returns The executable and its arguments.
 */
export function commandOf(
  name: RuntimeName,
  file: string,
  args: readonly string[] = [],
): readonly [string, ...string[]] {
  return [...commands[name], file, ...args];
}

/**
 * Stops a process by SIGSTOP. On a busy machine its threads run on for a while after the signal, and
 * answer: Linux says when all of them have stopped.
 *
 * @param pid The process.
 */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  const tasks = `/proc/${pid}/task`;
  const isStopped = (task: string): boolean => {
    try {
      return /\) [TtZX] /.test(readFileSync(join(tasks, task, "stat"), "latin1"));
    } catch {
      // A thread that has ended meanwhile.
      return false;
    }
  };
  const stopped = (): boolean => !existsSync(tasks) || readdirSync(tasks).every(isStopped);
  while (!stopped()) await new Promise((resolve) => setTimeout(resolve, 0));
}

/**
 * Runs any command in the top folder of the repository.
 *
 * @param command The executable and its arguments.
 * @returns The running process.
 */
export function run(command: readonly string[]): Child {
  const [executable = "", ...args] = command;
  const child = spawn(executable, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let ended = false;
  const watchers = new Set<() => void>();
  const changed = () => watchers.forEach((watch) => watch());

  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      output += text;
      changed();
    });
  }
  const exit = new Promise<number | null>((resolve) => {
    const end = (code: number | null) => {
      ended = true;
      resolve(code);
      changed();
    };
    // `close` follows `exit` once both pipes are empty, so no output is missing.
    child.once("close", end);
    child.once("error", (error) => {
      output += String(error);
      end(null);
    });
  });

  return {
    output: () => output,
    ended: () => ended,
    signal(signal) {
      if (child.pid !== undefined && !ended) process.kill(child.pid, signal);
    },
    async freeze() {
      if (child.pid !== undefined && !ended) await freeze(child.pid);
    },
    changed: () =>
      new Promise((resolve) => {
        const watch = () => {
          watchers.delete(watch);
          resolve();
        };
        watchers.add(watch);
      }),
    exit,
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const watch = () => {
          const match = output.match(pattern);
          if (!match && !ended) return;
          watchers.delete(watch);
          if (match) resolve(match);
          else reject(new Error(`${command.join(" ")} ended before ${pattern}:\n${output}`));
        };
        watchers.add(watch);
        watch();
      }),
    async stop(signal = "SIGTERM") {
      if (ended) return await exit;
      // Not `child.kill()`: after that, Deno reports the signal in place of the exit code.
      if (child.pid !== undefined) process.kill(child.pid, signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      const code = await exit;
      clearTimeout(timer);
      return code;
    },
  };
}

/**
 * Finds an executable by name in PATH.
 *
 * @param names The names, best first.
 * @returns The path of the first one there is.
 */
export function findExecutable(names: readonly string[]): string | undefined {
  for (const name of names) {
    for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
      const path = join(folder, name);
      if (folder !== "" && existsSync(path)) return path;
    }
  }
  return undefined;
}
