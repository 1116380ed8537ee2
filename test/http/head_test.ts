// Each head is parsed whole, byte by byte, at every split, and with trailing bytes behind it.

import { assert, assertEquals, fail } from "@std/assert";
import { decodeHex } from "@std/encoding";
import fc from "fast-check";
import { formatRequestHead, formatResponseHead } from "../../src/http/format.ts";
import {
  createRequestParser,
  createResponseParser,
  createTrailerParser,
  type HeadLimits,
  HeadParser,
  type RequestHead,
  type ResponseHead,
} from "../../src/http/head.ts";
import { requestLine, type StartLine } from "../../src/http/start_line.ts";
import { test } from "../support/test.ts";

function bytes(latin1: string): Uint8Array {
  return Uint8Array.from(latin1, (character) => character.charCodeAt(0));
}

/** Pushes the chunks until there is a result; a chunk is overwritten behind the parser's back. */
function run<Head>(parser: HeadParser<Head>, chunks: readonly Uint8Array[]) {
  let rest = "";
  for (let i = 0; i < chunks.length; i++) {
    const chunk = chunks[i]!.slice();
    const result = parser.push(chunk);
    if (result === undefined) {
      chunk.fill(0xee);
      continue;
    }
    if ("fault" in result) return { status: result.fault.status };
    for (const part of [result.rest, ...chunks.slice(i + 1)]) rest += String.fromCharCode(...part);
    return { head: result.head, rest };
  }
  return undefined;
}

/** All ways to cut that the tests use: whole, byte by byte, every split in two. */
function* cuts(input: Uint8Array): Generator<readonly Uint8Array[]> {
  yield [input];
  yield Array.from(input, (byte) => Uint8Array.of(byte));
  for (let i = 0; i <= input.length; i++) yield [input.subarray(0, i), input.subarray(i)];
}

const plainRequest = ({ method, target, version, headers }: RequestHead) => ({
  method,
  target,
  version,
  headers: [...headers],
});

const plainResponse = ({ status, statusText, version, headers }: ResponseHead) => ({
  status,
  statusText,
  version,
  headers: [...headers],
});

function checkEveryCut<Head>(
  text: string,
  create: () => HeadParser<Head>,
  plain: (head: Head) => unknown,
  expected: unknown,
): void {
  // 81 00: a WebSocket frame in the same segment as the head is not lost
  for (const trailing of ["", "\r\n", "GET", "\x81\x00"]) {
    for (const chunks of cuts(bytes(text + trailing))) {
      const result = run(create(), chunks);
      if (!result || !("head" in result)) return fail(`${JSON.stringify(text)}: no head`);
      assertEquals({ head: plain(result.head), rest: result.rest }, {
        head: expected,
        rest: trailing,
      });
    }
  }
}

test("createRequestParser parses each head under every cut and gives what is behind it", () => {
  const get = { method: "GET", target: "/", version: "1.1" };
  const cases: readonly (readonly [string, unknown])[] = [
    ["GET / HTTP/1.1\r\n\r\n", { ...get, headers: [] }],
    ["\r\nGET / HTTP/1.0\r\n\r\n", { ...get, version: "1.0", headers: [] }],
    [
      // RFC 6455 1.2
      "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n" +
      "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      {
        ...get,
        target: "/chat",
        headers: [
          ["host", "server.example.com"],
          ["upgrade", "websocket"],
          ["connection", "Upgrade"],
          ["sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="],
        ],
      },
    ],
    [
      "M-SEARCH http://h:1/%20?a=b|c HTTP/1.1\r\na:\r\nb:  \t \r\nc:d\r\nC: \te f\tg \t\r\nx: \x80\x9f\xff\r\n\r\n",
      {
        ...get,
        method: "M-SEARCH",
        target: "http://h:1/%20?a=b|c",
        headers: [["a", ""], ["b", ""], ["c", "d"], ["c", "e f\tg"], ["x", "\x80\x9f\xff"]],
      },
    ],
  ];
  for (const [text, expected] of cases) {
    checkEveryCut(text, createRequestParser, plainRequest, expected);
  }
});

