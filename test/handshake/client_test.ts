import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import {
  createRequest,
  type HandshakeFault,
  judgeResponse,
  parseUrl,
} from "../../src/handshake/client.ts";
import { isKey } from "../../src/handshake/key.ts";
import { formatAcceptance, judgeRequest } from "../../src/handshake/server.ts";
import { createRequestParser, createResponseParser } from "../../src/http/head.ts";
import { test } from "../support/test.ts";
import { response } from "./heads.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";

type Fields = readonly (readonly [string, string])[];

function lines(url: string, protocols: readonly string[] = [], headers: Fields = []): string[] {
  const { key, bytes } = createRequest(parseUrl(url), { protocols, headers });
  return new TextDecoder().decode(bytes).replace(key, "KEY").split("\r\n");
}

test("parseUrl follows the WHATWG's WebSocket constructor", () => {
  const table: readonly (readonly [string | URL, string])[] = [
    ["ws://example.org", "ws://example.org/"],
    ["wss://example.org:443/chat?x", "wss://example.org/chat?x"],
    ["WS://EXAMPLE.org:80/", "ws://example.org/"],
    ["http://example.org/chat", "ws://example.org/chat"],
    ["http://example.org:443/", "ws://example.org:443/"],
    ["https://example.org/chat", "wss://example.org/chat"],
    ["https://example.org:80/", "wss://example.org:80/"],
    ["ws://[0:0::1]:8002/", "ws://[::1]:8002/"],
    ["ws://example.org/a b?c d\u00e9", "ws://example.org/a%20b?c%20d%C3%A9"],
    ["ws://user:pass@example.org/", "ws://user:pass@example.org/"],
    ["ws://example.org/%23", "ws://example.org/%23"],
    [new URL("http://example.org/"), "ws://example.org/"],
  ];
  for (const [url, expected] of table) assertEquals(parseUrl(url).href, expected);
});

test("parseUrl leaves the caller's URL alone", () => {
  const url = new URL("https://example.org/");
  assertNotEquals(parseUrl(url), url);
  assertEquals(url.href, "https://example.org/");
});

test("parseUrl throws SyntaxError for other schemes, fragments and no URL (RFC 6455 3)", () => {
  const table = [
    "",
    "/chat",
    "example.org",
    "ws://",
    "ws://a b/",
    "ws://example.org:65536/",
    "ftp://example.org/",
    "mailto:a@example.org",
    "javascript:alert(1)",
    "ws://example.org/#x",
    "ws://example.org/#",
    "https://example.org/?a#",
  ];
  for (const url of table) assertThrows(() => parseUrl(url), SyntaxError, "Expected");
});

test("createRequest writes the handshake of RFC 6455 1.2", () => {
  assertEquals(
    lines("ws://server.example.com/chat", ["chat", "superchat"], [[
      "Origin",
      "http://example.com",
    ]]),
    [
      "GET /chat HTTP/1.1",
      "Host: server.example.com",
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Key: KEY",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Protocol: chat, superchat",
      "Origin: http://example.com",
      "",
      "",
    ],
  );
});

test("createRequest has a fresh valid key each time (4.1 item 7)", () => {
  const options = { protocols: [], headers: [] };
  const url = parseUrl("ws://example.org/");
  const one = createRequest(url, options);
  assert(isKey(one.key));
  assert(new TextDecoder().decode(one.bytes).includes(`Sec-WebSocket-Key: ${one.key}\r\n`));
  assertNotEquals(one.key, createRequest(url, options).key);
});

