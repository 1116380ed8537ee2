// Frames of RFC 6455 section 5.7 as literals; all others against the plain codec of test/support/frames.ts.

import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import {
  type DecodedFrame,
  decodeFrame,
  type DecodeFrameOptions,
  encodeFrame,
  type FrameToEncode,
  Opcode,
  ProtocolError,
} from "../../src/core.ts";
import { withoutRow } from "../support/error_rows.ts";
import { decodeFrames, encodeFrames } from "../support/frames.ts";
import { test } from "../support/test.ts";

/** A frame as one line, such as "fin 1 37fa213d 48656c6c6f (11)". */
function show(frame: DecodedFrame | undefined): string | undefined {
  if (frame === undefined) return undefined;
  const { fin, rsv1, opcode, maskingKey, payload, byteLength } = frame;
  const flags = `${fin ? "fin " : ""}${rsv1 ? "rsv1 " : ""}${opcode}`;
  const key = maskingKey === undefined ? "-" : maskingKey.toString(16).padStart(8, "0");
  return `${flags} ${key} ${encodeHex(payload)} (${byteLength})`;
}

const examples: readonly (readonly [hex: string, shown: string, frame: FrameToEncode])[] = [
  ["810548656c6c6f", "fin 1 - 48656c6c6f (7)", { payload: "Hello" }],
  [
    "818537fa213d7f9f4d5158",
    "fin 1 37fa213d 48656c6c6f (11)",
    { payload: "Hello", mask: 0x37fa213d },
  ],
  ["010348656c", "1 - 48656c (5)", { payload: "Hel", fin: false }],
  ["80026c6f", "fin 0 - 6c6f (4)", { payload: "lo", opcode: Opcode.continuation }],
  ["890548656c6c6f", "fin 9 - 48656c6c6f (7)", { payload: "Hello", opcode: Opcode.ping }],
  [
    "8a8537fa213d7f9f4d5158",
    "fin 10 37fa213d 48656c6c6f (11)",
    { payload: "Hello", opcode: Opcode.pong, mask: 0x37fa213d },
  ],
  ["880203e8", "fin 8 - 03e8 (4)", { payload: decodeHex("03e8"), opcode: Opcode.close }],
  ["8200", "fin 2 -  (2)", { payload: new ArrayBuffer(0) }],
  ["8100", "fin 1 -  (2)", {}],
  ["c201ff", "fin rsv1 2 - ff (3)", { payload: decodeHex("ff"), rsv1: true }],
  // The highest bit of a key makes no other number of it, and either sign is taken.
  ["8281ffeeddccfe", "fin 2 ffeeddcc 01 (7)", { payload: decodeHex("01"), mask: 0xffeeddcc }],
  ["8281ffeeddccfe", "fin 2 ffeeddcc 01 (7)", { payload: decodeHex("01"), mask: -0x112234 }],
];

test("encodeFrame writes the literals", () => {
  for (const [hex, , frame] of examples) assertEquals(encodeHex(encodeFrame(frame)), hex);
});

test("decodeFrame reads the literals, and nothing before their last octet", () => {
  for (const [hex, shown] of examples) {
    const bytes = decodeHex(hex);
    for (const behind of ["", "89", "ffffffff"]) {
      assertEquals(show(decodeFrame(decodeHex(hex + behind), { rsv1: true })), shown);
    }
    for (let length = 0; length < bytes.length; length++) {
      assertEquals(decodeFrame(bytes.subarray(0, length), { rsv1: true }), undefined);
    }
  }
});

test("decodeFrame reads what the plain codec writes, and encodeFrame writes what that reads", () => {
  for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 70_000]) {
    const payload = Uint8Array.from({ length }, (_, i) => i * 7);
    for (const key of [undefined, decodeHex("37fa213d"), decodeHex("ffeeddcc")]) {
      const bytes = encodeFrames({ opcode: 2, payload, key });
      const frame = decodeFrame(bytes)!;
      assertEquals([frame.fin, frame.opcode, frame.byteLength], [true, 2, bytes.length]);
      assertEquals(encodeHex(frame.payload), encodeHex(payload));
      const again = encodeFrame({ payload, mask: frame.maskingKey ?? false });
      assertEquals(encodeHex(again), encodeHex(bytes));
    }
  }
});

test("decodeFrame changes nothing, and gives memory of its own, of any kind of bytes", () => {
  const bytes = decodeHex("818537fa213d7f9f4d5158" + "00");
  for (const source of [bytes, bytes.buffer, new DataView(bytes.buffer)]) {
    const { payload } = decodeFrame(source)!;
    assertEquals(payload.buffer.byteLength, 5);
    payload.fill(0);
    assertEquals(encodeHex(bytes), "818537fa213d7f9f4d515800");
  }
});

