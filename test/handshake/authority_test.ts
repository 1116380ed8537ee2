import { assertEquals } from "@std/assert";
import { isAuthority, isResourceTarget, requestAuthority } from "../../src/handshake/authority.ts";
import { test } from "../support/test.ts";
import { request } from "./heads.ts";

test("isAuthority takes uri-host with an optional port (RFC 9110 7.2)", () => {
  const table = [
    "example.org",
    "EXAMPLE.org:8080",
    "example.org:",
    "example.org:0",
    "example.org:65535",
    "localhost",
    "127.0.0.1:80",
    "[::1]",
    "[2001:db8::1]:443",
    "[::ffff:127.0.0.1]:80",
    "xn--bcher-kva.example",
    "a_b~c",
    "%c3%a9.example",
    "a!$&'()*+,;=b",
  ];
  for (const value of table) assertEquals(isAuthority(value), true, value);
});

test("isAuthority refuses everything else", () => {
  const table = [
    "",
    ":80",
    "example.org:65536",
    "example.org:8e1",
    "example.org:-1",
    "example.org:80:80",
    "user@example.org",
    "user:pass@example.org",
    "example.org/",
    "example.org?x",
    "example.org#x",
    "example.org\\x",
    "example org",
    "a.example, b.example",
    "http://example.org",
    "::1",
    "[",
    "[]",
    "[:",
    "[::1",
    "[::1]x",
    "[::1]:x",
    "[::g]",
    "[fe80::1%25eth0]",
    "%",
    "%4",
    "%4g",
    "é.example",
    "a\u0000b",
    "a<b>",
    '"a"',
  ];
  for (const value of table) assertEquals(isAuthority(value), false, JSON.stringify(value));
});

test("isResourceTarget takes origin-form and absolute-form (RFC 6455 3, 4.2.1 item 1)", () => {
  const table: readonly (readonly [string, boolean])[] = [
    ["/", true],
    ["/chat?room=1&x=%23", true],
    ["//example.org/x", true],
    ["http://example.org/chat", true],
    ["HTTPS://example.org", true],
    ["ws://example.org?x", true],
    ["wss://[::1]:1/", true],
    ["/chat#x", false],
    ["/#", false],
    ["", false],
    ["*", false],
    ["chat", false],
    ["?x", false],
    ["example.org:80", false],
    ["ftp://example.org/", false],
    ["http:///chat", false],
    ["http:/chat", false],
    ["http://user@example.org/", false],
  ];
  for (const [target, expected] of table) assertEquals(isResourceTarget(target), expected, target);
});

test("requestAuthority is Host, or the target's in absolute-form (RFC 9112 3.2.2)", () => {
  const table: readonly (readonly [readonly string[], string | undefined])[] = [
    [[], "server.example.com"],
    [["Host: [::1]:8002"], "[::1]:8002"],
    [["GET http://other.example:81/x HTTP/1.1"], "other.example:81"],
    [["GET ws://other.example?x HTTP/1.1"], "other.example"],
    [["GET * HTTP/1.1"], undefined],
    [["GET http://a@other.example/ HTTP/1.1"], undefined],
    [["-Host"], undefined],
    [["+Host: server.example.com"], undefined],
    [["Host: a b"], undefined],
    [["GET http://other.example/ HTTP/1.1", "-Host"], undefined],
  ];
  for (const [changes, expected] of table) {
    assertEquals(requestAuthority(request(...changes)), expected, changes.join("|"));
  }
});
