// The layer rule, read from the import lines and held against the table of ARCHITECTURE.md.
//
// A folder of src/ is a layer, and imports only from itself and the rows above its own. A folder without a row fails: a
// new layer needs a decision about where it stands, and a line that says what it is for.

import { assertEquals, assertGreater } from "@std/assert";
import type { Import } from "./structure/sources.ts";
import { imports, list, read, withoutComments } from "./structure/sources.ts";
import { withoutCommentsAndStrings } from "./structure/sources.ts";
import { test } from "./support/test.ts";

/** The layers of src/ from the leaves up, as the table of ARCHITECTURE.md names them: "util/", "core.ts". */
const layers: readonly string[] = [
  ...(read("ARCHITECTURE.md").split("## Data flow")[0] ?? "").matchAll(/^\| `([\w/.]+)` +\|/gm),
].map(([, name = ""]) => name).filter((name) => name !== "runtimes/" && name !== "mod.ts");

/** Neither of these may import the other, whatever their layers. */
const strangers: readonly (readonly [string, string])[] = [
  ["handshake/", "protocol/"],
  ["transport/", "protocol/"],
];

/** What a shim may take from src/: the contract, and the leaves that hold no rule of a protocol. */
const forShims = [
  "src/transport/transport.ts",
  "src/util/platform.ts",
  "src/transport/tls.ts",
  "src/transport/web_transport.ts",
  "src/transport/addresses.ts",
  "src/transport/happy_eyeballs.ts",
  "src/util/requirements.ts",
  "src/util/abort.ts",
  "src/util/clock.ts",
  "src/transport/network_error.ts",
  "src/protocol/errors.ts",
  "src/util/as_error.ts",
  "src/util/brands.ts",
  "src/util/bytes.ts",
  "src/util/check_options.ts",
  "src/util/error_row.ts",
  "src/util/byte_queue.ts",
  "src/util/slab.ts",
  "src/util/promises.ts",
  "src/util/utf8.ts",
  "src/topics/backplane.ts",
  "src/deflate/backend.ts",
  "src/files/folder.ts",
  "src/topics/backplane.ts",
];
/** What stands on top of a shim and may take more: the factories that it binds to its runtime, and their types. */
const shimEntry = /\/(?:mod|attach|adopt|duplex)\.ts$/;
const forShimEntries =
  /^src\/(?:(?:browser|client|connection|reconnect|topics|server|handshake|guard|protocol|testing)\/|exports\.ts$)/;

/** The only file that knows them all. */
const chooser = "runtimes/choose.ts";

const sources = list("src", ".ts");
const shims = list("runtimes", ".ts");

/** The layer of a file of src/: its folder, or the file itself at the top. */
function layer(path: string): string {
  const [, first = "", ...rest] = path.split("/");
  return rest.length > 0 ? `${first}/` : first;
}

/** The index in `layers`, -1 if the file has no place there. */
function level(path: string): number {
  return layers.indexOf(layer(path));
}

/** The imports of all `files` that `isWrong` finds wrong, one line each. */
function violations(
  files: readonly string[],
  isWrong: (path: string, imported: Import) => boolean,
): string[] {
  return files.flatMap((path) =>
    imports(path)
      .filter((imported) => isWrong(path, imported))
      .map(({ specifier }) => `${path} imports ${specifier}`)
  );
}

test("layers are found in the sources", () => {
  assertGreater(sources.length, 0);
  assertGreater(sources.flatMap(imports).length, 0);
});

test("layers have a row in ARCHITECTURE.md for every folder of src/, and none besides", () => {
  assertEquals(
    [...layers].sort(),
    [...new Set(sources.map(layer))].sort(),
  );
});

test("layers are imported downwards only", () => {
  assertEquals(
    violations(
      sources,
      (path, { target }) =>
        !target.startsWith("src/") || level(target) < 0 || level(target) > level(path),
    ),
    [],
  );
});

/** A binding of a module that may change, or that holds what does; not the text encoders and decoders, which hold nothing. */
const shared =
  /^(?:export )?(?:let \w+|const \w+(?:: [^=]+)? = (?:\/\* @__PURE__ \*\/ )?(?:new (?:Map|Set|WeakMap|WeakSet)\b|new Uint8Array\(\w+\)|\[\]))/m;

