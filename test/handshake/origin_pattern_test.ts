import { assertEquals, assertThrows } from "@std/assert";
import {
  matchesOrigin,
  parseOrigin,
  parseOriginPattern,
} from "../../src/handshake/origin_pattern.ts";
import { test } from "../support/test.ts";

function matches(entry: string, origin: string, secure?: boolean): boolean {
  const sent = parseOrigin(origin);
  return sent !== undefined && matchesOrigin(parseOriginPattern(entry), sent, secure);
}

/** What each entry is for, and what it is not for. */
const TABLE: readonly (readonly [entry: string, yes: readonly string[], no: readonly string[]])[] =
  [
    [
      "https://example.org",
      [
        "https://example.org",
        "https://example.org/",
        "https://example.org:443",
        "HTTPS://Example.ORG",
      ],
      [
        "http://example.org",
        "https://example.org:80",
        "https://example.org:8443",
        "https://example.org.",
        "https://sub.example.org",
        "https://example.org.evil.example",
        "https://example.org@evil.example",
        "https://evil.example@example.org",
        "https://example.org/path",
        "https://example.org\\evil.example",
        "https://example.org, https://evil.example",
        "example.org",
        "null",
        "",
      ],
    ],
    ["https://Example.org:443/", ["https://example.org", "https://example.org:443"], [
      "https://example.org:80",
    ]],
    ["http://example.org:80", ["http://example.org"], [
      "https://example.org",
      "http://example.org:443",
    ]],
    ["http://example.org:8080", ["http://example.org:8080"], [
      "http://example.org",
      "example.org:8080",
    ]],
    [
      "https://*.example.org",
      ["https://app.example.org", "https://a.b.example.org", "https://APP.example.org:443"],
      [
        "https://example.org",
        "https://.example.org",
        "https://notexample.org",
        "https://app.example.org.evil.example",
        "https://app.example.org:8443",
        "http://app.example.org",
        "https://evil.example/app.example.org",
        "https://evil.example/.example.org",
        "https://evil.example#.example.org",
        "https://evil.example?.example.org",
        "https://evil.example\\.example.org",
        "https://evil.example:1@app.example.org",
        "https://evil.example .example.org",
        "https://evil.example\n.example.org",
        "app.example.org",
      ],
    ],
    [
      "https://.example.org",
      ["https://example.org", "https://app.example.org", "https://a.b.example.org"],
      [
        "https://notexample.org",
        "https://.example.org",
        "http://example.org",
        "https://example.org:1",
      ],
    ],
    [
      "http://localhost:*",
      [
        "http://localhost",
        "http://localhost:80",
        "http://localhost:5173",
        "http://localhost:5173/",
      ],
      [
        "https://localhost:5173",
        "http://localhost:",
        "http://localhost:1.evil.example",
        "http://localhost.evil.example:1",
      ],
    ],
    ["http://[::1]:*", ["http://[::1]:80", "http://[::1]"], ["http://[::2]"]],
    [
      "https://*.example.org:*",
      ["https://a.example.org:1", "https://a.example.org"],
      ["https://example.org:1"],
    ],
    [
      "https://*.example.org:8443",
      ["https://a.example.org:8443"],
      ["https://a.example.org", "https://a.example.org:84430"],
    ],
    [
      "example.org",
      ["example.org", "https://example.org", "http://example.org", "https://example.org:443"],
      ["example.org:8080", "https://example.org:80", "ftp://example.org", "https://a.example.org"],
    ],
    [
      "example.org:8080",
      ["example.org:8080", "http://example.org:8080", "https://example.org:8080"],
      ["example.org", "https://example.org"],
    ],
    [".example.org", ["https://example.org", "http://a.example.org"], ["https://notexample.org"]],
    ["*.example.org:*", ["https://a.example.org:1", "a.example.org"], ["https://example.org"]],
    ["localhost", ["localhost", "http://localhost"], ["http://localhost:1", "null"]],
    [
      "https://github.com/gilmaimon/TinyWebsockets",
      [
        "https://github.com/gilmaimon/TinyWebsockets",
        "https://GitHub.com:443/gilmaimon/TinyWebsockets",
      ],
      ["https://github.com", "https://github.com/", "https://github.com/gilmaimon/tinywebsockets"],
    ],
    ["file://", ["file://", "file:///", "FILE://"], ["file://host", "https://file", "null"]],
    ["app://.", ["app://."], ["app://..", "app://"]],
    ["capacitor://localhost", ["capacitor://localhost"], ["ionic://localhost", "http://localhost"]],
    [
      "moz-extension:",
      ["moz-extension://4f6e0f1c-1111-4e2b-9a6d-0123456789ab", "moz-extension://x:1"],
      ["chrome-extension://4f6e0f1c", "moz-extensions://x", "https://moz-extension"],
    ],
    ["moz-extension://*", ["moz-extension://4f6e0f1c-1111-4e2b-9a6d-0123456789ab"], [
      "chrome-extension://x",
    ]],
    ["https://*", ["https://a.example", "https://b:443"], [
      "https://b:8443",
      "http://a.example",
      "a.example",
    ]],
    ["https:", ["https://a.example", "https://b:8443"], ["http://a.example", "a.example"]],
  ];

for (const [entry, yes, no] of TABLE) {
  test(`matchesOrigin knows what ${entry} is for`, () => {
    for (const origin of yes) assertEquals(matches(entry, origin), true, origin);
    for (const origin of no) assertEquals(matches(entry, origin), false, JSON.stringify(origin));
  });
}

test("matchesOrigin takes an entry without a scheme for http only where there is no TLS", () => {
  const table: readonly (readonly [string, boolean | undefined, boolean])[] = [
    ["http://example.org", undefined, true],
    ["http://example.org", false, true],
    ["http://example.org", true, false],
    ["https://example.org", true, true],
    ["example.org", true, true],
  ];
  for (const [origin, secure, expected] of table) {
    assertEquals(matches("example.org", origin, secure), expected, `${origin} ${secure}`);
  }
  assertEquals(matches("http://example.org", "http://example.org", true), true);
});

test("parseOriginPattern refuses what nothing would match, and says how to write it", () => {
  const table = [
    "",
    "//example.org",
    "/path",
    "https://",
    "wss://",
    "file://:1",
    "https://bücher.example",
    "https://*example.org",
    "https://a.*.example.org",
    "https://*.*.example.org",
    "https://*..example.org",
    "https://..example.org",
    "https://**.example.org",
    "https://example.*",
    "*://example.org",
    "*:8080",
    "https://example.org:",
    "https://example.org:80*",
    "https://user@example.org",
    "https://example.org/?q",
    "https://example.org/#f",
    "https://example.org\\path",
    " https://example.org",
    "https://example.org\n",
    "https://a.example, https://b.example",
    "https://b\u00fccher.example", // browsers send "https://xn--bcher-kva.example"
  ];
  for (const entry of table) {
    const error = assertThrows(
      () => parseOriginPattern(entry),
      TypeError,
      "Expected an origin such as",
    );
    assertEquals(error.message.endsWith(`got ${JSON.stringify(entry)}`), true, entry);
  }
});
