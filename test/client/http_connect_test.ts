// CONNECT, octet by octet, and what else a proxy may answer.

import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { HandshakeError, ProxyError, type ProxyOptions } from "@sansocket/ws";
import { connectByHttp } from "../../src/client/http_connect.ts";
import { TransportReader } from "../../src/transport/pull_reader.ts";
import { type Bytes, concat } from "../../src/util/bytes.ts";
import { withoutRow } from "../support/error_rows.ts";
import { cuts } from "../support/split.ts";
import { test } from "../support/test.ts";
import { fedTransport } from "../support/transports.ts";

const latin1 = (text: string): Bytes => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** What was written, and what is left to read; rejects as `connectByHttp()` does. */
async function drive(
  answer: Bytes[],
  url = "http://proxy.example:3128",
  options: Partial<ProxyOptions> = {},
  address = { hostname: "a.example", port: 443 },
): Promise<{ request: string; rest: string }> {
  const transport = fedTransport(answer);
  const reader = new TransportReader(transport);
  await connectByHttp(reader, { ...options, url: new URL(url) }, address, 1_000);
  const rest: Bytes[] = [];
  for (let chunk; typeof (chunk = await reader.read(1_000)) !== "string";) rest.push(chunk);
  const request = String.fromCharCode(...concat(transport.writes));
  return { request, rest: encodeHex(concat(rest)) };
}

const OK = latin1("HTTP/1.1 200 Connection established\r\n\r\n");

const requests: [what: string, string, Partial<ProxyOptions>, string, string[]][] = [
  ["no credentials", "http://p", {}, "a.example", []],
  ["an IPv6 address", "http://p", {}, "2001:db8::1", []],
  ["credentials", "http://me:se%20cret@p", {}, "a.example", [
    "Proxy-Authorization: Basic bWU6c2UgY3JldA==",
  ]],
  ["a user name alone", "http://me@p", {}, "a.example", ["Proxy-Authorization: Basic bWU6"]],
  ["credentials in UTF-8", "http://%C3%A4:%E2%82%AC@p", {}, "a.example", [
    "Proxy-Authorization: Basic w6Q64oKs",
  ]],
  ["header fields", "http://p", { headers: { "X-A": "1" } }, "a.example", ["X-A: 1"]],
  [
    "a token in place of credentials",
    "http://me:secret@p",
    { headers: [["proxy-authorization", "Bearer t"]] },
    "a.example",
    ["proxy-authorization: Bearer t"],
  ],
];

