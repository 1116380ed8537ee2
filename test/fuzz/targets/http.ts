// HTTP/1.1: heads of requests and responses, and chunked bodies, against regular expressions (naive_http.ts).

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Bytes } from "../../../src/util/bytes.ts";
import { concat } from "../../../src/util/bytes.ts";
import { BodyDecoder, requestFraming, responseFraming } from "../../../src/http/body.ts";
import {
  createRequestParser,
  createResponseParser,
  type RequestHead,
  type ResponseHead,
} from "../../../src/http/head.ts";
import { type Stream, streamOf } from "../mutate.ts";
import { mutated } from "../mutate.ts";
import {
  type NaiveBody,
  type NaiveBodyLimits,
  type NaiveHead,
  type NaiveLimits,
  readChunked,
  readHeads,
} from "../naive_http.ts";
import { fromLatin1 } from "../naive_utf8.ts";
import { chunkings, samplesOf, type Target } from "../target.ts";

/** Which heads are read, and their limits. */
export interface HeadOptions extends NaiveLimits {
  /** Which start-line. */
  readonly kind: "request" | "response";
}

const name = fc.constantFrom("Host", "Upgrade", "x", "Content-Length", "Transfer-Encoding");
const value = fc.constantFrom(
  "",
  " ",
  " a",
  "\tb \t",
  " chunked",
  " 5",
  " 5, 5",
  " \xe9\x80",
  " a:b",
);
const field = fc.tuple(name, value).map(([name, value]) => `${name}:${value}\r\n`);

const startLine = {
  request: fc.tuple(
    fc.constantFrom("", "", "\r\n"),
    fc.constantFrom("GET", "M-SEARCH", "x"),
    fc.constantFrom("/", "/chat?a=b", "*", "http://a/"),
    fc.constantFrom("1.1", "1.1", "1.0"),
  ).map(([empty, method, target, version]) => `${empty}${method} ${target} HTTP/${version}\r\n`),
  response: fc.constantFrom(
    "HTTP/1.1 101 Switching Protocols\r\n",
    "HTTP/1.1 200\r\n",
    "HTTP/1.0 404 \r\n",
    "HTTP/1.1 500 \xe9\t!\r\n",
  ),
};

function heads(kind: HeadOptions["kind"]): fc.Arbitrary<Stream> {
  const head = fc.tuple(startLine[kind], fc.array(field, { maxLength: 6 }))
    .map(([start, fields]) => [start, ...fields, "\r\n"]);
  return fc.array(head, { minLength: 1, maxLength: 3 })
    .map((heads) => streamOf(heads.flat().map(fromLatin1)));
}

/** Heads one behind the other. */
export const head: Target<HeadOptions> = {
  name: "head",
  promise: "heads are read, refused and bounded as by regular expressions",
  file: "http.ts",
  samples: fc.constantFrom<HeadOptions["kind"]>("request", "response").chain((kind) =>
    samplesOf(
      mutated(heads(kind)),
      fc.record({
        kind: fc.constant(kind),
        maxHeadSize: fc.constantFrom(30, 70, 16_384),
        maxHeaders: fc.constantFrom(2, 128),
      }),
    )
  ),
  check(bytes: Bytes, cuts: readonly number[], { kind, ...limits }: HeadOptions): void {
    const expected = readHeads(bytes, kind, limits);
    for (const chunks of chunkings(bytes, cuts)) {
      const { heads, end } = kind === "request"
        ? parse(createRequestParser(limits), chunks)
        : parse(
          createResponseParser(limits),
          chunks,
        );
      assertEquals([heads.map(describe), end], [[...expected.heads], expected.end]);
      for (const head of heads) judgeFraming(head);
    }
  },
};

interface Parser<Head> {
  push(
    chunk: Uint8Array,
  ): { head: Head; rest: Uint8Array } | { fault: { status: number } } | undefined;
}

