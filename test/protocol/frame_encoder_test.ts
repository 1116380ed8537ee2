// What the encoder writes is read back by the naive codec of test/support/frames.ts.

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import type { Bytes } from "../../src/util/bytes.ts";
import { FrameEncoder, lendBatches, REFERENCE_FROM } from "../../src/protocol/frame_encoder.ts";
import { PreparedFrame } from "../../src/protocol/prepared_message.ts";
import { encodeUtf8 } from "../../src/util/utf8.ts";
import { same, takeAll, takeBatches } from "../support/drive.ts";
import { decodeFrames } from "../support/frames.ts";
import { test } from "../support/test.ts";

const boundaries = [0, 1, 125, 126, 127, 1000, 16_383, 16_384, 65_535, 65_536, 65_537, 200_000];

function filled(length: number): Bytes {
  return Uint8Array.from({ length }, (_, i) => i * 13);
}

test("FrameEncoder writes the RFC's unmasked text to the byte", () => {
  const encoder = new FrameEncoder(false);
  encoder.text(1, "Hello");
  encoder.binary(9, decodeHex("48656c6c6f"));
  encoder.binary(8, decodeHex(""));
  assertEquals(encodeHex(takeAll(encoder)), "810548656c6c6f" + "890548656c6c6f" + "8800");
});

test("FrameEncoder.binary round trips every boundary length for both roles", () => {
  for (const masked of [false, true]) {
    for (const length of boundaries) {
      const encoder = new FrameEncoder(masked);
      const payload = filled(length);
      encoder.binary(2, payload);
      const waiting = encoder.byteLength;
      const bytes = takeAll(encoder);
      assertEquals([bytes.length, encoder.byteLength], [waiting, 0]);
      const [frame, ...more] = decodeFrames(bytes);
      assertEquals([frame?.opcode, frame?.fin, frame?.reserved], [2, true, 0]);
      assertEquals([frame?.key !== undefined, more.length], [masked, 0]);
      assert(same(frame!.payload, payload), `length ${length}`);
      assert(same(payload, filled(length)), "The caller's bytes were changed");
    }
  }
});

test("FrameEncoder.text round trips texts whose length form is guessed wrong", () => {
  const lengths = [0, 1, 41, 42, 62, 63, 125, 126, 127, 5456, 5461, 5462, 21_845, 65_535, 65_536];
  for (const masked of [false, true]) {
    for (const unit of ["a", "é", "€", "\u{1f600}", "\ud800", "\ufeff"]) {
      const encoder = new FrameEncoder(masked);
      for (const length of lengths) encoder.text(1, unit.repeat(length));
      const waiting = encoder.byteLength;
      const bytes = takeAll(encoder);
      assertEquals(bytes.length, waiting);
      const frames = decodeFrames(bytes);
      assertEquals(frames.length, lengths.length);
      frames.forEach((frame, i) => {
        assertEquals([frame.opcode, frame.fin, frame.key !== undefined], [1, true, masked]);
        assert(same(frame.payload, encodeUtf8(unit.repeat(lengths[i]!))), `${unit} ${lengths[i]}`);
      });
    }
  }
});

test("FrameEncoder writes FIN, RSV and opcode", () => {
  const encoder = new FrameEncoder(false);
  encoder.binary(2, decodeHex("01"), false, 4);
  encoder.binary(0, filled(REFERENCE_FROM), true, 3);
  encoder.text(1, "a", false);
  encoder.text(0, "é".repeat(10_000), false);
  const frames = decodeFrames(takeAll(encoder));
  assertEquals(
    frames.map(({ opcode, fin, reserved }) => [opcode, fin, reserved]),
    [[2, false, 4], [0, true, 3], [1, false, 0], [0, false, 0]],
  );
});

test("FrameEncoder takes a fresh masking key for each frame", () => {
  const encoder = new FrameEncoder(true);
  for (let i = 0; i < 50; i++) {
    encoder.text(1, "same");
    encoder.binary(2, decodeHex("73616d65"));
  }
  const keys = decodeFrames(takeAll(encoder)).map(({ key }) => encodeHex(key!));
  assertEquals(keys.length, 100);
  assert(new Set(keys).size >= 99, "Masking keys repeat");
});

test("FrameEncoder joins small frames in one segment", () => {
  for (const masked of [false, true]) {
    const encoder = new FrameEncoder(masked);
    encoder.binary(2, new Uint8Array(60_000));
    takeBatches(encoder);
    const opened = new FrameEncoder(masked);
    for (let i = 0; i < 32; i++) opened.text(1, "twenty octets of text");
    const parts = takeBatches(opened);
    // A slab may end in the midst of a batch: then there are two.
    assert(parts.length <= 2, `${parts.length} segments`);
    assertEquals(opened.take(), undefined);
  }
});

test("FrameEncoder fills slab after slab in order", () => {
  for (const masked of [false, true]) {
    const encoder = new FrameEncoder(masked);
    const expected: string[] = [];
    for (let i = 0; i < 3000; i++) {
      const payload = filled(i % 200);
      if (i % 3 === 0) encoder.text(1, "é".repeat(i % 100));
      else encoder.binary(2, payload);
      expected.push(encodeHex(i % 3 === 0 ? encodeUtf8("é".repeat(i % 100)) : payload));
    }
    const waiting = encoder.byteLength;
    const bytes = takeAll(encoder);
    assertEquals(bytes.length, waiting);
    assertEquals(decodeFrames(bytes).map(({ payload }) => encodeHex(payload)), expected);
  }
});

