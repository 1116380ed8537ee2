// What a session has measured: written as JSON, and what every report is made of.

import type { RuntimeName } from "./servers.ts";

/** Where a figure belongs. */
export interface Cell {
  readonly round: number;
  readonly scenario: string;
  readonly subject: string;
  /** The scenario that this one was measured in turns with, to be compared with it and nothing else. */
  readonly beside?: string;
}

/** One run of one subject in one scenario. */
export interface Run extends Cell {
  /** Microseconds of CPU for each unit of work; of "idle", 0. */
  readonly cpu: number;
  /** Units of work a second. */
  readonly rate: number;
  /** Latencies in microseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Octets of memory of an idle connection. */
  readonly bytes?: number;
  /** The share of its CPU that the generator used: near 1 it was the limit of the rate. */
  readonly generator: number;
  /** The share of the server's CPU that others used. */
  readonly foreign?: number;
}

/** A run that gave no figures. */
export interface Failure extends Cell {
  readonly error: string;
}

/** Where it was measured. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memory: string;
  readonly system: string;
  /** Whether server and generator each had a CPU to themselves. */
  readonly pinned: boolean;
}

/** A session. */
export interface Results {
  readonly date: string;
  readonly machine: Machine;
  /** Of runtimes and packages. */
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmup: number;
  readonly runs: readonly Run[];
  readonly failures: readonly Failure[];
}

/** A figure of a run. */
export type Figure = "cpu" | "rate" | "p50" | "p99" | "bytes" | "generator";

/** A figure of a subject in a scenario, by round; `beside` another one where that is named. */
export function byRound(
  { runs }: Pick<Results, "runs">,
  subject: string,
  scenario: string,
  figure: Figure,
  beside?: string,
): Map<number, number> {
  const values = new Map<number, number>();
  for (const run of runs) {
    const value = run[figure];
    if (run.subject !== subject || run.scenario !== scenario || run.beside !== beside) continue;
    if (value !== undefined) values.set(run.round, value);
  }
  return values;
}

/** The runtimes that were measured, in order. */
export function runtimesIn({ runs }: Pick<Results, "runs">): RuntimeName[] {
  const names = runs.map(({ subject }) => subject.slice(subject.lastIndexOf("-") + 1));
  return [...new Set(names)] as RuntimeName[];
}