test("encodeFrame masks with a fresh key each time, and leaves the payload as it is", () => {
  const payload = decodeHex("00".repeat(100));
  const keys = new Set<number | undefined>();
  for (let i = 0; i < 10; i++) {
    const bytes = encodeFrame({ payload, mask: true });
    keys.add(decodeFrame(bytes, { role: "server" })!.maskingKey);
    assertEquals(encodeHex(decodeFrames(bytes)[0]!.payload), "00".repeat(100));
  }
  assertEquals([keys.size, keys.has(undefined)], [10, false]);
  assertEquals(payload.every((octet) => octet === 0), true);
});

test("decodeFrame throws what a frame breaks as soon as its header is there", () => {
  const cases: readonly (readonly [string, DecodeFrameOptions, string])[] = [
    ["8300", {}, "1002 reserved-opcode Reserved opcode"],
    ["0900", {}, "1002 fragmented-control-frame Fragmented control frame"],
    [
      "897e007e",
      {},
      "1002 control-frame-too-long Control frame longer than 125 octets",
    ],
    [
      "827e007d",
      {},
      "1002 length-not-minimal Payload length not in its shortest form",
    ],
    ["827fffffffffffffffff", {}, "1002 length-negative Payload length with its highest bit set"],
    ["827f7fffffffffffffff", {}, "1009 length-too-large Payload length above 2^53-1"],
    ["c100", {}, "1002 reserved-bits Reserved bit set without an extension that uses it"],
    [
      "a100",
      { rsv1: true },
      "1002 reserved-bits Reserved bit set without an extension that uses it",
    ],
    [
      "c000",
      { rsv1: true },
      "1002 reserved-bits Reserved bit set without an extension that uses it",
    ],
    ["8100", { role: "server" }, "1002 unmasked-frame Unmasked frame from a client"],
    ["818000000000", { role: "client" }, "1002 masked-frame Masked frame from a server"],
    [
      "8206",
      { maxPayloadLength: 5 },
      "1009 message-too-big Frame of 6 octets, the limit is 5",
    ],
    [
      "827f0000000000100001",
      {},
      "1009 message-too-big Frame of 1048577 octets, the limit is 1048576",
    ],
  ];
  for (const [hex, options, expected] of cases) {
    const bytes = decodeHex(hex);
    const error = assertThrows(() => decodeFrame(bytes, options));
    assertInstanceOf(error, ProtocolError);
    assertEquals(`${error.code} ${error.violation} ${withoutRow(error.message)}`, expected);
    assertEquals(decodeFrame(bytes.subarray(0, bytes.length - 1), options), undefined);
  }
});

test("encodeFrame refuses what may not be sent", () => {
  const cases: readonly (readonly [FrameToEncode, string])[] = [
    [{ opcode: 3 }, "Reserved opcode"],
    [{ opcode: Opcode.ping, fin: false }, "Fragmented control frame"],
    [{ opcode: Opcode.close, payload: "a".repeat(126) }, "Control frame longer than 125 octets"],
    [{ opcode: Opcode.ping, rsv1: true }, "Reserved bit set"],
    [{ opcode: Opcode.continuation, rsv1: true }, "Reserved bit set"],
    [{ opcode: 16 }, "Expected opcode to be a whole number from 0 to 15, got 16"],
  ];
  for (const [frame, message] of cases) {
    assertThrows(() => encodeFrame(frame), RangeError, message);
  }
});

test("decodeFrame and encodeFrame refuse what is of the wrong kind or misspelt", () => {
  const wrong: readonly (readonly [() => unknown, string])[] = [
    [() => decodeFrame("8100" as never), "Expected the bytes of frames, got string"],
    [() => decodeFrame(new Uint8Array(), { roles: "server" } as never), "did you mean role?"],
    [() => decodeFrame(new Uint8Array(), { role: "peer" as never }), 'to be "client" or "server"'],
    [() => encodeFrame({ payload: 1 as never }), "Expected payload to be a string or bytes, got 1"],
    [() => encodeFrame({ masked: true } as never), "did you mean mask?"],
    [() => encodeFrame({ mask: 1.5 }), "Expected mask to be true, false or a masking key"],
    [() => encodeFrame({ mask: 2 ** 32 }), "Expected mask to be true, false or a masking key"],
    [() => encodeFrame("hi" as never), "Expected the options of encodeFrame() to be an object"],
  ];
  for (const [call, message] of wrong) assertThrows(call, TypeError, message);
});
