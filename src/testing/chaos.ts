// Faults by chance, in a schedule that a seed repeats.

import {
  callback,
  checkOptions,
  describe,
  kind,
  number,
  type OptionTable,
} from "../util/check_options.ts";
import { describePending, type TestClock } from "./clock.ts";
import type { MemoryLink, Side } from "./link.ts";
import type { MemoryRuntime } from "./memory_runtime.ts";

/** The options of `chaos()` of a {@linkcode Network}. */
export interface ChaosOptions {
  /** Which schedule: the same number gives the same one. A whole number from 0 to 4,294,967,295. */
  readonly seed: number;
  /** Whether the program under test is where it has to come. */
  readonly until: () => boolean;
  /** The most rounds, each with one fault or a calm. Default: 1,000. */
  readonly rounds?: number;
  /** The most milliseconds on the clock. Default: 86,400,000, a day. */
  readonly time?: number;
}

/** What `chaos()` has done. */
export interface ChaosReport {
  /** The seed. */
  readonly seed: number;
  /** How many rounds it took. */
  readonly rounds: number;
  /** How many milliseconds it took on the clock. */
  readonly time: number;
  /** What was done in each round, with the time. */
  readonly schedule: readonly string[];
}

/** What each of these may be. */
export const CHAOS_OPTIONS: OptionTable<ChaosOptions> = {
  seed: kind("a whole number from 0 to 4294967295", (value) => Number(value) >>> 0 === value),
  until: callback,
  rounds: number("rounds", { least: 1 }),
  time: number("milliseconds", { least: 1 }),
};

/** Draws numbers. */
type Draw = (below: number) => number;

/** Numbers that look random and follow from a seed (mulberry32). */
function drawFrom(seed: number): Draw {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000 * below);
  };
}

const SIDES: readonly Side[] = ["client", "server"];

/** What can happen to one connection; each returns what it did. */
const LINK_FAULTS: readonly ((link: MemoryLink, draw: Draw) => string)[] = [
  (link) => (link.cut(), "cut()"),
  (link) => (link.end(), "end()"),
  (link) => (link.halfOpen(), "halfOpen()"),
  (link, draw) => {
    const side = SIDES[draw(2)]!;
    link.pause(side);
    return `pause("${side}")`;
  },
  (link, draw) => {
    const rate = 10 ** (1 + draw(5));
    link.slow(rate);
    return `slow(${rate})`;
  },
  (link, draw) => {
    const size = 1 + draw(9);
    link.split(size);
    return `split(${size})`;
  },
  (link, draw) => {
    const delay = draw(2_000);
    link.delay(delay);
    return `delay(${delay})`;
  },
  (link, draw) => {
    const octets = draw(500);
    link.cutAfter(octets);
    return `cutAfter(${octets})`;
  },
];

/** Everything works again. */
function calm(runtime: MemoryRuntime): string {
  runtime.refusals.length = 0;
  runtime.join();
  for (const link of runtime.openLinks) link.restore();
  return "all is restored";
}

function refuse(runtime: MemoryRuntime, draw: Draw): string {
  const kind = ([503, "reset", "timeout"] as const)[draw(3)]!;
  const times = 1 + draw(3);
  runtime.refusals.push({ times, kind });
  return `refuse({ times: ${times}, with: ${JSON.stringify(kind)} })`;
}

function disturb(runtime: MemoryRuntime, draw: Draw): string {
  const links = runtime.openLinks;
  const kind = draw(10);
  if (kind < 3) return calm(runtime);
  const link = links[draw(Math.max(links.length, 1))];
  if (link === undefined || kind === 3) return refuse(runtime, draw);
  if (kind === 4) {
    runtime.part(link.from, link.to, true);
    return `partition("${link.from}", "${link.to}")`;
  }
  const act = LINK_FAULTS[draw(LINK_FAULTS.length)]!;
  return `${act(link, draw)} of the link from ${link.name}`;
}

/** Runs a schedule; see `Network.chaos()`. */
export async function runChaos(
  runtime: MemoryRuntime,
  clock: TestClock | undefined,
  options: ChaosOptions,
): Promise<ChaosReport> {
  checkOptions("chaos()", options, CHAOS_OPTIONS);
  const { seed, until, rounds: most = 1_000, time = 86_400_000 } = options;
  if (seed === undefined || until === undefined) {
    throw new TypeError("chaos() expected seed and until, got options without one of them");
  }
  if (clock === undefined) {
    throw new TypeError(
      "chaos() expected a network with a clock: createNetwork({ clock: createClock() })",
    );
  }
  const draw = drawFrom(seed);
  const schedule: string[] = [];
  const started = clock.now;
  for (let rounds = 0;; rounds++) {
    const passed = clock.now - started;
    const reached = until();
    if (typeof reached !== "boolean") {
      throw new TypeError(
        `chaos() expected until() to return true or false, got ${describe(reached)}`,
      );
    }
    if (reached) return { seed, rounds, time: passed, schedule };
    if (rounds === most || passed >= time) {
      throw new Error(
        `chaos() with seed ${seed} did not come to its end within ${rounds} rounds and ${passed} ms; ` +
          `${describePending(clock.pending)}; ${runtime.describe()}; the last rounds: ${
            schedule.slice(-5).join(", ")
          }`,
      );
    }
    const wait = 1 + draw(10 ** (1 + draw(4)));
    schedule.push(`${disturb(runtime, draw)} at ${passed} ms`);
    await clock.advance(wait);
  }
}
