// The page about options is what the docstrings say, and they say what the code does.

import { assert, assertEquals } from "@std/assert";
import { read } from "../structure/sources.ts";
import { test } from "../support/test.ts";
import { formatPage, membersOf, optionsOf, sections } from "./page.ts";

test("docs/reference/options.md is what npm run docs:options writes", () => {
  assertEquals(read("docs/reference/options.md"), formatPage());
});

test("a table of options has all that are checked, but for those in another table", () => {
  const found = new Map<string | undefined, Set<string>>();
  for (const section of sections) {
    const names = found.get(section.group) ?? new Set();
    for (const { name } of optionsOf(section)) names.add(name);
    found.set(section.group, names);
  }
  for (const { table, group, title } of sections) {
    for (const name of Object.keys(table)) {
      assert(found.get(group)!.has(name), `${title}: ${name}`);
    }
  }
});

test("a docstring of an option has a meaning, and a default if the option may be left out", () => {
  for (const section of sections) {
    for (const { name, meaning, optional, default: value } of optionsOf(section)) {
      assert(meaning.length > 10, `${section.title}: ${name}: ${meaning}`);
      assert(!optional || value !== undefined, `${section.title}: ${name} has no default`);
    }
  }
});

/** A default as a docstring has it. */
function format(value: unknown): string {
  if (Array.isArray(value)) return "none";
  if (typeof value === "string") return JSON.stringify(value);
  // No one writes a port with a comma.
  return typeof value === "number" && value !== 8000 ? value.toLocaleString("en-US") : `${value}`;
}

test("a docstring of an option has the default that the code has", () => {
  for (const section of sections) {
    const options = optionsOf(section);
    for (const [name, value] of Object.entries(section.defaults ?? {})) {
      // Of a group, the members are compared.
      if (name === "heartbeat") continue;
      const option = options.find((option) => option.name === name);
      const expected = value === Infinity ? "Infinity" : format(value);
      assertEquals(`${name}: ${option?.default}`, `${name}: ${expected}`);
    }
  }
});

test("an option that is a number says which numbers it takes", () => {
  for (const { title, table } of sections) {
    for (const [name, { expected }] of Object.entries(table)) {
      if (!/^(?:a (?:whole )?number|milliseconds)\b/.test(expected)) continue;
      assert(/\d+ or more|from \d+ to \d+/.test(expected), `${title}: ${name}: ${expected}`);
    }
  }
});

test("an option says the version that it came with, if its docstring has @since", () => {
  const code = `
export interface MadeUpOptions {
  /**
   * How often it is made up. More is said here. Default: 2.
   *
   * @since 0.2.0
   */
  readonly often?: number;
  /**
   * Whether it is new.
   * @since 1.0.0
   */
  readonly fresh: boolean;
  /** What was there before. */
  readonly old: boolean;
}
`;
  assertEquals(membersOf(code, "MadeUpOptions"), [
    {
      name: "often",
      optional: true,
      meaning: "How often it is made up. Since 0.2.0.",
      default: "2",
    },
    {
      name: "fresh",
      optional: false,
      meaning: "Whether it is new. Since 1.0.0.",
      default: undefined,
    },
    { name: "old", optional: false, meaning: "What was there before.", default: undefined },
  ]);
});
