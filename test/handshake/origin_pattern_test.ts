import { assertEquals, assertThrows } from "@std/assert";
import { checkOriginPattern, matchesOrigin } from "../../src/handshake/origin_pattern.ts";
import { test } from "../support/test.ts";

const VALID = [
  "*",
  "null",
  "https://example.org",
  "http://example.org:8080",
  "https://example.org:80",
  "http://localhost:*",
  "https://*.example.org",
  "https://*.example.org:8443",
  "https://*.example.org:*",
  "http://127.0.0.1:5173",
  "http://[::1]:5173",
  "http://[::1]:*",
  "https://xn--bcher-kva.example",
  "chrome-extension://abcdefghijklmnop",
  "app://.",
];

test("checkOriginPattern takes origins as browsers send them, and patterns of them", () => {
  assertEquals(VALID.map((entry) => checkOriginPattern(entry)), VALID.map(() => undefined));
});

test("checkOriginPattern refuses what no browser would match", () => {
  const table = [
    "",
    "example.org",
    "//example.org",
    "https://",
    "https://example.org/",
    "https://example.org/path",
    "https://Example.org",
    "HTTPS://example.org",
    "https://bücher.example",
    "https://*",
    "https://*example.org",
    "https://a.*.example.org",
    "https://*.*.example.org",
    "https://example.*",
    "*://example.org",
    "*.example.org",
    "https://example.org:",
    "https://example.org:80*",
    "https://user@example.org",
    " https://example.org",
    "https://example.org\n",
    "https://a.example, https://b.example",
  ];
  for (const entry of table) {
    const error = assertThrows(() => checkOriginPattern(entry), TypeError, "Expected an origin");
    assertEquals(error.message.endsWith(`got ${JSON.stringify(entry)}`), true, entry);
  }
});

test("checkOriginPattern refuses a default port, which browsers leave out", () => {
  for (const entry of ["https://example.org:443", "http://*.example.org:80"]) {
    assertThrows(() => checkOriginPattern(entry), TypeError, "without its default port");
  }
});

test("matchesOrigin matches subdomains at any depth, and not the domain itself", () => {
  const table: readonly (readonly [string, boolean])[] = [
    ["https://app.example.org", true],
    ["https://a.b.example.org", true],
    ["https://example.org", false],
    ["https://.example.org", false],
    ["https://notexample.org", false],
    ["https://app.example.org.evil.example", false],
    ["https://app.example.org:8443", false],
    ["http://app.example.org", false],
    ["https://evil.example/app.example.org", false],
    ["https://evil.example#.example.org", false],
    ["https://evil.example?.example.org", false],
    ["https://evil.example\\.example.org", false],
    ["https://evil.example:1@app.example.org", false],
    ["https://evil.example .example.org", false],
    ["https://evil.example\n.example.org", false],
    ["https://APP.example.org", false],
    ["https://*.example.org", true],
    ["null", false],
    ["", false],
  ];
  for (const [origin, expected] of table) {
    assertEquals(matchesOrigin("https://*.example.org", origin), expected, origin);
  }
});

test("matchesOrigin matches any port for :*, the default one included", () => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ["http://localhost:*", "http://localhost:5173", true],
    ["http://localhost:*", "http://localhost", true],
    ["http://localhost:*", "https://localhost:5173", false],
    ["http://localhost:*", "http://localhost:", false],
    ["http://localhost:*", "http://localhost:1.evil.example", false],
    ["http://localhost:*", "http://localhost.evil.example:1", false],
    ["http://[::1]:*", "http://[::1]:80", true],
    ["https://*.example.org:*", "https://a.example.org:1", true],
    ["https://*.example.org:*", "https://a.example.org", true],
    ["https://*.example.org:*", "https://example.org:1", false],
    ["https://*.example.org:8443", "https://a.example.org:8443", true],
    ["https://*.example.org:8443", "https://a.example.org", false],
    ["https://*.example.org:8443", "https://a.example.org:84430", false],
  ];
  for (const [entry, origin, expected] of table) {
    assertEquals(matchesOrigin(entry, origin), expected, `${entry} ${origin}`);
  }
});

test("matchesOrigin compares what is no pattern exactly", () => {
  for (const entry of VALID.filter((entry) => !entry.includes("*"))) {
    assertEquals(matchesOrigin(entry, entry), true, entry);
    assertEquals(matchesOrigin(entry, entry + "."), false, entry);
  }
  assertEquals(matchesOrigin("*", "anything"), true);
});
