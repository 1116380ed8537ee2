// docs/comparison.md makes claims, and docs/comparison-proofs.md has a proof for each cell. This test
// holds that no cell is without one, that each source has a version and a date, that the files of
// the packages that are installed have what is quoted, and that the tests say the same verdicts.

import { assert, assertEquals, assertGreater } from "@std/assert";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { root } from "./support/process.ts";
import { tablesOf } from "./support/tables.ts";
import { test } from "./support/test.ts";

const page = readFileSync(join(root, "docs/comparison.md"), "utf8");
const proofs = readFileSync(join(root, "docs/comparison-proofs.md"), "utf8");
const peers = ["ws", "Bun", "Deno", "uWebSockets", "crossws", "websockets"];
const columns = ["", "sansocket", "proofs", ...peers];

const tables = tablesOf(page);
const rows = tables.flatMap((table) => table.slice(2));
const verdictOf = (cell: string): string => /^(?:yes|partly|not yet|no)\b/.exec(cell)?.[0] ?? "";

interface Proved {
  readonly row: string;
  /** The proof by the column, on one line. */
  readonly by: ReadonlyMap<string, string>;
}

/** The lists of proofs, by their anchors. */
const lists = new Map<string, Proved>(
  [...proofs.matchAll(/^### <a id="([\w-]+)"><\/a>(.*)\n\n((?:[- ] .*\n?)+)/gm)].map(
    ([, id = "", row = "", list = ""]) => [id, { row, by: itemsOf(list) }],
  ),
);

function itemsOf(list: string): Map<string, string> {
  const items = list.replace(/\n {2}/g, " ").trimEnd().split("\n");
  return new Map(items.map((item) => /^- (\w+): (.*)$/.exec(item)?.slice(1) as [string, string]));
}

/** What stands in the parts of a proof, which semicolons separate. */
const cases = [...lists.values()].flatMap(({ row, by }) =>
  peers.flatMap((peer) => (by.get(peer) ?? "").split("; ").map((text) => ({ row, peer, text })))
);

/** The table of sources: its first column, without code marks, and the rest. */
const sources = new Map(
  (tablesOf(proofs)[0] ?? []).slice(2).map((
    [name = "", ...rest],
  ) => [name.replaceAll("`", ""), rest]),
);
/** Packages whose files the proofs quote. */
const packages = ["ws", "crossws", "hono", "@hono/node-server"];

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

test("docs/comparison.md leads from each row to its proofs", () => {
  const led = rows.map(([feature, , link = ""]) => [
    feature,
    lists.get(/^\[all\]\(comparison-proofs\.md#([\w-]+)\)$/.exec(link)?.[1] ?? "")?.row,
  ]);
  assertEquals(led, rows.map(([feature]) => [feature, feature]));
  assertEquals(lists.size, rows.length);
});

test("docs/comparison-proofs.md has a proof for each cell, and ours are tests", () => {
  const list = [...lists.values()];
  for (const [i, [feature = "", ours = ""]] of rows.entries()) {
    const by = list[i]?.by ?? new Map<string, string>();
    const claims = /^(?:yes|partly)/.test(ours);
    assertEquals([...by.keys()], claims ? ["sansocket", ...peers] : peers, feature);
    assertEquals(
      /\]\(\.\.\/test\/[\w/]+_test\.ts\)/.test(by.get("sansocket") ?? ""),
      claims,
      feature,
    );
  }
});

/** A file that a proof quotes, as a link or as a path, and the texts that it has or has not. */
const QUOTE = /^(?:\[`([^`]+)`\]\(([^)]+)\)|`([^`]+)`) has (no )?(.*)$/;

test("docs/comparison-proofs.md has proofs of three forms, with a version and a date", () => {
  for (const { row, peer, text } of cases) {
    const [, , url, path] = QUOTE.exec(text) ?? [];
    const isRun = /^\[run\]\(\.\.\/test\/interop\/peers\/\w+_test\.ts\)$/.test(text);
    const isDated = /^\[[\w./#-]+\]\(https:\/\/github\.com\/[^)]+\) of \d{4}-\d\d-\d\d: /.test(
      text,
    );
    const [, repository = "", commit = ""] =
      /^https:\/\/github\.com\/([^/]+\/[^/]+)\/(?:blob|tree)\/(\w{40})\//.exec(url ?? "") ?? [];
    const hasSource = url === undefined
      ? [...sources.keys()].some((name) => name.endsWith("/") && path?.startsWith(name))
      : sources.get(repository)?.[2]?.includes(`/tree/${commit})`);
    assert(isRun || isDated || hasSource, `${row}, ${peer}: ${text}`);
  }
  for (const [name, [version = "", date = ""]] of sources) {
    assert(/\d/.test(version) && /^\d{4}-\d\d-\d\d$/.test(date), name);
  }
});

test("docs/comparison-proofs.md names the versions that are installed", () => {
  const versionOf = (name: string): string =>
    JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")).version;
  for (const name of packages) assertEquals(sources.get(`${name}/`)?.[0], versionOf(name), name);
  for (const name of ["Bun", "Deno"]) {
    assertEquals(sources.get(name)?.[0], versionOf(name.toLowerCase()), name);
  }
  assertEquals(sources.get("bun-types/")?.[0], versionOf("bun"));
  assertEquals(sources.get("denoland/deno")?.[0], versionOf("deno"));
});

/** The text of a file, or of all files of a folder, with single blanks. */
function textOf(path: string): string {
  if (!statSync(path).isDirectory()) return readFileSync(path, "utf8").replace(/\s+/g, " ");
  return readdirSync(path).map((name) => textOf(join(path, name))).join("\n");
}

test("docs/comparison-proofs.md quotes what the installed packages have", () => {
  const texts = new Map<string, string>();
  let quotes = 0;
  for (const { row, peer, text } of cases) {
    const [, , , path = "", no, quoted = ""] = QUOTE.exec(text) ?? [];
    if (!packages.some((name) => path.startsWith(`${name}/`))) continue;
    const found = texts.get(path) ?? textOf(join(root, "node_modules", path));
    texts.set(path, found);
    for (const [, long, short] of quoted.matchAll(/`` (.+?) ``|`(.+?)`/g)) {
      const quote = long ?? short ?? "";
      const has = no ? found.toLowerCase().includes(quote.toLowerCase()) : found.includes(quote);
      assertEquals(has, !no, `${row}, ${peer}: ${path}, ${quote}`);
      quotes++;
    }
  }
  assertGreater(quotes, 100);
});

test("docs/comparison-proofs.md says run where a test says the same verdict, and nowhere else", () => {
  const files = readdirSync(join(root, "test/interop/peers")).filter((name) =>
    name.endsWith("_test.ts")
  );
  const ran = files.flatMap((file) => {
    const text = readFileSync(join(root, "test/interop/peers", file), "utf8");
    const peer = /= cellsOf\("(\w+)"/.exec(text)?.[1] ?? "";
    const calls = text.matchAll(/\bcell\(\s*(\[[^\]]*\]|"[^"]*"),\s*"(yes|partly|no)"/g);
    return [...calls].flatMap(([, names = "", verdict = ""]) =>
      [...names.matchAll(/"([^"]*)"/g)].map(([, row]) => `${row}, ${peer}: ${verdict} by ${file}`)
    );
  });
  const said = cases.filter(({ text }) => text.startsWith("[run]")).map(({ row, peer, text }) => {
    const cell = rows.find(([feature]) => feature === row)?.[columns.indexOf(peer)] ?? "";
    return `${row}, ${peer}: ${verdictOf(cell)} by ${/\w+_test\.ts/.exec(text)?.[0]}`;
  });
  assertEquals(said.sort(), ran.sort());
});

test("docs/comparison.md and docs/comparison-proofs.md name files that exist", () => {
  const links = [...(page + proofs).matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, target = ""]) =>
    target
  );
  const missing = links.filter((link) =>
    !link.startsWith("https://") && !existsSync(join(root, "docs", link))
  );
  assertGreater(links.length, 0);
  assertEquals(missing, []);
});
