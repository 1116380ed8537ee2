// What zlib leaves to do when it inflates a message (RFC 7692 section 7.2.2), the same for zlib.ts and zlib_public.ts.
//
// 1. The plain bytes before a message go in again as a stored block in front of it. That needs no state between messages,
//    and works everywhere, where the `dictionary` option does not (Deno ignores it).
// 2. zlib stops behind a final block, while a message may go on, and may refer back across it (section 7.2.3.4).
// 3. zlib takes data that is cut short as data that is still to come. So behind a message, and the four octets that are
//    not sent, goes a final block: a message is whole when zlib finds it.

import { type Bytes, concat, EMPTY } from "../src/bytes.ts";

/** A message has one end, or a few; thousands would only cost time. */
const MAX_FINAL_BLOCKS = 64;

/** How far back a match may reach at most. */
const MAX_WINDOW = 32_768;

/** The length of the header of a block that is not compressed. */
export const STORED_HEADER = 5;

/** What follows a message: the end of its last block, and an empty final block. */
export const TAIL: Bytes = Uint8Array.of(0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff);

/** The end of the last block, and the first octet of an empty one, whose end is the beginning of TAIL. */
const MORE: Bytes = Uint8Array.of(0, 0, 0xff, 0xff, 0);

/** What a run gave. */
export interface InflateResult {
  /** The plain bytes. */
  readonly output: Bytes;
  /** How many octets of the data were read: all, or those up to the end of a final block. */
  readonly used: number;
}

/**
 * Inflates `data` with the bytes before it, to its end or to that of its first final block; "invalid" when it has
 * neither.
 */
export type InflateRun = (
  window: Bytes,
  data: Uint8Array,
  maxLength: number,
) => InflateResult | "too long" | "invalid";

/** `DeflateBackend.inflate()` over single runs. */
export function inflateMessage(
  run: InflateRun,
  data: Uint8Array,
  dictionary: Bytes | undefined,
  maxLength: number,
): Bytes | "too long" | "invalid" {
  let plain = EMPTY;
  let window = dictionary ?? EMPTY;
  let rest = data;
  for (let runs = 0; runs < MAX_FINAL_BLOCKS; runs++) {
    // One octet of 0 is the header of the empty block whose rest is not sent. No octet at all is what zlib makes
    // of a second flush: an empty message, to whoever is lenient.
    if (rest.length === 0 || (rest.length === 1 && rest[0] === 0)) return plain;
    const result = run(window, rest, maxLength - plain.length);
    if (typeof result === "string") return result;
    const { output, used } = result;
    if (used === rest.length) {
      if (
        endsWithTail(output) && typeof run(window, concat([rest, MORE]), maxLength) === "string"
      ) {
        return "invalid";
      }
      return runs === 0 ? output : concat([plain, output]);
    }
    plain = concat([plain, output]);
    window = concat([window, output]).subarray(-MAX_WINDOW);
    rest = rest.subarray(used);
  }
  return "invalid";
}

/**
 * A final block that is not compressed may declare just as many octets as the tail has, and pass for a message that is
 * whole. Then the tail is in the output; behind MORE, which says nothing new, such a block ends elsewhere.
 */
function endsWithTail(output: Bytes): boolean {
  const end = output.length - TAIL.length;
  return end >= 0 && TAIL.every((octet, i) => octet === output[end + i]);
}

/** Writes the header of a block of `length` octets that is not compressed (RFC 1951 section 3.2.4). */
export function writeStoredHeader(target: Uint8Array, length: number): void {
  target[0] = 0;
  target[1] = length;
  target[2] = length >>> 8;
  target[3] = ~length;
  target[4] = ~length >>> 8;
}
