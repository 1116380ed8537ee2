// RFC 6455 section 8.1: text that is not UTF-8 fails the connection with 1007, as soon as that is certain.
// The table follows the sections of Markus Kuhn's UTF-8 stress test.

import { assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { encodeUtf8 } from "../../src/util/utf8.ts";
import { createProtocol, feed, takeFrames } from "../support/drive.ts";
import { encodeFrames, type NaiveFrame } from "../support/frames.ts";
import { cuts } from "../support/split.ts";
import { test } from "../support/test.ts";

const FAILED = `88 03ef${encodeHex(encodeUtf8("Text is not valid UTF-8"))}`;

const valid: readonly string[] = [
  "κόσμε", // 1
  "\0", // 2.1: the first of each length
  "\u0080",
  "\u0800",
  "\u{10000}",
  "\x7f", // 2.2: the last of each length
  "\u07ff",
  "\uffff",
  "\u{10ffff}",
  "\ud7ff", // 2.3: at the surrogates and at U+FFFD
  "\ue000",
  "\ufffd",
  "\ufffe", // 5.3: noncharacters are valid
  "\uffff",
  "\ufdd0\u{1fffe}\u{10ffff}",
  "\ufeffHello", // U+FEFF is part of the text
];

/** Octets, and how many of them are read until no valid text can have begun with them. */
const invalid: readonly (readonly [hex: string, readUntil: number])[] = [
  ["f888808080", 1], // 2.1: five and six octets
  ["fc8480808080", 1],
  ["f7bfbfbf", 1], // 2.2
  ["fbbfbfbfbf", 1],
  ["fdbfbfbfbfbf", 1],
  ["f4908080", 2], // 2.3: U+110000
  ["80", 1], // 3.1: continuation octets alone
  ["bf", 1],
  ["80bf80bf80bf", 1],
  ["ceba80", 3],
  ["c020", 1], // 3.2: first octets alone
  ["c220", 2],
  ["e020", 2],
  ["e120", 2],
  ["f020", 2],
  ["f120", 2],
  ["f820", 1],
  ["e18020", 3], // 3.3: without the last octet, inside the text
  ["f0908020", 4],
  ["c2e0a0", 2], // 3.4
  ["fe", 1], // 3.5
  ["ff", 1],
  ["fefeffff", 1],
  ["c0af", 1], // 4.1: overlong slash
  ["e080af", 2],
  ["f08080af", 2],
  ["f8808080af", 1],
  ["c1bf", 1], // 4.2: the largest overlong of each length
  ["e09fbf", 2],
  ["f08fbfbf", 2],
  ["c080", 1], // 4.3: overlong NUL
  ["e08080", 2],
  ["f0808080", 2],
  ["eda080", 2], // 5.1: single surrogates
  ["edadbf", 2],
  ["edae80", 2],
  ["edafbf", 2],
  ["edb080", 2],
  ["edbfbf", 2],
  ["eda080edb080", 2], // 5.2: pairs of surrogates
  ["edafbfedbfbf", 2],
  ["cebae1bdb9cf83cebcceb5eda080656469746564", 13], // Autobahn 6.4
  ["cebae1bdb9cf83cebcceb5f4908080656469746564", 13],
];

/** Texts that end inside a character. */
const truncated: readonly string[] = ["c2", "df", "e0a0", "efbf", "f09080", "f48fbf", "61e1bd"];

const text = (payload: Uint8Array, fin = true): NaiveFrame => ({ opcode: 1, payload, fin });
const rest = (payload: Uint8Array, fin = true): NaiveFrame => ({ opcode: 0, payload, fin });

test("8.1 valid texts arrive as they were sent, under every split and fragmentation", () => {
  for (const expected of valid) {
    const octets = encodeUtf8(expected);
    for (let at = 0; at <= octets.length; at++) {
      const fragmented = encodeFrames(
        text(octets.subarray(0, at), false),
        rest(octets.subarray(at)),
      );
      for (const stream of [encodeFrames(text(octets)), fragmented]) {
        for (const chunks of cuts(stream)) {
          assertEquals(feed(createProtocol("client"), chunks), [`text ${expected}`]);
        }
      }
    }
  }
});

test("8.1 invalid texts fail with 1007, under every split and fragmentation", () => {
  for (const hex of [...invalid.map(([hex]) => hex), ...truncated]) {
    const octets = decodeHex(hex);
    const streams = [encodeFrames(text(octets))];
    for (let at = 0; at <= octets.length; at++) {
      streams.push(encodeFrames(text(octets.subarray(0, at), false), rest(octets.subarray(at))));
    }
    for (const stream of streams) {
      for (const chunks of cuts(stream)) {
        const protocol = createProtocol("client");
        assertEquals(feed(protocol, chunks), ["close"], hex);
        assertEquals(takeFrames(protocol), [FAILED], hex);
      }
    }
  }
});

test("8.1 an unfinished text fails at the octet that makes it invalid", () => {
  for (const [hex, readUntil] of invalid) {
    const octets = decodeHex(hex);
    // Fragment by fragment, and octet by octet inside one frame of which more is to come.
    const fragments = Array.from(octets, (octet, i) => {
      const payload = Uint8Array.of(octet);
      return encodeFrames(i === 0 ? text(payload, false) : rest(payload, false));
    });
    const unfinished = encodeFrames(text(new Uint8Array(100))).slice(0, 2);
    const pieces = Array.from(octets, (octet) => Uint8Array.of(octet));
    for (const [start, chunks] of [[[], fragments], [[unfinished], pieces]] as const) {
      const protocol = createProtocol("client");
      assertEquals(feed(protocol, [...start, ...chunks.slice(0, readUntil - 1)]), [], hex);
      assertEquals(feed(protocol, chunks.slice(readUntil - 1, readUntil)), ["close"], hex);
      assertEquals(takeFrames(protocol), [FAILED], hex);
    }
  }
});

test("8.1 a long ASCII text with one invalid octet fails wherever that is", () => {
  for (const length of [23, 24, 25, 63, 64, 65, 200]) {
    for (let at = 0; at < length; at += 7) {
      const payload = new Uint8Array(length).fill(0x61);
      payload[at] = 0xff;
      for (const stream of [encodeFrames(text(payload)), encodeFrames(text(payload, false))]) {
        assertEquals(feed(createProtocol("client"), [stream]), ["close"]);
      }
    }
  }
});

test("8.1 binary messages are not judged", () => {
  for (const [hex] of invalid) {
    const payload = decodeHex(hex);
    const stream = encodeFrames({ opcode: 2, payload });
    assertEquals(feed(createProtocol("client"), [stream]), [`binary ${hex}`]);
  }
});

test("8.1 a close reason is judged like a text", () => {
  for (const [hex] of invalid) {
    const payload = decodeHex(`03e8${hex}`);
    for (const chunks of cuts(encodeFrames({ opcode: 8, payload }))) {
      const protocol = createProtocol("client");
      assertEquals(feed(protocol, chunks), ["close"]);
      assertEquals(takeFrames(protocol)[0]?.slice(0, 7), "88 03ef");
    }
  }
});
