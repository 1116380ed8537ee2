// docs/reference/errors.md has a row for each class, code, close code, status, violation and refusal that the
// sources have, and none for others.

import { assert, assertEquals } from "@std/assert";
import { CloseCode } from "../../src/protocol/close_code.ts";
import { test } from "../support/test.ts";
import { list, read, withoutComments, withoutCommentsAndStrings } from "./sources.ts";

const page = read("docs/reference/errors.md");
const sources = [...list("src", ".ts"), ...list("runtimes", ".ts")]
  .map((path) => ({ path, code: withoutComments(read(path)) }));

interface Row {
  /** Its address. */
  readonly id: string;
  /** What it is about. */
  readonly name: string;
  readonly cells: readonly string[];
}

/** The rows of the table below a heading. */
function rowsOf(heading: string): Row[] {
  const start = page.indexOf(`\n${heading}\n`);
  assert(start >= 0, heading);
  const end = page.indexOf("\n#", start + heading.length + 1);
  const lines = page.slice(start, end).split("\n").filter((line) => line.startsWith('| <a id="'));
  assert(lines.length > 0, heading);
  return lines.map((line) => {
    const [first = "", ...cells] = line.split("|").slice(1, -1).map((cell) => cell.trim());
    const [, id = "", text = ""] = /^<a id="([\w-]+)"><\/a>(.+)$/.exec(first) ?? [];
    return { id, name: text.replaceAll("`", ""), cells };
  });
}

const names = (heading: string): string[] => rowsOf(heading).map(({ name }) => name).sort();
const sorted = (values: Iterable<string>): string[] => [...new Set(values)].sort();

/** The members of a union type of strings. */
function members(path: string, type: string): string[] {
  const [, body = ""] = new RegExp(`export type ${type} =([^;]*);`).exec(read(path)) ?? [];
  return [...body.matchAll(/"([\w-]+)"/g)].map(([, name = ""]) => name);
}

const headings: readonly (readonly [heading: string, address: (name: string) => string])[] = [
  ["## Which class", (name) => name.toLowerCase()],
  ["## Codes", (name) => name.toLowerCase()],
  ["### Close codes", (name) => `close-${name.slice(0, 4)}`],
  ["### Violations", (name) => `violation-${name.toLowerCase()}`],
  ["## Statuses", (name) => `status-${name}`],
  ["### Refusals", (name) => `refused-${name.toLowerCase()}`],
];

test("docs/reference/errors.md has a cause, a cure and an address of its own in each row", () => {
  const ids = headings.flatMap(([heading, address]) =>
    rowsOf(heading).map(({ id, name, cells }) => {
      assertEquals(id, address(name), name);
      // Of a class the last cell is what it carries, which may be nothing.
      const said = heading === "## Which class" ? cells.slice(0, 2) : cells;
      assert(said.length >= 2 && said.every((cell) => cell !== ""), name);
      return id;
    })
  );
  assertEquals(new Set(ids).size, ids.length);
});

test("docs/reference/errors.md has each class of errors, and what the platform throws", () => {
  const own = sources.flatMap(({ code }) =>
    [...code.matchAll(/export class (\w+) extends \w*(?:Error|DOMException)\b/g)]
      .map(([, name = ""]) => name)
  );
  const platform = ["DOMException", "Error", "RangeError", "SyntaxError", "TypeError"];
  assertEquals(names("## Which class"), sorted([...own, ...platform]));
});

/** Words that look like a code, and codes that are only looked for in what the system throws. */
const noCodes: Readonly<Record<string, string>> = {
  ECDSA: "an algorithm",
  EINVAL: "becomes EADDRNOTAVAIL or ENOTFOUND",
  ELOOP: "a file that is not there",
  ENAMETOOLONG: "a file that is not there",
  ENOTDIR: "a file that is not there",
  ERR_BUFFER_TOO_LARGE: "a message above its limit",
  ERR_STREAM_DESTROYED: "a client that has gone",
};

test("docs/reference/errors.md has each code of an error", () => {
  const found = sources.flatMap(({ path, code }) => {
    const literals = code.matchAll(/"(E[A-Z][A-Z_]{2,}|ERR_[A-Z\d_]+)"/g);
    // The codes of the system that have words of ours.
    const keys = path === "src/transport/network_error.ts"
      ? code.matchAll(/^ {2}([A-Z][A-Z\d_]+):/gm)
      : [];
    return [...literals, ...keys].map(([, name = ""]) => name);
  });
  const expected = sorted(found).filter((name) => noCodes[name] === undefined);
  assertEquals(names("## Codes"), expected);
  // An exception that is no longer one is taken out of the list.
  assertEquals(Object.keys(noCodes).filter((name) => !found.includes(name)), []);
});

test("docs/reference/errors.md has each close code", () => {
  const expected = Object.values(CloseCode).map(String);
  assertEquals(names("### Close codes"), [...expected, "3000 to 3999", "4000 to 4999"]);
});

test("docs/reference/errors.md has each violation and each cause of a refusal", () => {
  const violations = members("src/protocol/violation.ts", "ViolationCode")
    .concat(members("src/protocol/violation.ts", "ViolationCause"));
  assert(violations.length > 20);
  assertEquals(names("### Violations"), sorted(violations));
  const causes = members("src/handshake/refusal.ts", "RefusalCause");
  assert(causes.length > 10);
  assertEquals(names("### Refusals"), sorted(causes));
});

/** Numbers that are no status. */
const noStatuses: readonly string[] = [
  "443", // the port of wss:
  "512", // octets, and contexts
  "516", // a ratio of DEFLATE
];

test("docs/reference/errors.md has each status of a refusal or an error", () => {
  const found = sources
    // The phrases of all registered statuses, and the kit for tests, which sends any.
    .filter(({ path }) => path !== "src/http/format.ts" && !path.startsWith("src/testing/"))
    .flatMap(({ path }) =>
      withoutCommentsAndStrings(read(path)).match(/(?<![\w.])[45]\d\d(?![\w.])/g) ?? []
    );
  const expected = sorted(found).filter((status) => !noStatuses.includes(status));
  assertEquals(names("## Statuses"), expected);
});