test("createRequest names the resource and the host (RFC 6455 3, 4.1 items 2 and 4)", () => {
  const table: readonly (readonly [url: string, target: string, host: string])[] = [
    ["ws://example.org", "/", "example.org"],
    ["ws://example.org?x", "/?x", "example.org"],
    ["ws://example.org/a/../b?c=d&e", "/b?c=d&e", "example.org"],
    ["ws://example.org/%20\u00e9", "/%20%C3%A9", "example.org"],
    ["ws://example.org:80/", "/", "example.org"],
    ["wss://example.org:443/", "/", "example.org"],
    ["ws://example.org:443/", "/", "example.org:443"],
    ["wss://example.org:80/", "/", "example.org:80"],
    ["ws://127.0.0.1:8002/", "/", "127.0.0.1:8002"],
    ["ws://[::1]/", "/", "[::1]"],
    ["wss://[2001:DB8::1]:8443/", "/", "[2001:db8::1]:8443"],
    ["ws://user:pass@example.org/", "/", "example.org"],
  ];
  for (const [url, target, host] of table) {
    assertEquals(lines(url).slice(0, 2), [`GET ${target} HTTP/1.1`, `Host: ${host}`]);
  }
});

test("createRequest takes Host, Origin and other fields from the caller", () => {
  const result = lines("ws://127.0.0.1/", [], [
    ["Cookie", "a=b"],
    ["HOST", "example.org"],
    ["origin", "null"],
    ["X-A", "1"],
    ["X-A", "2"],
  ]);
  assertEquals(result[1], "Host: example.org");
  assertEquals(result.filter((line) => /^host/i.test(line)).length, 1);
  assertEquals(result.slice(6), ["Cookie: a=b", "origin: null", "X-A: 1", "X-A: 2", "", ""]);
});

test("createRequest throws TypeError for reserved, repeated and malformed fields", () => {
  const table: readonly Fields[] = [
    [["Sec-WebSocket-Key", KEY]],
    [["sec-websocket-version", "13"]],
    [["Sec-WebSocket-Protocol", "chat"]],
    [["Sec-WebSocket-Extensions", "permessage-deflate"]],
    [["Upgrade", "h2c"]],
    [["connection", "close"]],
    [["Content-Length", "1"]],
    [["Transfer-Encoding", "chunked"]],
    [["Host", "a"], ["host", "a"]],
    [["Origin", "http://a"], ["ORIGIN", "http://a"]],
    [["X Y", "1"]],
    [["", "1"]],
    [["X", "1\r\nY: 2"]],
    [["Host", "a\nb"]],
    [["X", "\u20ac"]],
  ];
  for (const headers of table) {
    assertThrows(() => lines("ws://example.org/", [], headers), TypeError);
  }
});

test("createRequest throws SyntaxError for malformed or repeated subprotocols (4.1 item 10)", () => {
  const bad = ["", " ", "a b", "a,b", "a/b", '"a"', "a\u0000", "\u00e9", "a\r\nX: y"];
  for (const protocol of bad) {
    assertThrows(() => lines("ws://example.org/", [protocol]), SyntaxError, "a token");
  }
  assertThrows(() => lines("ws://example.org/", ["a", "b", "a"]), SyntaxError, '"a" twice');
  assertEquals(lines("ws://example.org/", ["a", "A"])[6], "Sec-WebSocket-Protocol: a, A");
});

test("createRequest turns user information into Authorization (RFC 7617 2)", () => {
  const table: readonly (readonly [string, string])[] = [
    ["Aladdin:open%20sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="],
    ["test:123\u00a3", "dGVzdDoxMjPCow=="],
    ["user", "dXNlcjo="],
    [":pass", "OnBhc3M="],
    ["a%:b%zz", "YSU6YiV6eg=="],
    ["a:b%3Ac", "YTpiOmM="],
    ["a:%ff%0d%0a", "YTr/DQo="],
  ];
  for (const [userinfo, expected] of table) {
    assertEquals(lines(`ws://${userinfo}@example.org/`)[6], `Authorization: Basic ${expected}`);
  }
  assertThrows(() => lines("ws://a%3Ab:c@example.org/"), SyntaxError, "colon");
});

test("createRequest prefers the caller's Authorization", () => {
  const result = lines("ws://a:b@example.org/", [], [["authorization", "Bearer x"]]);
  assertEquals(result.slice(6), ["authorization: Bearer x", "", ""]);
});

