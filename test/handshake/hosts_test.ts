import { assertEquals, assertThrows } from "@std/assert";
import { createHostRule } from "../../src/handshake/hosts.ts";
import { test } from "../support/test.ts";
import { request } from "./heads.ts";

test("createHostRule takes the names that are listed, in any case, on any port or one", () => {
  const table:
    readonly (readonly [entry: string, yes: readonly string[], no: readonly string[]])[] = [
      [
        "example.org",
        [
          "example.org",
          "EXAMPLE.org",
          "example.org:8000",
          "example.org.",
          "example.org.:1",
          "example.org:",
        ],
        ["www.example.org", "example.org.evil.example", "notexample.org", "127.0.0.1", "[::1]"],
      ],
      ["Example.org:8443", ["example.org:8443"], ["example.org", "example.org:443"]],
      [".example.org", ["example.org", "a.b.example.org:1"], ["notexample.org", ".example.org"]],
      ["*.example.org", ["a.example.org"], ["example.org"]],
      ["127.0.0.1", ["127.0.0.1", "127.0.0.1:8000"], ["127.0.0.2", "localhost"]],
      ["[::1]", ["[::1]", "[::1]:8000"], ["[::2]", "localhost"]],
    ];
  for (const [entry, yes, no] of table) {
    const rule = createHostRule(["unrelated.example", entry]);
    for (const host of yes) {
      assertEquals(rule(request(`Host: ${host}`)), undefined, `${entry} ${host}`);
    }
    for (const host of no) {
      assertEquals(rule(request(`Host: ${host}`))?.status, 421, `${entry} ${host}`);
    }
  }
});

test("createHostRule looks at the target where that names a host (RFC 9112 3.2.2)", () => {
  const rule = createHostRule(["server.example.com"]);
  assertEquals(rule(request()), undefined);
  assertEquals(rule(request("GET http://evil.example/ HTTP/1.1"))?.status, 421);
});

test("createHostRule refuses a request for no host, and says which one it saw", () => {
  const rule = createHostRule(["example.org"]);
  const reason = "Expected one of the server's names (its `hosts` option), got Host ";
  assertEquals(rule(request()), {
    status: 421,
    reason: `${reason}"server.example.com"`,
    headers: [],
    cause: "host",
  });
  for (const change of ["-Host", "+Host: example.org", "Host: example.org/"]) {
    assertEquals(
      rule(request(change)),
      { status: 421, reason: `${reason}none`, headers: [], cause: "host" },
      change,
    );
  }
});

test("createHostRule refuses entries that are no names", () => {
  for (
    const entry of [
      "",
      "*",
      "https://example.org",
      "example.org/",
      "a b",
      "*.*.a",
      "a.*",
      "::1",
      ":80",
      "a:b",
    ]
  ) {
    assertThrows(() => createHostRule([entry]), TypeError, `got ${JSON.stringify(entry)}`);
  }
});
