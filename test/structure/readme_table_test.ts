// The README's table is a part of docs/comparison.md, which proves what it says.

import { assertEquals } from "@std/assert";
import { test } from "../support/test.ts";
import { read } from "./sources.ts";

/** The tables of a page whose first column has no title, each a list of rows of cells. */
function tablesOf(page: string): string[][][] {
  return [...read(page).matchAll(/^\| +\|.*\n(?:\|.*\n)+/gm)].map(([table]) =>
    table.trimEnd().split("\n").map((line) =>
      line.slice(1, -1).split("|").map((cell) => cell.trim())
    )
  );
}

const [table = []] = tablesOf("README.md");
const [[, ...columns] = [], , ...rows] = table;

/** The verdict of a library in a row of docs/comparison.md. */
function verdict(feature: string, library: string): string | undefined {
  for (const [head = [], , ...rows] of tablesOf("docs/comparison.md")) {
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
