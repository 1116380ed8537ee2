import { assertEquals, assertThrows } from "@std/assert";
import { encodeHex } from "@std/encoding";
import {
  formatRequestHead,
  formatResponseHead,
  standardStatusText,
} from "../../src/http/format.ts";
import { HeaderFields } from "../../src/http/fields.ts";
import { test } from "../support/test.ts";

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

test("formatRequestHead writes the request-line, the fields in order and an empty line", () => {
  const head = formatRequestHead("GET", "/chat?a=b", [["Host", "a"], ["X", ""], ["Host", "b"]]);
  assertEquals(latin1(head), "GET /chat?a=b HTTP/1.1\r\nHost: a\r\nX: \r\nHost: b\r\n\r\n");
});

test("formatRequestHead writes latin-1 and nothing else", () => {
  const head = formatRequestHead("A", "*", [["b", "\x80\xe9\xff\t!"]]);
  assertEquals(encodeHex(head), "41202a20485454502f312e310d0a623a2080e9ff09210d0a0d0a");
});

test("formatResponseHead writes the standard phrase when none is given", () => {
  assertEquals(latin1(formatResponseHead(101, "", [])), "HTTP/1.1 101 Switching Protocols\r\n\r\n");
  assertEquals(latin1(formatResponseHead(200, "Fine", [])), "HTTP/1.1 200 Fine\r\n\r\n");
  assertEquals(latin1(formatResponseHead(599, "", [])), "HTTP/1.1 599 \r\n\r\n");
});

test("formatResponseHead takes Headers and HeaderFields", () => {
  const fields = new HeaderFields();
  fields.append("Upgrade", "websocket");
  const expected = "HTTP/1.1 426 Upgrade Required\r\nupgrade: websocket\r\n\r\n";
  assertEquals(latin1(formatResponseHead(426, "", fields)), expected);
  assertEquals(latin1(formatResponseHead(426, "", fields.toHeaders())), expected);
});

test("formatRequestHead and formatResponseHead refuse header injection", () => {
  const control = [..."\0\x01\b\n\v\f\r\x1f\x7f"];
  // The low bytes of U+010A, U+010D and U+0100 are LF, CR and NUL
  const wide = ["\u010a", "\u010d", "\u0100", "\u2028", "\ud800"];
  for (const bad of [...control, ...wide]) {
    for (const value of [bad, `a${bad}`, `a${bad}\nInjected: 1`, `${bad}a`]) {
      assertThrows(() => formatRequestHead("GET", "/", [["a", value]]), TypeError);
      assertThrows(() => formatRequestHead("GET", "/", [[`a${value}`, "b"]]), TypeError);
      assertThrows(() => formatRequestHead("GET", `/${value}`, []), TypeError);
      assertThrows(() => formatRequestHead(`GET${value}`, "/", []), TypeError);
      assertThrows(() => formatResponseHead(200, "", [["a", value]]), TypeError);
      assertThrows(() => formatResponseHead(200, value, []), TypeError);
    }
  }
});

test("formatRequestHead refuses a method, target or name outside the grammar", () => {
  for (const method of ["", "GE T", "GET\t", "G(T", "\xe9"]) {
    assertThrows(() => formatRequestHead(method, "/", []), TypeError, "expected a token");
  }
  for (const target of ["", " /", "/a b", "/\xe9", "/\t"]) {
    assertThrows(() => formatRequestHead("GET", target, []), TypeError, "visible ASCII");
  }
  for (const name of ["", "a b", "a:", " a", "\xe9"]) {
    assertThrows(() => formatRequestHead("GET", "/", [[name, "b"]]), TypeError, "header name");
  }
});

test("formatResponseHead refuses a status that is not three digits", () => {
  for (const status of [0, 99, 1000, 200.5, NaN, -200, Infinity]) {
    assertThrows(() => formatResponseHead(status, "", []), TypeError, "from 100 to 999");
  }
});

test("formatRequestHead does not show the value of a refused header", () => {
  const error = assertThrows(() => formatRequestHead("GET", "/", [["cookie", "secret\n"]]));
  assertEquals(error.message.includes("secret"), false);
});

test("standardStatusText knows the registered codes and no others", () => {
  const shown = [101, 200, 400, 403, 405, 408, 413, 414, 417, 426, 431, 500, 501, 505];
  for (const status of shown) {
    assertEquals(/^[A-Z][A-Za-z -]+$/.test(standardStatusText(status)), true);
  }
  assertEquals(standardStatusText(426), "Upgrade Required");
  assertEquals(standardStatusText(299), "");
});
