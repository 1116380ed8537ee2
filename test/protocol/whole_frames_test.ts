import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import {
  type DecodeFrameOptions,
  encodeFrame,
  FrameParser,
  ProtocolError,
} from "../../src/core.ts";
import { type Bytes, concat } from "../../src/util/bytes.ts";
import { cuts } from "../support/split.ts";
import { test } from "../support/test.ts";

/** The frames as lines, and what ended them. */
function parse(chunks: Iterable<Bytes>, options?: DecodeFrameOptions): string[] {
  const parser = new FrameParser(options);
  const lines: string[] = [];
  try {
    for (const chunk of chunks) {
      for (const { fin, opcode, payload, byteLength } of parser.push(chunk)) {
        lines.push(`${fin ? "fin " : ""}${opcode} ${encodeHex(payload)} (${byteLength})`);
        assertEquals(payload.buffer.byteLength, payload.length);
      }
    }
  } catch (error) {
    assertInstanceOf(error, ProtocolError);
    lines.push(error.violation);
  }
  return lines;
}

test("FrameParser gives frames whole, under every split", () => {
  const bytes = decodeHex(
    "0101c3" + "8900" + "8001a9" + "8281ffeeddccfe" + "827e0080" + "ab".repeat(128) + "8100",
  );
  const expected = [
    "1 c3 (3)",
    "fin 9  (2)",
    "fin 0 a9 (3)",
    "fin 2 01 (7)",
    `fin 2 ${"ab".repeat(128)} (132)`,
    "fin 1  (2)",
  ];
  for (const chunks of cuts(bytes)) assertEquals(parse(chunks), expected);
});

test("FrameParser judges each frame and their order, behind the frames before", () => {
  const cases: readonly (readonly [string, DecodeFrameOptions, string])[] = [
    ["8001ff", {}, "continuation-without-start"],
    ["0100" + "8100", {}, "message-inside-message"],
    ["8300", {}, "reserved-opcode"],
    ["c100", {}, "reserved-bits"],
    ["818000000000", { role: "client" }, "masked-frame"],
    ["8202ffff", { maxPayloadLength: 1 }, "message-too-big"],
  ];
  for (const [hex, options, violation] of cases) {
    for (const chunks of cuts(decodeHex("8900" + hex + "8900"))) {
      const lines = parse(chunks, options);
      assertEquals([lines[0], lines.at(-1)], ["fin 9  (2)", violation]);
    }
  }
});

test("FrameParser gives its violation again for whatever follows", () => {
  const parser = new FrameParser();
  for (const hex of ["8300", "8100", ""]) {
    assertThrows(() => [...parser.push(decodeHex(hex))], ProtocolError, "Reserved opcode");
  }
});

test("FrameParser copies the chunk, and tells whether a frame has begun", () => {
  const parser = new FrameParser();
  const bytes = encodeFrame({ payload: "Hello", mask: 0x37fa213d });
  const seen: boolean[] = [];
  const payloads: string[] = [];
  for (const octet of bytes) {
    const chunk = Uint8Array.of(octet);
    for (const { payload } of parser.push(chunk)) payloads.push(new TextDecoder().decode(payload));
    assertEquals(chunk[0], octet);
    chunk.fill(0);
    seen.push(parser.inFrame);
  }
  assertEquals(payloads, ["Hello"]);
  assertEquals(seen, [...bytes].map((_, i) => i < bytes.length - 1));
});

test("FrameParser allocates what comes, not what is declared", () => {
  const parser = new FrameParser({ maxPayloadLength: Infinity });
  // A frame of 2^50 octets, of which 100 come: to allocate the whole would throw.
  const chunk = concat([decodeHex("827f0004000000000000"), new Uint8Array(100)]);
  assertEquals([...parser.push(chunk)], []);
  assertEquals(parser.inFrame, true);
});

test("FrameParser refuses a chunk before the frames of the last one were taken, and what is no bytes", () => {
  const parser = new FrameParser();
  parser.push(decodeHex("8100"));
  assertThrows(() => parser.push(decodeHex("8100")), Error, "before the last one was read");
  assertThrows(() => parser.push("8100" as never), TypeError, "Expected the bytes of frames");
  assertThrows(() => new FrameParser({ mask: true } as never), TypeError, "FrameParser");
});
