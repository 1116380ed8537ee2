import { assert, assertEquals } from "@std/assert";
import {
  hasToken,
  HeaderFields,
  isToken,
  isTokenCode,
  isValueCode,
  parseParameterizedList,
  parseTokenList,
  trimOws,
} from "../../src/http/fields.ts";
import { test } from "../support/test.ts";

test("HeaderFields keeps order, ignores the case of names and joins several lines", () => {
  const fields = new HeaderFields();
  fields.append("Host", "a");
  fields.append("X-List", "1");
  fields.append("x-list", "2");
  assertEquals(fields.size, 3);
  assertEquals([...fields], [["host", "a"], ["x-list", "1"], ["x-list", "2"]]);
  assertEquals(fields.get("X-LIST"), "1, 2");
  assertEquals(fields.getAll("x-List"), ["1", "2"]);
  assertEquals(fields.get("HOST"), "a");
  assertEquals(fields.get("absent"), undefined);
  assertEquals(fields.getAll("absent"), []);
  assertEquals([fields.has("hOST"), fields.has("absent")], [true, false]);
});

test("HeaderFields.set replaces all lines of a field in the place of the first", () => {
  const fields = new HeaderFields();
  for (const [name, value] of [["a", "1"], ["b", "2"], ["A", "3"]] as const) {
    fields.append(name, value);
  }
  fields.set("A", "4");
  fields.set("C", "5");
  assertEquals([...fields], [["a", "4"], ["b", "2"], ["c", "5"]]);
});

test("HeaderFields.toHeaders keeps every value and obs-text", () => {
  const fields = new HeaderFields();
  fields.append("set-cookie", "a=1");
  fields.append("set-cookie", "b=2");
  fields.append("x-latin", "caf\xe9");
  const headers = fields.toHeaders();
  assertEquals(headers.getSetCookie(), ["a=1", "b=2"]);
  assertEquals(headers.get("x-latin"), "caf\xe9");
});

test("isToken takes exactly the tchars of RFC 9110 5.6.2", () => {
  const tchar = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/;
  for (let code = 0; code < 0x300; code++) {
    const character = String.fromCharCode(code);
    assertEquals(isToken(character), tchar.test(character), `code ${code}`);
    assertEquals(isTokenCode(code), tchar.test(character), `code ${code}`);
  }
  assertEquals([isToken(""), isToken("websocket"), isToken("a b")], [false, true, false]);
});

test("isValueCode takes HTAB, SP, VCHAR and obs-text, and nothing else", () => {
  for (let code = 0; code < 0x300; code++) {
    const allowed = code === 9 || (code >= 0x20 && code <= 0xff && code !== 0x7f);
    assertEquals(isValueCode(code), allowed, `code ${code}`);
  }
});

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
