import { assert, assertEquals } from "@std/assert";
import { hasToken, parseParameterizedList, parseTokenList, trimOws } from "../../src/http/lists.ts";
import { test } from "../support/test.ts";

test("trimOws removes SP and HTAB from both ends, and no other white space", () => {
  assertEquals(trimOws(" \t a b\t "), "a b");
  assertEquals(trimOws(" \t "), "");
  assertEquals(trimOws("\xa0a\v"), "\xa0a\v");
});

test("hasToken finds a member of a comma list without regard to case", () => {
  assert(hasToken("Upgrade", "upgrade"));
  assert(hasToken("keep-alive,\tUPGRADE ,x", "Upgrade"));
  assert(!hasToken("keep-alive upgrade", "upgrade"));
  assert(!hasToken("upgraded, xupgrade", "upgrade"));
  assert(!hasToken("", "upgrade"));
  assert(!hasToken(undefined, "upgrade"));
});

test("parseTokenList gives the tokens, skips empty members and refuses what is no token", () => {
  assertEquals(parseTokenList("chat, superchat"), ["chat", "superchat"]);
  assertEquals(parseTokenList(" ,a,\t, b ,"), ["a", "b"]);
  assertEquals(parseTokenList(""), []);
  for (const bad of ["a b", 'a, "b"', "a;b", "a, b/c", "\xe9"]) {
    assertEquals(parseTokenList(bad), undefined, bad);
  }
});

test("parseParameterizedList parses the examples of RFC 6455 9.1 and 7692 7", () => {
  const element = (token: string, ...parameters: (readonly [string, string?])[]) => ({
    token,
    parameters: parameters.map(([name, value]) => ({ name, value })),
  });
  const cases: readonly (readonly [string, readonly unknown[]])[] = [
    ["foo", [element("foo")]],
    ["bar; baz=2", [element("bar", ["baz", "2"])]],
    ["foo, bar; baz=2", [element("foo"), element("bar", ["baz", "2"])]],
    ["deflate-stream", [element("deflate-stream")]],
    ["mux; max-channels=4; flow-control, deflate-stream", [
      element("mux", ["max-channels", "4"], ["flow-control"]),
      element("deflate-stream"),
    ]],
    ["permessage-deflate; client_max_window_bits; server_max_window_bits=10", [
      element("permessage-deflate", ["client_max_window_bits"], ["server_max_window_bits", "10"]),
    ]],
    ['a;b="10";c="\\1\\0"', [element("a", ["b", "10"], ["c", "10"])]],
    [' , a ;\tb = "x" ,, c,', [element("a", ["b", "x"]), element("c")]],
    ["a;b;b", [element("a", ["b"], ["b"])]],
    ["", []],
    [" , ,", []],
  ];
  for (const [value, expected] of cases) {
    assertEquals(parseParameterizedList(value), expected as never, value);
  }
});

test("parseParameterizedList refuses malformed lists", () => {
  const malformed = [
    ";",
    "a;",
    "a;;b",
    "a b",
    "a;b=",
    "a;b=,c",
    "a;=b",
    "=b",
    "a=b",
    'a;b="',
    'a;b="x',
    'a;b="x\\',
    'a;b="x\\"',
    'a;b=""',
    'a;b="x y"',
    'a;b="x,y"',
    'a;b="x"y',
    'a;b=x"y"',
    '"a"',
    "a/b",
    "a;b=c d",
    "\xe9",
  ];
  for (const value of malformed) assertEquals(parseParameterizedList(value), undefined, value);
});
