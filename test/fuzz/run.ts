// `npm run fuzz`: runs the fuzz targets in turn until it is stopped, or for `--time` seconds.
//
//   npm run fuzz -- --time 600            ten minutes of all targets
//   npm run fuzz -- --target frames       one of them, until Ctrl-C
//   npm run fuzz -- --seed 42             the same samples as whoever printed that seed
//
// A round gives each target a slice of time and a seed of its own, so a failure names the round that repeats it.

import process from "node:process";
import { parseArgs } from "node:util";
import { asUnitTest, fuzz } from "./fuzz.ts";
import { targets } from "./targets.ts";

const { values } = parseArgs({
  options: { seed: { type: "string" }, time: { type: "string" }, target: { type: "string" } },
});
const first = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const seconds = Number(values.time ?? Infinity);
const chosen = targets.filter(({ name }) => [undefined, name].includes(values.target));
if (chosen.length === 0 || !Number.isInteger(first) || !(seconds > 0)) {
  const names = targets.map(({ name }) => name).join(", ");
  console.error(`Expected --seed INTEGER, --time SECONDS, --target one of ${names}`);
  process.exit(2);
}

/** Samples of one target in one round. */
const ROUND = 2_000;

const started = performance.now();
const elapsed = (): number => (performance.now() - started) / 1000;
let samples = 0;
let told = 0;
process.on("SIGINT", () => {
  console.log(`\nStopped after ${Math.round(elapsed())} s and ${samples} samples: no failure`);
  process.exit(0);
});

console.log(`Seed ${first}`);
for (let seed = first; elapsed() < seconds; seed++) {
  for (const target of chosen) {
    const left = (seconds - elapsed()) * 1000;
    if (left <= 0) break;
    const failure = await fuzz(target, {
      seed,
      numRuns: ROUND,
      ...(left < 2 ** 31 ? { timeLimit: left } : {}),
    });
    if (failure !== undefined) {
      console.log(`\n${target.name} failed: ${target.promise}\n\n${failure.error.message}\n`);
      console.log(`Again: npm run fuzz -- --target ${target.name} --seed ${seed}\n`);
      console.log(asUnitTest(target, failure));
      process.exit(1);
    }
    samples += ROUND;
  }
  if (elapsed() - told < 10) continue;
  told = elapsed();
  console.log(`Seed ${seed}: ${samples} samples, ${Math.round(told)} s`);
}
console.log(`${samples} samples: no failure`);