test("state that connections share is told in ARCHITECTURE.md, with why that is safe", () => {
  const section = read("ARCHITECTURE.md").split("## What connections share")[1]?.split("\n## ")[0];
  const told = [...(section ?? "").matchAll(/`([\w/]+\.ts)`/g)]
    .map(([, path = ""]) => path.startsWith("runtimes/") ? path : `src/${path}`);
  const found = [...sources, ...shims].filter((path) => shared.test(read(path)));
  assertGreater(found.length, 10);
  assertEquals(found.filter((path) => !told.includes(path)), []);
  assertEquals(told.filter((path) => ![...sources, ...shims].includes(path)), []);
});

test("layers keep protocol/ apart from handshake/ and transport/", () => {
  assertEquals(
    violations(
      sources,
      (path, { target }) =>
        strangers.some(([a, b]) =>
          (layer(path) === a && layer(target) === b) || (layer(path) === b && layer(target) === a)
        ),
    ),
    [],
  );
});

test("layers keep core.ts pure: nothing after handshake/", () => {
  assertEquals(
    violations(
      ["src/core.ts"],
      (_, { target }) => level(target) > layers.indexOf("handshake/"),
    ),
    [],
  );
});

test("layers have no cycle of run-time imports", () => {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
    } else if (!done.has(path)) {
      for (const { target, typeOnly } of imports(path)) {
        if (!typeOnly && sources.includes(target)) visit(target, [...trail, path]);
      }
      done.add(path);
    }
  };
  for (const path of sources) visit(path, []);
  assertEquals(cycles, []);
});

test("runtimes take from src/ the contract and the leaves only", () => {
  assertEquals(
    violations(
      shims,
      (path, { target }) =>
        target.startsWith("src/") && !forShims.includes(target) &&
        !((shimEntry.test(path) || path === chooser) && forShimEntries.test(target)),
    ),
    [],
  );
});

test("runtimes never import each other", () => {
  // runtimes/shared/ belongs to none of them, and takes nothing from any.
  const owner = (path: string) => /^runtimes\/(\w+)\//.exec(path)?.[1];
  assertEquals(
    violations(shims, (path, { target }) =>
      target === "mod.ts" ||
      (owner(target) !== undefined && owner(target) !== "shared" &&
        owner(target) !== owner(path) && path !== chooser)),
    [],
  );
});

test("runtimes import nothing else but what their runtime has built in", () => {
  assertEquals(
    violations(shims, (_, { target }) => !/^(?:src\/|runtimes\/|node:)/.test(target)),
    [],
  );
});

test("mod.ts imports only src/ and runtimes/", () => {
  assertEquals(violations(["mod.ts"], (_, { target }) => !/^(?:src|runtimes)\//.test(target)), []);
});

test("src names no runtime outside comments", () => {
  const found = sources.flatMap((path) => {
    const code = read(path);
    const names = withoutCommentsAndStrings(code).match(/\b(?:Deno|Bun|Buffer|process)\b/g) ?? [];
    const quoted =
      withoutComments(code).match(/["'`](?:node:[\w/]*|(?:Deno|Bun|Buffer|process)["'`])/g) ?? [];
    return [...names, ...quoted].map((name) => `${path} names ${name}`);
  });
  assertEquals(found, []);
});

test("instanceof stands only before a class that is branded, outside of src/util/brands.ts", () => {
  // Of any other class a value of another realm, or another copy of the package, would be refused.
  const files = [...sources, ...shims, "mod.ts"].filter((path) => path !== "src/util/brands.ts");
  const branded = files.flatMap((path) =>
    [...withoutComments(read(path)).matchAll(/\bbrand\(this, "(\w+)"\)/g)].map(([, name]) => name)
  );
  assertGreater(branded.length, 0);
  const found = files.flatMap((path) =>
    [...withoutCommentsAndStrings(read(path)).matchAll(/\binstanceof\s+([\w.]+)?/g)]
      .filter(([, name]) => !branded.includes(name))
      .map(([text]) => `${path} has ${text}`)
  );
  assertEquals(found, []);
});

test("files of src/ and runtimes/ hold at most 350 lines besides comments", () => {
  const long = [...sources, ...shims]
    .map((path) => ({ path, lines: codeLines(read(path)) }))
    .filter(({ lines }) => lines > 350);
  assertEquals(long, []);
});

/** Lines that are not comments alone. */
function codeLines(text: string): number {
  return text.trimEnd().split("\n").filter((line) => !/^\s*(?:\/\/|\/\*|\*)/.test(line)).length;
}
