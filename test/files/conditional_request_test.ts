import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { judgeConditions, type Verdict } from "../../src/files/conditional_request.ts";
import { test } from "../support/test.ts";

const MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT";
const EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT";
const LATER = "Sun, 06 Nov 1994 08:49:38 GMT";
// Between two seconds, as file systems have it.
const FILE = { size: 10, etag: 'W/"a-1"', modified: Date.parse(MODIFIED) + 500 };

function judge(headers: Record<string, string>, method = "GET"): Verdict {
  return judgeConditions(method, new Headers(headers), FILE);
}

test("judgeConditions answers 200 without conditions", () => {
  assertEquals(judge({}), { status: 200 });
  assertEquals(judge({}, "HEAD"), { status: 200 });
});

test("judgeConditions compares If-None-Match weakly (RFC 9110 13.1.2)", () => {
  const table: readonly (readonly [string, number])[] = [
    ['W/"a-1"', 304],
    ['"a-1"', 304],
    ['"x", W/"a-1"', 304],
    ['W/"a-1","x"', 304],
    ["*", 304],
    ['"x"', 200],
    ['W/"a-2"', 200],
    ["a-1", 200],
    ['"xa-1"', 200],
    ["", 200],
  ];
  for (const [value, status] of table) {
    assertEquals(judge({ "if-none-match": value }).status, status, value);
    assertEquals(judge({ "if-none-match": value }, "HEAD").status, status, value);
  }
});

test("judgeConditions compares If-Modified-Since by the second (RFC 9110 13.1.3)", () => {
  const table: readonly (readonly [string, number])[] = [
    [MODIFIED, 304],
    [LATER, 304],
    ["Sunday, 06-Nov-94 08:49:37 GMT", 304],
    [EARLIER, 200],
    ["2030", 200],
    ["yesterday", 200],
    ["", 200],
  ];
  for (const [value, status] of table) {
    assertEquals(judge({ "if-modified-since": value }).status, status, value);
  }
});

test("judgeConditions ignores If-Modified-Since beside If-None-Match (RFC 9110 13.1.3)", () => {
  assertEquals(judge({ "if-none-match": '"x"', "if-modified-since": LATER }).status, 200);
  assertEquals(judge({ "if-none-match": '"a-1"', "if-modified-since": EARLIER }).status, 304);
});

test("judgeConditions fails If-Match and If-Unmodified-Since with 412 (RFC 9110 13.2.2)", () => {
  assertEquals(judge({ "if-match": 'W/"a-1"' }).status, 412);
  assertEquals(judge({ "if-match": "*" }).status, 200);
  assertEquals(judge({ "if-unmodified-since": EARLIER }).status, 412);
  assertEquals(judge({ "if-unmodified-since": MODIFIED }).status, 200);
  assertEquals(judge({ "if-match": "*", "if-unmodified-since": EARLIER }).status, 200);
  assertEquals(judge({ "if-match": '"x"', "if-none-match": '"a-1"' }).status, 412);
});

test("judgeConditions serves one range (RFC 9110 14.1)", () => {
  const table: readonly (readonly [string, Verdict])[] = [
    ["bytes=0-0", { status: 206, start: 0, end: 1 }],
    ["bytes=0-9", { status: 206, start: 0, end: 10 }],
    ["bytes=2-4", { status: 206, start: 2, end: 5 }],
    ["bytes=9-", { status: 206, start: 9, end: 10 }],
    ["bytes=5-99999999999999999999", { status: 206, start: 5, end: 10 }],
    ["bytes=-3", { status: 206, start: 7, end: 10 }],
    ["bytes=-99", { status: 206, start: 0, end: 10 }],
    ["BYTES= 1-2 ", { status: 206, start: 1, end: 3 }],

    ["bytes=10-", { status: 416 }],
    ["bytes=10-11", { status: 416 }],
    ["bytes=99999999999999999999-", { status: 416 }],
    ["bytes=-0", { status: 416 }],

    ["bytes=4-2", { status: 200 }],
    ["bytes=-", { status: 200 }],
    ["bytes=", { status: 200 }],
    ["bytes=a-b", { status: 200 }],
    ["bytes=0-1,3-4", { status: 200 }],
    ["lines=0-1", { status: 200 }],
    ["0-1", { status: 200 }],
  ];
  for (const [range, verdict] of table) assertEquals(judge({ range }), verdict, range);
});

test("judgeConditions ignores Range in HEAD, and judges the conditions before it", () => {
  assertEquals(judge({ range: "bytes=0-1" }, "HEAD").status, 200);
  assertEquals(judge({ range: "bytes=0-1", "if-none-match": '"a-1"' }).status, 304);
});

test("judgeConditions serves a range only if If-Range holds strongly (RFC 9110 13.1.5)", () => {
  const range = "bytes=0-1";
  const table: readonly (readonly [string, number])[] = [
    [MODIFIED, 206],
    [EARLIER, 200],
    [LATER, 200],
    ['W/"a-1"', 200],
    ['"a-1"', 200],
    ["", 200],
  ];
  for (const [value, status] of table) {
    assertEquals(judge({ range, "if-range": value }).status, status, value);
  }
});

test("judgeConditions never goes beyond the representation", () => {
  const headers = fc.record({
    range: fc.oneof(
      fc.stringMatching(/^bytes=\d{0,3}-\d{0,3}$/),
      fc.stringMatching(/^[ -~]{0,9}$/),
    ),
  });
  fc.assert(fc.property(headers, fc.nat(200), (headers, size) => {
    const verdict = judgeConditions("GET", new Headers(headers), { ...FILE, size });
    if (verdict.status !== 206) return;
    assertEquals(verdict.start >= 0 && verdict.start < verdict.end && verdict.end <= size, true);
  }));
});
