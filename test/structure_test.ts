// The layer rule, read from the import lines.
//
// A file imports only from its own level or from those before it in `levels`. A file that has no
// place there fails: a new topic needs a decision about where it stands, and ARCHITECTURE.md a line.

import { assertEquals, assertGreater } from "@std/assert";
import type { Import } from "./structure/sources.ts";
import { imports, list, read, withoutComments } from "./structure/sources.ts";
import { withoutCommentsAndStrings } from "./structure/sources.ts";
import { test } from "./support/test.ts";

/** From the leaves up. A name with a slash is a folder; "x" is the file src/x.ts. */
const levels: readonly (readonly string[])[] = [
  ["brands", "platform"],
  [
    "requirements",
    "abort",
    "bytes",
    "mask",
    "utf8",
    "utf16",
    "received",
    "close",
    "errors",
    "violation",
    "ending",
    "promises",
    "slab",
    "deadlines",
    "spelling",
    "options",
  ],
  ["byte_queue"],
  ["frame"],
  ["decoder", "encoder", "message", "prepared"],
  // Below extension, which reads a header field of the same list grammar as the others.
  ["http/"],
  ["extension", "deflate/"],
  // Low because the origin rule of the handshake compares addresses.
  ["tls"],
  ["transport"],
  // What listening and dialling say when they fail.
  ["failure"],
  ["handshake/"],
  // The guard counts addresses as the proxy rules read them; the protocol asks the guard.
  ["proxy/"],
  ["guard/"],
  // A certificate has addresses in it, which proxy/ knows how to read.
  ["certificate"],
  ["protocol"],
  [
    "turn",
    "reader",
    "answer",
    "consumer",
    "read_ahead",
    "intake",
    "endpoint",
    "message_stream",
    "inbox",
    "backlog",
    "outbox",
    "source",
    "vitals",
    "limits",
  ],
  ["connection", "web_streams", "handler", "hooks", "upgrade", "establish"],
  [
    "server",
    "server/",
    "credentials",
    "redirect",
    "client",
    "json",
    "html",
    "websocket",
    "stream",
    "whatwg/",
  ],
  ["core", "memory", "testing"],
];

/** Neither of these may import the other, whatever their levels. */
const strangers: readonly (readonly [string, string])[] = [
  ["handshake/", "protocol"],
  ["transport", "protocol"],
];

/** What a shim may take from src/: the contract, and the leaves that hold no rule of a protocol. */
const forShims = [
  "src/transport.ts",
  "src/platform.ts",
  "src/tls.ts",
  "src/requirements.ts",
  "src/abort.ts",
  "src/failure.ts",
  "src/errors.ts",
  "src/brands.ts",
  "src/bytes.ts",
  "src/options.ts",
  "src/byte_queue.ts",
  "src/slab.ts",
  "src/utf8.ts",
  "src/deflate/backend.ts",
  "src/server/folder.ts",
];
/** What stands on top of a shim and may take more: the factories that it binds to its runtime, and their types. */
const shimEntry = /\/(?:mod|attach|adopt|duplex)\.ts$/;
const forShimEntries = [
  "server",
  "client",
  "connection",
  "handler",
  "stream",
  "websocket",
  "hooks",
  "upgrade",
  "guard/stats",
  "handshake/origin_policy",
  "server/attach",
  "server/adopt",
  "server/native",
  "server/context",
  "server/decision",
  "server/sessions",
].map((name) => `src/${name}.ts`);

const sources = list("src", ".ts");
const shims = list("runtimes", ".ts");

/** The entry of `levels` that a file of src/ belongs to: "frame", "http/". */
function topic(path: string): string {
  const [, first = "", ...rest] = path.split("/");
  return rest.length > 0 ? `${first}/` : first.replace(/\.ts$/, "");
}

/** The index in `levels`, -1 if the file has no place there. */
function level(path: string): number {
  return levels.findIndex((names) => names.includes(topic(path)));
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

test("layers have a place for every file of src/", () => {
  assertEquals(sources.filter((path) => level(path) < 0), []);
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

test("layers keep protocol apart from handshake and transport", () => {
  assertEquals(
    violations(
      sources,
      (path, { target }) =>
        strangers.some(([a, b]) =>
          (topic(path) === a && topic(target) === b) || (topic(path) === b && topic(target) === a)
        ),
    ),
    [],
  );
});

test("layers keep core.ts pure: nothing above protocol", () => {
  const ceiling = levels.findIndex((names) => names.includes("protocol"));
  assertEquals(
    violations(["src/core.ts"], (_, { target }) => level(target) > ceiling),
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
        !(shimEntry.test(path) && forShimEntries.includes(target)),
    ),
    [],
  );
});

test("runtimes never import each other", () => {
  // runtimes/x.ts is shared by the shims; runtimes/node/x.ts belongs to one.
  const owner = (path: string) => /^runtimes\/(\w+)\//.exec(path)?.[1];
  assertEquals(
    violations(shims, (path, { target }) =>
      target === "mod.ts" ||
      (owner(target) !== undefined && owner(target) !== owner(path))),
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

test("instanceof stands only before a class that is branded, outside of src/brands.ts", () => {
  // Of any other class a value of another realm, or another copy of the package, would be refused.
  const files = [...sources, ...shims, "mod.ts"].filter((path) => path !== "src/brands.ts");
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

test("files of src/ and runtimes/ hold at most 400 lines", () => {
  const long = [...sources, ...shims]
    .map((path) => ({ path, lines: read(path).trimEnd().split("\n").length }))
    .filter(({ lines }) => lines > 400);
  assertEquals(long, []);
});
