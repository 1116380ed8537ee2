// Patterns of paths, and which of several fits best.
//
// 1. A pattern is a path whose segments are literal, `:name` (one segment that is not empty) or, as
//    the last one, `*` (all that follows, which may be empty or have slashes).
// 2. The best match is the most specific one; the order of the routes does not matter. From the
//    left, a literal comes before `:name`, and `:name` before `*`. Patterns in that order need no
//    backtracking: the first that fits is the best.
// 3. A path is split at its slashes before it is decoded, so an encoded slash belongs to its
//    segment (RFC 3986 section 2.2).

/** The names of the parameters of a pattern: those of `"/rooms/:room/*"` are `"room" | "*"`. */
export type RouteParamName<Pattern extends string> = Pattern extends
  `${infer Segment}/${infer Rest}` ? RouteParamName<Segment> | RouteParamName<Rest>
  : Pattern extends `:${infer Name}` ? Name
  : Pattern extends "*" ? "*"
  : never;

/**
 * The parameters that a pattern finds in a path: those of `"/rooms/:room/*"` are
 * `{ room: string; "*": string }`.
 *
 * @typeParam Pattern The pattern, as a literal type; for a mere `string` nothing is known.
 */
export type RouteParams<Pattern extends string> = string extends Pattern
  ? Readonly<Record<string, string>>
  : { readonly [Name in RouteParamName<Pattern>]: string };

/** A pattern that was found to be valid. */
export interface Pattern {
  /** As it was written. */
  readonly text: string;
  /** Literal segments, decoded; undefined where any segment fits. */
  readonly segments: readonly (string | undefined)[];
  /** The names of the parameters, each with the index of its segment. */
  readonly names: readonly (readonly [name: string, index: number])[];
  /** Whether the last segment is `*`. */
  readonly open: boolean;
}

/**
 * Reads a pattern.
 *
 * @throws {TypeError} When no path can match it, a name is repeated, or `*` is not the last
 * segment.
 */
export function parsePattern(text: string): Pattern {
  const invalid = (expected: string): TypeError =>
    new TypeError(`Expected ${expected}, got the route ${JSON.stringify(text)}`);
  if (!text.startsWith("/")) throw invalid('a pattern that begins with "/"');
  if (/[?#\\\s]/.test(text)) throw invalid("a path without query, fragment, backslash and space");
  const parts = text.slice(1).split("/");
  const names: [string, number][] = [];
  const segments = parts.map((part, index) => {
    const isName = part.startsWith(":");
    const name = isName ? part.slice(1) : part;
    if (isName ? !/^[A-Za-z_]\w*$/.test(name) : part !== "*") {
      if (isName || part.includes("*")) throw invalid('":name" or "*" as a whole segment');
      const literal = decode(part);
      if (literal === undefined) throw invalid("valid percent-encoding");
      // No URL has them: its parser resolves them.
      if (literal === "." || literal === "..") {
        throw invalid('a path without "." and ".." segments');
      }
      return literal;
    }
    if (!isName && index < parts.length - 1) throw invalid('"*" as the last segment only');
    if (names.some(([other]) => other === name)) throw invalid("each name once");
    names.push([name, index]);
    return undefined;
  });
  return { text, segments, names, open: parts.at(-1) === "*" };
}

/**
 * Orders patterns, the most specific first.
 *
 * @returns A number below 0 when `a` comes first; 0 when both match the same paths.
 */
export function comparePatterns(a: Pattern, b: Pattern): number {
  const length = Math.max(a.segments.length, b.segments.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [rank(a, i), rank(b, i)];
    if (x !== y) return x - y;
    const [p = "", q = ""] = [a.segments[i], b.segments[i]];
    if (p !== q) return p < q ? -1 : 1;
  }
  return 0;
}

/**
 * Literal 0, `:name` 1, `*` 2, none 3: a pattern that has more segments in place of a `*` matches
 * fewer paths.
 */
function rank({ segments, open }: Pattern, index: number): number {
  if (index >= segments.length) return 3;
  if (segments[index] !== undefined) return 0;
  return open && index === segments.length - 1 ? 2 : 1;
}

/** A path, split and decoded. */
export interface Path {
  /** The segments as they came. */
  readonly raw: readonly string[];
  /** The segments decoded; undefined where the encoding is malformed. */
  readonly segments: readonly (string | undefined)[];
}

/** Splits and decodes the path of a URL. */
export function parsePath(pathname: string): Path {
  const raw = pathname.slice(1).split("/");
  return { raw, segments: raw.map(decode) };
}

/** Says whether a pattern matches a path. */
export function matches({ segments, open }: Pattern, path: Path): boolean {
  const { length } = segments;
  if (open ? path.raw.length < length : path.raw.length !== length) return false;
  for (let i = 0; i < length; i++) {
    const literal = segments[i];
    if (literal === undefined) {
      if (path.raw[i] === "" && !(open && i === length - 1)) return false;
    } else if (literal !== path.segments[i]) return false;
  }
  return true;
}

/**
 * The parameters of a path that the pattern matches.
 *
 * @returns The parameters; undefined when the percent-encoding of one is malformed.
 */
export function readParams(
  { names, segments, open }: Pattern,
  path: Path,
): Readonly<Record<string, string>> | undefined {
  const params: [string, string][] = [];
  for (const [name, index] of names) {
    const isRest = open && index === segments.length - 1;
    const value = isRest ? decode(path.raw.slice(index).join("/")) : path.segments[index];
    if (value === undefined) return undefined;
    params.push([name, value]);
  }
  // Defines own properties, also for a name such as "__proto__".
  return Object.fromEntries(params);
}

/** RFC 3986 section 2.1, as UTF-8; undefined when malformed. */
function decode(text: string): string | undefined {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
