import { assertEquals } from "@std/assert";
import { encodeHex } from "@std/encoding";
import fc from "fast-check";
import {
  addressKey,
  formatIpAddress,
  isInRange,
  parseAddressRange,
  parseIpAddress,
} from "../../src/util/ip_address.ts";
import { test } from "../support/test.ts";

const addresses: [string, string | undefined][] = [
  ["192.0.2.1", "c0000201"],
  ["0.0.0.0", "00000000"],
  ["255.255.255.255", "ffffffff"],
  ["256.0.0.1", undefined],
  ["1.2.3", undefined],
  ["1.2.3.4.5", undefined],
  ["01.2.3.4", undefined],
  ["1.2.3.", undefined],
  ["1.2.3.4 ", undefined],
  ["", undefined],
  ["example.org", undefined],
  ["::", "00000000000000000000000000000000"],
  ["::1", "00000000000000000000000000000001"],
  ["2001:DB8::8:800:200C:417A", "20010db80000000000080800200c417a"],
  ["fe80::1%eth0", "fe800000000000000000000000000001"],
  ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
  ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
  ["::ffff:192.0.2.1", "c0000201"],
  ["::FFFF:c000:201", "c0000201"],
  ["64:ff9b::192.0.2.33", "0064ff9b0000000000000000c0000221"],
  ["1:2:3:4:5:6:7:8:9", undefined],
  ["1:2:3:4:5:6:7:8::", undefined],
  ["::ffff:", undefined],
  ["1:2:3:4:5:6:7:", undefined],
  ["1::2::3", undefined],
  ["1:2:3", undefined],
  ["12345::", undefined],
  [":1", undefined],
  ["1:::2", undefined],
  ["192.0.2.1::", undefined],
  ["[::1]", undefined],
];

for (const [text, expected] of addresses) {
  test(`parseIpAddress() reads ${JSON.stringify(text)} as ${expected ?? "no address"}`, () => {
    const octets = parseIpAddress(text);
    assertEquals(octets && encodeHex(octets), expected);
  });
}

test("formatIpAddress() writes what parseIpAddress() reads, in canonical form", () => {
  for (const text of ["192.0.2.1", "::", "::1", "2001:db8::8:800:200c:417a", "1:0:0:2::3"]) {
    assertEquals(formatIpAddress(parseIpAddress(text)!), text);
  }
  const mapped = new Uint8Array(16);
  mapped.set([0xff, 0xff, 192, 0, 2, 1], 10);
  assertEquals(formatIpAddress(mapped), "::ffff:192.0.2.1");
});

test("formatIpAddress() and parseIpAddress() go round", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (octets) => {
    octets[0] = 0x20;
    assertEquals(parseIpAddress(formatIpAddress(octets)), octets);
  }));
});

const keys: [string, string][] = [
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["::1", "::/64"],
  ["not:an:address", "not:an:address"],
];

for (const [hostname, key] of keys) {
  test(`addressKey() of ${hostname} is ${key}`, () => assertEquals(addressKey(hostname), key));
}

const ranges: [string, string, boolean][] = [
  ["10.0.0.0/8", "10.255.255.255", true],
  ["10.0.0.0/8", "11.0.0.0", false],
  ["192.0.2.128/25", "192.0.2.129", true],
  ["192.0.2.128/25", "192.0.2.127", false],
  ["192.0.2.1", "192.0.2.1", true],
  ["192.0.2.1", "192.0.2.2", false],
  ["192.0.2.1/32", "::ffff:192.0.2.1", true],
  ["0.0.0.0/0", "8.8.8.8", true],
  ["0.0.0.0/0", "::1", false],
  ["2001:db8::/32", "2001:db8:ffff::1", true],
  ["2001:db8::/33", "2001:db8:8000::1", false],
  ["::ffff:10.0.0.0/104", "10.1.2.3", true],
  ["::/0", "2001::1", true],
];

for (const [range, address, inside] of ranges) {
  test(`isInRange() ${address} is ${inside ? "" : "not "}in ${range}`, () => {
    assertEquals(isInRange(parseIpAddress(address)!, parseAddressRange(range)!), inside);
  });
}

for (
  const text of ["", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10/8", "::/129", "a", "::/1/2"]
) {
  test(`parseAddressRange() refuses ${JSON.stringify(text)}`, () => {
    assertEquals(parseAddressRange(text), undefined);
  });
}
