// The measured window: both of its ends are read here, in the process that counts, so that the CPU time belongs to
// exactly the messages counted.

import process from "node:process";
import type { Counts, Job, Line } from "../job.ts";
import { busySeconds, cpuSeconds, hasProc } from "../proc.ts";
import { Histogram } from "../statistics.ts";

/** Tells the bench. */
export function say(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Waits. */
export function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

interface Reading {
  readonly time: number;
  readonly self: number;
  readonly server: number;
  readonly busy: number;
}

/** Counts what happens while it is open. */
export class Window {
  /** Latencies, of what is in the window. */
  readonly latency: Histogram = new Histogram();
  /** Units of work done in the window. */
  count = 0;
  /** Whether the window is open. */
  open = false;
  readonly #job: Job;

  /** The window of a job, not yet open. */
  constructor(job: Job) {
    this.#job = job;
  }

  /** Adds work. */
  add(units: number): void {
    if (this.open) this.count += units;
  }

  /** Opens the window for as long as the job says; returns what was counted, which is forgotten. */
  async measure(): Promise<Counts> {
    say({ event: "begin" });
    const start = this.#read();
    this.open = true;
    await sleep(this.#job.seconds);
    this.open = false;
    const end = this.#read();
    const seconds = (end.time - start.time) / 1000;
    const server = end.server - start.server;
    const counts = {
      count: this.count,
      seconds,
      p50: this.latency.quantile(0.5),
      p99: this.latency.quantile(0.99),
      busy: (end.self - start.self) / seconds,
      ...(hasProc && { cpu: server }),
      ...(hasProc && this.#job.cpu !== undefined && {
        foreign: Math.max(0, end.busy - start.busy - server) / seconds,
      }),
    };
    this.count = 0;
    this.latency.reset();
    return counts;
  }

  #read(): Reading {
    const { user, system } = process.cpuUsage();
    const { pid, cpu } = this.#job;
    return {
      time: performance.now(),
      self: (user + system) / 1e6,
      server: hasProc ? cpuSeconds(pid) : 0,
      busy: hasProc && cpu !== undefined ? busySeconds(cpu) : 0,
    };
  }
}
