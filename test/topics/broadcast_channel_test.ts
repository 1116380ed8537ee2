// Topics of several threads over BroadcastChannel: a program with a worker, on each runtime.

import { assertEquals } from "@std/assert";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBundled } from "../support/bundled.ts";
import { root, start } from "../support/process.ts";
import { runtime, test } from "../support/test.ts";

test("topics of a thread and its worker are one, each with a server, and let the process end", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sansocket-"));
  const file = "test/topics/programs/threads.ts";
  // On Node 20 a Worker cannot load TypeScript.
  const program = runtime === "node"
    ? await startBundled(join(root, file), join(folder, "threads.mjs"))
    : start(runtime, file);
  assertEquals(await program.exit, 0, program.output());
  assertEquals(
    program.output(),
    ["2000 in order", "passed on hello", "passed on", "602 heard or missed", ""].join("\n"),
  );
  await rm(folder, { recursive: true });
});
