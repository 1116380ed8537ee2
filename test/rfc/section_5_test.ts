// RFC 6455 sections 5.1 to 5.6: what a frame may look like, and the Close frame that each violation gets.
// Frames from a client carry the masking key 00000000, so that the literals can be read.

import { assert, assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { encodeUtf8 } from "../../src/util/utf8.ts";
import { createProtocol, feed, takeAll, takeFrames } from "../support/drive.ts";
import { decodeFrames } from "../support/frames.ts";
import { cuts } from "../support/split.ts";
import { test } from "../support/test.ts";

/** Frames that break a rule, unmasked: what comes before, the frame, and the body of the Close frame. */
const violations: readonly (readonly [
  section: string,
  before: readonly string[],
  frame: string,
  code: number,
  reason: string,
])[] = [
  ["5.2", [], "c100", 1002, "Reserved bit set without an extension that uses it"],
  ["5.2", [], "a100", 1002, "Reserved bit set without an extension that uses it"],
  ["5.2", [], "9100", 1002, "Reserved bit set without an extension that uses it"],
  ["5.2", [], "f2050102030405", 1002, "Reserved bit set without an extension that uses it"],
  ["5.2", [], "c900", 1002, "Reserved bit set without an extension that uses it"],
  ["5.2", ["0100"], "c000", 1002, "Reserved bit set without an extension that uses it"],
  ["5.2", [], "8300", 1002, "Reserved opcode"],
  ["5.2", [], "0700", 1002, "Reserved opcode"],
  ["5.2", [], "8b00", 1002, "Reserved opcode"],
  ["5.2", ["0100"], "8f0161", 1002, "Reserved opcode"],
  ["5.2", [], "817e007d", 1002, "Payload length not in its shortest form"],
  ["5.2", [], "827e0000", 1002, "Payload length not in its shortest form"],
  ["5.2", [], "827f000000000000ffff", 1002, "Payload length not in its shortest form"],
  ["5.2", [], "8a7e0001", 1002, "Payload length not in its shortest form"],
  ["5.2", [], "827f8000000000000000", 1002, "Payload length with its highest bit set"],
  ["5.2", [], "827fffffffffffffffff", 1002, "Payload length with its highest bit set"],
  ["5.2", [], "827f0020000000000000", 1009, "Payload length above 2^53-1"],
  ["5.2", [], "827f7000000000000000", 1009, "Payload length above 2^53-1"],
  ["5.4", [], "0000", 1002, "Continuation frame without a message to continue"],
  ["5.4", [], "800161", 1002, "Continuation frame without a message to continue"],
  ["5.4", ["8100"], "8000", 1002, "Continuation frame without a message to continue"],
  ["5.4", ["0100", "8000"], "8000", 1002, "Continuation frame without a message to continue"],
  ["5.4", ["0100"], "8100", 1002, "New message inside a fragmented message"],
  ["5.4", ["0200", "0000"], "0100", 1002, "New message inside a fragmented message"],
  ["5.4", ["0100", "8900"], "8200", 1002, "New message inside a fragmented message"],
  ["5.5", [], "0900", 1002, "Fragmented control frame"],
  ["5.5", [], "0800", 1002, "Fragmented control frame"],
  ["5.5", ["0100"], "0a00", 1002, "Fragmented control frame"],
  ["5.5", [], "897e007e", 1002, "Control frame longer than 125 octets"],
  ["5.5", [], "8a7effff", 1002, "Control frame longer than 125 octets"],
  ["5.5", [], "887f0000000000010000", 1002, "Control frame longer than 125 octets"],
  ["5.5.1", [], "880103", 1002, "Close frame with a body of one octet"],
  ["5.5.1", [], "880203ee", 1002, "Close frame with code 1006, which must not be sent"],
  ["5.5.1", [], "880303e8ff", 1007, "Close reason is not valid UTF-8"],
  ["5.6", [], "8101ff", 1007, "Text is not valid UTF-8"],
  ["5.6", [], "8101c3", 1007, "Text is not valid UTF-8"],
  [
    "10.4",
    [],
    "827f0000000000100001",
    1009,
    "Message of at least 1048577 octets, the limit is 1048576",
  ],
];

/** Adds the masking key 00000000 to an unmasked frame. */
function mask(frame: string): string {
  const second = parseInt(frame.slice(2, 4), 16);
  const end = second < 126 ? 4 : second === 126 ? 8 : 20;
  const form = (second + 128).toString(16);
  return `${frame.slice(0, 2)}${form}${frame.slice(4, end)}00000000${frame.slice(end)}`;
}

function closeBody(code: number, reason: string): string {
  return code.toString(16).padStart(4, "0") + encodeHex(encodeUtf8(reason));
}

for (const role of ["client", "server"] as const) {
  const wire = (frame: string) => decodeHex(role === "server" ? mask(frame) : frame);

  test(`5 violations fail the connection with their code, under every split, at a ${role}`, () => {
    for (const [section, before, frame, code, reason] of violations) {
      for (const trailing of ["", "ffffffff"]) {
        const bytes = decodeHex(encodeHex(wire(frame)) + trailing);
        for (const chunks of cuts(bytes)) {
          const protocol = createProtocol(role);
          feed(protocol, before.map(wire));
          takeAll(protocol.output);
          assertEquals(feed(protocol, chunks), ["close"], `${section} ${frame}`);
          const written = takeFrames(protocol);
          assertEquals(written, [`88 ${closeBody(code, reason)}`], `${section} ${frame}`);
          assertEquals([protocol.state, protocol.endDue], ["discarding", true]);
          assertEquals(feed(protocol, [wire("810161")]), []);
          assertEquals(protocol.end(undefined).code, frame === "880203ee" ? 1006 : code);
        }
      }
    }
  });
}

test("5.1 a server fails an unmasked frame, a client a masked one", () => {
  for (
    const [role, hex, reason] of [
      ["server", "810548656c6c6f", "Unmasked frame from a client"],
      ["server", "8800", "Unmasked frame from a client"],
      ["server", "8900", "Unmasked frame from a client"],
      ["client", "818537fa213d7f9f4d5158", "Masked frame from a server"],
      ["client", "888000000000", "Masked frame from a server"],
    ] as const
  ) {
    for (const chunks of cuts(decodeHex(hex))) {
      const protocol = createProtocol(role);
      assertEquals(feed(protocol, chunks), ["close"]);
      assertEquals(takeFrames(protocol), [`88 ${closeBody(1002, reason)}`]);
    }
  }
});

test("5.3 each frame of a client has a key of its own", () => {
  const protocol = createProtocol("client");
  for (let i = 0; i < 20; i++) protocol.send("same");
  const keys = decodeFrames(takeAll(protocol.output)).map(({ key }) => encodeHex(key!));
  assertEquals(new Set(keys).size, 20);
});

test("5.4 control frames may stand between fragments, and are answered at once", () => {
  const stream = "010161" + "8901aa" + "000162" + "8a01bb" + "0000" + "8900" + "800163";
  for (const chunks of cuts(decodeHex(stream))) {
    const protocol = createProtocol("client");
    assertEquals(feed(protocol, chunks), ["ping aa", "pong bb", "ping ", "text abc"]);
    assertEquals(takeFrames(protocol), ["8a aa", "8a "]);
  }
});

test("5.4 a Close frame may stand between fragments, and ends the message", () => {
  const protocol = createProtocol("client");
  assertEquals(feed(protocol, [decodeHex("010161" + "880203e8" + "800162")]), ["close"]);
  assertEquals(takeFrames(protocol), ["88 03e8"]);
});

test("5.4 a message may consist of empty fragments", () => {
  for (
    const [stream, expected] of [["0100000000008000", "text "], ["02008000", "binary "]] as const
  ) {
    for (const chunks of cuts(decodeHex(stream))) {
      assertEquals(feed(createProtocol("client"), chunks), [expected]);
    }
  }
});

test("5.5 control frames take 125 octets", () => {
  const payload = "61".repeat(125);
  const protocol = createProtocol("client");
  const events = feed(protocol, [
    decodeHex(`8a7d${payload}897d${payload}887d03e8${payload.slice(4)}`),
  ]);
  assertEquals(events, [`pong ${payload}`, `ping ${payload}`, "close"]);
  assertEquals(takeFrames(protocol), [`8a ${payload}`, "88 03e8"]);
  assertEquals(protocol.end(undefined).reason, "a".repeat(123));
});

test("5.5.2 a Ping behind a Close frame is not answered", () => {
  const protocol = createProtocol("client");
  feed(protocol, [decodeHex("880203e8" + "8900")]);
  assertEquals(takeFrames(protocol), ["88 03e8"]);
});

test("5.5.3 an unsolicited Pong is not answered", () => {
  const protocol = createProtocol("server");
  assertEquals(feed(protocol, [decodeHex("8a810000000001")]), ["pong 01"]);
  assertEquals(protocol.output.byteLength, 0);
});

test("5.6 binary data is arbitrary, text is UTF-8", () => {
  const protocol = createProtocol("client");
  assertEquals(feed(protocol, [decodeHex("8204c0afff00")]), ["binary c0afff00"]);
  assert(protocol.state === "open");
  assertEquals(feed(protocol, [decodeHex("8104c0afff00")]), ["close"]);
});
