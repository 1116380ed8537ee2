import { assertEquals, assertThrows } from "@std/assert";
import {
  equalsLower,
  HeaderFields,
  isToken,
  isTokenCode,
  isValueCode,
  toFields,
  toHeaders,
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

test("HeaderFields of a head are those of the same lines, whatever is asked of them first", () => {
  const lines = [["Host", "a"], ["X-List", "1"], ["HOST", ""], ["x-list", "caf\xe9"]] as const;
  let source = "";
  const offsets: number[] = [];
  const appended = new HeaderFields();
  for (const [name, value] of lines) {
    const start = source.length;
    source += `${name}: ${value}\r\n`;
    const behind = source.length - 2;
    offsets.push(start, start + name.length, behind - value.length, behind);
    appended.append(name, value);
  }
  const names = ["host", "X-LIST", "x-lisu", "hos", "hostx", ""];
  const asked = (fields: HeaderFields): unknown[] => [
    names.map((name) => fields.get(name)),
    names.map((name) => fields.getOnly(name)),
    names.map((name) => fields.getAll(name)),
    names.map((name) => fields.has(name)),
    fields.size,
    [...fields],
    [...fields.toHeaders()],
  ];
  const read = (): HeaderFields => new HeaderFields(source, [...offsets]);
  assertEquals(asked(read()), asked(appended));
  assertEquals(read().source, source);
  const changes: ((fields: HeaderFields) => void)[] = [
    (fields) => fields.append("Host", "b"),
    (fields) => fields.set("host", "b"),
    (fields) => fields.set("new", "c"),
  ];
  const changed = read();
  for (const change of changes) {
    for (const fields of [changed, appended]) change(fields);
    assertEquals(asked(changed), asked(appended));
  }
});

test("HeaderFields.getOnly() is the value of a field that was sent once", () => {
  const fields = new HeaderFields();
  assertEquals(fields.getOnly("host"), undefined);
  fields.append("Host", "");
  assertEquals(fields.getOnly("HOST"), "");
  fields.append("host", "a");
  assertEquals(fields.getOnly("host"), undefined);
});

test("equalsLower() compares a part of a text, and folds ASCII letters only", () => {
  assertEquals(equalsLower("a: KEEP-alive", 3, 13, "keep-alive"), true);
  assertEquals(equalsLower("a: KEEP-alive", 3, 12, "keep-alive"), false);
  assertEquals(equalsLower("@[`{\xc0", 0, 5, "@[`{\xc0"), true);
  for (const [text, lower] of [["@", "`"], ["[", "{"], ["\xc0", "\xe0"], ["b", "a"]] as const) {
    assertEquals(equalsLower(text, 0, 1, lower), false);
  }
});

test("toFields takes an object, pairs, and a Headers, and leaves out what is undefined", () => {
  assertEquals(toFields(undefined), []);
  assertEquals(toFields({ "X-A": " 1 ", b: undefined }), [["X-A", "1"]]);
  const pairs: [string, string][] = [["A", "1"], ["a", "2"]];
  assertEquals(toFields(pairs), pairs);
  assertEquals(toFields(new Map(pairs)), pairs);
  assertEquals(toFields(new Headers({ A: "1" })), [["a", "1"]]);
  assertEquals([...toHeaders(pairs)], [["a", "1, 2"]]);
});

test("toFields refuses what it would lose something of", () => {
  for (const wrong of ["a: b", null, 5, [["a"]], [["a", "b", "c"]], ["ab"], [5]]) {
    assertThrows(() => toFields(wrong as object as Headers), TypeError, "Expected ");
  }
});
