// The examples of the PROXY protocol's text, each whole, at every split, and byte by byte.

import { assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import fc from "fast-check";
import type { Bytes } from "../../src/util/bytes.ts";
import { ProxyHeaderParser } from "../../src/proxy/proxy_header.ts";
import { test } from "../support/test.ts";

const SIGNATURE = "0d0a0d0a000d0a515549540a";
const IPV4 = "c0000201" + "c6336401" + "dfae" + "01bb";
const IPV6 = "20010db8000000000000000000000001" + "20010db8000000000000000000000002" +
  "dfae" + "01bb";
const TLV = "03" + "0004" + "fd16eeb9";

function bytes(hex: string): Bytes {
  return decodeHex(hex) as Bytes;
}

function text(value: string): string {
  return encodeHex(new TextEncoder().encode(value));
}

/** "address port rest", "none rest", or the fault; undefined while incomplete. */
function parse(chunks: readonly Bytes[]): string | undefined {
  const parser = new ProxyHeaderParser();
  for (const [i, chunk] of chunks.entries()) {
    const result = parser.push(chunk);
    if (result === undefined) continue;
    if ("fault" in result) return result.fault;
    const { source, rest } = result;
    const behind = encodeHex(rest) + chunks.slice(i + 1).map(encodeHex).join("");
    return `${source === undefined ? "none" : `${source.hostname} ${source.port}`} ${behind}`
      .trim();
  }
  return undefined;
}

const headers: [string, string, string][] = [
  ["v2 TCP over IPv4", `${SIGNATURE}2111000c${IPV4}`, "192.0.2.1 57262"],
  ["v2 TCP over IPv6", `${SIGNATURE}21210024${IPV6}`, "2001:db8::1 57262"],
  ["v2 with TLVs behind the addresses", `${SIGNATURE}21110013${IPV4}${TLV}`, "192.0.2.1 57262"],
  ["v2 LOCAL", `${SIGNATURE}20000000`, "none"],
  ["v2 LOCAL with addresses, which mean nothing", `${SIGNATURE}2011000c${IPV4}`, "none"],
  ["v2 UNSPEC", `${SIGNATURE}21000003aabbcc`, "none"],
  ["v2 UDP", `${SIGNATURE}2112000c${IPV4}`, "none"],
  ["v2 UNIX", `${SIGNATURE}213100d8${"00".repeat(216)}`, "none"],
  ["v1 TCP4", text("PROXY TCP4 192.0.2.1 198.51.100.1 57262 443\r\n"), "192.0.2.1 57262"],
  ["v1 TCP6", text("PROXY TCP6 2001:DB8::1 ::1 1 65535\r\n"), "2001:db8::1 1"],
  ["v1 UNKNOWN", text("PROXY UNKNOWN\r\n"), "none"],
  ["v1 UNKNOWN with more", text("PROXY UNKNOWN ffff::1 ffff::1 65535 65535\r\n"), "none"],
];

for (const [what, hex, expected] of headers) {
  test(`ProxyHeaderParser reads ${what}, at every split`, () => {
    const whole = bytes(hex + "474554");
    const behind = `${expected} 474554`;
    assertEquals(parse([whole]), behind);
    assertEquals(parse([...whole].map((octet) => Uint8Array.of(octet))), behind);
    for (let i = 1; i < whole.length; i++) {
      assertEquals(parse([whole.slice(0, i), whole.slice(i)]), behind);
    }
    for (let i = 0; i < hex.length / 2; i++) assertEquals(parse([whole.slice(0, i)]), undefined);
  });
}

const faults: [string, string, string][] = [
  ["HTTP", text("GET / HTTP/1.1\r\n"), "Expected the PROXY protocol"],
  ["one octet of HTTP", text("G"), "Expected the PROXY protocol"],
  ["a method that begins as v1 does", text("PROPFIND"), "Expected the PROXY protocol"],
  ["a signature with one octet changed", "0d0a0d0a000d0a515549540b", "Expected the PROXY protocol"],
  ["version 1 in the binary form", `${SIGNATURE}11110000`, "Expected version 2, got 1"],
  ["an unknown command", `${SIGNATURE}22110000`, "Expected command LOCAL or PROXY, got 2"],
  ["an unknown family", `${SIGNATURE}21410000`, "Expected a known address family and transport"],
  ["an unknown transport", `${SIGNATURE}21130000`, "Expected a known address family and transport"],
  ["addresses that are cut short", `${SIGNATURE}2111000b`, "Expected 12 octets, got 11"],
  ["IPv6 with the length of IPv4", `${SIGNATURE}2121000c`, "Expected 36 octets, got 12"],
  ["a header without end", `${SIGNATURE}2111ffff`, "Expected at most 4096 octets, got 65551"],
  ["a v1 line without end", text("PROXY " + "1".repeat(101)), "A line of more than 107 octets"],
  ...[
    "PROXY TCP4 192.0.2.1 198.51.100.1 57262 443\n",
    "PROXY TCP4 192.0.2.1 198.51.100.1 57262\r\n",
    "PROXY TCP4 192.0.2.1  198.51.100.1 1 2\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.1 65536 2\r\n",
    "PROXY TCP4 ::1 ::1 1 2\r\n",
    "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
    "PROXY TCP4 192.0.2.999 192.0.2.2 1 2\r\n",
    "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
    "PROXY UNKNOWNX\r\n",
    "PROXY \r\n",
  ].map((line): [string, string, string] => [
    JSON.stringify(line),
    text(line),
    "A PROXY line that is not valid",
  ]),
];

for (const [what, hex, expected] of faults) {
  test(`ProxyHeaderParser refuses ${what}, at every split`, () => {
    const whole = bytes(hex);
    assertEquals(parse([whole]), expected);
    assertEquals(parse([...whole].map((octet) => Uint8Array.of(octet))), expected);
    for (let i = 1; i < whole.length; i++) {
      assertEquals(parse([whole.slice(0, i), whole.slice(i)]), expected);
    }
  });
}

test("ProxyHeaderParser never throws, and never waits for more than 4,096 octets", () => {
  const start = fc.constantFrom(
    "",
    SIGNATURE,
    `${SIGNATURE}21`,
    `${SIGNATURE}2111`,
    text("PROXY "),
  );
  fc.assert(fc.property(start, fc.uint8Array({ maxLength: 300 }), (hex, tail) => {
    const parser = new ProxyHeaderParser();
    let result = hex === "" ? undefined : parser.push(bytes(hex));
    for (let sent = 0; result === undefined && sent <= 4096; sent += Math.max(1, tail.length)) {
      result = parser.push(tail.length === 0 ? new Uint8Array(1) : tail.slice());
    }
    assertEquals(result === undefined, false);
  }));
});