function parse<Head>(
  parser: Parser<Head>,
  chunks: readonly Bytes[],
): { heads: Head[]; end: "more" | number } {
  const heads: Head[] = [];
  for (const chunk of chunks) {
    for (let rest: Uint8Array = chunk; rest.length > 0;) {
      const result = parser.push(rest);
      if (result === undefined) break;
      if ("fault" in result) {
        const { status } = result.fault;
        const again = parser.push(chunk);
        assert(again !== undefined && "fault" in again, "a fault is for ever");
        return { heads, end: status };
      }
      heads.push(result.head);
      rest = result.rest;
    }
  }
  return { heads, end: "more" };
}

function describe(head: RequestHead | ResponseHead): NaiveHead {
  const { version } = head;
  const start = "method" in head
    ? [head.method, head.target, `HTTP/${version}`]
    : [`HTTP/${version}`, String(head.status), head.statusText];
  return { start, fields: [...head.headers].map(([name, value]) => [name, value]) };
}

function judgeFraming(head: RequestHead | ResponseHead): void {
  const framing = "method" in head ? requestFraming(head) : responseFraming(head, "GET");
  if ("status" in framing) assert([400, 413, 501].includes(framing.status));
  if (!("status" in framing) && framing.kind === "length") {
    assert(Number.isSafeInteger(framing.length) && framing.length >= 0);
  }
}

const chunk = fc.tuple(
  fc.uint8Array({ minLength: 1, maxLength: 40 }),
  fc.constantFrom("", "", ";a", " ;a=b", ';q="\xe9"'),
  fc.boolean(),
).map(([data, extension, upper]) => {
  const size = data.length.toString(16);
  return concat([
    fromLatin1(`${upper ? size.toUpperCase() : `0${size}`}${extension}\r\n`),
    data,
    fromLatin1("\r\n"),
  ]);
});

const chunkedStream: fc.Arbitrary<Stream> = fc.tuple(
  fc.array(chunk, { maxLength: 5 }),
  fc.constantFrom("0", "0", "00;last", "1fffffffffffff", "20000000000000"),
  fc.array(field, { maxLength: 3 }),
  fc.constantFrom("", "GET / "),
).map(([chunks, last, trailer, rest]) =>
  streamOf([...chunks, ...[`${last}\r\n`, ...trailer, "\r\n", rest].map(fromLatin1)])
);

/** A chunked body, and what follows it. */
export const chunked: Target<NaiveBodyLimits> = {
  name: "chunked",
  promise: "chunked bodies are read, refused and bounded as by regular expressions",
  file: "http.ts",
  samples: samplesOf(
    mutated(chunkedStream),
    fc.record({
      maxChunkLineSize: fc.constantFrom(6, 256),
      maxExtensionSize: fc.constantFrom(5, 16_384),
      maxTrailerSize: fc.constantFrom(20, 8_192),
    }),
  ),
  check(bytes: Bytes, cuts: readonly number[], limits: NaiveBodyLimits): void {
    const expected = readChunked(bytes, limits);
    for (const chunks of chunkings(bytes, cuts)) {
      const actual = readBody(chunks, limits);
      assertEquals(actual.end, expected.end);
      // Data in the same chunk as a fault is not handed out.
      const due = typeof expected.end === "number"
        ? expected.data.slice(0, actual.data.length)
        : expected.data;
      assertEquals(actual.data, due);
    }
  },
};

function readBody(chunks: readonly Bytes[], limits: NaiveBodyLimits): NaiveBody {
  const decoder = new BodyDecoder({ kind: "chunked" }, limits);
  const data: Uint8Array[] = [];
  const rest: Uint8Array[] = [];
  for (const chunk of chunks) {
    const step = decoder.push(chunk);
    if ("fault" in step) {
      assertEquals(decoder.push(chunk), step, "a fault is for ever");
      return { data: concat(data), end: step.fault.status };
    }
    data.push(step.data);
    rest.push(step.rest);
    assertEquals(step.done, decoder.done);
    assert(step.done || step.rest.length === 0);
  }
  return { data: concat(data), end: decoder.done ? concat(rest) : "more" };
}
