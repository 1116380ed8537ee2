import type { HandshakeRefusal } from "../../src/handshake/refusal.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  formatAcceptance,
  type HandshakeAcceptance,
  isUpgradeRequest,
  judgeRequest,
  refuseOrigin,
} from "../../src/handshake/server.ts";
import { test } from "../support/test.ts";
import { request } from "./heads.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPTANCE: HandshakeAcceptance = {
  key: KEY,
  protocols: ["chat", "superchat"],
  extensions: [{ name: "permessage-deflate", parameters: [] }],
};
const UPGRADE: HandshakeRefusal["headers"] = [["Upgrade", "websocket"], ["Connection", "Upgrade"]];

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function refusal(...changes: readonly string[]): HandshakeRefusal {
  const judged = judgeRequest(request(...changes));
  assert("status" in judged, `Expected a refusal: ${changes.join("|")}`);
  return judged;
}

function acceptance(...changes: readonly string[]): HandshakeAcceptance {
  const judged = judgeRequest(request(...changes));
  assert(!("status" in judged), `Expected an acceptance: ${changes.join("|")}`);
  return judged;
}

test("judgeRequest accepts the handshake of RFC 6455 1.2", () => {
  assertEquals(
    acceptance("Origin: http://example.com", "Sec-WebSocket-Protocol: chat, superchat"),
    { key: KEY, protocols: ["chat", "superchat"], extensions: [] },
  );
});

test("judgeRequest accepts every variant that RFC 6455 4.2.1 and 11.3 allow", () => {
  const table = [
    ["GET / HTTP/1.1"],
    ["GET /chat?a=b HTTP/1.1"],
    ["GET http://server.example.com/chat HTTP/1.1"],
    ["Host: [::1]:8002"],
    ["Upgrade: WebSocket"],
    ["Upgrade: h2c, WEBSOCKET"],
    ["Upgrade: h2c", "+Upgrade: websocket"],
    ["Connection: upgrade"],
    ["Connection: keep-alive, Upgrade"],
    ["Connection: keep-alive", "+Connection: UPGRADE"],
    ["Content-Length: 0"],
    ["Cookie: a=b"],
    ["Sec-WebSocket-Accept: ignored"],
    ["X-Unknown: fields are ignored"],
  ];
  for (const changes of table) {
    assertEquals(acceptance(...changes), { key: KEY, protocols: [], extensions: [] });
  }
});

test("judgeRequest joins several Sec-WebSocket-Protocol and -Extensions (11.3.4, 11.3.2)", () => {
  const judged = acceptance(
    "Sec-WebSocket-Protocol: a, b",
    "+Sec-WebSocket-Protocol: B",
    "Sec-WebSocket-Extensions: foo",
    '+Sec-WebSocket-Extensions: bar; baz="2"; x',
  );
  assertEquals(judged.protocols, ["a", "b", "B"]);
  assertEquals(judged.extensions, [
    { name: "foo", parameters: [] },
    { name: "bar", parameters: [["baz", "2"], ["x", true]] },
  ]);
});

