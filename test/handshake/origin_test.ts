import { assertEquals } from "@std/assert";
import { isOriginAllowed } from "../../src/handshake/origin.ts";
import { test } from "../support/test.ts";
import { request } from "./heads.ts";

const UNKNOWN = { remote: undefined, local: undefined };
const address = (hostname: string) => ({ hostname, port: 1 });
const LOOPBACK = { remote: address("127.0.0.1"), local: address("127.0.0.1") };
const PUBLIC = { remote: address("192.0.2.1"), local: address("198.51.100.1") };

test("isOriginAllowed allows a request without Origin", () => {
  assertEquals(isOriginAllowed(request(), [], PUBLIC), true);
});

test("isOriginAllowed compares the host and port of Origin and Host", () => {
  const table: readonly (readonly [host: string, origin: string, expected: boolean])[] = [
    ["example.org", "https://example.org", true],
    ["example.org", "http://example.org", true],
    ["EXAMPLE.org", "https://example.org", true],
    ["example.org", "HTTPS://Example.org", true],
    ["example.org:443", "https://example.org", true],
    ["example.org", "https://example.org:443", true],
    ["example.org:80", "http://example.org", true],
    ["example.org:", "http://example.org", true],
    ["example.org:8002", "http://example.org:8002", true],
    ["[::1]:8002", "http://[::1]:8002", true],
    ["[0:0::1]:8002", "http://[::1]:8002", true],
    ["xn--bcher-kva.example", "http://xn--bcher-kva.example", true],
    ["example.org", "https://example.org/", true],
    ["example.org:8002", "http://example.org:8002/", true],
    ["example.org", "https://example.org//", false],

    ["example.org:80", "https://example.org", false],
    ["example.org:443", "http://example.org", false],
    ["example.org:8002", "http://example.org", false],
    ["example.org", "http://example.org:8002", false],
    ["example.org:8002", "http://example.org:8003", false],
    ["example.org", "https://evil.example", false],
    ["example.org", "https://sub.example.org", false],
    ["sub.example.org", "https://example.org", false],
    ["example.org", "https://example.org.evil.example", false],
    ["example.org", "https://notexample.org", false],
    ["example.org", "https://example.org@evil.example", false],
    ["example.org", "https://evil.example@example.org", false],
    ["example.org", "https://evil.example#example.org", false],
    ["example.org", "https://example.org/path", false],
    ["example.org", "https://example.org\\evil.example", false],
    ["example.org", "https://example.org https://evil.example", false],
    ["example.org", "https://example.org, https://evil.example", false],
    ["example.org", "example.org", false],
    ["example.org", "//example.org", false],
    ["example.org", "https:example.org", false],
    ["example.org", "ftp://example.org", false],
    ["example.org", "chrome-extension://example.org", false],
    ["example.org", "https://", false],
    ["example.org", "://example.org", false],
    ["example.org", "", false],
    ["example.org", "null", false],
    ["null", "null", false],
    ["%zz", "https://example.org", false],
    ["%00", "https://example.org", false],
    ["", "https://", false],
  ];
  for (const [host, origin, expected] of table) {
    const head = request(`Host: ${host}`, `Origin: ${origin}`);
    assertEquals(isOriginAllowed(head, [], UNKNOWN), expected, `${host} ${origin}`);
  }
});

test("isOriginAllowed takes the host of an absolute-form target over Host", () => {
  const target = "GET http://example.org/chat HTTP/1.1";
  const table: readonly (readonly [string, boolean])[] = [
    ["http://example.org", true],
    ["http://server.example.com", false],
  ];
  for (const [origin, expected] of table) {
    assertEquals(isOriginAllowed(request(target, `Origin: ${origin}`), [], UNKNOWN), expected);
  }
});

test("isOriginAllowed refuses the same origin when Host is missing, repeated or malformed", () => {
  const origin = "Origin: http://server.example.com";
  for (const change of ["-Host", "+Host: server.example.com", "Host: server.example.com/"]) {
    assertEquals(isOriginAllowed(request(change, origin), [], UNKNOWN), false, change);
  }
  assertEquals(isOriginAllowed(request(origin), [], UNKNOWN), true);
});

test("isOriginAllowed compares listed origins exactly", () => {
  const allowed = ["https://example.org", "http://localhost:5173", "null"];
  const table: readonly (readonly [string, boolean])[] = [
    ["https://example.org", true],
    ["http://localhost:5173", true],
    ["null", true],
    ["http://example.org", false],
    ["https://example.org:8443", false],
    ["https://example.org.evil.example", false],
    ["https://sub.example.org", false],
    ["*", false],
  ];
  for (const [origin, expected] of table) {
    assertEquals(isOriginAllowed(request(`Origin: ${origin}`), allowed, PUBLIC), expected, origin);
  }
});

