// What zlib leaves to do when it inflates a message (RFC 7692 section 7.2.2), the same for zlib.ts
// and zlib_public.ts.
//
// 1. The plain bytes before a message go in again as a stored block in front of it. That needs no
//    state between messages, and works everywhere, where the `dictionary` option does not (Deno
//    ignores it).
// 2. zlib stops behind a final block, while a message may go on, and may refer back across it
//    (section 7.2.3.4). To start again costs as much as to inflate the window and START octets
//    more, for which two octets are enough. So it is paid from a budget: half of what a message
//    that is nothing but zeros would inflate to.
// 3. zlib takes data that is cut short as data that is still to come. So a final block, the tail,
//    goes behind a message and the four octets that are not sent: a message is whole when zlib
//    finds it.
// 4. A message may take the tail for the data of a stored block of its own, and end with it. Then
//    the beginning of the tail is in the output, as it may be otherwise; with a tail of another
//    length such a block ends elsewhere. To check that costs a second run, so the peer must not be
//    able to foresee which tail is used.

import { type Bytes, concat, EMPTY } from "../../src/util/bytes.ts";

/** How far back a match may reach at most. */
const MAX_WINDOW = 32_768;

/**
 * What a start costs, in octets that are inflated in the same time: 1.6 µs on Node, at 1.9 octets
 * in a nanosecond.
 */
const START = 3_072;

/** Half of what an octet inflates to at most (RFC 1951: 258 octets in two bits). */
const HALF_RATIO = 516;

/** The length of the header of a block that is not compressed. */
export const STORED_HEADER = 5;

/** What follows a message: the end of its last block, and a final block that is not compressed. */
export interface Tail {
  /** Its octets, and one more that stays unread when it ends the stream. */
  readonly bytes: Bytes;
  /** Its length, without that one. */
  readonly length: number;
  /** How many of its octets are the data of its block, and so in the output. */
  readonly filler: number;
  /** The octets before those. */
  readonly start: Bytes;
}

/**
 * Tails that differ in length, and in no part of which a block could begin: the filler, and its
 * length as an octet, have the reserved block type in their low bits; without any there is too
 * little left.
 */
const TAILS: readonly Tail[] = [0, 6, 14, 22].map((filler) => {
  const head = 4 + STORED_HEADER;
  const bytes = new Uint8Array(head + filler + 1).fill(0xff);
  bytes.set([0, 0, 0xff, 0xff, 1, filler, 0, ~filler, 0xff]);
  return { bytes, length: head + filler, filler, start: bytes.subarray(0, head) };
});

/** What a run gave. */
export interface InflateResult {
  /** The plain bytes, without the filler of the tail. */
  readonly output: Bytes;
  /** How many octets were read, of the data and of the tail: to the end of a final block. */
  used: number;
}

/**
 * Inflates `data` with the bytes before it, to the end of its first final block or to that of the
 * tail; "invalid" when it has neither. `again` says that it has begun with one.
 */
export type InflateRun = (
  window: Bytes,
  data: Uint8Array,
  tail: Tail,
  maxLength: number,
  again: boolean,
) => InflateResult | "too long" | "invalid";

/**
 * `DeflateBackend.inflate()` over single runs.
 *
 * @param copies Whether a run copies all of what it is given, not only what it reads: that costs
 * half of inflating it.
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
    // One octet of 0 is the header of the empty block whose rest is not sent. No octet at all is
    // what zlib makes of a second flush; a lenient receiver takes it for an empty message.
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

/** A run, or two; see rule 4. */
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

/** The window behind `output`, without a copy of more than it. */
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
