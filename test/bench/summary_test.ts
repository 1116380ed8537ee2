import { assertEquals, assertThrows } from "@std/assert";
import { createChart } from "../../bench/report/chart.ts";
import { summaryOf } from "../../bench/report/summary.ts";
import { read } from "../structure/sources.ts";
import { test } from "../support/test.ts";

const page = read("docs/performance.md");
/** Without the spaces, which `deno fmt` moves. */
const words = (svg: string) => svg.replace(/\s+|\/(?=>)|;(?=\s*\})/g, "");

test("README's chart is what docs/performance.md says now", () => {
  const written = read("docs/performance/summary.svg");
  const labels = (svg: string) => [...svg.matchAll(/>([^<>]+)<\/text>/g)].map(([, text]) => text);
  assertEquals(labels(written), labels(createChart(summaryOf(page))));
  const bars = (svg: string) => [...words(svg).matchAll(/<rect.*?>/g)].map(([rect]) => rect);
  assertEquals(bars(written), bars(createChart(summaryOf(page))));
});

test("summaryOf has the figures and ratios of the page", () => {
  const table = [
    "|             | CPU     | of ours |",
    "| ----------- | ------- | ------- |",
    "| ours-node20 | 8.00 µs | 1.00×   |",
    "| ws-node20   | 16.0 µs | 2.00×   |",
    "| ours-bun    | 8.46 µs | 1.00×   |",
    "| native-bun  | 7.58 µs | 0.94×   |",
    "| ours-deno   | 17.1 µs | 1.00×   |",
    "| native-deno | 15.1 µs | 0.88×   |",
    "",
    "",
  ].join("\n");
  const target =
    "| 20 B, 1 in flight, 64 connections | Bun 1.4.5 | 8.46 µs | Bun.serve: 7.58 µs | 1.07× |";
  const text = `### Targets\n\n${target}\n\n` +
    `**20 B, 1 in flight, 64 connections: per message**\n\n${table}` +
    `**20 B, 32 in flight, 64 connections: per message**\n\n${table}`;
  const { rows } = summaryOf(text);
  assertEquals(rows.map(({ title }) => title), [
    "Node: one message at a time",
    "Bun: one message at a time",
    "Deno: one message at a time",
    "Node: 32 messages at a time",
    "Bun: 32 messages at a time",
    "Deno: 32 messages at a time",
  ]);
  assertEquals(rows.slice(0, 2).map(({ ours, reference }) => [ours, reference]), [
    [{ name: "sansocket", value: 0.5, label: "8.00 µs" }, {
      name: "ws",
      value: 1,
      label: "16.0 µs",
    }],
    [
      { name: "sansocket", value: 1.07, label: "8.46 µs" },
      { name: "Bun.serve", value: 1, label: "7.58 µs" },
    ],
  ]);
  assertThrows(() => summaryOf("no tables"), Error, "ws-node20");
});
