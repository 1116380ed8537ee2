import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import { concat } from "../../src/util/bytes.ts";
import { FrameDecoder } from "../../src/protocol/frame_decoder.ts";
import { decodeAll } from "../support/drive.ts";
import { encodeFrames } from "../support/frames.ts";
import { cutAt, cuts } from "../support/split.ts";
import { test } from "../support/test.ts";

const key = decodeHex("a1b2c3d4");

test("FrameDecoder reads the same frames under every split, and what trails", () => {
  const payload = Uint8Array.from({ length: 130 }, (_, i) => 255 - i);
  const frames = [
    { opcode: 1, fin: false, payload: decodeHex("48656c6c6f"), key },
    { opcode: 9, payload: decodeHex(""), key },
    { opcode: 0, payload, key: decodeHex("00ff00fe") },
    { opcode: 2, payload, reserved: 4 },
    { opcode: 8, payload: decodeHex("03e8") },
  ];
  const stream = concat([encodeFrames(...frames), decodeHex("82fe00")]);
  const expected = frames.map(({ payload }) => encodeHex(payload));
  const [whole] = cuts(stream);
  const unsplit = decodeAll(whole!);
  assertEquals(unsplit.map((frame) => frame.payload), expected);
  for (const chunks of cuts(stream)) assertEquals(decodeAll(chunks), unsplit);
});

test("FrameDecoder unmasks across chunks of every size", () => {
  const payload = Uint8Array.from({ length: 1500 }, (_, i) => i * 7);
  const stream = encodeFrames({ opcode: 2, payload, key });
  for (const size of [1, 2, 3, 5, 7, 96, 97, 98, 99, 255, 500, 1499, 1507, 1508]) {
    const points: number[] = [];
    for (let at = size; at < stream.length; at += size) points.push(at);
    const [frame] = decodeAll(cutAt(stream, points));
    assertEquals(frame?.payload, encodeHex(payload));
  }
});

test("FrameDecoder leaves the payload in the chunk, unmasked in place", () => {
  const chunk = decodeHex("8185" + "37fa213d" + "7f9f4d5158" + "8a80");
  const decoder = new FrameDecoder();
  decoder.push(chunk);
  assert(decoder.readHeader());
  assertEquals(decoder.remaining, 5);
  assert(decoder.readPayload());
  assertStrictEquals(decoder.bytes, chunk);
  assertEquals([decoder.start, decoder.end, decoder.remaining], [6, 11, 0]);
  assertEquals(encodeHex(chunk), "818537fa213d" + "48656c6c6f" + "8a80");
  assert(!decoder.empty);
});

test("FrameDecoder gives an empty frame one empty piece", () => {
  for (const trailing of ["", "82"]) {
    const decoder = new FrameDecoder();
    decoder.push(decodeHex("8100" + trailing));
    assert(decoder.readHeader());
    assert(decoder.readPayload());
    assertEquals([decoder.end - decoder.start, decoder.remaining], [0, 0]);
  }
});

test("FrameDecoder says what is missing", () => {
  const decoder = new FrameDecoder();
  decoder.push(decodeHex("8205aabb"));
  assert(decoder.readHeader());
  assert(decoder.readPayload());
  assertEquals([decoder.start, decoder.end, decoder.remaining], [2, 4, 3]);
  assert(decoder.empty);
  assert(!decoder.readPayload());
  decoder.push(decodeHex(""));
  assert(!decoder.readPayload());
  decoder.push(decodeHex("ccddee82"));
  assert(decoder.readPayload());
  assertEquals([decoder.start, decoder.end, decoder.remaining], [0, 3, 0]);
  assert(!decoder.readHeader());
  assert(decoder.empty);
});

