// The body of a form with files: multipart/form-data (RFC 7578, RFC 2046 section 5.1.1), whole in
// memory.
//
// 1. What the runtimes' own `formData()` make of the same octets differs: of a missing end, of
//    spaces behind a boundary, of a quoted `%22`, of the type of a file. So it is read here.
// 2. Strict where two readers could differ: lines end in CRLF, the last boundary must be there, and
//    each part has a name. Text before the first boundary and behind the last is skipped.
// 3. Names are read as browsers write them: between quotes, in UTF-8, with %22, %0D and %0A for the
//    three characters that cannot stand there. `filename*` is ignored (RFC 7578 section 4.2).

import type { Bytes } from "../util/bytes.ts";

/** One part. */
export interface FormPart {
  /** The name of the field. */
  readonly name: string;
  /** The name of the file; undefined for a field that is none. */
  readonly filename: string | undefined;
  /** The media type that the part has; empty when it has none. */
  readonly type: string;
  /** The content: a view of the body. */
  readonly content: Bytes;
}

const CRLF = "\r\n";
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The boundary that a Content-Type names.
 *
 * @returns The boundary; undefined when there is none that may be one.
 */
export function boundaryOf(contentType: string): string | undefined {
  const [, quoted, token] = /;[ \t]*boundary=(?:"([^"]*)"|([^\s;"]*))/i.exec(contentType) ?? [];
  const boundary = quoted ?? token ?? "";
  return /^[\w'()+,./:=? -]{0,69}[\w'()+,./:=?-]$/.test(boundary) ? boundary : undefined;
}

/**
 * Reads all parts.
 *
 * @param body The whole body.
 * @param boundary What stands between the parts.
 * @param most How many parts there may be.
 * @returns The parts, or what is wrong.
 */
export function readMultipart(
  body: Bytes,
  boundary: string,
  most: number,
): readonly FormPart[] | { readonly reason: string; readonly tooMany?: true } {
  const parts: FormPart[] = [];
  const delimiter = encoder.encode(`${CRLF}--${boundary}`);
  // The first boundary may be the first line.
  const first = delimiter.subarray(2);
  let at = startsWith(body, first, 0) ? first.length : find(body, delimiter, 0, delimiter.length);
  for (;;) {
    if (at < 0) return { reason: "a multipart body that ends with its boundary" };
    if (startsWith(body, DASHES, at)) return parts;
    while (body[at] === 0x20 || body[at] === 0x09) at++;
    if (!startsWith(body, LINE_END, at)) return { reason: "a line end behind each boundary" };
    if (parts.length === most) return { reason: `at most ${most} fields`, tooMany: true };
    // The CRLF before the header fields counts: there may be none.
    const start = find(body, HEAD_END, at, HEAD_END.length);
    const end = start < 0 ? -1 : find(body, delimiter, start - 2, 0);
    if (end < 0) return { reason: "a multipart body that ends with its boundary" };
    const head = decoder.decode(body.subarray(at, start));
    const part = readHead(head, body.subarray(start, Math.max(start, end)));
    if (part === undefined) return { reason: "a part with Content-Disposition and a name" };
    parts.push(part);
    at = end + delimiter.length;
  }
}

const LINE_END = encoder.encode(CRLF);
const HEAD_END = encoder.encode(CRLF + CRLF);
const DASHES = encoder.encode("--");

function readHead(head: string, content: Bytes): FormPart | undefined {
  const disposition = /\r\ncontent-disposition:[ \t]*form-data[ \t]*(;[^\r\n]*)/i.exec(head)?.[1] ??
    "";
  const name = parameter(disposition, "name");
  if (name === undefined) return undefined;
  const type = /\r\ncontent-type:([^\r\n]*)/i.exec(head)?.[1]?.trim() ?? "";
  return { name, filename: parameter(disposition, "filename"), type, content };
}

function parameter(disposition: string, name: string): string | undefined {
  for (const [, found = "", quoted, token] of disposition.matchAll(PARAMETER)) {
    if (found.toLowerCase() !== name) continue;
    return token ?? quoted!.replace(/%(?:22|0D|0A)/gi, decodeURIComponent);
  }
  return undefined;
}

const PARAMETER = /;[ \t]*([^\s=;"]+)[ \t]*=[ \t]*(?:"([^"]*)"|([^\s;"]*))/g;

/** Where `needle` stands, plus `skip`; -1 when it does not. */
function find(bytes: Bytes, needle: Uint8Array, from: number, skip: number): number {
  const last = bytes.length - needle.length;
  for (let at = from; at <= last; at++) {
    at = bytes.indexOf(needle[0]!, at);
    if (at < 0 || at > last) return -1;
    if (startsWith(bytes, needle, at)) return at + skip;
  }
  return -1;
}

function startsWith(bytes: Uint8Array, start: Uint8Array, at: number): boolean {
  for (let i = 0; i < start.length; i++) if (bytes[at + i] !== start[i]) return false;
  return true;
}
