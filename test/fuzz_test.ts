// Each fuzz target for about a second, with the same seed each time. `npm run fuzz` goes on for longer.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { decodeHex } from "@std/encoding";
import { asUnitTest, fuzz, minimise } from "./fuzz/fuzz.ts";
import type { Target } from "./fuzz/target.ts";
import { targets } from "./fuzz/targets.ts";
import { test } from "./support/test.ts";

/** Samples for about a second, by how much one costs. */
const RUNS: Readonly<Record<string, number>> = {
  frames: 1500,
  compressed: 600,
  inflate: 2000,
  waiting: 600,
  requests: 250,
  responses: 250,
  realms: 200,
  sending: 60,
  duplex: 150,
  history: 1_000,
  schedules: 200,
  presence: 200,
  outages: 200,
};

for (const target of targets) {
  test(`fuzz ${target.name}: ${target.promise}`, async () => {
    const failure = await fuzz(target, { seed: 6455, numRuns: RUNS[target.name] ?? 4_000 });
    assertEquals(failure === undefined ? "" : asUnitTest(target, failure), "");
  });
}

/** Fails for two octets in this order, anywhere. */
const broken: Target = {
  name: "broken",
  promise: "no 2 follows a 1",
  file: "broken.ts",
  samples: targets[0]!.samples,
  check(bytes): void {
    const at = bytes.indexOf(1);
    if (at >= 0 && bytes.includes(2, at)) throw new Error("2 follows 1");
  },
};

test("minimise() leaves the octets that matter, and no cut", async () => {
  const sample = { bytes: decodeHex("ff0100ff03020201"), cuts: [0, 3, 8], options: null };
  const failure = await minimise(broken, sample);
  assertEquals(failure.sample, { bytes: decodeHex("0102"), cuts: [], options: null });
  assertEquals(failure.error.message, "2 follows 1");
});

test("fuzz() finds a failure, and asUnitTest() writes it down", async () => {
  const failure = await fuzz(broken, { seed: 6455, numRuns: 1_000 });
  assert(failure !== undefined);
  const written = asUnitTest(broken, failure);
  assertStringIncludes(written, 'broken.check(decodeHex("0102"), [], {');
  assertStringIncludes(written, 'from "./targets/broken.ts";');
});
