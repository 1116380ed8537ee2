// The README's table is a part of docs/comparison.md, which proves what it says.

import { assertEquals } from "@std/assert";
import { tablesOf } from "../support/tables.ts";
import { test } from "../support/test.ts";
import { read } from "./sources.ts";

/** The table whose first column has no title: README has one, the comparison several. */
const compared = (page: string): string[][][] =>
  tablesOf(read(page)).filter(([head]) => head?.[0] === "");

const [table = []] = compared("README.md");
const [[, ...columns] = [], , ...rows] = table;

/** The verdict of a library in a row of docs/comparison.md. */
function verdict(feature: string, library: string): string | undefined {
  for (const [head = [], , ...rows] of compared("docs/comparison.md")) {
    const column = head.indexOf(library);
    const cell = rows.find(([name]) => name === feature)?.[column];
    if (cell !== undefined) return /^\[?(yes|partly|not yet|no)\b/.exec(cell)?.[1];
  }
  return undefined;
}

test("README's table has eight rows, and one that others lead", () => {
  assertEquals(rows.length, 8);
  assertEquals(columns[0], "sansocket");
  assertEquals(rows.filter(([, ours]) => ours !== "yes").length, 1);
});

test("README's table says what docs/comparison.md says", () => {
  const said = rows.map(([feature = ""]) => [
    feature,
    ...columns.map((name) => verdict(feature, name.replace(/ \(.*/, ""))),
  ]);
  assertEquals(rows, said);
});
