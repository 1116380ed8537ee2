// Conditional and range requests for one representation (RFC 9110 sections 13 and 14), as pure
// functions.
//
// 1. Preconditions come in the order of section 13.2.2, and Range only counts when all of them
//    hold.
// 2. Our validator is weak, so it never matches where a strong one is asked for: If-Match and
//    If-Range with an entity tag. Last-Modified is strong enough for If-Range when it is exactly
//    the same (section 13.1.5).
// 3. A field that cannot be understood is ignored, as sections 13.1.3 and 14.2 ask. So is a list of
//    several ranges: a server may do so, and many small ranges are a way to make it work for
//    nothing (section 17.15).

/** What is known of a representation. */
export interface Validators {
  /** Octets. */
  readonly size: number;
  /** The entity tag, weak: W/"...". */
  readonly etag: string;
  /** When it was last modified, in milliseconds. */
  readonly modified: number;
}

/** How a GET or HEAD of a representation is to be answered. */
export type Verdict =
  | { readonly status: 200 | 304 | 412 | 416 }
  /** The octets from `start` to before `end`. */
  | { readonly status: 206; readonly start: number; readonly end: number };

/**
 * Decides how to answer a request for a representation that exists.
 *
 * @param method The method: a HEAD has no ranges (RFC 9110 section 14.2).
 * @param headers The request's header fields.
 * @param validators What is known of the representation.
 */
export function judgeConditions(
  method: string,
  headers: Headers,
  { size, etag, modified }: Validators,
): Verdict {
  // HTTP dates have whole seconds.
  const seconds = Math.floor(modified / 1000);
  const ifMatch = headers.get("if-match");
  if (ifMatch !== null) {
    if (ifMatch.trim() !== "*") return { status: 412 };
  } else {
    const date = parseDate(headers.get("if-unmodified-since"));
    if (date !== undefined && seconds > date) return { status: 412 };
  }
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch !== null) {
    if (hasTag(ifNoneMatch, etag)) return { status: 304 };
  } else {
    const date = parseDate(headers.get("if-modified-since"));
    if (date !== undefined && seconds <= date) return { status: 304 };
  }
  const range = method === "GET" ? headers.get("range") : null;
  if (range === null) return { status: 200 };
  const ifRange = headers.get("if-range");
  if (ifRange !== null && parseDate(ifRange) !== seconds) return { status: 200 };
  return judgeRange(range, size);
}

/** RFC 9110 section 13.1.2: a list of entity tags or "*", compared weakly. */
function hasTag(list: string, etag: string): boolean {
  if (list.trim() === "*") return true;
  const opaque = etag.replace(/^W\//, "");
  return list.match(/"[^"]*"/g)?.some((tag) => tag === opaque) ?? false;
}

/** Seconds; undefined when it is no HTTP date (RFC 9110 section 5.6.7). */
function parseDate(text: string | null): number | undefined {
  // Date.parse() takes much else, "2026" for one.
  if (text === null || !/^[A-Z][a-z]{2,8},? .*\d{2}:\d{2}:\d{2}/.test(text)) return undefined;
  const milliseconds = Date.parse(text);
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}

/** RFC 9110 sections 14.1.1 and 14.1.2: `bytes=first-last`, `bytes=first-` or `bytes=-suffix`. */
function judgeRange(range: string, size: number): Verdict {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(range);
  const [, first = "", last = ""] = match ?? [];
  if (first === "" && last === "") return { status: 200 };
  const unsatisfiable: Verdict = { status: 416 };
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? unsatisfiable : { status: 206, start: size - length, end: size };
  }
  if (last !== "" && Number(last) < Number(first)) return { status: 200 };
  const start = Number(first);
  if (start >= size) return unsatisfiable;
  return { status: 206, start, end: last === "" ? size : Math.min(Number(last) + 1, size) };
}
