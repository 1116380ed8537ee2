// The list of files: none is there twice, and docs/conformance.md says why some have no test.

import { assert, assertEquals } from "@std/assert";
import { readFile } from "node:fs/promises";
import { test } from "../../support/test.ts";
import { FILES, LEFT_OUT } from "./files.ts";

const lists = (of: Readonly<Record<string, readonly string[]>>) => Object.values(of).flat();

test("Platform files are listed once, with a test or without", () => {
  const all = [...lists(FILES), ...lists(LEFT_OUT)];
  assertEquals(all.length, new Set(all).size);
  assertEquals([lists(FILES).length, lists(LEFT_OUT).length], [176, 33]);
});

test("Platform files without a test are in docs/conformance.md, with the reason", async () => {
  const page = await readFile(new URL("../../../docs/conformance.md", import.meta.url), "utf8");
  for (const [reason, files] of Object.entries(LEFT_OUT)) {
    const row = page.split("\n").find((line) => line.startsWith(`| ${reason} `));
    assert(row !== undefined, `Expected a row for "${reason}"`);
    assertEquals(Number(row.split("|")[2]), files.length);
  }
});
