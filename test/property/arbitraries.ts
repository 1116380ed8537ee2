// Random streams of frames, and what a right reader makes of them, worked out without src/.

import { encodeHex } from "@std/encoding";
import fc from "fast-check";
import type { NaiveFrame } from "../support/frames.ts";

/** The seed is fixed so that a run says the same everywhere. */
export const RUN = { seed: 6455, numRuns: 250 };

/** Frames, the events that they must give, and the frames that must answer them. */
export interface Script {
  /** What the peer sends, without masking keys. */
  readonly frames: readonly NaiveFrame[];
  /** Lines as `feed()` gives them. */
  readonly events: readonly string[];
  /** Lines as `takeFrames()` gives them. */
  readonly answers: readonly string[];
}

type Unit = "ping" | "pong";

/** A payload around the length forms: mostly short, sometimes just over 125. */
const payload: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 120, maxLength: 140 }) },
);

const controls: fc.Arbitrary<readonly [Unit, Uint8Array][]> = fc.array(
  fc.tuple(fc.constantFrom<Unit>("ping", "pong"), fc.uint8Array({ maxLength: 8 })),
  { maxLength: 2 },
);

/** A text of any characters; a JavaScript string without lone surrogates. */
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.string({ unit: "binary-ascii", maxLength: 150 }),
);

interface RandomMessage {
  readonly data: string | Uint8Array;
  /** Where to cut, as parts of 1,000 of the length. */
  readonly cuts: readonly number[];
  /** Control frames before each fragment. */
  readonly between: readonly (readonly [Unit, Uint8Array][])[];
}

const message: fc.Arbitrary<RandomMessage> = fc.record({
  data: fc.oneof(text, payload),
  cuts: fc.array(fc.nat(1000), { maxLength: 4 }),
  between: fc.array(controls, { minLength: 5, maxLength: 5 }),
});

const closing: fc.Arbitrary<readonly [number, string] | null | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constant(null),
  fc.tuple(
    fc.oneof(fc.constantFrom(1000, 1001, 1011), fc.integer({ min: 3000, max: 4999 })),
    fc.string({ unit: "binary", maxLength: 20 }),
  ),
);

function write(
  messages: readonly RandomMessage[],
  close: readonly [number, string] | null | undefined,
): Script {
  const frames: NaiveFrame[] = [];
  const events: string[] = [];
  const answers: string[] = [];
  for (const { data, cuts, between } of messages) {
    const isText = typeof data === "string";
    const octets = isText ? new TextEncoder().encode(data) : data;
    const points = cuts.map((part) => Math.floor(part * octets.length / 1000)).sort((a, b) =>
      a - b
    );
    const ends = [...points, octets.length];
    ends.forEach((end, i) => {
      for (const [unit, body] of between[i] ?? []) {
        frames.push({ opcode: unit === "ping" ? 9 : 10, payload: body });
        events.push(`${unit} ${encodeHex(body)}`);
        if (unit === "ping") answers.push(`8a ${encodeHex(body)}`);
      }
      const opcode = i > 0 ? 0 : isText ? 1 : 2;
      const fragment = octets.subarray(ends[i - 1] ?? 0, end);
      frames.push({ opcode, fin: i === ends.length - 1, payload: fragment });
    });
    events.push(isText ? `text ${data}` : `binary ${encodeHex(octets)}`);
  }
  if (close !== undefined) {
    const reason = new TextEncoder().encode(close?.[1] ?? "");
    const code = close === null ? [] : [close[0] >> 8, close[0] & 255];
    frames.push({ opcode: 8, payload: Uint8Array.of(...code, ...reason) });
    events.push("close");
    answers.push(`88 ${encodeHex(Uint8Array.from(code))}`);
  }
  return { frames, events, answers };
}

/** A stream without a mistake, which may end with a Close frame. */
export const script: fc.Arbitrary<Script> = fc
  .tuple(fc.array(message, { maxLength: 6 }), closing)
  .map(([messages, close]) => write(messages, close));

/** Where to cut a stream into chunks, as fractions of its length. */
export const splits: fc.Arbitrary<readonly number[]> = fc.array(
  fc.double({ min: 0, max: 1, noNaN: true }),
  { maxLength: 12 },
);

/** A frame whose header may say anything; mostly near the rules, so that a stream of them goes on for a while. */
export const anyFrame: fc.Arbitrary<NaiveFrame> = fc.record({
  opcode: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(0, 1, 2, 9, 10) },
    { weight: 1, arbitrary: fc.nat(15) },
  ),
  fin: fc.boolean(),
  reserved: fc.oneof(
    { weight: 20, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.nat(7) },
  ),
  payload: fc.oneof(
    { weight: 4, arbitrary: text.map((characters) => new TextEncoder().encode(characters)) },
    { weight: 1, arbitrary: payload },
  ),
});
