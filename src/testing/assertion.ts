// What a matcher throws, and how it words what was expected and what came instead: frames as lines
// of a trace, and the place where two values differ.

import { formatTrace } from "../connection/trace.ts";
import { encodeCloseBody } from "../protocol/close_frame.ts";
import type { CloseInfo } from "../protocol/errors.ts";
import { Opcode } from "../protocol/frame_header.ts";
import { brand } from "../util/brands.ts";
import { type BinaryData, type Bytes, copyBytes } from "../util/bytes.ts";
import { encodeUtf8 } from "../util/utf8.ts";
import { boundPair } from "./bounded.ts";

/**
 * Something else came than a test expected. Test runners know it by its name, and those that can
 * show how `actual` differs from `expected`.
 */
export class AssertionError extends Error {
  /** The class's name. */
  override readonly name = "AssertionError";
  /**
   * What came; undefined when nothing did. Of more than 4,096 characters or octets it is a string
   * with the part around the first difference.
   */
  readonly actual: unknown;
  /** What was expected; a large value is cut as that of `actual` is. */
  readonly expected: unknown;

  /** Made by the library. */
  constructor(message: string, actual: unknown, expected: unknown) {
    super(message);
    [this.actual, this.expected] = boundPair(actual, expected);
  }

  static {
    brand(this, "AssertionError");
  }
}

/** Octets of a payload that an error shows. */
const SHOWN = 64;
/** Characters of a value of JSON, and of the path to it. */
const SHOWN_VALUE = 100;
const SHOWN_PLACE = 200;

/** A frame as a line of a trace. */
export function frameLine(
  opcode: number,
  payload: Uint8Array,
  { direction = "in", fin = true, rsv1 = false }: {
    readonly direction?: "in" | "out";
    readonly fin?: boolean;
    readonly rsv1?: boolean;
  } = {},
): string {
  const preview = new Uint8Array(payload.subarray(0, opcode < Opcode.close ? SHOWN : undefined));
  const size = payload.length;
  const stamp = { connection: "", time: 0 };
  return formatTrace({ type: "frame", ...stamp, direction, opcode, fin, rsv1, size, preview });
}

/** A message that came, as a line of a trace. */
export function messageLine(message: string | Uint8Array): string {
  return typeof message === "string"
    ? frameLine(Opcode.text, encodeUtf8(message))
    : frameLine(Opcode.binary, message);
}

/** How a connection ended, or begins to: the Close frame that came, if one did. */
export function endLine({ received }: Pick<CloseInfo, "received">, otherwise: string): string {
  if (received === undefined) return otherwise;
  const { code, reason } = received;
  return frameLine(Opcode.close, encodeCloseBody(code === 1005 ? undefined : code, reason));
}

/** What may be given as the content of a message or a frame, as octets of its own. */
export function octetsOf(data: string | BinaryData): Bytes {
  return typeof data === "string" ? encodeUtf8(data) : copyBytes(data);
}

/** Octets in hex, as far as an error shows them. */
export function hex(octets: Uint8Array): string {
  const shown = [...octets.subarray(0, SHOWN)].map((octet) => octet.toString(16).padStart(2, "0"));
  if (octets.length > SHOWN) shown.push(`… [${octets.length} octets]`);
  return shown.join(" ");
}

/** Where octets differ; undefined when they do not. */
export function octetsDiffer(actual: Uint8Array, expected: Uint8Array): string | undefined {
  const most = Math.max(actual.length, expected.length);
  for (let i = 0; i < most; i++) {
    if (actual[i] === expected[i]) continue;
    const [got, wanted] = [actual[i], expected[i]].map((octet) =>
      octet === undefined ? "none" : `0x${octet.toString(16).padStart(2, "0")}`
    );
    return `they differ from octet ${i} on: expected ${wanted}, got ${got}`;
  }
  return undefined;
}

/** Where two values of JSON differ. */
export interface JsonDifference {
  /** The path: "$.users[2].name". */
  readonly place: string;
  /** What is there, as JSON that may be cut. */
  readonly got: string;
  /** What was expected there. */
  readonly wanted: string;
}

/** Two lists or objects that are being compared. */
interface Level {
  readonly actual: JsonParent;
  readonly expected: JsonParent;
  /** The keys of either; of lists, the longer length. */
  readonly keys: readonly string[] | number;
  /** The place of the key that comes next. */
  next: number;
}

type JsonParent = Readonly<Record<string, unknown>>;

/** The value of a key that is not there. */
const NOTHING = Symbol("nothing");

/**
 * Compares two values of JSON. Keys may come in any order. It does not call itself: a message may
 * be nested deeper than the stack is.
 *
 * @param actual What came.
 * @param expected What was expected.
 * @returns Where they differ first; undefined when they do not.
 */
export function jsonDiffers(actual: unknown, expected: unknown): JsonDifference | undefined {
  const levels: Level[] = [];
  let pair = [actual, expected];
  for (;;) {
    const [got, wanted] = pair;
    if (got !== wanted) {
      const level = levelOf(got, wanted);
      if (level === undefined) {
        return { place: placeOf(levels), got: show(got), wanted: show(wanted) };
      }
      levels.push(level);
    }
    let level = levels.at(-1);
    while (level !== undefined && level.next === countOf(level)) {
      levels.pop();
      level = levels.at(-1);
    }
    if (level === undefined) return undefined;
    const key = keyAt(level, level.next++);
    pair = [level.actual, level.expected].map((parent) =>
      Object.hasOwn(parent, key) ? parent[key] : NOTHING
    );
  }
}

/** Two lists or two objects; undefined when they are anything else. */
function levelOf(actual: unknown, expected: unknown): Level | undefined {
  const lists = Array.isArray(actual) && Array.isArray(expected);
  if (!lists && !(isRecord(actual) && isRecord(expected))) return undefined;
  const keys = lists
    ? Math.max(actual.length, expected.length)
    : [...new Set([...Object.keys(expected as JsonParent), ...Object.keys(actual as JsonParent)])];
  return { actual: actual as JsonParent, expected: expected as JsonParent, keys, next: 0 };
}

function countOf({ keys }: Level): number {
  return typeof keys === "number" ? keys : keys.length;
}

function keyAt({ keys }: Level, place: number): string {
  return typeof keys === "number" ? `${place}` : keys[place]!;
}

function placeOf(levels: readonly Level[]): string {
  const steps = levels.map((level) => {
    const key = keyAt(level, level.next - 1);
    if (typeof level.keys === "number") return `[${key}]`;
    return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
  });
  const place = `$${steps.join("")}`;
  return place.length > SHOWN_PLACE ? `…${place.slice(-SHOWN_PLACE)}` : place;
}

function isRecord(value: unknown): value is JsonParent {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  if (value === NOTHING) return "nothing";
  let text: string;
  try {
    text = JSON.stringify(value);
  } catch {
    // The stack is too small for it.
    return Array.isArray(value) ? "[…]" : "{…}";
  }
  return text.length > SHOWN_VALUE ? `${text.slice(0, SHOWN_VALUE)}…` : text;
}
