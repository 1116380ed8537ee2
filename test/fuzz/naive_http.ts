// HTTP/1.1 heads and chunked bodies (RFC 9112 2 to 7) as regular expressions over all the bytes at once.
//
// Each line is a list of atoms, one class of characters each. From it come two expressions: the whole line, and any
// beginning of it, by which "more to come" is told from "can never be right".

import { fromLatin1, toLatin1 } from "./naive_utf8.ts";

/** What a reader makes of bytes: what it read, and how it stands at their end. */
export interface NaiveHead {
  /** The start-line's three parts. */
  readonly start: readonly string[];
  /** Names in lower case, and values. */
  readonly fields: readonly (readonly [string, string])[];
}

/** Heads one behind the other; then more to come, or the status of a fault. */
export interface NaiveHeads {
  /** The heads that were complete. */
  readonly heads: readonly NaiveHead[];
  /** How it ends. */
  readonly end: "more" | number;
}

/** A chunked body. */
export interface NaiveBody {
  /** The data, as far as it has come. */
  readonly data: Uint8Array;
  /** The octets behind it, or that there is more to come, or the status of a fault. */
  readonly end: Uint8Array | "more" | number;
}

const T = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]";
const V = "[\\t\\x20-\\x7e\\x80-\\xff]";
const VERSION = [..."HTTP/", "1", "\\.", "[01]"];
const LINE_END = ["\\r", "\\n"];

interface Line {
  readonly whole: RegExp;
  readonly beginning: RegExp;
}

/** A line that follows one of several lists of atoms. */
function line(...ways: readonly (readonly string[])[]): Line {
  const nested = (atoms: readonly string[]): string =>
    atoms.reduceRight((rest, atom) => `(?:$|${atom}${rest})`, "$");
  return {
    whole: new RegExp(`^(?:${ways.map((atoms) => atoms.join("")).join("|")})`),
    beginning: new RegExp(`^(?:${ways.map(nested).join("|")})`),
  };
}

const request = [T, `${T}*`, " ", "[\\x21-\\x7e]", "[\\x21-\\x7e]*", " ", ...VERSION, ...LINE_END];
const status = [...VERSION, " ", "[1-9]", "[0-9]", "[0-9]"];

const LINES = {
  request: line(request, [...LINE_END, ...request]),
  response: line([...status, ...LINE_END], [...status, " ", `${V}*`, ...LINE_END]),
  field: line([T, `${T}*`, ":", `${V}*`, ...LINE_END]),
  size: line(
    ["[0-9A-Fa-f]", "[0-9A-Fa-f]*", ...LINE_END],
    ["[0-9A-Fa-f]", "[0-9A-Fa-f]*", "[ \\t]*", ";", `${V}*`, ...LINE_END],
  ),
};
/** A version that is none of ours is told apart from what is no version. */
const OTHER = [["1", "\\.", "[2-9]"], ["[02-9]", "\\.", "[0-9]"]].map((
  digits,
) => [..."HTTP/", ...digits]);
const TARGET = request.slice(0, 6);
const OTHER_VERSION = {
  request: line(...OTHER.flatMap((v) => [[...TARGET, ...v], [...LINE_END, ...TARGET, ...v]])),
  response: line(...OTHER),
};
const TRIM = /^[ \t]+|[ \t]+$/g;

/** The limits of a head. */
export interface NaiveLimits {
  /** Bytes. */
  readonly maxHeadSize: number;
  /** Lines. */
  readonly maxHeaders: number;
}

/** Reads heads until the bytes end or one is faulty. */
export function readHeads(
  bytes: Uint8Array,
  kind: "request" | "response",
  limits: NaiveLimits,
): NaiveHeads {
  const heads: NaiveHead[] = [];
  let text = toLatin1(bytes);
  for (;;) {
    const limited = text.slice(0, limits.maxHeadSize);
    const [start] = LINES[kind].whole.exec(limited) ?? [];
    if (start === undefined) {
      const lines = [LINES[kind], OTHER_VERSION[kind]];
      if (OTHER_VERSION[kind].whole.test(limited)) return { heads, end: 505 };
      if (!lines.some(({ beginning }) => beginning.test(limited))) return { heads, end: 400 };
      if (limited.length < limits.maxHeadSize) return { heads, end: "more" };
      return { heads, end: kind === "request" ? 414 : 431 };
    }
    const { fields, end } = readFields(limited.slice(start.length), limits.maxHeaders);
    if (end === "more" && limited.length === limits.maxHeadSize) return { heads, end: 431 };
    if (typeof end !== "object") return { heads, end };
    heads.push({ start: splitStart(start, kind), fields });
    text = text.slice(start.length + end.length);
  }
}

