// SECURITY.md says what the code does: each limit has the default of docs/reference/options.md, which is
// compared with the code, and each bound is the constant that it names.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { existsSync } from "node:fs";
import { posix } from "node:path";
import { CONNECTION_DEFAULTS } from "../../src/connection/limits.ts";
import { GUARD_DEFAULTS } from "../../src/guard/options.ts";
import { SERVER_DEFAULTS } from "../../src/server/options.ts";
import { optionsOf, sections } from "../options/page.ts";
import { slug } from "../../docs/.vitepress/slug.ts";
import { test } from "../support/test.ts";
import { read } from "./sources.ts";

const page = read("SECURITY.md");

/** The cells of each row of the tables. */
const rows = page.split("\n").filter((line) => line.startsWith("| "))
  .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));

/** The first cell and the second of rows where both are code. */
const limits = rows.flatMap(([first = "", second = ""]) => {
  const [, name] = /^`([\w.]+)`$/.exec(first) ?? [];
  const [, value] = /^`(\S+)`$/.exec(second) ?? [];
  return name === undefined || value === undefined ? [] : [{ name, value }];
});

/** The defaults of options by their whole names; the first of several is that of connections or servers. */
function defaults(): Map<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  for (const section of sections) {
    for (const { name, default: value } of optionsOf(section)) {
      const whole = section.group === undefined ? name : `${section.group}.${name}`;
      if (!found.has(whole)) found.set(whole, value);
    }
  }
  return found;
}

test("SECURITY.md has each limit with the default that the code has", () => {
  const known = defaults();
  for (const { name, value } of limits) assertEquals(value, known.get(name), name);
});

test("SECURITY.md has all limits that are numbers", () => {
  const numbers = (options: object): string[] =>
    Object.entries(options).filter(([, value]) => typeof value === "number").map(([name]) => name);
  const expected = [
    ...numbers(CONNECTION_DEFAULTS),
    ...numbers(CONNECTION_DEFAULTS.heartbeat).map((name) => `heartbeat.${name}`),
    ...numbers(SERVER_DEFAULTS).filter((name) => name !== "port"),
    ...numbers(GUARD_DEFAULTS).map((name) => `guard.${name}`),
  ];
  assertEquals(limits.map(({ name }) => name).sort(), expected.sort());
});

test("SECURITY.md has each bound without an option as the constant says", () => {
  const bounds = rows.flatMap(([, value = "", constant = ""]) => {
    const [, name, file] = /^`(\w+)` in \[[\w.]+\]\(([\w./]+)\)$/.exec(constant) ?? [];
    return name === undefined || file === undefined ? [] : [{ name, file, value }];
  });
  assert(bounds.length >= 9);
  for (const { name, file, value } of bounds) {
    const [, found = ""] = new RegExp(`\\b${name}(?: =|:) ([\\d_]+)`).exec(read(file)) ?? [];
    assertEquals(value, `\`${Number(found.replaceAll("_", "")).toLocaleString("en-US")}\``, name);
  }
});

test("SECURITY.md, CHANGELOG.md, docs/reference/errors.md: links lead to a file that is there, and to its heading", () => {
  const files = ["SECURITY.md", "CHANGELOG.md", "docs/reference/errors.md"];
  for (const file of files) {
    for (const [, path = "", hash] of read(file).matchAll(/\]\(([\w./-]*)(?:#([\w-]+))?\)/g)) {
      const target = path === "" ? file : posix.join(posix.dirname(file), path);
      assert(existsSync(new URL(`../../${target}`, import.meta.url)), `${file}: ${target}`);
      if (hash === undefined) continue;
      const text = read(target);
      const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => slug(heading));
      const anchors = [...text.matchAll(/<a id="([\w-]+)">/g)].map(([, id = ""]) => id);
      assert([...headings, ...anchors].includes(hash), `${file}: ${target}#${hash}`);
    }
  }
});

test("SECURITY.md shows each defence by a test or a page", () => {
  const start = page.indexOf("## What a peer may try");
  const table = page.slice(start, page.indexOf("\n## ", start)).split("\n")
    .filter((line) => line.startsWith("| ") && !/^\| (?:attempt|-)/.test(line));
  assert(table.length > 10);
  for (const row of table) assertNotEquals(row.match(/\]\((?:test|docs)\/[^)]+\)/g), null, row);
  // A link says which test it leads to.
  for (const [, name = "", path = ""] of page.matchAll(/\[([\w/]+)\]\((test\/[^)]+)\)/g)) {
    assert(path.endsWith(`/${name}_test.ts`), `${name}: ${path}`);
  }
});
