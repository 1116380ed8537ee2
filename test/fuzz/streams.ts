// Valid streams of frames to start from, as the peer of one role sends them.

import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { handleBackend } from "../../runtimes/shared/zlib.ts";
import { concat } from "../../src/util/bytes.ts";
import type { Role } from "../../src/protocol/frame_header.ts";
import { anyFrame, script, text } from "../property/arbitraries.ts";
import { encodeFrames, type NaiveFrame } from "../support/frames.ts";
import { mutated, type Stream, streamOf } from "./mutate.ts";

const key = fc.uint8Array({ minLength: 4, maxLength: 4 });

/** Long enough for each form of a length, and for whole words. */
const long: fc.Arbitrary<NaiveFrame> = fc.record({
  opcode: fc.constantFrom(1, 2),
  payload: fc.tuple(fc.constantFrom(96, 125, 125, 126, 127, 200, 65_535, 65_536), fc.nat(127))
    .map(([length, octet]) => new Uint8Array(length).fill(octet)),
});

/** Frames that follow the rules, and some near them. */
export function frameStream(role: Role): fc.Arbitrary<Stream> {
  const frames: fc.Arbitrary<readonly NaiveFrame[]> = fc.oneof(
    { weight: 10, arbitrary: script.map(({ frames }) => frames) },
    { weight: 5, arbitrary: fc.array(anyFrame, { maxLength: 8 }) },
    { weight: 1, arbitrary: fc.tuple(long, script).map(([long, { frames }]) => [long, ...frames]) },
  );
  const wide = fc.oneof(
    { weight: 5, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.nat(3) },
  );
  return fc.tuple(frames, key, wide).map(([frames, key, wide]) => masked(role, frames, key, wide));
}

/** `wide` is the index of a frame whose length is written in the next longer form. */
function masked(
  role: Role,
  frames: readonly NaiveFrame[],
  key: Uint8Array,
  wide?: number,
): Stream {
  return streamOf(frames.map((frame, i) => {
    const masking = role === "server" ? key.map((octet) => octet + i) : undefined;
    const bytes = encodeFrames({ ...frame, key: masking });
    return i === wide ? widen(bytes, frame.payload.length) : bytes;
  }));
}

function widen(frame: Uint8Array, length: number): Uint8Array {
  const form = length < 126 ? 126 : 127;
  const count = form === 126 ? 2 : 8;
  const header = new Uint8Array(2 + count);
  header[0] = frame[0]!;
  header[1] = (frame[1]! & 128) + form;
  for (let i = 0; i < 4 && i < count; i++) header[1 + count - i] = length >> (8 * i);
  return concat([header, frame.subarray(length < 126 ? 2 : length < 65_536 ? 4 : 10)]);
}

/** What messages have in common, so that one refers back to those before it, as far as its window reaches. */
const PHRASES: readonly string[] = Array.from({ length: 16 }, (_, i) => {
  const numbers = Array.from(
    { length: i === 0 ? 300 : 10 },
    (_, j) => (i + 1) * (j + 1) * 7919 % 99_991,
  );
  return `{"phrase ${i}":[${numbers.join()}]}`;
});

/** Data that compresses, somewhat. */
const plain: fc.Arbitrary<Uint8Array> = fc.oneof(
  {
    weight: 16,
    arbitrary: fc.array(fc.constantFrom(...PHRASES), { maxLength: 10 })
      .map((phrases) => new TextEncoder().encode(phrases.join())),
  },
  { weight: 4, arbitrary: text.map((text) => new TextEncoder().encode(text.repeat(3))) },
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  { weight: 1, arbitrary: fc.constant(new Uint8Array(80_000)) },
);

interface CompressedMessage {
  readonly opcode: number;
  readonly data: Uint8Array;
  readonly form: "context" | "final" | "stored" | "plain";
  readonly cuts: readonly number[];
  readonly spoil: boolean;
  readonly ping: boolean;
}

const message: fc.Arbitrary<CompressedMessage> = fc.record({
  opcode: fc.constantFrom(1, 2, 2),
  data: plain,
  form: fc.constantFrom("context", "context", "context", "final", "stored", "plain"),
  cuts: fc.array(fc.nat(1000), { maxLength: 3 }),
  spoil: fc.nat(6).map((n) => n === 0),
  ping: fc.boolean(),
});

/** Messages of which most are compressed; some payloads are mutated before they are framed. */
export function compressedStream(
  role: Role,
  takeover: boolean,
  windowBits: number,
): fc.Arbitrary<Stream> {
  return fc.array(message, { minLength: 1, maxLength: 6 }).chain((messages) => {
    const payloads = compress(messages, takeover, windowBits);
    const spoilt = payloads.map((bytes, i) => {
      const stream = fc.constant({ bytes, marks: [0] });
      return messages[i]!.spoil ? mutated(stream) : fc.constant(bytes);
    });
    return fc.tuple(fc.tuple(...spoilt), key).map(([payloads, key]) =>
      masked(role, messages.flatMap((message, i) => framesOf(message, payloads[i]!)), key)
    );
  });
}

function compress(
  messages: readonly CompressedMessage[],
  takeover: boolean,
  windowBits: number,
): Uint8Array<ArrayBuffer>[] {
  const deflater = handleBackend.createDeflater({ level: 6, memoryLevel: 8, windowBits }, takeover);
  const payloads = messages.map(({ data, form }) => {
    if (form === "plain") return new Uint8Array(data);
    // A final block, and the beginning of the empty one behind it (RFC 7692 section 7.2.3.4).
    if (form === "final") return concat([deflateRawSync(data), Uint8Array.of(0)]);
    if (form === "stored") return concat([deflateRawSync(data, { level: 0 }), Uint8Array.of(0)]);
    return data.length === 0 ? Uint8Array.of(0) : deflater.deflate(data).slice(0, -4);
  });
  deflater.close();
  return payloads;
}

function framesOf(
  { opcode, form, cuts, ping }: CompressedMessage,
  payload: Uint8Array,
): NaiveFrame[] {
  const points = cuts.map((part) => Math.floor(part * payload.length / 1000)).sort((a, b) => a - b);
  const ends = [...points, payload.length];
  const frames: NaiveFrame[] = ends.map((end, i) => ({
    opcode: i === 0 ? opcode : 0,
    fin: i === ends.length - 1,
    reserved: i === 0 && form !== "plain" ? 4 : 0,
    payload: payload.subarray(ends[i - 1] ?? 0, end),
  }));
  if (ping) frames.splice(1, 0, { opcode: 9, payload: payload.slice(0, 5) });
  return frames;
}