function splitStart(start: string, kind: "request" | "response"): string[] {
  const text = start.replace(/^\r\n/, "").slice(0, -2);
  if (kind === "request") return text.split(" ");
  return [text.slice(0, 8), text.slice(9, 12), text.slice(13)];
}

/** Field lines through the empty one, with how many characters they have. */
function readFields(
  text: string,
  maxHeaders: number,
): { fields: [string, string][]; end: { length: number } | "more" | number } {
  const fields: [string, string][] = [];
  let rest = text;
  for (;;) {
    if (rest.startsWith("\r\n")) return { fields, end: { length: text.length - rest.length + 2 } };
    if (rest === "" || rest === "\r") return { fields, end: "more" };
    const [found] = LINES.field.whole.exec(rest) ?? [];
    const isField = found !== undefined || LINES.field.beginning.test(rest);
    if (new RegExp(`^${T}`).test(rest) && fields.length === maxHeaders) return { fields, end: 431 };
    if (found === undefined) return { fields, end: isField ? "more" : 400 };
    const colon = found.indexOf(":");
    const value = found.slice(colon + 1, -2).replace(TRIM, "");
    fields.push([found.slice(0, colon).toLowerCase(), value]);
    rest = rest.slice(found.length);
  }
}

/** The limits of a chunked body. */
export interface NaiveBodyLimits {
  /** Bytes of a chunk-size line. */
  readonly maxChunkLineSize: number;
  /** Bytes of all extensions. */
  readonly maxExtensionSize: number;
  /** Bytes of the trailer section. */
  readonly maxTrailerSize: number;
}

/** Reads a chunked body. */
export function readChunked(bytes: Uint8Array, limits: NaiveBodyLimits): NaiveBody {
  let rest = toLatin1(bytes);
  let data = "";
  let extensions = 0;
  const body = (end: NaiveBody["end"]): NaiveBody => ({ data: fromLatin1(data), end });
  for (;;) {
    const fault = judgeSizeLine(rest, extensions, limits);
    if (fault !== undefined) return body(fault);
    const [found] = LINES.size.whole.exec(rest) ?? [];
    if (found === undefined) return body("more");
    const [digits = ""] = /^[0-9A-Fa-f]+/.exec(found) ?? [];
    extensions += found.length - 2 - digits.length;
    rest = rest.slice(found.length);
    const size = parseInt(digits, 16);
    if (size === 0) break;
    data += rest.slice(0, size);
    rest = rest.slice(size);
    if (!"\r\n".startsWith(rest.slice(0, 2))) return body(400);
    if (rest.length < 2) return body("more");
    rest = rest.slice(2);
  }
  const limited = rest.slice(0, limits.maxTrailerSize);
  const { end } = readFields(limited, 128);
  if (typeof end === "object") return body(fromLatin1(rest.slice(end.length)));
  return body(end === "more" && limited.length === limits.maxTrailerSize ? 431 : end);
}

/** The status of the first octet of a chunk-size line that is one too many. */
function judgeSizeLine(
  text: string,
  extensionsBefore: number,
  limits: NaiveBodyLimits,
): number | undefined {
  const whole = LINES.size.whole.exec(text)?.[0].length ?? text.length;
  for (let length = 1; length <= whole; length++) {
    const part = text.slice(0, length);
    const allowed = LINES.size.beginning.test(part);
    if (allowed && /[\r\n]$/.test(part)) continue;
    if (/\r[^]$/.test(part)) return 400;
    if (length > limits.maxChunkLineSize) return 400;
    const [digits = ""] = /^[0-9A-Fa-f]+/.exec(part) ?? [];
    if (digits !== "" && BigInt(`0x${digits}`) > 2n ** 53n - 1n) return 413;
    if (digits === "") return 400;
    if (extensionsBefore + length - digits.length > limits.maxExtensionSize) return 413;
    if (!allowed) return 400;
  }
  return undefined;
}
