// The logic of the frame explorer in docs/learn/protocol.md.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { encodeFrame, type Role } from "@sansocket/ws/core";
import {
  encodeText,
  examples,
  parseHex,
  readFrames,
  toHex,
} from "../../docs/.vitepress/theme/components/frame_fields.ts";
import { test } from "../support/test.ts";

function read(hex: string, from: Role = "server", compressed = false) {
  const octets = parseHex(hex);
  assert(typeof octets !== "string", String(octets));
  return readFrames(octets, from, compressed);
}

test("parseHex() takes octets with and without spaces, and says what is wrong", () => {
  for (const text of ["81 02 48 69", "81024869", "0x81, 0x02,\n0x48, 0x69", " 81  0248 69 "]) {
    assertEquals(toHex(parseHex(text) as Uint8Array), "81 02 48 69");
  }
  assertEquals(toHex(parseHex("aB") as Uint8Array), "ab");
  assertEquals(parseHex(""), new Uint8Array());
  assertEquals(parseHex("81 0"), "Expected two digits for each octet, and there is one too few");
  assertEquals(parseHex("81 g0"), 'Expected the digits 0 to 9 and a to f, got "g"');
});

test("parseHex() drops 0x before a number alone, and names a character as a whole", () => {
  const expected = "Expected the digits 0 to 9 and a to f, got";
  assertEquals(parseHex("f0xf1"), `${expected} "x"`);
  assertEquals(parseHex("0x0x81"), `${expected} "x"`);
  assertEquals(parseHex("8\u{1f600}"), `${expected} "\u{1f600}"`);
  assertEquals(parseHex("\uff11\uff12"), `${expected} "\uff11"`); // digits, but not of ASCII
});

test("the frame explorer has a bound for octets and for frames", () => {
  assertEquals(parseHex("00".repeat(100_001)), "Expected at most 100,000 octets");
  const { frames, fault, note } = read("8900".repeat(50_000));
  assertEquals([frames.length, fault], [200, undefined]);
  assertEquals(note, "99,600 octets behind them are not read");
  assertEquals(read("8900".repeat(200)).note, undefined);
});

test("readFrames() names each field of a masked text", () => {
  const { frames, fault, note } = read("81 85 37 fa 21 3d 7f 9f 4d 51 58", "client");
  assertEquals([fault, note, frames.length], [undefined, undefined, 1]);
  const [frame] = frames;
  assertEquals(
    frame?.fields.map(({ name, bits, value }) => [name, bits, value]),
    [
      ["FIN", "1", "1"],
      ["RSV1", "0", "0"],
      ["RSV2", "0", "0"],
      ["RSV3", "0", "0"],
      ["Opcode", "0001", "1"],
      ["MASK", "1", "1"],
      ["Payload length", "0000101", "5 octets"],
      ["Masking key", "00110111 11111010 00100001 00111101", "37 fa 21 3d"],
    ],
  );
  assertEquals(
    [frame?.title, frame?.header, frame?.masked, frame?.payload, frame?.text, frame?.missing],
    ["Text", "81 85 37 fa 21 3d", "7f 9f 4d 51 58", "48 65 6c 6c 6f", '"Hello"', 0],
  );
});

test("readFrames() reads all three lengths", () => {
  for (
    const [size, bits, value] of [
      [125, "1111101", undefined],
      [126, "1111110", "126 octets"],
      [65_535, "1111110", "65,535 octets"],
      [65_536, "1111111", "65,536 octets"],
    ] as const
  ) {
    const reading = readFrames(encodeFrame({ payload: new Uint8Array(size) }), "server", false);
    const fields = reading.frames[0]?.fields ?? [];
    assertEquals([reading.fault, reading.note], [undefined, undefined]);
    assertEquals(fields.find(({ name }) => name === "Payload length")?.bits, bits);
    assertEquals(fields.find(({ name }) => name === "Extended length")?.value, value);
  }
});