for (const [what, url, options, hostname, lines] of requests) {
  test(`connectByHttp() asks for a tunnel: ${what}`, async () => {
    const { request } = await drive([OK], url, options, { hostname, port: 443 });
    const authority = hostname.includes(":") ? `[${hostname}]:443` : `${hostname}:443`;
    const expected = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`, ...lines, "", ""];
    assertEquals(request, expected.join("\r\n"));
  });
}

const opened: [what: string, string][] = [
  ["200", "HTTP/1.1 200 OK\r\n\r\n"],
  ["HTTP/1.0", "HTTP/1.0 200 Connection established\r\nProxy-agent: tinyproxy/1.11.1\r\n\r\n"],
  ["204", "HTTP/1.1 204 No Content\r\n\r\n"],
  ["a length that means nothing", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"],
  ["a coding that means nothing", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
  ["an interim answer", "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"],
];

for (const [what, answer] of opened) {
  test(`connectByHttp() finds the tunnel, and the bytes behind it, however they are cut: ${what}`, async () => {
    for (const behind of ["", "810161", "0d0a0d0a", "16030100"]) {
      for (const chunks of cuts(concat([latin1(answer), decodeHex(behind)]))) {
        assertEquals((await drive(chunks)).rest, behind);
      }
    }
  });
}

const NAME = "proxy http://proxy.example:3128";
const WANTS = "it wants credentials; put a user name and a password into its URL";

const refused: [answer: string, code: string, message: string, body?: string][] = [
  [
    "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno",
    "EPROXYAUTH",
    `The ${NAME} refused a tunnel to a.example:443 with 407 Proxy Authentication Required: ${WANTS}`,
    "no",
  ],
  [
    "HTTP/1.1 401 Unauthorized\r\n\r\nno",
    "EPROXYAUTH",
    `The ${NAME} refused a tunnel to a.example:443 with 401 Unauthorized: ${WANTS}`,
    "no",
  ],
  [
    "HTTP/1.0 407 \r\n\r\nno",
    "EPROXYAUTH",
    `The ${NAME} refused a tunnel to a.example:443 with 407: ${WANTS}`,
    "no",
  ],
  [
    "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    "EPROXY",
    `The ${NAME} refused a tunnel to a.example:443 with 502 Bad Gateway: check the address, and what the proxy permits`,
    "",
  ],
  [
    "HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n",
    "EPROXY",
    `The ${NAME} refused a tunnel to a.example:443 with 301 Moved: check the address, and what the proxy permits`,
    "",
  ],
  [
    "HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0\r\n\r\n",
    "EPROXY",
    `The ${NAME} refused a tunnel to a.example:443 with 101 Switching Protocols: check the address, and what the proxy permits`,
    "",
  ],
  [
    "HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port",
    "EPROTO",
    `The ${NAME} refused a tunnel to a.example:443 with 400 Bad Request: check the address, and what the proxy permits: it speaks TLS there; give its URL with https: in place of http:`,
    "The plain HTTP request was sent to HTTPS port",
  ],
  [
    "",
    "EPROXY",
    `The connection ended before the ${NAME}'s handshake was complete; if the ${NAME} expects TLS there, give its URL with https: in place of http:`,
  ],
  [
    "HTTP/1.1 200 OK\r\nA: b\r\n",
    "EPROXY",
    `The connection ended before the ${NAME}'s handshake was complete`,
  ],
  [
    "\x15\x03\x01\x00\x02\x02\x28",
    "EPROTO",
    `The ${NAME} speaks TLS there; give its URL with https: in place of http:`,
  ],
  [
    "220 mail.example.org ESMTP\r\n",
    "EPROXY",
    `The ${NAME} did not answer with HTTP: Unexpected "2" in the HTTP version`,
  ],
  [
    `HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(200)}\r\n`,
    "EPROXY",
    `The ${NAME} did not answer with HTTP: Too many header fields, expected at most 128`,
  ],
  [
    `HTTP/1.1 200 OK\r\nA: ${"b".repeat(20_000)}`,
    "EPROXY",
    `The ${NAME} did not answer with HTTP: Header section too large, expected at most 16384 bytes of head`,
  ],
  [
    "HTTP/1.1 100 Continue\r\n\r\n".repeat(17),
    "EPROXY",
    "Expected an answer behind at most 16 interim responses, got one more",
  ],
];

for (const [answer, code, message, body] of refused) {
  test(`connectByHttp() refuses ${JSON.stringify(answer.slice(0, 40))}, however it is cut`, async () => {
    const input = latin1(answer);
    const ways = input.length > 500
      ? [[input], Array.from(input, (o) => Uint8Array.of(o))]
      : cuts(input);
    for (const chunks of ways) {
      const error = await assertRejects(() => drive(chunks), ProxyError);
      assertInstanceOf(error, HandshakeError);
      assertEquals([error.name, error.code, withoutRow(error.message)], [
        "ProxyError",
        code,
        message,
      ]);
      assertEquals(error.body, body);
      assertEquals(error.status, body === undefined ? undefined : Number(answer.slice(9, 12)));
    }
  });
}

test("connectByHttp() says that credentials were not taken, and repeats none", async () => {
  const answer = latin1("HTTP/1.1 407 \r\nContent-Length: 0\r\n\r\n");
  const error = await assertRejects(() => drive([answer], "http://me:secret@p"), ProxyError);
  assertEquals(
    [error.code, withoutRow(error.message)],
    [
      "EPROXYAUTH",
      "The proxy http://p refused a tunnel to a.example:443 with 407: it does not take these credentials; check them",
    ],
  );
});

test("connectByHttp() sends nothing when a header field is malformed, or reserved", async () => {
  for (
    const headers of [{ "A b": "1" }, { A: "1\r\nB: 2" }, { "Content-Length": "1" }, { TE: "a" }]
  ) {
    await assertRejects(() => drive([OK], "http://p", { headers }), TypeError);
  }
  await assertRejects(() => drive([OK], "http://a%3Ab@p"), SyntaxError, "without a colon");
});
