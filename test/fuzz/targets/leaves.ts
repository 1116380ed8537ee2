// The leaves: UTF-8, the bodies of Close frames, and DEFLATE, each against its naive twin.

import { assert, assertEquals } from "@std/assert";
import { decodeHex, encodeHex } from "@std/encoding";
import fc from "fast-check";
import { deflateRawSync } from "node:zlib";
import { handleBackend } from "../../../runtimes/shared/zlib.ts";
import { publicBackend } from "../../../runtimes/shared/zlib_public.ts";
import { type Bytes, concat } from "../../../src/util/bytes.ts";
import { decodeCloseBody, encodeCloseBody } from "../../../src/protocol/close_frame.ts";
import { decodeUtf8, encodeUtf8Into, Utf8Validator } from "../../../src/util/utf8.ts";
import { text } from "../../property/arbitraries.ts";
import { mutated, type Stream } from "../mutate.ts";
import { inflateNaively } from "../naive_inflate.ts";
import { mayBeReceived } from "../naive_protocol.ts";
import { decodeNaively, judgeUtf8 } from "../naive_utf8.ts";
import { samplesOf, type Target } from "../target.ts";

const encoder = new TextEncoder();

const texts: fc.Arbitrary<Stream> = fc.array(
  fc.oneof(text, fc.nat(130).map((length) => "a".repeat(length)), fc.constant("\ufeff")),
  { maxLength: 3 },
).map((texts) => ({ bytes: encoder.encode(texts.join("")), marks: [] }));

/** Where the text lies in memory: the word loop must start on a word. */
export interface Alignment {
  /** Octets before it. */
  readonly offset: number;
}

/** UTF-8, in pieces and whole. */
export const utf8: Target<Alignment> = {
  name: "utf8",
  promise: "UTF-8 is refused at the first octet that is one too many",
  file: "leaves.ts",
  samples: samplesOf(mutated(texts), fc.record({ offset: fc.nat(3) })),
  check(bytes: Bytes, cuts: readonly number[], { offset }: Alignment): void {
    const memory = new Uint8Array(offset + bytes.length + 4).fill(0xff);
    memory.set(bytes, offset);
    const judged = judgeUtf8(bytes);
    const bad = typeof judged === "number" ? judged : Infinity;

    const every = Array.from(bytes, (_, i) => i + 1);
    for (const ends of [[bytes.length], [...cuts, bytes.length], every]) {
      const validator = new Utf8Validator();
      let start = 0;
      for (const end of ends) {
        const valid = validator.push(memory, offset + start, offset + end);
        assertEquals(valid, end < bad, `octets up to ${end}`);
        if (!valid) break;
        assertEquals(validator.complete, judgeUtf8(bytes.subarray(0, end)) === "complete");
        start = end;
      }
    }

    const decoded = decodeUtf8(memory, offset, offset + bytes.length);
    assertEquals(decoded, judged === "complete" ? decodeNaively(bytes) : undefined);
    if (decoded === undefined) return;
    const target = new Uint8Array(offset + decoded.length * 3);
    assertEquals(encodeUtf8Into(decoded, target, offset), bytes.length);
    assertEquals(target.slice(offset, offset + bytes.length), bytes);
  },
};

const closeBodies: fc.Arbitrary<Stream> = fc.tuple(
  fc.oneof(fc.integer({ min: 995, max: 1020 }), fc.integer({ min: 2990, max: 5010 })),
  fc.string({ unit: "binary", maxLength: 30 }),
).map(([code, reason]) => ({
  bytes: concat([Uint8Array.of(code >> 8, code), encoder.encode(reason)]),
  marks: [0],
}));

/** The body of a Close frame. */
export const close: Target<null> = {
  name: "close",
  promise: "Close bodies give the status that they hold, or the code to fail with",
  file: "leaves.ts",
  samples: samplesOf(mutated(closeBodies), fc.constant(null)),
  check(bytes: Bytes): void {
    const [high = 0, low = 0] = bytes;
    const code = high * 256 + low;
    const status = decodeCloseBody(bytes);
    if (bytes.length === 0) return assertEquals(status, { code: 1005, reason: "" });
    if (bytes.length === 1 || !mayBeReceived(code)) return assertEquals(status, 1002);
    if (judgeUtf8(bytes.slice(2)) !== "complete") return assertEquals(status, 1007);
    const reason = decodeNaively(bytes.subarray(2));
    assertEquals(status, { code, reason });
    if (bytes.length <= 125) assertEquals(encodeCloseBody(code, reason), bytes);
  },
};

/** What a message is inflated with. */
export interface InflateOptions {
  /** The bytes before it, as hex. */
  readonly history: string;
  /** The limit. */
  readonly maxLength: number;
}

const payloads: fc.Arbitrary<Stream> = fc.tuple(
  fc.array(fc.uint8Array({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 6 }),
  fc.integer({ min: 1, max: 40 }),
  fc.constantFrom(0, 1, 9),
  fc.constantFrom("flush", "final", "two", "many"),
).map(([parts, times, level, form]) => {
  const data = concat(new Array<Uint8Array[]>(times).fill(parts).flat());
  const final = new Uint8Array(deflateRawSync(data, { level }));
  if (form === "final") return { bytes: concat([final, Uint8Array.of(0)]), marks: [0] };
  if (form === "many") {
    const empty = new Array<Uint8Array>(times * 2).fill(Uint8Array.of(3, 0));
    return { bytes: concat([...empty, final]), marks: [0, empty.length] };
  }
  if (form === "two") return { bytes: concat([final, final]), marks: [0, final.length] };
  const flushed = new Uint8Array(deflateRawSync(data, { level, finishFlush: 2 })).slice(0, -4);
  return { bytes: flushed, marks: [0] };
});

/** DEFLATE by both ways to zlib. */
export const inflate: Target<InflateOptions> = {
  name: "inflate",
  promise: "inflate() gives what a naive inflater gives, within the limit, and never throws",
  file: "leaves.ts",
  samples: samplesOf(
    mutated(payloads),
    fc.record({
      history: fc.oneof(fc.constant(""), fc.uint8Array({ maxLength: 40 }).map(encodeHex)),
      maxLength: fc.constantFrom(0, 10, 300, 100_000),
    }),
  ),
  check(bytes: Bytes, _cuts: readonly number[], { history, maxLength }: InflateOptions): void {
    const before = decodeHex(history);
    const { plain, faults, starts } = inflateNaively(bytes, before, maxLength);
    for (const backend of [handleBackend, publicBackend]) {
      const result = backend.inflate(
        bytes.slice(),
        before.length === 0 ? undefined : before,
        maxLength,
      );
      // The documented functions copy what stands behind a final block, and have that paid as well.
      if (backend === publicBackend && starts > 1 && result === "invalid") continue;
      if (typeof result === "string") assert(faults.includes(result), `${result}, not ${faults}`);
      else assertEquals([result, [...faults]], [plain, []]);
    }
  },
};
