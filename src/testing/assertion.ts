// What a matcher throws, and how it words what was expected and what came instead: frames as lines
// of a trace, and the place where two values differ.

import { formatTrace } from "../connection/trace.ts";
import { encodeCloseBody } from "../protocol/close_frame.ts";
import type { CloseInfo } from "../protocol/errors.ts";
import { Opcode } from "../protocol/frame_header.ts";
import { brand, isBytes } from "../util/brands.ts";
import { type BinaryData, type Bytes, copyBytes } from "../util/bytes.ts";
import { encodeUtf8 } from "../util/utf8.ts";

/**
 * Something else came than a test expected. Test runners know it by its name, and those that can
 * show how `actual` differs from `expected`.
 */
export class AssertionError extends Error {
  /** The class's name. */
  override readonly name = "AssertionError";
  /** What came; undefined when nothing did. */
  readonly actual: unknown;
  /** What was expected. */
  readonly expected: unknown;

  /** Made by the library. */
  constructor(message: string, actual: unknown, expected: unknown) {
    super(message);
    this.actual = actual;
    this.expected = expected;
  }

  static {
    brand(this, "AssertionError");
  }
}

/** Octets of a payload that an error shows. */
const SHOWN = 64;

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

/** Where two values of JSON differ; undefined when they do not. Keys may come in any order. */
export function jsonDiffers(actual: unknown, expected: unknown, path = "$"): string | undefined {
  if (actual === expected) return undefined;
  if (Array.isArray(actual) && Array.isArray(expected)) {
    const most = Math.max(actual.length, expected.length);
    for (let i = 0; i < most; i++) {
      const place = `${path}[${i}]`;
      const found = i >= actual.length
        ? differ(place, "nothing", expected[i])
        : i >= expected.length
        ? differ(place, show(actual[i]), undefined)
        : jsonDiffers(actual[i], expected[i], place);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (isRecord(actual) && isRecord(expected)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      const place = /^[A-Za-z_$][\w$]*$/.test(key)
        ? `${path}.${key}`
        : `${path}[${JSON.stringify(key)}]`;
      const found = !Object.hasOwn(actual, key)
        ? differ(place, "nothing", expected[key])
        : !Object.hasOwn(expected, key)
        ? differ(place, show(actual[key]), undefined)
        : jsonDiffers(actual[key], expected[key], place);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return differ(path, show(actual), expected);
}

function differ(place: string, got: string, expected: unknown): string {
  return `they differ at ${place}: expected ${
    expected === undefined ? "nothing" : show(expected)
  }, got ${got}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isBytes(value);
}

function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