test("judgeRequest refuses every broken rule of RFC 6455 4.2.1", () => {
  type Row = readonly [rule: string, changes: string[], status: number, reason: string];
  const key = "Expected Sec-WebSocket-Key to be the base64 of 16 bytes, got ";
  const protocol = "Expected Sec-WebSocket-Protocol to be a list of unique tokens, got ";
  const extensions = "Expected Sec-WebSocket-Extensions to be a list of extensions, got ";
  const host = "Expected Host to be a host and an optional port, got ";
  const target = "Expected a path or an http URI without a fragment, got ";
  const version = "Expected Sec-WebSocket-Version 13, got ";
  const table: readonly Row[] = [
    ["item 1", ["POST /chat HTTP/1.1"], 405, "Expected method GET, got POST"],
    ["item 1", ["get /chat HTTP/1.1"], 405, "Expected method GET, got get"],
    ["item 1", ["GET /chat HTTP/1.0"], 400, "Expected HTTP/1.1 or higher, got HTTP/1.0"],
    ["item 1", ["GET * HTTP/1.1"], 400, target + '"*"'],
    ["3", ["GET /chat#x HTTP/1.1"], 400, target + '"/chat#x"'],
    ["3", ["GET ftp://a/ HTTP/1.1"], 400, target + '"ftp://a/"'],
    ["item 2", ["-Host"], 400, host + "none"],
    ["item 2", ["Host:"], 400, host + '""'],
    ["item 2", ["Host: a b"], 400, host + '"a b"'],
    ["item 2", ["Host: a", "+Host: a"], 400, host + '"a, a"'],
    ["item 3", ["-Upgrade"], 426, "Expected Upgrade: websocket, got none"],
    ["item 3", ["Upgrade: h2c"], 426, 'Expected Upgrade: websocket, got "h2c"'],
    ["item 3", ["Upgrade: websocket2"], 426, 'Expected Upgrade: websocket, got "websocket2"'],
    ["item 4", ["-Connection"], 426, "Expected Connection: Upgrade, got none"],
    ["item 4", ["Connection: close"], 426, 'Expected Connection: Upgrade, got "close"'],
    ["item 5", ["-Sec-WebSocket-Key"], 400, key + "none"],
    ["item 5", ["Sec-WebSocket-Key:"], 400, key + '""'],
    ["item 5", ["Sec-WebSocket-Key: c2hvcnQ="], 400, key + '"c2hvcnQ="'],
    ["11.3.1", [`+Sec-WebSocket-Key: ${KEY}`], 400, key + `"${KEY}, ${KEY}"`],
    [
      "item 6",
      ["-Sec-WebSocket-Version"],
      400,
      "Expected Sec-WebSocket-Version to be 13, got none",
    ],
    ["11.3.5", ["+Sec-WebSocket-Version: 13"], 400, 'Version to be 13, got "13, 13"'],
    ["4.4", ["Sec-WebSocket-Version: 8"], 426, version + "8"],
    ["4.4", ["Sec-WebSocket-Version: 013"], 426, version + "013"],
    ["4.4", ["Sec-WebSocket-Version: 13, 8"], 426, version + "13, 8"],
    ["4.4", ["Sec-WebSocket-Version: 255"], 426, version + "255"],
    ["4.4", ["Sec-WebSocket-Version:"], 426, version],
    ["item 8", ["Sec-WebSocket-Protocol:"], 400, protocol + '""'],
    ["item 8", ["Sec-WebSocket-Protocol: ,"], 400, protocol + '","'],
    ["item 8", ["Sec-WebSocket-Protocol: a b"], 400, protocol + '"a b"'],
    ["item 8", ["Sec-WebSocket-Protocol: a/b"], 400, protocol + '"a/b"'],
    ["4.1 item 10", ["Sec-WebSocket-Protocol: a, b, a"], 400, protocol + '"a, b, a"'],
    ["4.1 item 10", ["Sec-WebSocket-Protocol: a", "+Sec-WebSocket-Protocol: a"], 400, protocol],
    ["item 9", ["Sec-WebSocket-Extensions:"], 400, extensions + '""'],
    ["9.1", ["Sec-WebSocket-Extensions: a; b="], 400, extensions + '"a; b="'],
    ["9.1", ['Sec-WebSocket-Extensions: a; b="c d"'], 400, extensions],
    ["no body", ["Content-Length: 5"], 400, 'Expected no body, got Content-Length "5"'],
    ["no body", ["Transfer-Encoding: chunked"], 400, "got Transfer-Encoding"],
  ];
  for (const [rule, changes, status, reason] of table) {
    const refused = refusal(...changes);
    assertEquals(refused.status, status, `${rule}: ${changes.join("|")}`);
    assertStringIncludes(refused.reason, reason);
  }
});

test("judgeRequest names what to do in the refusal's header fields", () => {
  assertEquals(refusal("PUT /chat HTTP/1.1").headers, [["Allow", "GET"]]);
  assertEquals(refusal("-Upgrade").headers, UPGRADE);
  assertEquals(refusal("-Connection").headers, UPGRADE);
  assertEquals(refusal("Sec-WebSocket-Version: 7").headers, [ // 4.4
    ...UPGRADE,
    ["Sec-WebSocket-Version", "13"],
  ]);
  assertEquals(refusal("-Sec-WebSocket-Key").headers, []);
});

test("judgeRequest asks an ordinary request to upgrade, whatever its method", () => {
  for (const method of ["GET", "HEAD", "POST"]) {
    const refused = refusal(
      `${method} / HTTP/1.1`,
      "-Upgrade",
      "-Connection",
      "-Sec-WebSocket-Key",
      "-Sec-WebSocket-Version",
    );
    assertEquals(refused.status, 426);
  }
});

test("judgeRequest repeats little of the request, and only printable ASCII", () => {
  const table = [
    `Upgrade: ${"x".repeat(5000)}`,
    `Connection: ${"\u00e9\t".repeat(2000)}x`,
    `Host: ${"\u00ff".repeat(200)}`,
    `Sec-WebSocket-Version: ${"1".repeat(200)}`,
    `Sec-WebSocket-Key: ${"\u00e9".repeat(200)}`,
    `Sec-WebSocket-Protocol: ${"@".repeat(200)}`,
    `Sec-WebSocket-Extensions: ${"=".repeat(200)}`,
    `Content-Length: ${"9".repeat(200)}`,
    `${"M".repeat(200)} / HTTP/1.1`,
    `GET ${"*".repeat(200)} HTTP/1.1`,
  ];
  for (const change of table) {
    const { reason } = refusal(change);
    assert(reason.length < 160, reason);
    assert(/^[\x20-\x7e]+$/.test(reason), reason);
  }
});