test("createResponseParser parses each head under every cut and gives what is behind it", () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", {
      status: 101,
      statusText: "Switching Protocols",
      version: "1.1",
      headers: [["upgrade", "websocket"]],
    }],
    ["HTTP/1.0 404 \xe9\x85\r\n\r\n", {
      status: 404,
      statusText: "\xe9\x85",
      version: "1.0",
      headers: [],
    }],
    ["HTTP/1.1 200 \r\n\r\n", { status: 200, statusText: "", version: "1.1", headers: [] }],
    ["HTTP/1.1 200\r\n\r\n", { status: 200, statusText: "", version: "1.1", headers: [] }],
  ];
  for (const [text, expected] of cases) {
    checkEveryCut(text, createResponseParser, plainResponse, expected);
  }
});

test("createTrailerParser parses field lines without a start-line", () => {
  checkEveryCut("\r\n", createTrailerParser, (fields) => [...fields], []);
  checkEveryCut("A: b\r\nc:d\r\n\r\n", createTrailerParser, (fields) => [...fields], [
    ["a", "b"],
    ["c", "d"],
  ]);
});

test("HeadParser.push refuses malformed heads with the same status under every cut", () => {
  const line = "GET / HTTP/1.1\r\n";
  const cases: readonly (readonly [string, number])[] = [
    ["\x16\x03\x01\x02\x00", 400],
    ["\0", 400],
    ["\r\n\r\n", 400],
    [`\r\n\r\n${line}\r\n`, 400],
    ["\nGET / HTTP/1.1\r\n\r\n", 400],
    ["GET /\r\n\r\n", 400],
    ["GET  / HTTP/1.1\r\n\r\n", 400],
    ["GET /a b HTTP/1.1\r\n\r\n", 400],
    ["GET / HTTP/1.1 \r\n\r\n", 400],
    ["GET / HTTP/1.1\n\n", 400],
    ["GET / HTTP/1.1\r\r\n", 400],
    ["GET /\0 HTTP/1.1\r\n\r\n", 400],
    ["GET / HTTP/1.12\r\n\r\n", 400],
    ["GET / HTTPS/1.1\r\n\r\n", 400],
    ["GET / HTTP/2.0\r\n\r\n", 505],
    ["GET / HTTP/1.9\r\n\r\n", 505],
    ["GET / HTTP/0.9\r\n\r\n", 505],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
    [`${line} a: b\r\n\r\n`, 400],
    [`${line}a: b\r\n c\r\n\r\n`, 400],
    [`${line}a: b\r\n\tc\r\n\r\n`, 400],
    [`${line}a: b\r\n \r\n\r\n`, 400],
    [`${line}a : b\r\n\r\n`, 400],
    [`${line}a\t: b\r\n\r\n`, 400],
    [`${line}: b\r\n\r\n`, 400],
    [`${line}a\r\n\r\n`, 400],
    [`${line}a b\r\n\r\n`, 400],
    [`${line}a(: b\r\n\r\n`, 400],
    [`${line}\xe9: b\r\n\r\n`, 400],
    [`${line}a\0: b\r\n\r\n`, 400],
    [`${line}a: b\0\r\n\r\n`, 400],
    [`${line}a: \0\r\n\r\n`, 400],
    [`${line}a: b\x7f\r\n\r\n`, 400],
    [`${line}a: b\x0b\r\n\r\n`, 400],
    [`${line}a: b\nc: d\r\n\r\n`, 400],
    [`${line}a: b\rc: d\r\n\r\n`, 400],
    [`${line}a: b\r\r\n\r\n`, 400],
    [`${line}a:\nb: c\r\n\r\n`, 400],
    [`${line}a: b\r\n\n`, 400],
    [`${line}a: b\r\n\rX`, 400],
    [`${line}\n`, 400],
  ];
  for (const [text, status] of cases) {
    for (const chunks of cuts(bytes(text))) {
      assertEquals(run(createRequestParser(), chunks), { status }, JSON.stringify(text));
    }
  }
});

