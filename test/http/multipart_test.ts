import { assertEquals } from "@std/assert";
import { boundaryOf, readMultipart } from "../../src/http/multipart.ts";
import { test } from "../support/test.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** The parts of a body with the boundary "x", or what is wrong. */
function read(body: string | Uint8Array<ArrayBuffer>, most = 10): unknown {
  const parts = readMultipart(typeof body === "string" ? encode(body) : body, "x", most);
  if ("reason" in parts) return parts.reason;
  return parts.map(({ name, filename, type, content }) => [
    name,
    filename,
    type,
    new TextDecoder().decode(content),
  ]);
}

const field = (head: string, content = "1") => `--x\r\n${head}\r\n\r\n${content}\r\n`;
const a = 'Content-Disposition: form-data; name="a"';
const UNENDED = "a multipart body that ends with its boundary";
const UNNAMED = "a part with Content-Disposition and a name";

const good: Record<string, readonly [body: string, parts: unknown]> = {
  "fields in their order": [
    `${field(a)}${field(a.replace('"a"', '"b"'), "2")}--x--\r\n`,
    [["a", undefined, "", "1"], ["b", undefined, "", "2"]],
  ],
  "none": ["--x--\r\n", []],
  "no line end at the end": [`${field(a)}--x--`, [["a", undefined, "", "1"]]],
  "a preamble and an epilogue": [
    `not for you\r\n${field(a)}--x--\r\nnor this --x\r\n`,
    [["a", undefined, "", "1"]],
  ],
  "padding behind a boundary": [
    `--x \t\r\n${a}\r\n\r\n1\r\n--x--  \r\n`,
    [["a", undefined, "", "1"]],
  ],
  "an empty content": [`${field(a, "")}--x--`, [["a", undefined, "", ""]]],
  "an empty content without a line end of its own": [
    `--x\r\n${a}\r\n\r\n--x--`,
    [["a", undefined, "", ""]],
  ],
  "line ends and half a boundary in the content": [
    `${field(a, "\r\n1\r\n\r\n--\r\n-x--x\r\n")}--x--`,
    [["a", undefined, "", "\r\n1\r\n\r\n--\r\n-x--x\r\n"]],
  ],
  "a file with its type": [
    `${field(`${a}; filename="b.txt"\r\nContent-Type: text/plain;charset=utf-8 `)}--x--`,
    [["a", "b.txt", "text/plain;charset=utf-8", "1"]],
  ],
  "names as browsers write them": [
    `${
      field(
        'Content-Disposition: form-data; name="%22\u00e4%0d%0A;=\u2028"; filename="c:\\%41.txt"',
      )
    }--x--`,
    [['"\u00e4\r\n;=\u2028', "c:\\%41.txt", "", "1"]],
  ],
  "any case, any order, and names without quotes": [
    `${
      field("CONTENT-TYPE:a/b\r\nX: y\r\ncontent-disposition:FORM-DATA;Filename=b ; NAME=a")
    }--x--`,
    [["a", "b", "a/b", "1"]],
  ],
  "a name that looks like a parameter": [
    `${field('Content-Disposition: form-data; name="; filename=b"')}--x--`,
    [["; filename=b", undefined, "", "1"]],
  ],
  "filename* ignored (RFC 7578 4.2)": [
    `${field(`${a}; filename*=UTF-8''b.txt`)}--x--`,
    [["a", undefined, "", "1"]],
  ],
};

for (const [what, [body, parts]] of Object.entries(good)) {
  test(`readMultipart reads ${what}`, () => assertEquals(read(body), parts));
}

const bad: Record<string, readonly [body: string, reason: string]> = {
  "nothing": ["", UNENDED],
  "no boundary": ["hello", UNENDED],
  "no last boundary": [field(a), UNENDED],
  "a head that does not end": [`--x\r\n${a}\r\n--x--`, UNENDED],
  "line ends without CR": [
    field(a).replaceAll("\r", "") + "--x--",
    "a line end behind each boundary",
  ],
  "another boundary that begins alike": [
    `${field(a)}--xy--`,
    "a line end behind each boundary",
  ],
  "a part without a head": ["--x\r\n\r\n1\r\n--x--", UNNAMED],
  "a part without Content-Disposition": [`${field("Content-Type: text/plain")}--x--`, UNNAMED],
  "a part without a name": [`${field("Content-Disposition: form-data")}--x--`, UNNAMED],
  "a part that is an attachment": [`${field(a.replace("form-data", "attachment"))}--x--`, UNNAMED],
};

for (const [what, [body, reason]] of Object.entries(bad)) {
  test(`readMultipart refuses ${what}`, () => assertEquals(read(body), reason));
}

test("readMultipart reads no prefix of a body as a whole one", () => {
  const body = encode(`${field(a)}${field(`${a}; filename="b"`, "\r\n")}--x--`);
  for (let length = 0; length < body.length; length++) {
    assertEquals(typeof read(body.slice(0, length)), "string", String(length));
  }
  assertEquals((read(body) as unknown[]).length, 2);
});

test("readMultipart reads as many parts as may be, and no more", () => {
  const body = (count: number) => `${field(a).repeat(count)}--x--`;
  assertEquals((read(body(3), 3) as unknown[]).length, 3);
  assertEquals(read(body(4), 3), "at most 3 fields");
});

test("readMultipart gives octets as they are", () => {
  const octets = Uint8Array.from({ length: 256 }, (_, i) => i);
  const body = new Uint8Array([
    ...encode(`--x\r\n${a}; filename="b"\r\n\r\n`),
    ...octets,
    ...encode("\r\n--x--"),
  ]);
  const parts = readMultipart(body, "x", 1);
  assertEquals("reason" in parts ? undefined : parts[0]?.content, octets);
});

test("boundaryOf reads a boundary with and without quotes, and no other", () => {
  const type = "multipart/form-data";
  const cases: [string, string | undefined][] = [
    [`${type}; boundary=----WebKitFormBoundaryAb1`, "----WebKitFormBoundaryAb1"],
    [`${type};charset=utf-8; Boundary="a b"`, "a b"],
    [`${type}; boundary=${"a".repeat(70)}`, "a".repeat(70)],
    [`${type}; boundary=${"a".repeat(71)}`, undefined],
    [`${type}; boundary="a "`, undefined],
    [`${type}; boundary=`, undefined],
    [`${type}; boundary="\u00e4"`, undefined],
    [type, undefined],
  ];
  for (const [value, boundary] of cases) assertEquals(boundaryOf(value), boundary, value);
});
