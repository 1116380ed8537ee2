import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createChart } from "../../bench/report/chart.ts";
import { chartOf } from "../../bench/report/page.ts";
import { test } from "../support/test.ts";
import { resultsOf, runsOf } from "./fixtures.ts";

const bar = (name: string, value: number) => ({ name, value, label: `${value} µs` });

/** The lengths of the bars of a class, in order, without that of the legend. */
function lengths(svg: string, name: string): number[] {
  const rects = svg.matchAll(new RegExp(`<rect class="${name}"[^>]* width="([\\d.]+)"`, "g"));
  return [...rects].map(([, width]) => Number(width)).slice(1);
}

test("createChart draws bars in proportion to the reference of their row", () => {
  const svg = createChart({
    title: "Title",
    subtitle: "Subtitle",
    rows: [
      { title: "half", ours: bar("us", 2), reference: bar("them", 4), limit: bar("limit", 1) },
      { title: "tenfold", ours: bar("us", 50), reference: bar("them", 5) },
    ],
  });
  const [half, tenfold] = lengths(svg, "ours");
  const [first, second] = lengths(svg, "reference");
  assertEquals([half, first], [first! / 2, second]);
  assert(tenfold! < 2 * first!);
  assertStringIncludes(svg, "50 µs (cut)");
  assertStringIncludes(svg, "10.00×");
  assertEquals(svg.match(/class="limit"/g)?.length, 2);
});

test("createChart escapes what is not its own, and closes what it opens", () => {
  const svg = createChart({ title: `a < b & "c"`, subtitle: "", rows: [] });
  assertStringIncludes(svg, "a &#60; b &#38; &#34;c&#34;");
  assert(!svg.includes("a < b"));
  assert(svg.startsWith("<svg ") && svg.endsWith("</svg>\n"));
});

test("chartOf has a row for each target on the runtime, against what its users have otherwise", () => {
  const results = resultsOf(
    runsOf("echo-64x32-20", "ours-node20", [1]),
    runsOf("echo-64x32-20", "raw-node20", [0.5]),
    runsOf("echo-64x32-20", "ws-node20", [10]),
    runsOf("idle-5000", "ours-node20", [9000]),
    runsOf("idle-5000", "ws-node20", [10_000]),
    runsOf("echo-64x32-20", "ours-bun", [1]),
    runsOf("echo-64x32-20", "native-bun", [2]),
  );
  const { title, rows } = chartOf("node20", results);
  assertEquals(title, "What a message costs on Node 20.0.0");
  assertEquals(rows.map(({ reference }) => [reference.name, reference.label]), [
    ["ws", "10.0 µs"],
    ["ws", "10.0 KB"],
  ]);
  assertEquals(rows.map(({ limit }) => limit?.value), [0.05, undefined]);
  assertEquals(chartOf("bun", results).rows[0]?.reference.name, "Bun.serve");
});

test("chartOf draws the ratio that the tables have, of each round, and says the median cost", () => {
  const results = resultsOf(
    runsOf("echo-64x32-20", "ours-bun", [1, 4, 30]),
    runsOf("echo-64x32-20", "native-bun", [2, 10, 20]),
  );
  const [row] = chartOf("bun", results).rows;
  assertEquals([row?.ours.value, row?.reference.value], [0.5, 1]);
  assertEquals([row?.ours.label, row?.reference.label], ["4.00 µs", "10.0 µs"]);
});
