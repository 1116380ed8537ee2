// A session: every subject in every scenario, in rounds.
//
// 1. In a round each scenario visits its subjects one after the other, so the runs that are compared lie close
//    together; the next round starts with another subject, so that none is always first.
// 2. A run during which others used much of the server's CPU is repeated, and the quietest one is kept.

import { type Figures, measure, type Timing } from "./measure.ts";
import type { Failure, Run } from "./results.ts";
import type { Bundle } from "./runtimes.ts";
import type { Scenario } from "./scenarios.ts";
import { type Subject, takesPart } from "./servers.ts";

/** The share of the server's CPU that others may have. */
const MOST_FOREIGN = 0.08;

/** Runs for one figure, at most. */
const TRIES = 3;

/** What to measure. */
export interface Plan extends Timing {
  readonly subjects: readonly Subject[];
  readonly scenarios: readonly Scenario[];
  readonly rounds: number;
}

/** The cells of a round, in the order in which they run. */
export function* order(
  { subjects, scenarios }: Pick<Plan, "subjects" | "scenarios">,
  round: number,
): Generator<{ readonly subject: Subject; readonly scenario: Scenario }> {
  for (const scenario of scenarios) {
    const present = subjects.filter((subject) => takesPart(subject, scenario));
    for (let i = 0; i < present.length; i++) {
      yield { subject: present[(i + round) % present.length]!, scenario };
    }
  }
}

/** Runs a plan; yields each run as it is done. */
export async function* runAll(plan: Plan, bundle: Bundle): AsyncGenerator<Run | Failure> {
  for (let round = 0; round < plan.rounds; round++) {
    for (const { subject, scenario } of order(plan, round)) {
      const cell = { round, scenario: scenario.name, subject: subject.name };
      try {
        yield { ...cell, ...await measureQuietly(subject, scenario, plan, bundle) };
      } catch (error) {
        yield { ...cell, error: error instanceof Error ? error.message : String(error) };
      }
    }
  }
}

async function measureQuietly(
  subject: Subject,
  scenario: Scenario,
  timing: Timing,
  bundle: Bundle,
): Promise<Figures> {
  let best = await measure(subject, scenario, timing, bundle);
  for (let i = 1; i < TRIES && (best.foreign ?? 0) > MOST_FOREIGN; i++) {
    const again = await measure(subject, scenario, timing, bundle);
    if (again.foreign! < best.foreign!) best = again;
  }
  return best;
}
