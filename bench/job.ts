// What the processes of the bench tell each other: one JSON value in a line.

import type { Scenario } from "./scenarios.ts";

/** What the generator is to do. */
export interface Job {
  readonly scenario: Scenario;
  /** The server is a plain TCP echo. */
  readonly raw: boolean;
  readonly port: number;
  /** The server's process; its figures are read where there is /proc. */
  readonly pid: number;
  /** The CPU that the server has to itself; undefined when it could not be pinned. */
  readonly cpu: number | undefined;
  readonly warmup: number;
  /** Seconds of load before the window of a turn opens. */
  readonly runIn: number;
  /** Seconds that a window is open. */
  readonly seconds: number;
}

/** What the generator, or a client that is measured, has counted in the window. */
export interface Counts {
  /** Units of work: messages, deliveries, handshakes. */
  readonly count: number;
  readonly seconds: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
  /** The counting process's own share of a CPU. */
  readonly busy: number;
  /** CPU seconds of the process that is measured, where the counting process could tell. */
  readonly cpu?: number;
  /** The share of the measured process's CPU that somebody else had. */
  readonly foreign?: number;
  /** Of an idle connection. */
  readonly bytes?: number;
}

/** A line of a process's output. */
export type Line =
  | { readonly event: "listening"; readonly port: number }
  | { readonly event: "usage"; readonly cpu: number }
  | { readonly event: "memory"; readonly bytes: number }
  | { readonly event: "ready" }
  | { readonly event: "begin" }
  | ({ readonly event: "end" } & Counts)
  | { readonly event: "error"; readonly message: string };
