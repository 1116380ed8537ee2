// docs/interop.md says what the tests do.

import { assertEquals } from "@std/assert";
import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { root } from "../../support/process.ts";
import { runtime, test } from "../../support/test.ts";

test("docs/interop.md is what the tables say", async () => {
  const { formatMatrix } = await import("./matrix.ts");
  const file = `${root}docs/interop.md`;
  const page = format(formatMatrix());
  if (process.env["UPDATE"]) await writeFile(file, page);
  assertEquals(await readFile(file, "utf8"), page);
}, { skip: runtime !== "node" && "the page is the same on all three runtimes" });

function format(markdown: string): string {
  const deno = `${root}node_modules/deno/deno`;
  const args = ["fmt", "--quiet", "--line-width", "100", "--ext", "md", "-"];
  const { stdout, status } = spawnSync(deno, args, { input: markdown, encoding: "utf8" });
  assertEquals(status, 0);
  return stdout;
}
