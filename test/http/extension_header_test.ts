import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  type ExtensionOffer,
  type ExtensionParameter,
  formatExtensions,
  parseExtensions,
} from "../../src/http/extension_header.ts";
import { test } from "../support/test.ts";

const bar: ExtensionOffer = { name: "bar", parameters: [["baz", "2"]] };

test("parseExtensions reads the examples of RFC 6455 9.1 and RFC 7692 7.1", () => {
  const table: readonly (readonly [string, readonly ExtensionOffer[]])[] = [
    ["deflate-stream", [{ name: "deflate-stream", parameters: [] }]],
    ["mux; max-channels=4; flow-control, deflate-stream", [
      { name: "mux", parameters: [["max-channels", "4"], ["flow-control", true]] },
      { name: "deflate-stream", parameters: [] },
    ]],
    ["private-extension", [{ name: "private-extension", parameters: [] }]],
    ["foo, bar; baz=2", [{ name: "foo", parameters: [] }, bar]],
    ['bar; baz="2"', [bar]],
    ['bar; baz="\\2"', [bar]],
    ["bar;baz=2", [bar]],
    ["\tbar ; baz=2 ", [bar]],
    ["bar; baz=2,", [bar]],
    ["a; x; x=1; x", [{ name: "a", parameters: [["x", true], ["x", "1"], ["x", true]] }]],
    ["a, a; x", [{ name: "a", parameters: [] }, { name: "a", parameters: [["x", true]] }]],
    ["toString; __proto__=1", [{ name: "toString", parameters: [["__proto__", "1"]] }]],
  ];
  for (const [value, expected] of table) assertEquals(parseExtensions(value), expected, value);
});

test("parseExtensions refuses what is not 1#extension (RFC 6455 9.1)", () => {
  const table = [
    "",
    " ",
    ",",
    ";",
    "; a",
    "a;",
    "a; ;",
    "a; =1",
    "a; b=",
    "a; b=,",
    'a; b="',
    'a; b="c',
    'a; b=""',
    'a; b="c d"',
    'a; b="c,d"',
    'a; b="c"d',
    "a b",
    "a=1",
    "a; b=1 2",
    "a; b==1",
    "a/b",
    '"a"',
    "a\u0000",
    "é",
  ];
  for (const value of table) assertEquals(parseExtensions(value), undefined, value);
});

test("formatExtensions writes the list in order", () => {
  assertEquals(formatExtensions([]), "");
  assertEquals(
    formatExtensions([{ name: "mux", parameters: [["max-channels", "4"], ["flow", true]] }, bar]),
    "mux; max-channels=4; flow, bar; baz=2",
  );
});

test("formatExtensions refuses what is not a token", () => {
  const table: readonly ExtensionOffer[] = [
    { name: "", parameters: [] },
    { name: "a,b", parameters: [] },
    { name: "a", parameters: [["", true]] },
    { name: "a", parameters: [["b;", true]] },
    { name: "a", parameters: [["b", ""]] },
    { name: "a", parameters: [["b", "1\r\nX: y"]] },
  ];
  for (const offer of table) assertThrows(() => formatExtensions([offer]), TypeError, "a token");
});

test("parseExtensions gives back what formatExtensions wrote", () => {
  const characters = "!#$%&'*+-.^_`|~059azAZ".split("");
  const token = fc.string({ unit: fc.constantFrom(...characters), minLength: 1 });
  const parameter: fc.Arbitrary<ExtensionParameter> = fc.tuple(
    token,
    fc.oneof(token, fc.constant(true as const)),
  );
  const list = fc.array(fc.record({ name: token, parameters: fc.array(parameter) }), {
    minLength: 1,
  });
  fc.assert(fc.property(list, (extensions) => {
    const parsed = parseExtensions(formatExtensions(extensions));
    assertEquals(JSON.stringify(parsed), JSON.stringify(extensions));
  }));
});

test("parseExtensions takes any text without throwing", () => {
  const noise = fc.string({ unit: fc.constantFrom(...'a=;,"\\ \t1'.split("")) });
  fc.assert(fc.property(noise, (value) => {
    const parsed = parseExtensions(value);
    assertEquals(parsed === undefined || parsed.length > 0, true);
  }));
});
