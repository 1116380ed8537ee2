import { assertEquals, assertThrows } from "@std/assert";
import { parseOptions, select } from "../../bench/options.ts";
import { scenarios, titleOf } from "../../bench/scenarios.ts";
import { subjectsOn, takesPart } from "../../bench/servers.ts";
import { targets, targetScenarios } from "../../bench/targets.ts";
import { test } from "../support/test.ts";

const names = ["ours-node20", "ws-node20", "ws-bufferutil-node20", "ours-bun", "raw-bun"];

test("parseOptions has defaults, which are shorter for a quick run", () => {
  const { rounds, seconds, warmup, quick, servers } = parseOptions([]);
  assertEquals([rounds, seconds, warmup, quick, servers], [15, 0.2, 1, false, undefined]);
  const short = parseOptions(["--quick"]);
  assertEquals([short.rounds < rounds, short.warmup < warmup], [true, true]);
  assertEquals(parseOptions(["--quick", "--rounds", "4"]).rounds, 4);
});

test("parseOptions refuses what it does not know, and numbers that are none", () => {
  assertThrows(() => parseOptions(["--fast"]), TypeError);
  assertThrows(() => parseOptions(["--rounds", "0"]), TypeError, "--rounds");
  assertThrows(() => parseOptions(["--seconds", "long"]), TypeError, "--seconds");
});

test("select takes names, words of names and globs, in the order of the names", () => {
  assertEquals(select(names, "ours-bun,ours-node20"), ["ours-node20", "ours-bun"]);
  assertEquals(select(names, "bun"), ["ours-bun", "raw-bun"]);
  assertEquals(select(names, "ws-node20"), ["ws-node20"]);
  assertEquals(select(names, "ws-*"), ["ws-node20", "ws-bufferutil-node20"]);
});

test("select refuses what fits nothing", () => {
  assertThrows(() => select(names, "bun,uws"), RangeError, "uws");
  assertThrows(() => select(names, "node"), RangeError, "node");
});

test("scenarios have names and titles of their own, and never too much in flight", () => {
  assertEquals(new Set(scenarios.map(({ name }) => name)).size, scenarios.length);
  assertEquals(new Set(scenarios.map(titleOf)).size, scenarios.length);
  for (const { connections, depth, size, name } of scenarios) {
    assertEquals(connections * depth * size <= 64 << 20, true, name);
  }
});

test("targets refer to scenarios that there are and to subjects that take part in them", () => {
  const subjects = subjectsOn(["node20", "bun", "deno"]);
  for (const { family, scenario, reference } of targets) {
    const found = scenarios.find(({ name }) => name === scenario)!;
    const engine = typeof reference === "string" ? reference : "ours";
    const subject = subjects.find((each) =>
      each.engine === engine && each.runtime.startsWith(family)
    )!;
    assertEquals(takesPart(subject, found), true, `${subject.name} in ${scenario}`);
    assertEquals(targetScenarios.includes(scenario), true);
  }
});
