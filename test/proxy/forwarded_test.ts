// Forwarded with the examples of RFC 7239 section 4.

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { HeaderFields } from "../../src/http/fields.ts";
import { parseForwarded, parseForwardedList, parseNode } from "../../src/proxy/forwarded.ts";
import { test } from "../support/test.ts";

const values: [string, Record<string, string>[] | undefined][] = [
  ['for="_gazonk"', [{ for: "_gazonk" }]],
  ['For="[2001:db8:cafe::17]:4711"', [{ for: "[2001:db8:cafe::17]:4711" }]],
  ["for=192.0.2.60;proto=http;by=203.0.113.43", [
    { for: "192.0.2.60", proto: "http", by: "203.0.113.43" },
  ]],
  ["for=192.0.2.43, for=198.51.100.17", [{ for: "192.0.2.43" }, { for: "198.51.100.17" }]],
  [" for=a ; host=b ,, for=c ,", [{ for: "a", host: "b" }, { for: "c" }]],
  ['for="a\\"b,;c"', [{ for: 'a"b,;c' }]],
  ["", []],
  ["for", undefined],
  ["for=", undefined],
  ["=a", undefined],
  ["for =a", undefined],
  ["for=a b", undefined],
  ['for="a', undefined],
  ['for="a"b', undefined],
  ["for=a;for=b", undefined],
  ["for=[::1]", undefined],
  ["for=a:80", undefined],
  [";for=a", [{ for: "a" }]],
];

for (const [value, expected] of values) {
  test(`parseForwarded() reads ${JSON.stringify(value)}`, () => {
    const elements = parseForwarded(value);
    assertEquals(elements?.map((element) => Object.fromEntries(element)), expected);
  });
}

test("parseForwarded() never throws", () => {
  const character = fc.constantFrom(...'for=";,\\ \tab1[]:'.split(""));
  fc.assert(fc.property(fc.array(character), (characters) => {
    const elements = parseForwarded(characters.join(""));
    assertEquals(elements === undefined || Array.isArray(elements), true);
  }));
});

test("parseForwardedList() joins lines, and drops what is empty", () => {
  const headers = new HeaderFields();
  headers.append("X-Forwarded-For", " 192.0.2.1 ,,");
  headers.append("x-forwarded-for", "192.0.2.2,\t::1");
  assertEquals(parseForwardedList(headers, "x-forwarded-for"), ["192.0.2.1", "192.0.2.2", "::1"]);
  assertEquals(parseForwardedList(headers, "x-forwarded-host"), []);
});

const nodes: [string, string | undefined, number?][] = [
  ["192.0.2.1", "192.0.2.1"],
  ["192.0.2.1:80", "192.0.2.1", 80],
  ["192.0.2.1:_hidden", "192.0.2.1"],
  ["192.0.2.1:99999", "192.0.2.1"],
  ["2001:DB8::1", "2001:db8::1"],
  ["[2001:db8::1]", "2001:db8::1"],
  ["[2001:db8::1]:443", "2001:db8::1", 443],
  ["unknown", undefined],
  ["_hidden", undefined],
  ["[192.0.2.1]", undefined],
  ["192.0.2.1:", undefined],
  ["example.org", undefined],
  ["", undefined],
  ["[::1", undefined],
];

for (const [text, hostname, port = 0] of nodes) {
  test(`parseNode() reads ${JSON.stringify(text)} as ${hostname ?? "unknown"}`, () => {
    assertEquals(parseNode(text), hostname === undefined ? undefined : { hostname, port });
  });
}
