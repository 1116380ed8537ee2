// A session: every subject in every scenario, in rounds.
//
// 1. The subjects of a runtime are up at the same time, each with connections of its own, and have their turns in each
//    round one after the other: what is compared lies within a second or two. The next round starts with another, so that
//    none is always first. On a machine where the same program takes twice as long a minute later, two of the same
//    server are within 2% of each other in this way, for small messages.
// 2. Where ours is compared with itself in another scenario, that one has its turns too, with a server of its own.
// 3. After some rounds all are started anew: where a process happens to lie in memory is a matter of luck too.
// 4. A turn during which others used much of the server's CPU is repeated, and the quietest one is kept.

import { type Figures, prepare, type Stage, type Timing } from "./measure.ts";
import type { Cell, Failure, Run } from "./results.ts";
import type { Bundle } from "./runtimes.ts";
import { type Mode, type Scenario, scenarioOf } from "./scenarios.ts";
import { type RuntimeName, type Subject, takesPart } from "./servers.ts";
import { ownReferenceOf } from "./targets.ts";

/** Rounds for which a subject stays up. */
const ROUNDS_OF_A_START = 5;

/** What a server's memory does not come back from: one turn for each start. */
const ONCE: readonly Mode[] = ["idle"];

/** The share of the server's CPU that others may have. */
const MOST_FOREIGN = 0.08;

/** Turns for one figure, at most. */
const TRIES = 3;

/** What to measure. */
export interface Plan extends Timing {
  readonly subjects: readonly Subject[];
  readonly scenarios: readonly Scenario[];
  readonly rounds: number;
}

/** What has its turns: a subject in a scenario. */
type Actor = Pick<Cell, "beside"> & { readonly subject: Subject; readonly scenario: Scenario };

/** Runs a plan; yields each run as it is done. */
export async function* runAll(plan: Plan, bundle: Bundle): AsyncGenerator<Run | Failure> {
  for (let first = 0; first < plan.rounds; first += ROUNDS_OF_A_START) {
    const end = Math.min(first + ROUNDS_OF_A_START, plan.rounds);
    for (const scenario of plan.scenarios) {
      const present = plan.subjects.filter((subject) => takesPart(subject, scenario));
      for (const subjects of byRuntime(present)) {
        if (ONCE.includes(scenario.mode)) {
          for (const actor of rotated(actorsIn(scenario, subjects), first / ROUNDS_OF_A_START)) {
            yield* runTogether([actor], first, first + 1, plan, bundle);
          }
        } else yield* runTogether(actorsIn(scenario, subjects), first, end, plan, bundle);
      }
    }
  }
}

function byRuntime(subjects: readonly Subject[]): Iterable<Subject[]> {
  const groups = new Map<RuntimeName, Subject[]>();
  for (const subject of subjects) {
    const group = groups.get(subject.runtime);
    if (group === undefined) groups.set(subject.runtime, [subject]);
    else group.push(subject);
  }
  return groups.values();
}

/** The subjects in the scenario, and ours in the one that it is compared with. */
function actorsIn(scenario: Scenario, subjects: readonly Subject[]): Actor[] {
  const reference = ownReferenceOf(scenario.name);
  const ours = reference === undefined ? [] : subjects.filter(({ engine }) => engine === "ours");
  return [
    ...subjects.map((subject) => ({ subject, scenario })),
    ...ours.map((subject) => ({
      subject,
      scenario: scenarioOf(reference!),
      beside: scenario.name,
    })),
  ];
}

function rotated<T>(values: readonly T[], by: number): T[] {
  const start = by % values.length;
  return [...values.slice(start), ...values.slice(0, start)];
}

/** Starts these, and measures them in turns in the rounds from `first` up to `end`. */
async function* runTogether(
  actors: readonly Actor[],
  first: number,
  end: number,
  timing: Timing,
  bundle: Bundle,
): AsyncGenerator<Run | Failure> {
  const stages = new Map<Actor, Stage>();
  const cell = ({ subject, scenario, beside }: Actor, round: number): Cell => ({
    round,
    scenario: scenario.name,
    subject: subject.name,
    ...(beside !== undefined && { beside }),
  });
  try {
    for (const actor of actors) {
      try {
        stages.set(actor, await prepare(actor.subject, actor.scenario, timing, bundle));
      } catch (error) {
        yield { ...cell(actor, first), error: messageOf(error) };
      }
    }
    for (let round = first; round < end; round++) {
      for (const [actor, stage] of rotated([...stages], round)) {
        try {
          yield { ...cell(actor, round), ...await measureQuietly(stage, actor.scenario.mode) };
        } catch (error) {
          yield { ...cell(actor, round), error: messageOf(error) };
        }
      }
    }
  } finally {
    for (const stage of stages.values()) await stage[Symbol.asyncDispose]();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function measureQuietly(stage: Stage, mode: Mode): Promise<Figures> {
  let best = await stage.measure();
  const tries = ONCE.includes(mode) ? 1 : TRIES;
  for (let i = 1; i < tries && (best.foreign ?? 0) > MOST_FOREIGN; i++) {
    const again = await stage.measure();
    if (again.foreign! < best.foreign!) best = again;
  }
  return best;
}
