// The list grammars of header field values (RFC 9110 section 5.6.1, RFC 6455 section 9.1).

import { equalsLower, isToken, TOKEN } from "./fields.ts";

/** A word, perhaps with a value, or none; and what follows it. */
const PIECE = new RegExp(
  `[ \\t]*(?:(${TOKEN})[ \\t]*(?:=[ \\t]*(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)")[ \\t]*)?)?([;,]|$)`,
  "gsy",
);

/**
 * Tells whether a comma list such as `Connection` or `Upgrade` has a member, without regard to
 * case.
 *
 * @param value The field value, if there is one.
 * @param token The member to look for.
 * @returns Whether it is there.
 */
export function hasToken(value: string | undefined, token: string): boolean {
  if (value === undefined) return false;
  const wanted = token.toLowerCase();
  for (let start = 0; start <= value.length;) {
    const comma = value.indexOf(",", start);
    const end = comma === -1 ? value.length : comma;
    const member = trimOws(value.slice(start, end));
    if (equalsLower(member, 0, member.length, wanted)) return true;
    start = end + 1;
  }
  return false;
}

/**
 * Removes optional white space, SP and HTAB only, from both ends (RFC 9110 section 5.6.3).
 *
 * @param value The string.
 * @returns The string without it.
 */
export function trimOws(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isOws(value.charCodeAt(start))) start++;
  while (end > start && isOws(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

function isOws(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/**
 * Parses `#token`; empty members are tolerated (RFC 9110 section 5.6.1.2).
 *
 * @param value The field value.
 * @returns The tokens, or undefined when a member is not a token.
 */
export function parseTokenList(value: string): readonly string[] | undefined {
  const tokens: string[] = [];
  for (const part of value.split(",")) {
    const member = trimOws(part);
    if (member === "") continue;
    if (!isToken(member)) return undefined;
    tokens.push(member);
  }
  return tokens;
}

/** One parameter of a list element; a parameter without "=" has no value. */
export interface Parameter {
  /** The name, as sent. */
  readonly name: string;
  /** The value, unquoted. */
  readonly value: string | undefined;
}

/** One element of a list of tokens with parameters. */
export interface ListElement {
  /** The token, as sent. */
  readonly token: string;
  /** The parameters in order; a name may occur twice, which the caller judges. */
  readonly parameters: readonly Parameter[];
}

/**
 * Parses the grammar of Sec-WebSocket-Extensions (RFC 6455 section 9.1): a comma list of tokens
 * with parameters. Empty members are tolerated (RFC 9110 section 5.6.1.2), and so is white space
 * around any separator, "=" too (the implied LWS that RFC 6455 section 9.1 takes from RFC 2616
 * section 2.1).
 *
 * @param value The field value.
 * @returns The elements, or undefined when malformed.
 *
 * @example
 * ```ts
 * import { parseParameterizedList } from "@sansocket/ws/core";
 *
 * parseParameterizedList('bar; baz="2"');
 * // [{ token: "bar", parameters: [{ name: "baz", value: "2" }] }]
 * ```
 */
export function parseParameterizedList(value: string): readonly ListElement[] | undefined {
  const elements: ListElement[] = [];
  PIECE.lastIndex = 0;
  let parameters: Parameter[] | undefined;
  for (;;) {
    const match = PIECE.exec(value);
    if (match === null) return undefined;
    const [, name, plain, quoted, separator] = match;
    const given = plain ?? quoted?.replace(/\\(.)/gs, "$1");
    // RFC 6455 section 9.1: a quoted-string must be a token once unescaped.
    if (given !== undefined && !isToken(given)) return undefined;
    if (parameters !== undefined) {
      if (name === undefined) return undefined;
      parameters.push({ name, value: given });
    } else if (name !== undefined) {
      if (given !== undefined) return undefined;
      parameters = [];
      elements.push({ token: name, parameters });
    } else if (separator === ";") {
      return undefined;
    }
    if (separator === "") return elements;
    if (separator === ",") parameters = undefined;
  }
}
