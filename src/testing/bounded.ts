// What an error holds of the two values that differ. Test runners print and compare both in full:
// with messages of 1 MB that took 9.5 s, and with 4 MB more than a minute. So small values are kept
// whole, and large ones are cut to the part around the first difference.

import { isBytes } from "../util/brands.ts";
import { copyBytes } from "../util/bytes.ts";

/** Characters or octets that are kept whole. */
const WHOLE = 4_096;
/** Characters or octets of a larger value that are kept before and behind the first difference. */
const BEFORE = 64;
const BEHIND = 192;

/** What one value holds for an error, and the other. */
type Pair = readonly [actual: unknown, expected: unknown];

/**
 * Cuts two values to what an error may hold. Both are cut alike, so that their difference is seen.
 *
 * @param actual What came: a text, bytes, or an object with a payload.
 * @param expected What was expected.
 * @returns Both; where they were cut, as strings that say so.
 */
export function boundPair(actual: unknown, expected: unknown): Pair {
  if (hasPayload(actual) || hasPayload(expected)) {
    const [one, other] = boundPair(payloadOf(actual), payloadOf(expected));
    return [withPayload(actual, one), withPayload(expected, other)];
  }
  if (sizeOf(actual) <= WHOLE && sizeOf(expected) <= WHOLE) return [actual, expected];
  const at = firstDifference(actual, expected);
  return [cut(actual, at), cut(expected, at)];
}

/** Whether a text is kept whole. */
export function isSmall(text: string): boolean {
  return text.length <= WHOLE;
}

function hasPayload(value: unknown): value is { readonly payload: unknown } {
  return typeof value === "object" && value !== null && "payload" in value;
}

function payloadOf(value: unknown): unknown {
  return hasPayload(value) ? value.payload : undefined;
}

function withPayload(value: unknown, payload: unknown): unknown {
  return hasPayload(value) ? { ...value, payload } : value;
}

function sizeOf(value: unknown): number {
  return typeof value === "string" ? value.length : isBytes(value) ? value.byteLength : 0;
}

/** Where two values of one kind begin to differ; 0 for two kinds. */
function firstDifference(actual: unknown, expected: unknown): number {
  if (typeof actual === "string" && typeof expected === "string") return differAt(actual, expected);
  return isBytes(actual) && isBytes(expected)
    ? differAt(copyBytes(actual), copyBytes(expected))
    : 0;
}

function differAt(actual: string | Uint8Array, expected: string | Uint8Array): number {
  const most = Math.min(actual.length, expected.length);
  let at = 0;
  while (at < most && actual[at] === expected[at]) at++;
  return at;
}

/** The part around a place, with what was left out. */
function cut(value: unknown, at: number): unknown {
  const size = sizeOf(value);
  const isText = typeof value === "string";
  if (!isText && !isBytes(value)) return value;
  const start = Math.max(0, at - BEFORE);
  const end = at + BEHIND;
  const shown = isText
    ? value.slice(start, end)
    : [...copyBytes(value).subarray(start, end)].map((octet) => octet.toString(16).padStart(2, "0"))
      .join(" ");
  const unit = isText ? "characters" : "octets";
  const before = start > 0 ? `[${start} ${unit}] … ` : "";
  const behind = end < size ? ` … [${size - end} ${unit}]` : "";
  return `${before}${shown}${behind}`;
}