test("HeadParser.push refuses a TLS ClientHello at its first byte", () => {
  const result = createRequestParser().push(decodeHex("16"));
  assertEquals(result, {
    fault: { status: 400, reason: "Unexpected byte 0x16 in the method" },
  });
});

test("HeadParser.push gives the same fault for ever", () => {
  const parser = createRequestParser();
  const first = parser.push(bytes("("));
  assert(first && "fault" in first);
  assertEquals(parser.push(bytes("GET / HTTP/1.1\r\n\r\n")), first);
});

test("HeadParser.push parses the next head from the rest", () => {
  const parser = createRequestParser();
  const input = bytes("GET /a HTTP/1.1\r\nx: \xff\r\n\r\nPUT /b HTTP/1.0\r\nx: y\r\n\r\n!");
  for (const chunks of cuts(input)) {
    const heads: unknown[] = [];
    let rest: Uint8Array = new Uint8Array(0);
    for (const chunk of chunks) {
      for (let result = parser.push(chunk); result; result = parser.push(rest)) {
        if ("fault" in result) return fail(result.fault.reason);
        heads.push(plainRequest(result.head));
        rest = result.rest;
        if (heads.length === 2) break;
      }
      if (heads.length === 2) break;
    }
    assertEquals(heads, [
      { method: "GET", target: "/a", version: "1.1", headers: [["x", "\xff"]] },
      { method: "PUT", target: "/b", version: "1.0", headers: [["x", "y"]] },
    ]);
  }
});

test("HeadParser.push takes a head of exactly maxHeadSize and refuses one byte more", () => {
  const text = "GET / HTTP/1.1\r\nhost: example.org\r\n\r\n";
  for (const chunks of cuts(bytes(`${text}rest`))) {
    const fits = run(createRequestParser({ maxHeadSize: text.length }), chunks);
    assert(fits && "head" in fits);
    assertEquals(fits.rest, "rest");
    const tooLong = run(createRequestParser({ maxHeadSize: text.length - 1 }), chunks);
    assertEquals(tooLong, { status: 431 });
  }
});

test("HeadParser.push answers 414 when the limit is reached inside the request-line", () => {
  const limits: Partial<HeadLimits> = { maxHeadSize: 64 };
  for (const text of [`GET /${"a".repeat(100)}`, "A".repeat(100)]) {
    for (const chunks of cuts(bytes(text))) {
      assertEquals(run(createRequestParser(limits), chunks), { status: 414 });
    }
  }
  const reason = bytes(`HTTP/1.1 200 ${"a".repeat(100)}`);
  assertEquals(run(createResponseParser(limits), [reason]), { status: 431 });
});

test("HeadParser.push applies the default limits: 16,384 bytes and 128 fields", () => {
  const line = "GET / HTTP/1.1\r\n";
  const padded = (size: number) => `${line}a:${"b".repeat(size - line.length - 6)}\r\n\r\n`;
  assert("head" in run(createRequestParser(), [bytes(padded(16_384))])!);
  assertEquals(run(createRequestParser(), [bytes(padded(16_385))]), { status: 431 });
  const many = (count: number) => `${line}${"a:b\r\n".repeat(count)}\r\n`;
  assert("head" in run(createRequestParser(), [bytes(many(128))])!);
  assertEquals(run(createRequestParser(), [bytes(many(129))]), { status: 431 });
});

test("HeadParser.push counts fields across chunks and refuses at the first byte too many", () => {
  const parser = createRequestParser({ maxHeaders: 2 });
  assertEquals(
    run(parser, [...bytes("GET / HTTP/1.1\r\na:\r\nb:\r\n")].map((b) => Uint8Array.of(b))),
    undefined,
  );
  assertEquals(run(parser, [bytes("c")]), { status: 431 });
});

