// docs/comparison.md makes claims. Whether they are true is for the tests that it names; this one
// holds that those exist, and that no row has a hole.

import { assert, assertEquals, assertGreater } from "@std/assert";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./support/process.ts";
import { test } from "./support/test.ts";

const page = readFileSync(join(root, "docs/comparison.md"), "utf8");
const columns = [
  "",
  "sansocket",
  "shown by",
  "ws",
  "Bun",
  "Deno",
  "uWebSockets",
  "crossws",
  "websockets",
];

/** The tables of the page, each a list of rows of cells. */
const tables = [...page.matchAll(/(?:^\|.*\|\n)+/gm)].map(([table]) =>
  table.trimEnd().split("\n").map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim()))
);
const rows = tables.flatMap((table) => table.slice(2));
/** From here to the files that the page names, anchors left out. */
const links = [...page.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, target = ""]) => target);

test("docs/comparison.md has the same columns in every table", () => {
  assertGreater(tables.length, 0);
  for (const [head] of tables) assertEquals(head, columns);
});

test("docs/comparison.md has a verdict in every cell of every row", () => {
  assertGreater(rows.length, 0);
  for (const row of rows) {
    const [feature = "", ours = "", , ...others] = row;
    assertEquals(row.length, columns.length, feature);
    assert(feature !== "", row.join(" | "));
    assert(/^(?:yes|partly|no|not yet)(?:: .+)?$/.test(ours), `${feature}: ${ours}`);
    for (const cell of others) {
      assert(/^(?:yes|partly|no)(?:: .+)?$/.test(cell), `${feature}: ${cell}`);
    }
  }
});

test("docs/comparison.md shows what it claims by a test", () => {
  for (const [feature = "", ours = "", shown = ""] of rows) {
    const claims = /^(?:yes|partly)/.test(ours);
    assertEquals(/\]\(\.\.\/test\/[\w/]+_test\.ts\)/.test(shown), claims, feature);
  }
});

test("docs/comparison.md names files that exist", () => {
  assertGreater(links.length, 0);
  const missing = links.filter((link) => !existsSync(join(root, "docs", link)));
  assertEquals(missing, []);
});
