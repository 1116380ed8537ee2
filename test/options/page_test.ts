// The page about options is what the docstrings say, and they say what the code does.

import { assert, assertEquals } from "@std/assert";
import { read } from "../structure/sources.ts";
import { test } from "../support/test.ts";
import { formatPage, optionsOf, sections } from "./page.ts";

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