test("judgeResponse accepts every variant that RFC 6455 4.1 allows", () => {
  const table: readonly (readonly [readonly string[], string])[] = [
    [[], ""],
    [["HTTP/1.1 101 OK"], ""],
    [["HTTP/1.0 101 Hm"], ""],
    [["Upgrade: WebSocket"], ""],
    [["Connection: keep-alive, upgrade"], ""],
    [["Connection: keep-alive", "+Connection: UPGRADE"], ""],
    [["Sec-WebSocket-Accept: \ts3pPLMBiTxaQ9kYGzzhZRbK+xOo= "], ""],
    [["Sec-WebSocket-Protocol: chat"], "chat"],
    [["Sec-WebSocket-Protocol: superchat"], "superchat"],
    [["Set-Cookie: a=b", "X-Unknown: x"], ""],
  ];
  for (const [changes, protocol] of table) {
    const judged = judgeResponse(response(...changes), KEY, {
      protocols: ["chat", "superchat"],
    });
    assertEquals(judged, { protocol, extensions: [] }, changes.join("|"));
  }
});

/** What is wrong, by the rule of section 4.1 that says so. */
const CODES: Readonly<Record<string, HandshakeFault>> = {
  "item 1": "ESTATUS",
  "4.4": "ESTATUS",
  "item 2": "EUPGRADE",
  "item 3": "EUPGRADE",
  "item 4": "EACCEPT",
  "11.3.3": "EACCEPT",
  "item 5": "EEXTENSION",
  "item 6": "ESUBPROTOCOL",
  "11.3.4": "ESUBPROTOCOL",
};

test("judgeResponse fails every broken rule of RFC 6455 4.1", () => {
  type Row = readonly [rule: string, changes: string[], reason: string];
  const accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
  const table: readonly Row[] = [
    ["item 1", ["HTTP/1.1 200 OK"], "Expected status 101, got 200 OK"],
    ["item 1", ["HTTP/1.1 403 "], "Expected status 101, got 403"],
    [
      "4.4",
      ["HTTP/1.1 426 Upgrade Required", "Sec-WebSocket-Version: 8", "+Sec-WebSocket-Version: 7"],
      "Expected status 101, got 426 Upgrade Required; expected Sec-WebSocket-Version 13, got 8, 7",
    ],
    ["item 2", ["-Upgrade"], "Expected Upgrade: websocket, got none"],
    ["item 2", ["Upgrade: h2c"], 'Expected Upgrade: websocket, got "h2c"'],
    ["item 2", ["Upgrade: websocket, h2c"], 'Expected Upgrade: websocket, got "websocket, h2c"'],
    ["item 3", ["-Connection"], "Expected Connection: Upgrade, got none"],
    ["item 3", ["Connection: close"], 'Expected Connection: Upgrade, got "close"'],
    ["item 4", ["-Sec-WebSocket-Accept"], `Expected Sec-WebSocket-Accept ${accept}, got none`],
    [
      "item 4",
      ["Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo="],
      `Expected Sec-WebSocket-Accept ${accept}, got "S3pPLMBiTxaQ9kYGzzhZRbK+xOo="`,
    ],
    [
      "11.3.3",
      [`+Sec-WebSocket-Accept: ${accept}`],
      `Expected Sec-WebSocket-Accept ${accept}, got "${accept}, ${accept}"`,
    ],
    [
      "item 5",
      ["Sec-WebSocket-Extensions: permessage-deflate"],
      'Expected no Sec-WebSocket-Extensions, got "permessage-deflate"',
    ],
    ["item 5", ["Sec-WebSocket-Extensions:"], 'Expected no Sec-WebSocket-Extensions, got ""'],
    [
      "item 6",
      ["Sec-WebSocket-Protocol: other"],
      'Expected Sec-WebSocket-Protocol to be one of chat, superchat, got "other"',
    ],
    [
      "item 6",
      ["Sec-WebSocket-Protocol: Chat"],
      'Expected Sec-WebSocket-Protocol to be one of chat, superchat, got "Chat"',
    ],
    [
      "item 6",
      ["Sec-WebSocket-Protocol:"],
      'Expected Sec-WebSocket-Protocol to be one of chat, superchat, got ""',
    ],
    [
      "item 6",
      ["Sec-WebSocket-Protocol: chat, superchat"],
      'Expected Sec-WebSocket-Protocol to be one of chat, superchat, got "chat, superchat"',
    ],
    [
      "11.3.4",
      ["Sec-WebSocket-Protocol: chat", "+Sec-WebSocket-Protocol: chat"],
      "Expected one Sec-WebSocket-Protocol, got 2",
    ],
  ];
  const options = { protocols: ["chat", "superchat"] };
  for (const [rule, changes, reason] of table) {
    const judged = judgeResponse(response(...changes), KEY, options);
    assertEquals(judged, { reason, code: CODES[rule]! }, rule);
  }
});

