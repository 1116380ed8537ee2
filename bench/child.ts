// The processes of the bench: pinned where the system can, one JSON value in a line, ended by closing their input.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import process from "node:process";
import type { Line } from "./job.ts";

/** How long a process that was told to end may take. */
const PATIENCE = 3000;

/** A process that was started, and is ours to end. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #name: string;
  readonly #lines: Line[] = [];
  #errors = "";
  #ended = false;
  #changed: () => void = () => {};

  /**
   * Starts a program.
   *
   * @param name For messages.
   * @param environment Added to ours.
   */
  constructor(
    name: string,
    command: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ) {
    const [executable = "", ...args] = command;
    this.#name = name;
    this.#process = spawn(executable, args, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, ...environment },
    });
    const { stdout, stderr, stdin } = this.#process;
    createInterface({ input: stdout! }).on("line", (line) => this.#receive(line));
    stderr!.setEncoding("utf8").on("data", (text: string) => this.#errors += text);
    stdin!.on("error", () => {});
    const end = (): void => {
      this.#ended = true;
      this.#changed();
    };
    this.#process.on("close", end);
    this.#process.on("error", (error) => {
      this.#errors += error.message;
      end();
    });
  }

  /** The process's id; the one of the program itself, because taskset becomes it. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  #receive(text: string): void {
    try {
      this.#lines.push(JSON.parse(text) as Line);
    } catch {
      this.#errors += `${text}\n`;
    }
    this.#changed();
  }

  /**
   * The next line of a kind.
   *
   * @throws {Error} When the process ends first, says "error", or takes longer than `seconds`.
   */
  async next<Event extends Line["event"]>(
    event: Event,
    seconds: number,
  ): Promise<Extract<Line, { event: Event }>> {
    const deadline = performance.now() + seconds * 1000;
    for (;;) {
      const line = this.#lines.shift();
      if (line?.event === "error") throw new Error(`${this.#name}: ${line.message}`);
      if (line?.event === event) return line as Extract<Line, { event: Event }>;
      if (line !== undefined) continue;
      const errors = this.#errors.trim().slice(-500);
      if (this.#ended) throw new Error(`${this.#name} has ended before "${event}": ${errors}`);
      const left = deadline - performance.now();
      if (left <= 0) {
        throw new Error(`${this.#name} did not say "${event}" in ${seconds} s: ${errors}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Writes a line. */
  say(line: string): void {
    this.#process.stdin!.write(`${line}\n`);
  }

  /** Ends the process, and waits until it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    const closed = new Promise((resolve) => this.#process.once("close", resolve));
    this.#process.stdin!.end();
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), PATIENCE);
    await closed;
    clearTimeout(timer);
  }
}