test("FrameEncoder keeps the bytes of connections apart, also those already taken", () => {
  const encoders = [false, true, false].map((masked) => new FrameEncoder(masked));
  const expected: string[][] = encoders.map(() => []);
  const taken: Bytes[][] = encoders.map(() => []);
  for (let i = 0; i < 2000; i++) {
    const e = (i * i + (i >> 3)) % 3;
    const text = `${e}:${i}:${"€".repeat(i % 60)}`;
    encoders[e]!.text(1, text);
    expected[e]!.push(text);
    if (i % 17 === 0) taken[e]!.push(...takeBatches(encoders[e]!));
  }
  encoders.forEach((encoder, e) => {
    taken[e]!.push(...takeBatches(encoder));
    const texts = taken[e]!.flatMap(decodeFrames).map(({ payload }) =>
      new TextDecoder().decode(payload)
    );
    assertEquals(texts, expected[e]);
  });
});

/** An encoder whose batches are lent. */
function lending(masked: boolean): FrameEncoder {
  const encoder = new FrameEncoder(masked);
  lendBatches(encoder);
  return encoder;
}

test("FrameEncoder that lends writes a large unmasked payload as it is, and copies any other", () => {
  const large = filled(REFERENCE_FROM);
  const encoder = lending(false);
  encoder.binary(2, large);
  assert(takeBatches(encoder).some((part) => part.buffer === large.buffer));

  for (const [masked, length] of [[false, REFERENCE_FROM - 1], [true, REFERENCE_FROM]] as const) {
    const payload = filled(length);
    const copying = lending(masked);
    copying.binary(2, payload);
    payload.fill(0);
    const [frame] = decodeFrames(takeAll(copying));
    assert(same(frame!.payload, filled(length)));
  }
});

test("FrameEncoder copies a payload in shared memory", () => {
  const payload = new Uint8Array(new SharedArrayBuffer(REFERENCE_FROM));
  payload.set(filled(REFERENCE_FROM));
  const encoder = lending(false);
  encoder.binary(2, payload);
  const parts = takeBatches(encoder);
  assert(parts.every((part) => part.buffer instanceof ArrayBuffer));
  encoder.binary(2, payload);
  const [frame] = decodeFrames(takeAll(encoder));
  assert(same(frame!.payload, filled(REFERENCE_FROM)));
});

test("FrameEncoder copies a view on part of a larger buffer, and only that part", () => {
  for (const masked of [false, true]) {
    const buffer = filled(100);
    const encoder = new FrameEncoder(masked);
    encoder.binary(2, buffer.subarray(10, 20));
    const [frame] = decodeFrames(takeAll(encoder));
    assertEquals(encodeHex(frame!.payload), encodeHex(filled(100).slice(10, 20)));
  }
});

test("FrameEncoder copies a payload that can be resized", () => {
  const Resizable = ArrayBuffer as unknown as new (
    length: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer & { resize(length: number): void };
  const buffer = new Resizable(REFERENCE_FROM, { maxByteLength: REFERENCE_FROM });
  const encoder = lending(false);
  encoder.binary(2, new Uint8Array(buffer));
  buffer.resize(0);
  assertEquals(takeAll(encoder).length, 10 + REFERENCE_FROM);
});

test("FrameEncoder gives memory of its own, which its taker may transfer, unless it lends", () => {
  const large = filled(REFERENCE_FROM);
  const frame = new PreparedFrame(2, filled(3), 0);
  for (const masked of [false, true]) {
    const [mine, other] = [new FrameEncoder(masked), lending(masked)];
    for (const encoder of [mine, other]) {
      encoder.text(1, "a");
      encoder.prepared(frame);
      encoder.binary(2, large);
      encoder.binary(2, filled(4));
    }
    for (const batch of takeBatches(mine)) {
      structuredClone(batch, { transfer: [batch.buffer] });
      assertEquals(batch.length, 0);
    }
    other.prepared(frame);
    other.text(1, "b");
    const payloads = decodeFrames(takeAll(other)).map(({ payload }) => encodeHex(payload));
    const expected = [encodeUtf8("a"), filled(3), large, filled(4), filled(3), encodeUtf8("b")];
    assertEquals(payloads, expected.map((payload) => encodeHex(payload)));
  }
});

test("FrameEncoder that does not lend has read a payload when it is added", () => {
  for (const masked of [false, true]) {
    for (const length of [1, REFERENCE_FROM]) {
      const encoder = new FrameEncoder(masked);
      const payload = filled(length);
      encoder.binary(2, payload);
      payload.fill(0);
      const [frame] = decodeFrames(takeAll(encoder));
      assert(same(frame!.payload, filled(length)));
    }
  }
});

test("FrameEncoder keeps a payload that it does not copy in its place among the frames", () => {
  const encoder = lending(false);
  const large = filled(REFERENCE_FROM);
  encoder.text(1, "a");
  encoder.binary(2, large);
  encoder.text(1, "b");
  assertEquals(encoder.byteLength, 3 + 10 + REFERENCE_FROM + 3);
  const header = "827f0000000000010000";
  assertEquals(encodeHex(takeAll(encoder)), "810161" + header + encodeHex(large) + "810162");
  assertEquals(encoder.byteLength, 0);
});

test("FrameEncoder.take gives undefined when nothing waits, and goes on afterwards", () => {
  const encoder = new FrameEncoder(true);
  assertEquals(encoder.take(), undefined);
  encoder.text(1, "first");
  const first = encoder.take()!;
  const before = encodeHex(first);
  assertEquals(encoder.take(), undefined);
  encoder.text(1, "second");
  const second = encoder.take()!;
  assertEquals(encodeHex(first), before);
  assertNotEquals(encodeHex(second), before);
  assertEquals(encoder.take(), undefined);
});
