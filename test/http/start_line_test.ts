import { assertEquals, assertLessOrEqual } from "@std/assert";
import {
  requestLine,
  START_LINE_END,
  type StartLine,
  statusLine,
  unexpected,
} from "../../src/http/start_line.ts";
import { test } from "../support/test.ts";

/** The state or fault status after a text, and how many bytes were taken. */
function walk<Head>(line: StartLine<Head>, text: string): { end: number; taken: number } {
  let state = line.initial;
  for (let i = 0; i < text.length; i++) {
    const next = line.step(state, text.charCodeAt(i));
    if (typeof next !== "number") return { end: next.status, taken: i + 1 };
    state = next;
  }
  return { end: state, taken: text.length };
}

test("requestLine ends at the LF of a valid line", () => {
  for (
    const text of [
      "GET / HTTP/1.1\r\n",
      "\r\nM-SEARCH * HTTP/1.0\r\n",
      "A http://b/?c HTTP/1.1\r\n",
    ]
  ) {
    assertEquals(walk(requestLine, text), { end: START_LINE_END, taken: text.length }, text);
  }
});

test("requestLine refuses the first impossible byte", () => {
  const cases: readonly (readonly [text: string, taken: number, status: number])[] = [
    ["\x16\x03\x01", 1, 400],
    ["\n", 1, 400],
    [" GET", 1, 400],
    ["\r\r", 2, 400],
    ["\r\n\r\n", 3, 400],
    ["GE(T", 3, 400],
    ["GET\t/", 4, 400],
    ["GET  /", 5, 400],
    ["GET /\x7f", 6, 400],
    ["GET /\xe9", 6, 400],
    ["GET /\r\n", 6, 400],
    ["GET / http", 7, 400],
    ["GET / HTTP/x", 12, 400],
    ["GET / HTTP/2x", 13, 400],
    ["GET / HTTP/2.x", 14, 400],
    ["GET / HTTP/2.0", 14, 505],
    ["GET / HTTP/1.2", 14, 505],
    ["GET / HTTP/1.x", 14, 400],
    ["GET / HTTP/1.1 ", 15, 400],
    ["GET / HTTP/1.10", 15, 400],
    ["GET / HTTP/1.1\n", 15, 400],
    ["GET / HTTP/1.1\rX", 16, 400],
  ];
  for (const [text, taken, status] of cases) {
    assertEquals(walk(requestLine, `${text}more`), { end: status, taken }, JSON.stringify(text));
  }
});

test("statusLine ends at the LF of a valid line", () => {
  for (
    const text of [
      "HTTP/1.1 101 Switching Protocols\r\n",
      "HTTP/1.0 200 \r\n",
      "HTTP/1.1 999\r\n",
      "HTTP/1.1 404 \xe9t\xe9\t!\r\n",
    ]
  ) {
    assertEquals(walk(statusLine, text), { end: START_LINE_END, taken: text.length }, text);
  }
});

test("statusLine refuses the first impossible byte", () => {
  const cases: readonly (readonly [text: string, taken: number, status: number])[] = [
    ["\r\n", 1, 400],
    ["HTTX", 4, 400],
    ["HTTP/2.0", 8, 505],
    ["HTTP/1.1\r", 9, 400],
    ["HTTP/1.1  200", 10, 400],
    ["HTTP/1.1 099", 10, 400],
    ["HTTP/1.1 20 ", 12, 400],
    ["HTTP/1.1 2000", 13, 400],
    ["HTTP/1.1 200 O\0", 15, 400],
    ["HTTP/1.1 200 OK\n", 16, 400],
    ["HTTP/1.1 200 OK\r\r", 17, 400],
  ];
  for (const [text, taken, status] of cases) {
    assertEquals(walk(statusLine, `${text}more`), { end: status, taken }, JSON.stringify(text));
  }
});

test("StartLine keeps every state of the line at or below START_LINE_END", () => {
  for (const line of [requestLine, statusLine]) {
    for (let state = 0; state < START_LINE_END; state++) {
      for (let byte = 0; byte < 256; byte++) {
        const next = line.step(state, byte);
        if (typeof next === "number") assertLessOrEqual(next, START_LINE_END);
      }
    }
  }
});

test("unexpected shows a visible character as it is and any other byte in hex", () => {
  assertEquals(unexpected(0x41, "the method"), {
    status: 400,
    reason: 'Unexpected "A" in the method',
  });
  assertEquals(unexpected(0, "a field value").reason, "Unexpected byte 0x00 in a field value");
  assertEquals(unexpected(0xff, "x").reason, "Unexpected byte 0xff in x");
});
