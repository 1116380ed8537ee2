import { assert, assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import fc from "fast-check";
import {
  BodyDecoder,
  type BodyFraming,
  type BodyLimits,
  encodeChunk,
  LAST_CHUNK,
  requestFraming,
  responseFraming,
} from "../../src/http/body.ts";
import { HeaderFields } from "../../src/http/fields.ts";
import type { RequestHead, ResponseHead } from "../../src/http/head.ts";
import { test } from "../support/test.ts";

type Fields = readonly (readonly [string, string])[];

function fieldsOf(fields: Fields): HeaderFields {
  const headers = new HeaderFields();
  for (const [name, value] of fields) headers.append(name, value);
  return headers;
}

function request(fields: Fields, version: "1.0" | "1.1" = "1.1"): RequestHead {
  return { method: "POST", target: "/", version, headers: fieldsOf(fields) };
}

function response(status: number, fields: Fields, version: "1.0" | "1.1" = "1.1"): ResponseHead {
  return { status, statusText: "", version, headers: fieldsOf(fields) };
}

/** A framing as it is, a fault as its status. */
function outcome(result: ReturnType<typeof requestFraming>): BodyFraming | number {
  return "kind" in result ? result : result.status;
}

const none: BodyFraming = { kind: "none" };
const chunked: BodyFraming = { kind: "chunked" };
const length = (length: number): BodyFraming => ({ kind: "length", length });
const untilClose: BodyFraming = { kind: "until-close" };
const TE = "Transfer-Encoding";
const CL = "Content-Length";

/** Declarations that mean the same in a request and in a response. */
const DECLARED: readonly (readonly [Fields, BodyFraming | number])[] = [
  [[[CL, "0"]], length(0)],
  [[[CL, "42"]], length(42)],
  [[[CL, "9007199254740991"]], length(9007199254740991)],
  [[[CL, "9007199254740992"]], 413],
  [[[CL, "9".repeat(400)]], 413],
  [[[CL, "5"], [CL, "5"]], length(5)],
  [[[CL, "5, 5"]], length(5)],
  [[[CL, "5"], [CL, "6"]], 400],
  [[[CL, "5, 6"]], 400],
  [[[CL, "5, 05"]], 400],
  [[[CL, "5,"]], 400],
  [[[CL, ""]], 400],
  [[[CL, "+5"]], 400],
  [[[CL, "-5"]], 400],
  [[[CL, "5 5"]], 400],
  [[[CL, "0x5"]], 400],
  [[[CL, "5.0"]], 400],
  [[[CL, "5e1"]], 400],
  [[[CL, "5;a"]], 400],
  [[[CL, "\xb2"]], 400],
  [[[CL, "chunked"]], 400],
  [[[TE, "chunked"]], chunked],
  [[[TE, "Chunked"]], chunked],
  [[[TE, "chunked"], [CL, "5"]], 400],
  [[[CL, "5"], [TE, "chunked"]], 400],
  [[[CL, "5"], [TE, "identity"]], 400],
  [[[TE, "gzip, chunked"]], 501],
  [[[TE, "gzip"], [TE, "chunked"]], 501],
  [[[TE, "chunked, gzip"]], 501],
  [[[TE, "chunked, chunked"]], 501],
  [[[TE, "chunked"], [TE, "chunked"]], 501],
  [[[TE, "identity"]], 501],
  [[[TE, "xchunked"]], 501],
  [[[TE, "chunked;a=b"]], 501],
  [[[TE, "\x0bchunked"]], 501],
  [[[TE, '"chunked"']], 501],
  [[[TE, ""]], 501],
];

test("requestFraming gives one framing or refuses (RFC 9112 6.1 to 6.3)", () => {
  for (const [fields, expected] of DECLARED) {
    assertEquals(outcome(requestFraming(request(fields))), expected, JSON.stringify(fields));
  }
  assertEquals(outcome(requestFraming(request([]))), none);
});

test("requestFraming and responseFraming refuse Transfer-Encoding in HTTP/1.0", () => {
  assertEquals(outcome(requestFraming(request([[TE, "chunked"]], "1.0"))), 400);
  assertEquals(outcome(responseFraming(response(200, [[TE, "chunked"]], "1.0"), "GET")), 400);
  assertEquals(outcome(requestFraming(request([[CL, "3"]], "1.0"))), length(3));
});

test("responseFraming gives one framing or refuses, and falls back to the end of the connection", () => {
  for (const [fields, expected] of DECLARED) {
    const result = responseFraming(response(200, fields), "GET");
    assertEquals(outcome(result), expected, JSON.stringify(fields));
  }
  assertEquals(outcome(responseFraming(response(200, []), "GET")), untilClose);
});

test("responseFraming gives no body to responses that never have one", () => {
  const fields: Fields = [[CL, "5"]];
  for (const status of [100, 101, 103, 204, 304]) {
    assertEquals(outcome(responseFraming(response(status, fields), "GET")), none);
  }
  assertEquals(outcome(responseFraming(response(200, fields), "HEAD")), none);
  assertEquals(outcome(responseFraming(response(200, fields), "CONNECT")), none);
  assertEquals(outcome(responseFraming(response(404, fields), "CONNECT")), length(5));
});

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Decodes chunks to the text of the body, or the status of the fault. */
function decode(
  framing: BodyFraming,
  chunks: readonly Uint8Array[],
  limits?: Partial<BodyLimits>,
): { body: string; done: boolean; rest: string } | number {
  const decoder = new BodyDecoder(framing, limits);
  let body = "";
  let rest = "";
  for (const chunk of chunks) {
    const step = decoder.push(chunk);
    if ("fault" in step) return step.fault.status;
    assertEquals(step.done, decoder.done);
    body += String.fromCharCode(...step.data);
    rest += String.fromCharCode(...step.rest);
  }
  return { body, done: decoder.done, rest };
}

function* cuts(input: Uint8Array): Generator<readonly Uint8Array[]> {
  yield [input];
  yield Array.from(input, (byte) => Uint8Array.of(byte));
  for (let i = 0; i <= input.length; i++) yield [input.subarray(0, i), input.subarray(i)];
}

test("BodyDecoder.push takes each body out under every cut and gives what is behind it", () => {
  const cases: readonly (readonly [BodyFraming, string, string])[] = [
    [none, "", ""],
    [length(0), "", ""],
    [length(5), "hello", "hello"],
    [chunked, "0\r\n\r\n", ""],
    [chunked, "5\r\nhello\r\n0\r\n\r\n", "hello"],
    [chunked, "1\r\nh\r\n4\r\nello\r\n000\r\n\r\n", "hello"],
    [
      chunked,
      "0000a\r\n0\r\n\r\nGET /\r\nA\r\n0123456789\r\n0\r\n\r\n",
      "0\r\n\r\nGET /0123456789",
    ],
    [chunked, '5;a\r\nhello\r\n0 \t;b="c;d"\r\n\r\n', "hello"],
    [chunked, "5\r\nhello\r\n0\r\nExpires: never\r\nx:\r\n\r\n", "hello"],
  ];
  for (const [framing, text, body] of cases) {
    for (const trailing of ["", "\r\n", "GET / HTTP/1.1\r\n"]) {
      for (const chunks of cuts(ascii(text + trailing))) {
        const expected = { body, done: true, rest: trailing };
        assertEquals(decode(framing, chunks), expected, JSON.stringify(text));
      }
    }
  }
});

test("BodyDecoder.push copies only what does not lie in one piece", () => {
  for (
    const [framing, text, view] of [
      [length(5), "hello", true],
      [chunked, "5\r\nhello\r\n0\r\n\r\n", true],
      [chunked, "1\r\nh\r\n4\r\nello\r\n", false],
    ] as const
  ) {
    const chunk = ascii(text);
    const step = new BodyDecoder(framing).push(chunk);
    assert("data" in step);
    assertEquals(new TextDecoder().decode(step.data), "hello");
    assertEquals(step.data.buffer === chunk.buffer, view);
  }
});

test("BodyDecoder.push joins the parts of every length", () => {
  for (const sizes of [[1, 1, 1], [63, 64, 65], [200, 1, 200], [1, 300], [300, 1]]) {
    const parts = sizes.map((size, i) => String.fromCharCode(97 + i).repeat(size));
    const text = parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("");
    for (const chunks of cuts(ascii(`${text}0\r\n\r\n`))) {
      const expected = { body: parts.join(""), done: true, rest: "" };
      assertEquals(decode(chunked, chunks), expected);
    }
  }
});

test("BodyDecoder.push keeps no large memory for a small body", () => {
  const step = new BodyDecoder(chunked).push(ascii("1\r\na\r\n".repeat(10_000)));
  assert("data" in step);
  assertEquals([step.data.length, step.data.buffer.byteLength], [10_000, 10_000]);
});

test("BodyDecoder.push is not done before the end", () => {
  const text = "5;a\r\nhello\r\n0\r\na: b\r\n\r\n";
  for (let i = 0; i < text.length; i++) {
    const result = decode(chunked, [ascii(text.slice(0, i))]);
    assert(typeof result === "object");
    assertEquals([result.done, result.rest], [false, ""]);
  }
  assertEquals(decode(length(5), [ascii("hell")]), { body: "hell", done: false, rest: "" });
});

test("BodyDecoder.push takes everything when the body lasts until the close", () => {
  const expected = { body: "ab\r\n\r\n", done: false, rest: "" };
  assertEquals(decode(untilClose, [ascii("ab"), ascii("\r\n\r\n")]), expected);
});

test("BodyDecoder.push refuses malformed chunks with the same status under every cut", () => {
  const cases: readonly (readonly [string, number])[] = [
    ["\r\n", 400],
    ["\n", 400],
    ["g\r\n", 400],
    ["-1\r\n", 400],
    ["+1\r\n", 400],
    ["0x5\r\n", 400],
    [" 5\r\n", 400],
    [";a\r\n", 400],
    ["5 \r\n", 400],
    ["5 5\r\n", 400],
    ["5\nhello", 400],
    ["5\rhello", 400],
    ["5\0\r\n", 400],
    ["5;a\nb\r\nhello", 400],
    ["5;a\rb", 400],
    ["5;\0\r\n", 400],
    ["5;\x7f\r\n", 400],
    ["5\r\nhelloX", 400],
    ["5\r\nhello\n", 400],
    ["5\r\nhello\rX", 400],
    ["5\r\nhello0\r\n\r\n", 400],
    ["20000000000000\r\n", 413],
    ["fffffffffffffffff\r\n", 413],
    ["0\r\n\n", 400],
    ["0\r\n a: b\r\n\r\n", 400],
    ["0\r\na : b\r\n\r\n", 400],
    ["0\r\na: b\nc: d\r\n\r\n", 400],
    ["0\r\na: \0\r\n\r\n", 400],
    ["0\r\nno colon\r\n\r\n", 400],
  ];
  for (const [text, status] of cases) {
    for (const chunks of cuts(ascii(text))) {
      assertEquals(decode(chunked, chunks), status, JSON.stringify(text));
    }
  }
});

test("BodyDecoder.push takes a declared chunk size of 2^53-1 without allocating it", () => {
  const expected = { body: "a", done: false, rest: "" };
  assertEquals(decode(chunked, [ascii("1fffffffffffff\r\na")]), expected);
});

test("BodyDecoder.push bounds the chunk-size line, all extensions and the trailer section", () => {
  const limits: BodyLimits = { maxChunkLineSize: 8, maxExtensionSize: 16, maxTrailerSize: 16 };
  const end = "0\r\n\r\n";
  const cases: readonly (readonly [string, number | "taken"])[] = [
    [`1;345678\r\na\r\n${end}`, "taken"],
    [`1;3456789\r\na\r\n${end}`, 400],
    [`00000001\r\na\r\n${end}`, "taken"],
    [`000000001\r\na\r\n${end}`, 400],
    [`${"1;345678\r\na\r\n".repeat(2)}${end}`, "taken"],
    [`${"1;345678\r\na\r\n".repeat(3)}${end}`, 413],
    ["0\r\na: 456789012\r\n\r\n", "taken"],
    ["0\r\na: 4567890123\r\n\r\n", 431],
  ];
  for (const [text, expected] of cases) {
    for (const chunks of cuts(ascii(text))) {
      const result = decode(chunked, chunks, limits);
      assertEquals(typeof result === "number" ? result : result.done && "taken", expected, text);
    }
  }
  const endless = ascii("1;" + "a".repeat(300));
  assertEquals(decode(chunked, [endless]), 400);
  const trailer = ascii("0\r\na:" + "b".repeat(9000));
  assertEquals(decode(chunked, [trailer]), 431);
});

test("BodyDecoder.push gives the same fault for ever", () => {
  const decoder = new BodyDecoder(chunked);
  const first = decoder.push(ascii("x"));
  assert("fault" in first);
  assertEquals(decoder.push(ascii("0\r\n\r\n")), first);
  assertEquals(decoder.done, false);
});

test("encodeChunk writes the size in hex, the bytes and CRLF, and nothing for no bytes", () => {
  assertEquals(encodeHex(encodeChunk(decodeHex("00ff"))), "320d0a00ff0d0a");
  assertEquals(encodeHex(encodeChunk(new Uint8Array(26))).slice(0, 8), "31610d0a");
  assertEquals(encodeChunk(new Uint8Array(0)).length, 0);
  assertEquals(encodeHex(LAST_CHUNK), "300d0a0d0a");
});

test("BodyDecoder.push gives back what encodeChunk wrote, under any split", () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 });
  const sizes = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 12 });
  fc.assert(fc.property(parts, sizes, (parts, sizes) => {
    const wire = Uint8Array.from([...parts.map(encodeChunk), LAST_CHUNK].flatMap((p) => [...p]));
    const chunks: Uint8Array[] = [];
    let at = 0;
    for (const size of sizes) chunks.push(wire.subarray(at, at += size));
    chunks.push(wire.subarray(at));
    const body = parts.map((part) => String.fromCharCode(...part)).join("");
    assertEquals(decode(chunked, chunks), { body, done: true, rest: "" });
  }));
});
