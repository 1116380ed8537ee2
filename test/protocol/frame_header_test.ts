// Header literals are read whole, byte by byte, at every split and with trailing bytes, through FrameDecoder,
// which is the only caller of readHeader.

import { assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import {
  checkHeader,
  createFrameHeader,
  type FrameHeader,
  headerLength,
  MAX_HEADER_LENGTH,
  readHeader,
  type Role,
  writeHeader,
} from "../../src/protocol/frame_header.ts";
import { decodeAll } from "../support/drive.ts";
import { cuts } from "../support/split.ts";
import { test } from "../support/test.ts";

/** Payload lengths at the boundaries, as a server's header has them. */
const lengths: readonly (readonly [hex: string, payloadLength: number])[] = [
  ["8200", 0],
  ["8201", 1],
  ["827d", 125],
  ["827e007e", 126],
  ["827e007f", 127],
  ["827effff", 65535],
  ["827f0000000000010000", 65536],
  ["827f000000007fffffff", 2 ** 31 - 1],
  ["827f0000000080000000", 2 ** 31],
  ["827f00000000ffffffff", 2 ** 32 - 1],
  ["827f0000000100000000", 2 ** 32],
  ["827f001fffffffffffff", Number.MAX_SAFE_INTEGER],
];

/** The same header with a masking key. */
function masked(hex: string, key: string): string {
  const second = (parseInt(hex.slice(2, 4), 16) + 0x80).toString(16);
  return hex.slice(0, 2) + second + hex.slice(4) + key;
}

function read(hex: string): FrameHeader {
  const bytes = decodeHex(hex);
  const header = createFrameHeader();
  assertEquals(readHeader(bytes, 0, bytes.length, header), bytes.length);
  return header;
}

function header(fields: Partial<FrameHeader>): FrameHeader {
  return { ...createFrameHeader(), fin: true, opcode: 2, ...fields };
}

function judge(hex: string, role: Role, fragmented = false): string {
  const violation = checkHeader(read(hex), role, fragmented, false);
  return violation === undefined ? "" : `${violation.code} ${violation.reason}`;
}

test("readHeader reads every boundary length, under every split, with trailing bytes", () => {
  for (const [hex, payloadLength] of lengths) {
    for (const key of ["", "37fa213d", "ffeeddcc"]) {
      const headerHex = key === "" ? hex : masked(hex, key);
      const maskingKey = key === "" ? 0 : Number.parseInt(key, 16) | 0;
      const expected = header({ masked: key !== "", maskingKey, payloadLength });
      for (const trailing of payloadLength > 1 ? ["", "ab", "ab02"] : [""]) {
        for (const chunks of cuts(decodeHex(headerHex + trailing))) {
          const [frame] = decodeAll(chunks);
          assertEquals(frame?.header, expected);
          assertEquals(frame?.payload.length, trailing.length);
        }
      }
    }
  }
});

test("readHeader reads whole frames of 0, 125, 126 and 127 octets and what follows, under every split", () => {
  for (const length of [0, 1, 125, 126, 127]) {
    const payload = Uint8Array.from({ length }, (_, i) => i + 1);
    const start = length < 126
      ? `82${(0x80 + length).toString(16)}`
      : `82fe00${length.toString(16)}`;
    const frame = start + "00000000" + encodeHex(payload);
    for (const chunks of cuts(decodeHex(frame + frame + "89"))) {
      const frames = decodeAll(chunks);
      assertEquals(frames.map((frame) => frame.payload), [encodeHex(payload), encodeHex(payload)]);
      assertEquals(frames[1]?.header, header({ masked: true, payloadLength: length }));
    }
  }
});

test("readHeader consumes a whole header or nothing", () => {
  for (const [hex] of lengths) {
    const bytes = decodeHex(masked(hex, "01020304"));
    for (let end = 0; end < bytes.length; end++) {
      const target = createFrameHeader();
      assertEquals(readHeader(bytes, 0, end, target), 0);
      assertEquals(target, createFrameHeader());
    }
  }
});

test("readHeader reads at an offset", () => {
  const target = createFrameHeader();
  assertEquals(readHeader(decodeHex("ffff8a85010203048181"), 2, 8, target), 6);
  const maskingKey = 0x01020304;
  assertEquals(target, header({ opcode: 10, masked: true, maskingKey, payloadLength: 5 }));
});

test("readHeader reads FIN, RSV and opcode as the bits say", () => {
  const wrong: number[] = [];
  for (let first = 0; first < 256; first++) {
    const { fin, reserved, opcode } = read(encodeHex(Uint8Array.of(first, 0)));
    if ((fin ? 128 : 0) + reserved * 16 + opcode !== first) wrong.push(first);
  }
  assertEquals(wrong, []);
});

test("readHeader tells a length that is not in its shortest form", () => {
  for (
    const [hex, payloadLength, minimal] of [
      ["827e0000", 0, false],
      ["827e007d", 125, false],
      ["827e007e", 126, true],
      ["827f0000000000000000", 0, false],
      ["827f000000000000007e", 126, false],
      ["827f000000000000ffff", 65535, false],
      ["827f0000000000010000", 65536, true],
    ] as const
  ) {
    assertEquals(read(hex), header({ payloadLength, minimal }));
  }
});

test("checkHeader accepts every boundary length up to 2^53-1", () => {
  for (const [hex] of lengths) {
    assertEquals(judge(hex, "client"), "", hex);
    assertEquals(judge(masked(hex, "01020304"), "server"), "", hex);
  }
});

test("checkHeader refuses lengths above 2^53-1 with 1009 and those from 2^63 on with 1002", () => {
  for (
    const hex of ["0020000000000000", "0020000000000001", "4000000000000000", "7ffffffffffffbff"]
  ) {
    assertEquals(judge(`827f${hex}`, "client"), "1009 Payload length above 2^53-1", hex);
  }
  for (const hex of ["8000000000000000", "8000000000000001", "ffffffffffffffff"]) {
    const expected = "1002 Payload length with its highest bit set";
    assertEquals(judge(`827f${hex}`, "client"), expected, hex);
    assertEquals(judge(masked(`827f${hex}`, "01020304"), "server"), expected, hex);
  }
});

test("checkHeader takes 2^63-1, which no Number holds, for a length without its highest bit", () => {
  for (const hex of ["7ffffffffffffe00", "7fffffffffffffff"]) {
    assertEquals(judge(`827f${hex}`, "client"), "1009 Payload length above 2^53-1", hex);
  }
});

test("checkHeader names what is wrong", () => {
  const cases: readonly (readonly [hex: string, fragmented: boolean, expected: string])[] = [
    ["8100", false, ""],
    ["0100", false, ""],
    ["0000", true, ""],
    ["8000", true, ""],
    ["8800", true, ""],
    ["897d", true, ""],
    ["8a7d", false, ""],
    ["c100", false, "1002 Reserved bit set without an extension that uses it"],
    ["a200", false, "1002 Reserved bit set without an extension that uses it"],
    ["9000", true, "1002 Reserved bit set without an extension that uses it"],
    ["c800", false, "1002 Reserved bit set without an extension that uses it"],
    ["8300", false, "1002 Reserved opcode"],
    ["8700", true, "1002 Reserved opcode"],
    ["8b00", false, "1002 Reserved opcode"],
    ["8f00", true, "1002 Reserved opcode"],
    ["0b00", false, "1002 Reserved opcode"],
    ["0800", false, "1002 Fragmented control frame"],
    ["0900", true, "1002 Fragmented control frame"],
    ["0a00", false, "1002 Fragmented control frame"],
    ["887e007e", false, "1002 Control frame longer than 125 octets"],
    ["897e007e", true, "1002 Control frame longer than 125 octets"],
    ["8a7f0000000000010000", false, "1002 Control frame longer than 125 octets"],
    ["897e0005", false, "1002 Payload length not in its shortest form"],
    ["827e007d", false, "1002 Payload length not in its shortest form"],
    ["817f000000000000ffff", false, "1002 Payload length not in its shortest form"],
    ["0000", false, "1002 Continuation frame without a message to continue"],
    ["8000", false, "1002 Continuation frame without a message to continue"],
    ["8100", true, "1002 New message inside a fragmented message"],
    ["0200", true, "1002 New message inside a fragmented message"],
  ];
  for (const [hex, fragmented, expected] of cases) {
    assertEquals(judge(hex, "client", fragmented), expected, hex);
    assertEquals(judge(masked(hex, "00000000"), "server", fragmented), expected, hex);
  }
});

test("checkHeader refuses a masked frame from a server and an unmasked one from a client", () => {
  for (const hex of ["8100", "8200", "8800", "8900", "8a00", "827e007e"]) {
    assertEquals(judge(hex, "server"), "1002 Unmasked frame from a client");
    assertEquals(judge(masked(hex, "01020304"), "client"), "1002 Masked frame from a server");
    assertEquals(judge(masked(hex, "00000000"), "client"), "1002 Masked frame from a server");
  }
});

test("checkHeader allows RSV1 where an extension was negotiated, on the first frame of a message", () => {
  for (let reserved = 0; reserved < 8; reserved++) {
    for (const opcode of [0, 1, 2, 8, 9, 10]) {
      for (const transforms of [false, true]) {
        const target = header({ reserved, opcode });
        const violation = checkHeader(target, "client", opcode === 0, transforms);
        const begins = opcode === 1 || opcode === 2;
        const allowed = reserved === 0 || (reserved === 4 && transforms && begins);
        assertEquals(violation?.kind, allowed ? undefined : "reserved-bits");
      }
    }
  }
});

test("checkHeader agrees with the rules written out, for all first two octets", () => {
  const wrong: string[] = [];
  for (let first = 0; first < 256; first++) {
    for (let second = 0; second < 256; second++) {
      const isMasked = second >= 128;
      const form = second % 128;
      const bytes = new Uint8Array(14);
      bytes.set([first, second]);
      // A length of 128 or 65,536 for the two long forms: each in its shortest.
      bytes[form === 126 ? 3 : 7] = form === 126 ? 128 : 1;
      if (form < 126) bytes.fill(0, 2);
      const target = createFrameHeader();
      readHeader(bytes, 0, 14, target);
      const opcode = first % 16;
      const control = opcode >= 8;
      for (const role of ["client", "server"] as const) {
        for (const fragmented of [false, true]) {
          const allowed = first % 128 < 16 && [0, 1, 2, 8, 9, 10].includes(opcode) &&
            (!control || (first >= 128 && form <= 125)) &&
            (control || fragmented === (opcode === 0)) && isMasked === (role === "server");
          if (allowed !== (checkHeader(target, role, fragmented, false) === undefined)) {
            wrong.push(`${encodeHex(bytes)} ${role} ${fragmented}`);
          }
        }
      }
    }
  }
  assertEquals(wrong, []);
});

test("writeHeader writes the literals", () => {
  for (const [hex, payloadLength] of lengths) {
    for (const key of [undefined, 0, 0x37fa213d, 0xffeeddcc, 0xffeeddcc | 0]) {
      const target = new Uint8Array(3 + MAX_HEADER_LENGTH).fill(0xaa);
      const end = writeHeader(target, 3, 0x82, payloadLength, key);
      const keyHex = key === undefined ? "" : (key >>> 0).toString(16).padStart(8, "0");
      const expected = key === undefined ? hex : masked(hex, keyHex);
      assertEquals(encodeHex(target.slice(3, end)), expected);
      assertEquals(headerLength(payloadLength, key !== undefined), end - 3);
      assertEquals(encodeHex(target.slice(end)), "aa".repeat(target.length - end));
    }
  }
});

test("writeHeader and readHeader round trip", () => {
  const target = new Uint8Array(MAX_HEADER_LENGTH);
  for (let power = 0; power <= 53; power++) {
    for (const payloadLength of [2 ** power - 1, 2 ** power, 2 ** power + 1]) {
      if (payloadLength > Number.MAX_SAFE_INTEGER) continue;
      for (const key of [undefined, 0x80000001]) {
        for (const first of [0x00, 0x82, 0xc1, 0xff]) {
          const end = writeHeader(target, 0, first, payloadLength, key);
          const back = createFrameHeader();
          assertEquals(readHeader(target, 0, end, back), end);
          assertEquals(back, {
            fin: first >= 128,
            reserved: (first >> 4) % 8,
            opcode: first % 16,
            masked: key !== undefined,
            maskingKey: (key ?? 0) | 0,
            payloadLength,
            minimal: true,
          });
        }
      }
    }
  }
});
