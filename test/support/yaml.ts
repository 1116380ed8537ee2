// YAML, as Bun reads it: no package is needed for that, and Node and Deno start Bun.

import { assertEquals } from "@std/assert";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./process.ts";

const program =
  "process.stdout.write(JSON.stringify(Bun.YAML.parse(await Bun.stdin.text())) ?? 'null')";

/**
 * Reads a document in YAML.
 *
 * @param text The document.
 * @returns Its value, as JSON has it.
 */
export function parseYaml(text: string): unknown {
  const bun = join(root, "node_modules/.bin/bun");
  const { status, stdout, stderr } = spawnSync(bun, ["-e", program], {
    input: text,
    encoding: "utf8",
  });
  assertEquals(status, 0, stderr);
  return JSON.parse(stdout);
}