test("isUpgradeRequest needs Upgrade and Connection (RFC 9110 7.8)", () => {
  const table: readonly (readonly [readonly string[], boolean])[] = [
    [[], true],
    [["POST / HTTP/1.1"], true],
    [["Upgrade: h2c, WebSocket", "Connection: close, upgrade"], true],
    [["-Sec-WebSocket-Key", "-Sec-WebSocket-Version"], true],
    [["-Upgrade"], false],
    [["Upgrade: h2c"], false],
    [["-Connection"], false],
    [["Connection: keep-alive"], false],
    [["GET / HTTP/1.0"], false],
  ];
  for (const [changes, expected] of table) {
    assertEquals(isUpgradeRequest(request(...changes)), expected, changes.join("|"));
  }
});

test("formatAcceptance writes the response of RFC 6455 1.2", () => {
  assertEquals(
    text(formatAcceptance(ACCEPTANCE, { protocol: "chat", headers: [] })),
    "HTTP/1.1 101 Switching Protocols\r\n" +
      "Upgrade: websocket\r\n" +
      "Connection: Upgrade\r\n" +
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" +
      "Sec-WebSocket-Protocol: chat\r\n\r\n",
  );
});

test("formatAcceptance declines subprotocols and extensions by leaving them out", () => {
  const head = text(formatAcceptance(ACCEPTANCE, { protocol: undefined, headers: [] }));
  assertEquals(head.includes("Sec-WebSocket-Protocol"), false);
  assertEquals(head.includes("Sec-WebSocket-Extensions"), false);
});

test("formatAcceptance adds header fields in order, Set-Cookie more than once", () => {
  const fields: [string, string][] = [["Set-Cookie", "a=1"], ["X-Id", "7"], ["Set-Cookie", "b=2"]];
  const own = text(formatAcceptance(ACCEPTANCE, { protocol: undefined, headers: fields }));
  assertStringIncludes(own, "xOo=\r\nSet-Cookie: a=1\r\nX-Id: 7\r\nSet-Cookie: b=2\r\n\r\n");
  // The order in which `Headers` iterates over cookies differs between runtimes.
  const headers = new Headers(fields);
  const web = text(formatAcceptance(ACCEPTANCE, { protocol: undefined, headers }));
  assertStringIncludes(web, "\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n");
  assertStringIncludes(web, "\r\nx-id: 7\r\n");
});

test("formatAcceptance rejects a subprotocol that was not offered (4.2.2 item 4)", () => {
  for (const protocol of ["Chat", "other", "", "chat, superchat"]) {
    assertThrows(
      () => formatAcceptance(ACCEPTANCE, { protocol, headers: [] }),
      TypeError,
      `Expected a subprotocol that the client offers (chat, superchat), got "${protocol}"`,
    );
  }
  assertThrows(
    () => formatAcceptance({ ...ACCEPTANCE, protocols: [] }, { protocol: "chat", headers: [] }),
    TypeError,
    "(none)",
  );
});

test("formatAcceptance rejects reserved and malformed header fields", () => {
  const table: readonly (readonly [string, string])[] = [
    ["Sec-WebSocket-Accept", "x"],
    ["sec-websocket-extensions", "permessage-deflate"],
    ["Sec-WebSocket-Protocol", "chat"],
    ["Upgrade", "h2c"],
    ["CONNECTION", "close"],
    ["Content-Length", "0"],
    ["Transfer-Encoding", "chunked"],
    ["X Y", "1"],
    ["X", "1\r\nY: 2"],
    ["X", "\u0000"],
    ["X", "\u010a"],
  ];
  for (const field of table) {
    assertThrows(
      () => formatAcceptance(ACCEPTANCE, { protocol: undefined, headers: [field] }),
      TypeError,
    );
  }
});

test("refuseOrigin says what was got and what to set (RFC 6455 4.2.2 item 4)", () => {
  const one = refuseOrigin(request("Origin: https://evil.example"));
  assertEquals(one.status, 403);
  assertStringIncludes(one.reason, "`origins`");
  assertStringIncludes(one.reason, 'got "https://evil.example"');
  const two = refuseOrigin(request("Origin: http://a", "+Origin: http://b"));
  assertEquals(two, {
    status: 403,
    reason: "Expected one Origin, got 2",
    headers: [],
    cause: "origin",
  });
});
