// The bench from end to end, as short as it can be: that it runs and checks, not what it measures.

import { assertEquals, assertGreater } from "@std/assert";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";
import type { Results } from "../../bench/results.ts";

test("bench measures our server and our client and writes what it found", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sansocket-bench-test-"));
  try {
    const out = join(folder, "results.json");
    const options = [
      "--servers=ours-bun,raw-bun",
      "--scenarios=echo-1x1-20,text-1x1-1k,client-1x1-20,client-connect-64",
      "--rounds=2",
      "--seconds=0.2",
      "--warmup=0.1",
      `--out=${out}`,
    ];
    const child = run(["node", "--import", "tsx", "bench/main.ts", ...options]);
    assertEquals(await child.exit, 0, child.output());
    const { runs, failures } = JSON.parse(readFileSync(out, "utf8")) as Results;
    // A reply that differs from what was sent would be among the failures.
    assertEquals(failures, []);
    assertEquals(runs.map(({ round, scenario, subject }) => `${round} ${scenario} ${subject}`), [
      "0 echo-1x1-20 ours-bun",
      "0 echo-1x1-20 raw-bun",
      "1 echo-1x1-20 raw-bun",
      "1 echo-1x1-20 ours-bun",
      "0 text-1x1-1k ours-bun",
      "1 text-1x1-1k ours-bun",
      "0 client-1x1-20 ours-bun",
      "1 client-1x1-20 ours-bun",
      "0 client-connect-64 ours-bun",
      "1 client-connect-64 ours-bun",
    ]);
    for (const { rate, cpu, p99, p50 } of runs) {
      assertGreater(rate, 0);
      assertGreater(cpu, 0);
      assertEquals(p99 >= p50, true);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, { skip: runtime !== "node" && "the bench is a program of its own, and runs on Node" });
