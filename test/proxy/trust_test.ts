import { assertEquals, assertThrows } from "@std/assert";
import { HeaderFields } from "../../src/http/fields.ts";
import { createTrust, resolveForwarding, type TrustProxy } from "../../src/proxy/trust.ts";
import { test } from "../support/test.ts";

const PEER = { hostname: "10.0.0.1", port: 5000 };

/** "address scheme host" of a request with these fields, or the status of its refusal. */
function resolve(trustProxy: TrustProxy, fields: Record<string, string>, peer = PEER): string {
  const trust = createTrust(trustProxy);
  if (trust === undefined) return "nobody";
  const headers = new HeaderFields();
  headers.append("Host", "internal");
  for (const [name, value] of Object.entries(fields)) headers.append(name, value);
  const head = { method: "GET", target: "/", version: "1.1", headers } as const;
  const result = resolveForwarding(head, peer, trust);
  if ("status" in result) return String(result.status);
  const { remoteAddress, secure, host } = result;
  const scheme = secure === undefined ? "-" : secure ? "https" : "http";
  return `${remoteAddress?.hostname} ${scheme} ${host ?? "-"}`;
}

const XFF = "X-Forwarded-For";
const XFP = "X-Forwarded-Proto";
const XFH = "X-Forwarded-Host";
const CHAIN = "1.1.1.1, 2.2.2.2, 10.0.0.2";

const cases: [string, TrustProxy, Record<string, string>, string][] = [
  ["nothing said", true, {}, "10.0.0.1 - -"],
  ["all trusted: the leftmost", true, { [XFF]: CHAIN }, "1.1.1.1 - -"],
  ["one proxy: the rightmost", 1, { [XFF]: CHAIN }, "10.0.0.2 - -"],
  ["two proxies", 2, { [XFF]: CHAIN }, "2.2.2.2 - -"],
  ["more proxies than entries", 9, { [XFF]: CHAIN }, "1.1.1.1 - -"],
  ["ranges: the first who is in none", ["10.0.0.0/8"], { [XFF]: CHAIN }, "2.2.2.2 - -"],
  [
    "ranges: the peer is in none",
    ["192.168.0.0/16"],
    { [XFF]: CHAIN, [XFP]: "https" },
    "10.0.0.1 - -",
  ],
  ["ranges: malformed fields of a stranger", ["192.168.0.1"], { Forwarded: "=" }, "10.0.0.1 - -"],
  ["all in ranges: the leftmost", ["0.0.0.0/0"], { [XFF]: CHAIN }, "1.1.1.1 - -"],
  [
    "one who hides: the proxy before",
    true,
    { [XFF]: "1.1.1.1, unknown, 10.0.0.2" },
    "10.0.0.2 - -",
  ],
  ["IPv6 with a port", true, { [XFF]: "[2001:db8::1]:99" }, "2001:db8::1 - -"],
  [
    "scheme and host",
    1,
    { [XFF]: "1.1.1.1", [XFP]: "https", [XFH]: "a.example" },
    "1.1.1.1 https a.example",
  ],
  ["scheme without an address", 1, { [XFP]: "wss" }, "10.0.0.1 https -"],
  [
    "schemes: as deep as the address",
    1,
    { [XFF]: "1.1.1.1, 2.2.2.2", [XFP]: "https, http" },
    "2.2.2.2 http -",
  ],
  [
    "schemes: all trusted",
    true,
    { [XFF]: "1.1.1.1, 2.2.2.2", [XFP]: "https, http" },
    "1.1.1.1 https -",
  ],
  [
    "schemes: fewer than addresses",
    true,
    { [XFF]: "1.1.1.1, 2.2.2.2", [XFP]: "HTTP" },
    "1.1.1.1 http -",
  ],
  [
    "Forwarded",
    1,
    { Forwarded: "for=1.1.1.1;proto=https;host=a.example" },
    "1.1.1.1 https a.example",
  ],
  ["Forwarded, quoted IPv6", 1, { Forwarded: 'for="[2001:db8::1]:4711"' }, "2001:db8::1 - -"],
  [
    "Forwarded, of many",
    1,
    { Forwarded: "for=6.6.6.6;host=evil, for=1.1.1.1;host=a" },
    "1.1.1.1 - a",
  ],
  ["Forwarded: a nearer proxy's word fills gaps", 2, {
    Forwarded: "for=1.1.1.1, for=10.0.0.2;proto=https",
  }, "1.1.1.1 https -"],
  [
    "Forwarded with X-Forwarded-Proto",
    1,
    { Forwarded: "for=1.1.1.1", [XFP]: "https" },
    "1.1.1.1 https -",
  ],
  [
    "both agree",
    1,
    { Forwarded: "for=1.1.1.1", [XFF]: "1.1.1.1", [XFP]: "https" },
    "1.1.1.1 https -",
  ],
  ["both differ", 1, { Forwarded: "for=6.6.6.6", [XFF]: "1.1.1.1" }, "400"],
  ["Forwarded malformed", 1, { Forwarded: "for=[::1]" }, "400"],
  ["an unknown scheme", 1, { [XFP]: "gopher" }, "400"],
  ["a host that is none", 1, { [XFH]: "a.example/@evil" }, "400"],
  ["false", false, { [XFF]: "1.1.1.1" }, "nobody"],
  ["0", 0, { [XFF]: "1.1.1.1" }, "nobody"],
];

for (const [what, trustProxy, fields, expected] of cases) {
  test(`resolveForwarding() ${what}: ${expected}`, () => {
    assertEquals(resolve(trustProxy, fields), expected);
  });
}

test("createTrust() takes an IPv4 peer of an IPv6 socket for what it is", () => {
  const peer = { hostname: "::ffff:10.0.0.1", port: 1 };
  assertEquals(resolve(["10.0.0.0/8"], { [XFF]: "1.1.1.1" }, peer), "1.1.1.1 - -");
});

test("createTrust() trusts no peer without an address by ranges, and by number", () => {
  assertEquals(createTrust(["0.0.0.0/0", "::/0"])?.(undefined, 0), false);
  assertEquals(createTrust(1)?.(undefined, 0), true);
});

test("createTrust() refuses what is neither a count nor ranges", () => {
  assertThrows(() => createTrust(-1), RangeError, "got -1");
  assertThrows(() => createTrust(1.5), RangeError, "got 1.5");
  assertThrows(() => createTrust(["proxy.example"]), TypeError, '"proxy.example"');
});