test("FrameDecoder lets go of a chunk that has been read", () => {
  for (const hex of ["8100", "810161", "8105616263", "82", "827e00", ""]) {
    const decoder = new FrameDecoder();
    decoder.push(decodeHex(hex));
    while (decoder.readHeader() && decoder.readPayload() && decoder.remaining === 0);
    // A payload that is due keeps its piece until it is asked for more.
    if (decoder.remaining > 0) decoder.readPayload();
    assertEquals(decoder.bytes.length, 0, hex);
    assert(decoder.empty);
  }
});

test("FrameDecoder.push refuses a chunk before the last one was read", () => {
  const decoder = new FrameDecoder();
  decoder.push(decodeHex("810161"));
  assertThrows(() => decoder.push(decodeHex("8100")), Error, "before the last one was read");
  assert(decoder.readHeader());
  assertThrows(() => decoder.push(decodeHex("8100")), Error, "before the last one was read");
  assert(decoder.readPayload());
  decoder.push(decodeHex("8100"));
  assert(decoder.readHeader());
});

test("FrameDecoder.discard drops a chunk, a cut header and a frame in progress", () => {
  for (const hex of ["810161", "827e00", "8205aabb"]) {
    const decoder = new FrameDecoder();
    decoder.push(decodeHex(hex));
    if (decoder.readHeader()) decoder.readPayload();
    decoder.discard();
    assert(decoder.empty);
    assertEquals([decoder.bytes.length, decoder.remaining], [0, 0]);
    decoder.push(decodeHex("8a020102"));
    assert(decoder.readHeader());
    assertEquals([decoder.header.opcode, decoder.remaining], [10, 2]);
  }
});

test("FrameDecoder.keep() takes a message out of a chunk that is lent, and own() the rest", () => {
  // One that ends its chunk is copied alone; one that does not, with what is behind it.
  for (const [size, behind] of [[33, ""], [100, "820161"], [100, "82"]] as const) {
    const payload = "ab".repeat(size);
    const chunk = decodeHex(`82${size.toString(16).padStart(2, "0")}${payload}${behind}`);
    const decoder = new FrameDecoder();
    decoder.push(chunk, true);
    assertEquals(decoder.readMessage(false, 1000), false);
    const message = decoder.keep();
    decoder.own();
    chunk.fill(0xee);
    assertEquals(encodeHex(message), payload);
    assertEquals(decoder.empty, behind === "");
    if (behind === "820161") {
      assertEquals(
        decoder.readMessage(false, 1000),
        undefined,
        "three octets are left to readHeader()",
      );
      assert(decoder.readHeader());
      assert(decoder.readPayload());
      assertEquals(encodeHex(decoder.keep()), "61");
    }
  }
});

test("FrameDecoder.keep() gives a view of a chunk that is not lent and holds more than one message", () => {
  const chunk = decodeHex(`8228${"01".repeat(40)}8100`);
  const decoder = new FrameDecoder();
  decoder.push(chunk);
  assertEquals(decoder.readMessage(false, 1000), false);
  assert(decoder.keep().buffer === chunk.buffer);
});

test("FrameDecoder.keep() gives messages that the next chunks do not change", () => {
  // From one octet to more than a chunk that is unmasked elsewhere may have.
  for (const length of [1, 33, 126, 1000, 1492, 1493]) {
    const size = length < 126 ? [0x80 | length] : [0xfe, length >> 8, length & 0xff];
    const frame = (octet: number): Uint8Array<ArrayBuffer> =>
      new Uint8Array([0x82, ...size, 0, 0, 0, 1, ...new Uint8Array(length).fill(octet)]);
    const decoders = [new FrameDecoder(), new FrameDecoder()];
    const kept = decoders.map((decoder, i) => {
      decoder.push(frame(0x10 + i));
      assertEquals(decoder.readMessage(true, 5000), false);
      return decoder.keep();
    });
    const unmasked = (octet: number): Uint8Array =>
      Uint8Array.from({ length }, (_, i) => i % 4 === 3 ? octet ^ 1 : octet);
    assertEquals(kept, [unmasked(0x10), unmasked(0x11)]);
    assert(decoders.every(({ empty }) => empty));
  }
});
