// SOCKS5, octet by octet.

import { assertEquals, assertRejects } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { ProxyError } from "@sansocket/ws";
import { connectBySocks } from "../../src/client/socks.ts";
import { TransportReader } from "../../src/transport/pull_reader.ts";
import { type Bytes, concat } from "../../src/util/bytes.ts";
import { withoutRow } from "../support/error_rows.ts";
import { cuts } from "../support/split.ts";
import { test } from "../support/test.ts";
import { fedTransport } from "../support/transports.ts";

const hex = (text: string): Bytes => decodeHex(text.replaceAll(" ", ""));

/** What was written, one entry for each write, and what is left to read. */
async function drive(
  answer: Bytes[],
  url = "socks5://p",
  hostname = "a.example",
): Promise<{ writes: string[]; rest: string }> {
  const transport = fedTransport(answer);
  const reader = new TransportReader(transport);
  await connectBySocks(reader, { url: new URL(url) }, { hostname, port: 443 }, 1_000);
  const rest: Bytes[] = [];
  for (let chunk; typeof (chunk = await reader.read(1_000)) !== "string";) rest.push(chunk);
  return {
    writes: transport.writes.map((bytes) => encodeHex(bytes)),
    rest: encodeHex(concat(rest)),
  };
}

const OPENED = "0500 05000001000000000000";
const NAMED = "05010003 09612e6578616d706c65 01bb";

const sent: [what: string, url: string, host: string, answer: string, writes: string[]][] = [
  ["a name", "socks5://p", "a.example", OPENED, ["050100", NAMED]],
  ["a name, with socks5h:", "socks5h://p", "a.example", OPENED, ["050100", NAMED]],
  ["an IPv4 address", "socks5://p", "127.0.0.1", OPENED, ["050100", "05010001 7f000001 01bb"]],
  ["an IPv6 address", "socks5://p", "2001:db8::1", OPENED, [
    "050100",
    "05010004 20010db8000000000000000000000001 01bb",
  ]],
  ["credentials that are not asked for", "socks5://me:x@p", "a.example", OPENED, [
    "05020002",
    NAMED,
  ]],
  ["credentials", "socks5://me:se%20cret@p", "a.example", "0502 0100 05000001000000000000", [
    "05020002",
    "01 02 6d65 07 736520637265 74",
    NAMED,
  ]],
  ["a user name alone", "socks5://%C3%A4@p", "a.example", "0502 0500 05000001000000000000", [
    "05020002",
    "01 02 c3a4 00",
    NAMED,
  ]],
];

for (const [what, url, host, answer, writes] of sent) {
  test(`connectBySocks() asks for a tunnel: ${what}`, async () => {
    assertEquals(
      (await drive([hex(answer)], url, host)).writes,
      writes.map((text) => text.replaceAll(" ", "")),
    );
  });
}

const opened: [what: string, answer: string][] = [
  ["bound to an IPv4 address", "0500 050000017f0000010438"],
  ["bound to an IPv6 address", "0500 05000004 00000000000000000000000000000001 0438"],
  ["bound to a name", "0500 05000003 09612e6578616d706c65 0438"],
  ["bound to an empty name", "0500 05000003 00 0438"],
  ["with a reserved octet that is not 0", "0500 05007f01 00000000 0000"],
];

for (const [what, answer] of opened) {
  test(`connectBySocks() finds the tunnel, and the bytes behind it, however they are cut: ${what}`, async () => {
    for (const behind of ["", "810161", "05000001", "16030100"]) {
      for (const chunks of cuts(hex(answer + behind))) {
        assertEquals((await drive(chunks)).rest, behind);
      }
    }
  });
}

const NAME = "The proxy socks5://p";
const WITH = "socks5://me:secret@p";
const garbage = (what: string, got: string): string =>
  `${NAME} did not answer with SOCKS5: expected ${what}, got ${got}`;
const refusal = (why: string): string => `${NAME} refused a tunnel to a.example:443: ${why}`;

const refused: [answer: string, code: string, message: string, url?: string][] = [
  ["", "EPROXY", "The connection ended before the proxy socks5://p's answer was complete"],
  ["05", "EPROXY", "The connection ended before the proxy socks5://p's answer was complete"],
  ["0500 0500", "EPROXY", "The connection ended before the proxy socks5://p's answer was complete"],
  [
    "0500 05000003 09 61",
    "EPROXY",
    "The connection ended before the proxy socks5://p's answer was complete",
  ],
  ["0400", "EPROXY", garbage("version 5", "4")],
  ["485454502f312e3120343030", "EPROXY", garbage("version 5", "72")],
  ["0501", "EPROXY", garbage("a method that was offered", "1")],
  ["0502", "EPROXY", garbage("a method that was offered", "2")],
  ["0501", "EPROXY", garbage("a method that was offered", "1"), WITH],
  [
    "05ff",
    "EPROXYAUTH",
    `${NAME} wants credentials; put a user name and a password into its URL`,
  ],
  ["05ff", "EPROXYAUTH", `${NAME} takes no user name and password`, WITH],
  ["0502 0101", "EPROXYAUTH", `${NAME} does not take these credentials; check them`, WITH],
  ["0502 01ff", "EPROXYAUTH", `${NAME} does not take these credentials; check them`, WITH],
  ["0500 0400000100", "EPROXY", garbage("version 5", "4")],
  ["0500 0500000200", "EPROXY", garbage("a kind of address", "2")],
  ["0500 05010001000000000000", "EPROXY", refusal("general failure")],
  ["0500 05020001000000000000", "EPROXY", refusal("its rules do not allow it")],
  ["0500 05030001000000000000", "EPROXY", refusal("the network cannot be reached")],
  ["0500 0504000100", "EPROXY", refusal("the host cannot be reached; check the address")],
  ["0500 0505000100", "EPROXY", refusal("nothing listens there; check the address")],
  ["0500 0506000100", "EPROXY", refusal("the time to live has expired")],
  ["0500 0507000100", "EPROXY", refusal("it does not know CONNECT")],
  ["0500 0508000100", "EPROXY", refusal("it does not know this kind of address")],
  ["0500 0509000100", "EPROXY", refusal("reply 9")],
];

for (const [answer, code, message, url] of refused) {
  const who = url === undefined ? "" : " with credentials";
  test(`connectBySocks() refuses ${answer || "nothing"}${who}, however it is cut`, async () => {
    for (const chunks of cuts(hex(answer))) {
      const error = await assertRejects(() => drive(chunks, url), ProxyError);
      assertEquals([error.code, withoutRow(error.message), error.status], [
        code,
        message,
        undefined,
      ]);
    }
  });
}

test("connectBySocks() sends nothing of what is too long for it", async () => {
  const long = "a".repeat(256);
  for (
    const [url, host, what] of [
      ["socks5://p", long, "host"],
      [`socks5://${long}@p`, "a", "user name"],
      [`socks5://a:${long}@p`, "a", "password"],
    ] as const
  ) {
    const message = `Expected a ${what} of at most 255 octets with SOCKS5`;
    await assertRejects(() => drive([hex(OPENED)], url, host), SyntaxError, message);
  }
});