test("judgeResponse takes an extension that was offered, and no other", async () => {
  const extensions = [{ name: "permessage-deflate", parameters: [] }];
  const judge = (value: string) =>
    judgeResponse(response(`Sec-WebSocket-Extensions: ${value}`), KEY, {
      protocols: [],
      extensions,
    });
  assertEquals(await judge("permessage-deflate; server_max_window_bits=10"), {
    protocol: "",
    extensions: [
      { name: "permessage-deflate", parameters: [["server_max_window_bits", "10"]] },
    ],
  });
  for (const value of ["x-other", "permessage-deflate, x-other", "permessage-deflate;", ""]) {
    assertEquals(await judge(value), {
      reason: `Expected an extension of permessage-deflate, got "${value}"`,
      code: "EEXTENSION",
    });
  }
});

test("judgeResponse fails a subprotocol when none was offered (4.1 item 6)", () => {
  assertEquals(
    judgeResponse(response("Sec-WebSocket-Protocol: chat"), KEY, { protocols: [] }),
    { reason: 'Expected no Sec-WebSocket-Protocol, got "chat"', code: "ESUBPROTOCOL" },
  );
});

test("judgeResponse repeats little of the response, and only printable ASCII", () => {
  const noise = "\u00e9".repeat(300);
  const table = [
    [`HTTP/1.1 500 ${noise}`],
    [`Upgrade: ${noise}`],
    [`Connection: ${noise}`],
    [`Sec-WebSocket-Accept: ${noise}`],
    [`Sec-WebSocket-Extensions: ${noise}`],
    [`Sec-WebSocket-Protocol: ${noise}`],
    ["HTTP/1.1 426 No", `Sec-WebSocket-Version: ${noise}`],
  ];
  for (const changes of table) {
    const judged = judgeResponse(response(...changes), KEY, { protocols: ["chat"] });
    assert("reason" in judged);
    assert(judged.reason.length < 250 && /^[\x20-\x7e]+$/.test(judged.reason), judged.reason);
  }
});

test("createRequest and judgeResponse agree with the server's side", async () => {
  const protocols = ["chat.v2", "chat.v1"];
  const { key, bytes } = createRequest(parseUrl("wss://example.org/x?y"), {
    protocols,
    headers: [["Origin", "https://example.org"]],
  });
  const asked = createRequestParser().push(bytes);
  assert(asked !== undefined && "head" in asked);
  const acceptance = judgeRequest(asked.head);
  assert("key" in acceptance);
  assertEquals(acceptance, { key, protocols, extensions: [] });
  const answer = await formatAcceptance(acceptance, { protocol: "chat.v1", headers: [] });
  const answered = createResponseParser().push(answer);
  assert(answered !== undefined && "head" in answered);
  assertEquals(judgeResponse(answered.head, key, { protocols }), {
    protocol: "chat.v1",
    extensions: [],
  });
});