test("HeadParser.push gives a rest that is a view of the chunk", () => {
  const chunk = bytes("GET / HTTP/1.1\r\n\r\nrest");
  const result = createRequestParser().push(chunk);
  assert(result && "head" in result);
  assertEquals(result.rest.buffer, chunk.buffer);
  assertEquals(result.rest.byteOffset, chunk.length - 4);
});

test("HeadParser.push judges each byte of a dribble once", () => {
  let steps = 0;
  const counting: StartLine<RequestHead> = {
    ...requestLine,
    step: (state, byte) => (steps++, requestLine.step(state, byte)),
  };
  const head = bytes(`GET /${"a".repeat(5_000)} HTTP/1.1\r\n\r\n`);
  const result = run(new HeadParser(counting), Array.from(head, (byte) => Uint8Array.of(byte)));
  assert(result && "head" in result);
  assertEquals(steps, head.length - 2);
});

const token = fc.string({
  unit: fc.constantFrom(..."!#$%&'*+-.^_`|~09AZaz"),
  minLength: 1,
  maxLength: 12,
});
const text = fc.string({
  unit: fc.integer({ min: 0x20, max: 0xff }).filter((code) => code !== 0x7f).map((code) =>
    String.fromCharCode(code)
  ),
  maxLength: 20,
}).map((value) => value.replace(/^[ \t]+|[ \t]+$/g, ""));
const headers = fc.array(fc.tuple(token, text), { maxLength: 8 });
const target = fc.string({ unit: fc.constantFrom(..."/?%~!azAZ09=&"), minLength: 1 });
const sizes = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 20 });

function split(input: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const length of lengths) chunks.push(input.subarray(at, at += length));
  chunks.push(input.subarray(at));
  return chunks;
}

const lowerCased = (fields: readonly (readonly [string, string])[]) =>
  fields.map(([name, value]) => [name.toLowerCase(), value]);

test("HeadParser.push gives back what formatRequestHead wrote, under any split", () => {
  fc.assert(fc.property(token, target, headers, sizes, (method, target, fields, lengths) => {
    const result = run(
      createRequestParser(),
      split(formatRequestHead(method, target, fields), lengths),
    );
    assert(result && "head" in result);
    assertEquals(plainRequest(result.head), {
      method,
      target,
      version: "1.1",
      headers: lowerCased(fields),
    } as never);
  }));
});

test("HeadParser.push gives back what formatResponseHead wrote, under any split", () => {
  const status = fc.integer({ min: 100, max: 999 });
  fc.assert(fc.property(status, text, headers, sizes, (status, statusText, fields, lengths) => {
    fc.pre(statusText !== "");
    const result = run(
      createResponseParser(),
      split(formatResponseHead(status, statusText, fields), lengths),
    );
    assert(result && "head" in result);
    assertEquals(plainResponse(result.head), {
      status,
      statusText,
      version: "1.1",
      headers: lowerCased(fields),
    } as never);
  }));
});

test("HeadParser.push gives the same result for any bytes whole and dribbled, and throws for none", () => {
  const almost = fc.array(
    fc.constantFrom("GET", " ", "/", "HTTP/1.1", "\r\n", "\r", "\n", "a", ":", "\t", "\0", "\xff"),
    { maxLength: 20 },
  ).map((parts) => bytes(parts.join("")));
  const anything = fc.uint8Array({ maxLength: 40 });
  const prefix = bytes("GET / HTTP/1.1\r\n");
  fc.assert(fc.property(fc.oneof(almost, anything), fc.boolean(), (body, prefixed) => {
    const input = prefixed ? Uint8Array.of(...prefix, ...body) : body;
    const outcome = (chunks: readonly Uint8Array[]) => {
      const result = run(createRequestParser(), chunks);
      return result && "head" in result
        ? { head: plainRequest(result.head), rest: result.rest }
        : result;
    };
    const whole = outcome([input]);
    assertEquals(outcome(Array.from(input, (byte) => Uint8Array.of(byte))), whole);
  }));
});
