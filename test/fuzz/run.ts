// `npm run fuzz`: runs the fuzz targets in turn until it is stopped, or for `--time` seconds.
//
//   npm run fuzz -- --time 600            ten minutes of all targets
//   npm run fuzz -- --target frames       one of them, until Ctrl-C; several, each by a --target of its own
//   npm run fuzz -- --seed 42             the same samples as whoever printed that seed
//
// A round gives each target a slice of time and a seed of its own, so a failure names the round that repeats it.

import process from "node:process";
import { parseArgs } from "node:util";
import { asUnitTest, fuzz } from "./fuzz.ts";
import type { Target } from "./target.ts";
import { targets } from "./targets.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    time: { type: "string" },
    target: { type: "string", multiple: true },
  },
});
const first = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const seconds = Number(values.time ?? Infinity);
const names = values.target ?? targets.map(({ name }) => name);
const chosen = targets.filter(({ name }) => names.includes(name));
if (chosen.length < names.length || !Number.isInteger(first) || !(seconds > 0)) {
  const all = targets.map(({ name }) => name).join(", ");
  console.error(`Expected --seed INTEGER, --time SECONDS, --target one of ${all}`);
  process.exit(2);
}

/** Samples of one target in one round. */
const ROUND = 2_000;
/** Milliseconds that they may take, so that the slow ones leave time for the others. */
const SLICE = 20_000;

const started = performance.now();
const elapsed = (): number => (performance.now() - started) / 1000;
/** How many samples each target has had. */
const counts = new Map<string, number>();
let told = 0;

/** The target, which counts its samples. */
function counted(target: Target): Target {
  return {
    ...target,
    check(bytes, cuts, options) {
      counts.set(target.name, (counts.get(target.name) ?? 0) + 1);
      return target.check(bytes, cuts, options);
    },
  };
}

function tell(what: string): void {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const each = [...counts].map(([name, count]) => `${name} ${count}`).join(", ");
  console.log(`${what}: ${total} samples, ${Math.round(elapsed())} s (${each})`);
}

process.on("SIGINT", () => {
  tell("\nStopped without a failure");
  process.exit(0);
});

console.log(`Seed ${first}`);
for (let seed = first; elapsed() < seconds; seed++) {
  for (const target of chosen.map(counted)) {
    const left = (seconds - elapsed()) * 1000;
    if (left <= 0) break;
    const failure = await fuzz(target, {
      seed,
      numRuns: ROUND,
      timeLimit: Math.min(left, SLICE),
    });
    if (failure !== undefined) {
      console.log(`\n${target.name} failed: ${target.promise}\n\n${failure.error.message}\n`);
      console.log(`Again: npm run fuzz -- --target ${target.name} --seed ${seed}\n`);
      console.log(asUnitTest(target, failure));
      process.exit(1);
    }
  }
  if (elapsed() - told < 10) continue;
  told = elapsed();
  tell(`Seed ${seed}`);
}
tell("No failure");
