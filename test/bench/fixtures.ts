// Results as a session gives them.

import type { Results, Run } from "../../bench/results.ts";

/** Runs of a subject in a scenario: one a round, with these costs, where one is named beside a larger scenario. */
export function runsOf(
  scenario: string,
  subject: string,
  costs: readonly number[],
  beside?: string,
): Run[] {
  return costs.map((cpu, round) => ({
    round,
    scenario,
    subject,
    cpu,
    rate: 1e6 / cpu,
    p50: 100,
    p99: 900,
    generator: 0.5,
    ...(beside !== undefined && { beside }),
    ...(scenario.startsWith("idle") && { cpu: 0, bytes: cpu }),
  }));
}

/** Results that hold these runs. */
export function resultsOf(...runs: readonly (readonly Run[])[]): Results {
  return {
    date: "2026-01-02",
    machine: {
      processor: "Test <processor>",
      cores: 2,
      memory: "4 GiB",
      system: "Linux 6",
      pinned: true,
    },
    versions: { node20: "20.0.0", bun: "1.0.0" },
    rounds: 3,
    seconds: 1,
    warmup: 1,
    runs: runs.flat(),
    failures: [],
  };
}
