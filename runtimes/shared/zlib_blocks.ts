// What has to be done around zlib to inflate a message (RFC 7692 section 7.2.2). zlib.ts and
// zlib_public.ts share it.
//
// 1. The window. A message may refer to the plain bytes before it. Those bytes are put in front of
//    the message as a stored block. That needs no state between messages and works on every
//    runtime. The `dictionary` option would not: Deno ignores it.
// 2. Final blocks. zlib stops after a final block. But a message may go on after one, and refer
//    back across it (section 7.2.3.4), so zlib has to start again. A start costs as much as
//    inflating the window and START octets more, and a peer can force one with two octets. So
//    starts are paid from a budget. The budget is half of what the message would inflate to if it
//    were all zeros.
// 3. The end. zlib does not tell data that was cut short from data that is still to come. So a tail
//    follows each message: the four octets that are not sent (00 00 ff ff), and a final block. The
//    message is whole if zlib reaches the final block.
// 4. A forged end. A message may open a stored block that swallows the tail as its data. The start
//    of the tail is then at the end of the output. The output of an honest message may end in the
//    same octets. So such a message is inflated a second time, with a tail of another length: the
//    forged block then ends elsewhere. The tail is chosen at random, because a peer that knew it
//    could make each message cost two runs.

import { type Bytes, concat, EMPTY } from "../../src/util/bytes.ts";

/** The largest distance of a match. */
const MAX_WINDOW = 32_768;

/**
 * The cost of a start, as the number of octets that are inflated in the same time. A start takes
 * 1.6 µs on Node, which inflates 1.9 octets in a nanosecond.
 */
const START = 3_072;

/** Half of the most that an octet inflates to (RFC 1951: two bits make 258 octets). */
const HALF_RATIO = 516;

/** The length of the header of a block that is not compressed. */
export const STORED_HEADER = 5;

/** What follows a message: the end of its last block, and a final stored block. */
export interface Tail {
  /** Its octets, and one more, which stays unread if the stream ends with the tail. */
  readonly bytes: Bytes;
  /** Its length, without that last octet. */
  readonly length: number;
  /** How many of its octets are the data of its block. These appear in the output. */
  readonly filler: number;
  /** The octets before the data. */
  readonly start: Bytes;
}

/**
 * Tails of different lengths. No block can begin inside a tail: the octets of the filler, and the
 * octet with its length, have the reserved block type in their low bits. The tail without filler is
 * too short for one.
 */
const TAILS: readonly Tail[] = [0, 6, 14, 22].map((filler) => {
  const head = 4 + STORED_HEADER;
  const bytes = new Uint8Array(head + filler + 1).fill(0xff);
  bytes.set([0, 0, 0xff, 0xff, 1, filler, 0, ~filler, 0xff]);
  return { bytes, length: head + filler, filler, start: bytes.subarray(0, head) };
});

/** The result of a run. */
export interface InflateResult {
  /** The plain bytes, without the filler of the tail. */
  readonly output: Bytes;
  /** How many octets of the data and the tail were read, up to the end of a final block. */
  used: number;
}

/**
 * Inflates `data` after the bytes of the window. It stops at the first final block, of the data or
 * of the tail, and returns "invalid" if it reaches none. `again` is true for what follows a final
 * block.
 */
export type InflateRun = (
  window: Bytes,
  data: Uint8Array,
  tail: Tail,
  maxLength: number,
  again: boolean,
) => InflateResult | "too long" | "invalid";

/**
 * Implements `DeflateBackend.inflate()` by one or more runs.
 *
 * @param copies Whether a run copies all of its input, not only what it reads. Copying costs half
 * as much as inflating.
 */
export function inflateMessage(
  run: InflateRun,
  data: Uint8Array,
  dictionary: Bytes | undefined,
  maxLength: number,
  copies = false,
): Bytes | "too long" | "invalid" {
  const pieces: Bytes[] = [];
  let left = maxLength;
  let window = dictionary ?? EMPTY;
  let rest = data;
  let budget = START + MAX_WINDOW + Math.min(HALF_RATIO * data.length, maxLength / 2);
  for (let again = false;; again = true) {
    // A single octet 0 is the header of an empty block whose other octets are not sent. zlib makes
    // no octet at all of a second flush; a lenient receiver accepts that as an empty message.
    if (rest.length === 0 || (rest.length === 1 && rest[0] === 0)) return concat(pieces);
    if (again) budget -= START + window.length + (copies ? rest.length / 2 : 0);
    if (budget < 0) return "invalid";
    const result = runOnce(run, window, rest, left, again);
    if (typeof result === "string") return result;
    const { output, used } = result;
    if (used >= rest.length && pieces.length === 0) return output;
    if (output.length > 0) pieces.push(output);
    if (used >= rest.length) return concat(pieces);
    left -= output.length;
    window = slide(window, output);
    rest = rest.subarray(used);
  }
}

/** One run, or two where the output ends like the tail; see rule 4. */
function runOnce(
  run: InflateRun,
  window: Bytes,
  data: Uint8Array,
  maxLength: number,
  again: boolean,
): InflateResult | "too long" | "invalid" {
  const chosen = Math.floor(Math.random() * TAILS.length);
  const tail = TAILS[chosen]!;
  const result = run(window, data, tail, maxLength, again);
  if (typeof result === "string") return result;
  const { output, used } = result;
  if (output.length > maxLength) return "too long";
  if (used <= data.length) return result;
  // An end within the tail is not an end of the message.
  if (used !== data.length + tail.length) return "invalid";
  if (!endsWith(output, tail.start)) return result;
  const other = TAILS[(chosen + 1) % TAILS.length]!;
  const second = run(window, data, other, maxLength, again);
  const isSame = typeof second !== "string" && second.used === data.length + other.length;
  return isSame ? result : "invalid";
}

function endsWith(output: Bytes, end: Bytes): boolean {
  const start = output.length - end.length;
  return start >= 0 && end.every((octet, i) => octet === output[start + i]);
}

/** The window after `output`. It copies no more than the size of a window. */
function slide(window: Bytes, output: Bytes): Bytes {
  if (output.length === 0) return window;
  if (output.length >= MAX_WINDOW) return output.subarray(-MAX_WINDOW);
  if (window.length === 0) return output;
  return concat([window.subarray(-(MAX_WINDOW - output.length)), output]);
}

/**
 * Writes the header of a block of `length` octets that is not compressed (RFC 1951 section 3.2.4).
 */
export function writeStoredHeader(target: Uint8Array, length: number): void {
  target[0] = 0;
  target[1] = length;
  target[2] = length >>> 8;
  target[3] = ~length;
  target[4] = ~length >>> 8;
}
