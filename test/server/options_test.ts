import { assertEquals, assertStrictEquals } from "@std/assert";
import { ATTACH_OPTIONS } from "../../runtimes/node/attach.ts";
import { createContext } from "../../src/server/context.ts";
import { ADOPTION_OPTIONS, ATTACHMENT_OPTIONS, SERVE_OPTIONS } from "../../src/server/options.ts";
import { list, read } from "../structure/sources.ts";
import { test } from "../support/test.ts";

/** What the contract of a transport, what serves requests and results of all kinds have by the same name. */
const ELSEWHERE = [
  ...["port", "hostname", "path", "reusePort", "tls", "handshakeTimeout"],
  ...["fetch", "routes", "websocket"],
  "error",
];

/** What has the name of an option of `serve()` and is another one. */
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  // Those of adopt() lack the limits on frames.
  "src/server/options.ts": ["guard"],
  // For one route or upgrade, in place of the server's.
  "src/server/upgrade.ts": ["origins"],
  // With another default, and of an engine.
  "src/client/connect.ts": ["compression"],
  "runtimes/bun/adopt.ts": ["compression"],
};

test("each option of a server is declared once", () => {
  const declared: string[] = [];
  // A browser has no server: the options of its client have declarations of their own.
  const files = [...list("src", ".ts"), ...list("runtimes", ".ts")].filter((file) =>
    !file.startsWith("src/browser/")
  );
  for (const file of files) {
    const others = [...OTHERS[file] ?? []];
    for (const [, name = ""] of read(file).matchAll(/^ {2}readonly (\w+)\?: /gm)) {
      if (!Object.hasOwn(SERVE_OPTIONS, name) || ELSEWHERE.includes(name)) continue;
      if (others.includes(name)) others.splice(others.indexOf(name), 1);
      else declared.push(name);
    }
    assertEquals([file, others], [file, []]);
  }
  const expected = Object.keys(SERVE_OPTIONS).filter((name) => !ELSEWHERE.includes(name));
  assertEquals(declared.sort(), expected.sort());
});

test("attach() and adopt() check what they share with serve() by the same lines", () => {
  const serve: Readonly<Record<string, unknown>> = SERVE_OPTIONS;
  const own = ["path", "filter"];
  for (const [name, rule] of Object.entries(ATTACH_OPTIONS)) {
    if (!own.includes(name)) assertStrictEquals(rule, serve[name], name);
  }
  for (const [name, rule] of Object.entries(ADOPTION_OPTIONS)) {
    if (name !== "guard") assertStrictEquals(rule, serve[name], name);
  }
});

test("an option has the same name where it is judged", () => {
  const context = createContext({ trace() {} }, {}, new Set());
  for (const name of Object.keys(ATTACHMENT_OPTIONS)) {
    assertEquals([name, name in context], [name, true]);
  }
});