test("readFrames() shows the bits of the header as they are, in each frame", () => {
  for (const { hex, from, compressed } of examples) {
    for (const { header, fields } of read(hex, from, compressed).frames) {
      const bits = fields.map((field) => field.bits.replaceAll(" ", "")).join("");
      const octets = bits.match(/.{8}/g) ?? [];
      assertEquals(toHex(Uint8Array.from(octets, (octet) => Number.parseInt(octet, 2))), header);
    }
  }
});

test("the examples are right or wrong as they say, by the library's names", () => {
  const faults = Object.fromEntries(
    examples.map(({ name, hex, from, compressed }) => {
      const { fault, note } = read(hex, from, compressed);
      assertEquals(note, undefined, name);
      return [name, fault?.violation];
    }),
  );
  assertEquals(faults, {
    'Text "Hello"': undefined,
    'Text "Hello", masked': undefined,
    "Ping": undefined,
    "Close 1000": undefined,
    "126 octets": undefined,
    "A message in two fragments, a Ping between": undefined,
    'Text "Hello", compressed (RSV1)': undefined,
    "Wrong: a client that does not mask": "unmasked-frame",
    "Wrong: a reserved opcode": "reserved-opcode",
    "Wrong: RSV1 without compression": "reserved-bits",
    "Wrong: a length that is not minimal": "length-not-minimal",
    "Wrong: a Ping in fragments": "fragmented-control-frame",
    "Wrong: text that is not UTF-8": "invalid-utf8",
    "Wrong: Close 1006": "invalid-close-frame",
    "Wrong: a continuation of nothing": "continuation-without-start",
  });
});

test("readFrames() has the message and the close code of a fault, and the frame", () => {
  const { fault, frames } = read("89 00 81 85 01 02 03 04 00 00 00 00 00");
  assertEquals(frames.length, 2);
  assertEquals(fault, {
    frame: 2,
    violation: "masked-frame",
    message: "Masked frame from a server",
    code: 1002,
  });
  assertEquals(read("81 7f 80 00 00 00 00 00 00 00").fault?.violation, "length-negative");
  assertEquals(read("82 7f 00 00 00 00 00 20 00 00").fault?.code, 1009);
});

test("readFrames() says what is missing", () => {
  const note = (hex: string): string => read(hex).note ?? "";
  assertMatch(note("81"), /at least 2 octets/);
  assertMatch(note("81 7e 00"), /has 4 octets/);
  assertMatch(note("81 ff"), /has 14 octets/);
  assertMatch(note("81 05 48 65"), /^3 octets of the payload have not come/);
  assertMatch(note("01 01 48"), /goes on in another frame/);
  assertMatch(note("88 00 89 00"), /^2 octets behind the Close frame are ignored/);
  assertEquals(read("").frames, []);
});

test("readFrames() says what a payload is in words", () => {
  const words = (hex: string, compressed = false) =>
    read(hex, "server", compressed).frames.map(({ title, text }) => [title, text]);
  assertEquals(words("88 00"), [["Close", "no close code"]]);
  assertEquals(words("88 02 03 e8"), [["Close", "close code 1000, no reason"]]);
  assertEquals(words("88 05 03 e9 62 79 65"), [["Close", 'close code 1001, reason "bye"']]);
  assertEquals(words("82 01 ff"), [["Binary", undefined]]);
  assertEquals(words("c1 07 f2 48 cd c9 c9 07 00", true), [["Text, compressed", undefined]]);
  assertEquals(words("83 00"), [["Opcode 3", undefined]]);
});

test("readFrames() shows the first 256 octets of a payload", () => {
  const [frame] =
    readFrames(encodeFrame({ payload: new Uint8Array(1_300) }), "server", false).frames;
  assertMatch(frame?.payload ?? "", /^(?:00 ){256}… and 1,044 more$/);
});

test("encodeText() masks for a client", () => {
  assertEquals(encodeText("Hello", "client"), "81 85 37 fa 21 3d 7f 9f 4d 51 58");
  assertEquals(encodeText("Hello", "server"), "81 05 48 65 6c 6c 6f");
});