test('isOriginAllowed allows any one origin with "*"', () => {
  for (const origin of ["https://evil.example", "null", "garbage", ""]) {
    assertEquals(isOriginAllowed(request(`Origin: ${origin}`), ["*"], PUBLIC), true, origin);
  }
});

test("isOriginAllowed refuses several Origin fields, whatever is listed", () => {
  const head = request("Origin: http://server.example.com", "+Origin: http://server.example.com");
  assertEquals(isOriginAllowed(head, [], LOOPBACK), false);
  assertEquals(isOriginAllowed(head, ["*", "http://server.example.com"], LOOPBACK), false);
});

test("isOriginAllowed allows a loopback page when both ends and the host are loopback", () => {
  const table: readonly (readonly [origin: string, expected: boolean])[] = [
    ["http://localhost:5173", true],
    ["https://localhost", true],
    ["http://app.localhost:3000", true],
    ["http://127.0.0.1:3000", true],
    ["http://127.9.8.7", true],
    ["http://127.1", true],
    ["http://[::1]:3000", true],
    ["http://[0:0:0:0:0:0:0:1]", true],
    ["http://localhost.evil.example", false],
    ["http://notlocalhost", false],
    ["http://127.0.0.1.evil.example", false],
    ["http://128.0.0.1", false],
    ["http://[::2]", false],
    ["http://192.0.2.1", false],
    ["http://localhost@evil.example", false],
    ["http://localhost/", true],
    ["http://localhost/path", false],
    ["file://localhost", false],
    ["null", false],
  ];
  for (const [origin, expected] of table) {
    const head = request("Host: 127.0.0.1:8000", `Origin: ${origin}`);
    assertEquals(isOriginAllowed(head, [], LOOPBACK), expected, origin);
  }
});

test("isOriginAllowed refuses a loopback page on another host, as behind a local proxy", () => {
  const table: readonly (readonly [host: string, expected: boolean])[] = [
    ["localhost", true],
    ["LOCALHOST:8000", true],
    ["app.localhost:8000", true],
    ["127.0.0.1:8000", true],
    ["127.1", true],
    ["[::1]:8000", true],
    ["chat.example.org", false],
    ["localhost.evil.example", false],
    ["127.0.0.1.evil.example", false],
    ["192.168.0.1:8000", false],
    ["0.0.0.0:8000", false],
    ["%zz", false],
  ];
  for (const [host, expected] of table) {
    const head = request(`Host: ${host}`, "Origin: http://localhost:3000");
    assertEquals(isOriginAllowed(head, [], LOOPBACK), expected, host);
  }
  assertEquals(isOriginAllowed(request("-Host", "Origin: http://localhost"), [], LOOPBACK), false);
});

test("isOriginAllowed refuses a loopback page unless both ends are loopback", () => {
  const head = request("Host: localhost:8000", "Origin: http://localhost:5173");
  const table: readonly (readonly [hostname: string | undefined, expected: boolean])[] = [
    ["127.0.0.1", true],
    ["127.255.0.9", true],
    ["::1", true],
    ["::ffff:127.0.0.1", true],
    ["::FFFF:127.0.0.1", true],
    [undefined, false],
    ["", false],
    ["192.0.2.1", false],
    ["::", false],
    ["::2", false],
    ["::ffff:192.0.2.1", false],
    ["127.evil.example", false],
    ["127.0.0.1.evil.example", false],
    ["localhost", false],
  ];
  for (const [hostname, expected] of table) {
    const other = hostname === undefined ? undefined : address(hostname);
    const message = String(hostname);
    assertEquals(isOriginAllowed(head, [], { ...LOOPBACK, remote: other }), expected, message);
    assertEquals(isOriginAllowed(head, [], { ...LOOPBACK, local: other }), expected, message);
  }
  assertEquals(isOriginAllowed(head, [], PUBLIC), false);
});

test("isOriginAllowed takes http: for the same origin only where the client may use it", () => {
  const table: readonly (readonly [origin: string, secure: boolean | undefined, boolean])[] = [
    ["https://example.org", true, true],
    ["https://example.org:443", true, true],
    ["http://example.org", true, false],
    ["http://example.org:80", true, false],
    ["HTTP://EXAMPLE.ORG", true, false],
    ["http://example.org", undefined, true],
    ["http://example.org", false, true],
    ["https://example.org", undefined, true],
  ];
  for (const [origin, secure, expected] of table) {
    const head = request("Host: example.org", `Origin: ${origin}`);
    const message = `${origin} ${secure}`;
    assertEquals(isOriginAllowed(head, [], { ...PUBLIC, secure }), expected, message);
  }
  const listed = request("Host: example.org", "Origin: http://example.org");
  assertEquals(isOriginAllowed(listed, ["http://example.org"], { ...PUBLIC, secure: true }), true);
});
