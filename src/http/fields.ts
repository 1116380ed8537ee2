// Header fields and the list grammars of their values (RFC 9110 5).
// Rule 1: names are lower-cased once, when stored; values are latin-1 code units, never decoded further.
// Rule 2: nothing is validated on the way in: the parser has judged what arrives, the formatter judges what leaves.
// Trap: a field sent twice is one comma list (5.3), so a rule on "the value" must look at all of them.

const TOKEN = 1;
const VALUE = 2;
const CLASSES: Uint8Array = classes();

function classes(): Uint8Array {
  const table = new Uint8Array(256);
  // field-vchar = VCHAR / obs-text, with SP and HTAB between (RFC 9110 5.5)
  for (let code = 0x20; code < 256; code++) if (code !== 0x7f) table[code] = VALUE;
  table[0x09] = VALUE;
  // tchar (RFC 9110 5.6.2)
  const tchars = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (let i = 0; i < tchars.length; i++) table[tchars.charCodeAt(i)]! |= TOKEN;
  return table;
}

/**
 * Tells whether a code unit is a tchar (RFC 9110 5.6.2).
 *
 * @param code A byte or a UTF-16 code unit.
 * @returns Whether it may stand in a token.
 */
export function isTokenCode(code: number): boolean {
  return code < 256 && (CLASSES[code]! & TOKEN) !== 0;
}

/**
 * Tells whether a code unit may stand in a field value: HTAB, SP, VCHAR or obs-text (RFC 9110 5.5).
 *
 * @param code A byte or a UTF-16 code unit.
 * @returns Whether it may stand in a field value.
 */
export function isValueCode(code: number): boolean {
  return code < 256 && (CLASSES[code]! & VALUE) !== 0;
}

/**
 * Tells whether a string is a token (RFC 9110 5.6.2).
 *
 * @param value The string.
 * @returns Whether it is a token; the empty string is not.
 */
export function isToken(value: string): boolean {
  for (let i = 0; i < value.length; i++) if (!isTokenCode(value.charCodeAt(i))) return false;
  return value.length > 0;
}

/**
 * The fields of one head, in order; a name may occur several times. Names are compared without
 * regard to case and stored in lower case.
 *
 * @example
 * ```ts
 * import { HeaderFields } from "@sansocket/ws/core";
 *
 * const fields = new HeaderFields();
 * fields.append("Sec-WebSocket-Protocol", "chat.v1");
 * fields.append("Sec-WebSocket-Protocol", "chat.v2");
 * fields.get("sec-websocket-protocol"); // "chat.v1, chat.v2"
 * ```
 */
export class HeaderFields implements Iterable<readonly [name: string, value: string]> {
  /** The text of the head that they were read from, if they were. */
  source: string | undefined;

  #names: string[] = [];
  #values: string[] = [];

  /** How many field lines there are. */
  get size(): number {
    return this.#names.length;
  }

  /**
   * Adds a field line at the end.
   *
   * @param name The field name.
   * @param value The field value.
   */
  append(name: string, value: string): void {
    this.#names.push(name.toLowerCase());
    this.#values.push(value);
  }

  /**
   * Gives a field one value: in the place of its first line if there is one, else at the end.
   *
   * @param name The field name.
   * @param value The field value.
   */
  set(name: string, value: string): void {
    const lower = name.toLowerCase();
    const first = this.#names.indexOf(lower);
    if (first === -1) return this.append(lower, value);
    this.#values[first] = value;
    const names = this.#names;
    const kept = (_: string, i: number): boolean => i <= first || names[i] !== lower;
    this.#values = this.#values.filter(kept);
    this.#names = names.filter(kept);
  }

  /**
   * The value of a field, several lines joined by ", " (RFC 9110 5.3).
   *
   * @param name The field name.
   * @returns The value, or undefined when the field is absent.
   */
  get(name: string): string | undefined {
    const lower = name.toLowerCase();
    const first = this.#names.indexOf(lower);
    if (first === -1) return undefined;
    if (this.#names.indexOf(lower, first + 1) === -1) return this.#values[first];
    return this.getAll(lower).join(", ");
  }

  /**
   * The values of all lines of a field, in order.
   *
   * @param name The field name.
   * @returns The values; empty when the field is absent.
   */
  getAll(name: string): readonly string[] {
    const lower = name.toLowerCase();
    return this.#values.filter((_, i) => this.#names[i] === lower);
  }

  /**
   * Tells whether a field is present.
   *
   * @param name The field name.
   * @returns Whether at least one line has this name.
   */
  has(name: string): boolean {
    return this.#names.includes(name.toLowerCase());
  }

  /**
   * Iterates over the field lines in order.
   *
   * @returns Pairs of lower-case name and value.
   */
  *[Symbol.iterator](): IterableIterator<readonly [name: string, value: string]> {
    for (let i = 0; i < this.#names.length; i++) yield [this.#names[i]!, this.#values[i]!];
  }

  /**
   * The same fields as a WHATWG `Headers`.
   *
   * @returns A new `Headers`.
   */
  toHeaders(): Headers {
    const headers = new Headers();
    for (let i = 0; i < this.#names.length; i++) headers.append(this.#names[i]!, this.#values[i]!);
    return headers;
  }
}

/**
 * Tells whether a comma list such as `Connection` or `Upgrade` has a member, without regard to case.
 *
 * @param value The field value, if there is one.
 * @param token The member to look for.
 * @returns Whether it is there.
 */
export function hasToken(value: string | undefined, token: string): boolean {
  if (value === undefined) return false;
  const wanted = token.toLowerCase();
  if (value.length === token.length) return value.toLowerCase() === wanted;
  return value.toLowerCase().split(",").some((member) => trimOws(member) === wanted);
}

/**
 * Removes optional white space, SP and HTAB only, from both ends (RFC 9110 5.6.3).
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
 * Parses `#token`; empty members are tolerated (RFC 9110 5.6.1.2).
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
 * Parses the grammar of Sec-WebSocket-Extensions (RFC 6455 9.1): a comma list of tokens with
 * parameters. Empty members are tolerated (RFC 9110 5.6.1.2), and so is white space around any
 * separator, "=" too (the implied LWS that RFC 6455 9.1 takes from RFC 2616 2.1).
 *
 * @param value The field value.
 * @returns The elements, or undefined when malformed.
 *
 * @example
 * ```ts
 * import { parseParameterizedList } from "@sansocket/ws/core";
 *
 * parseParameterizedList('permessage-deflate; server_max_window_bits="10"');
 * // [{ token: "permessage-deflate", parameters: [{ name: "server_max_window_bits", value: "10" }] }]
 * ```
 */
export function parseParameterizedList(value: string): readonly ListElement[] | undefined {
  const cursor = new ListCursor(value);
  const elements: ListElement[] = [];
  while (!cursor.atEnd()) {
    if (cursor.take(",")) continue;
    const token = cursor.token();
    if (token === undefined) return undefined;
    const parameters: Parameter[] = [];
    while (cursor.take(";")) {
      const name = cursor.token();
      if (name === undefined) return undefined;
      const hasValue = cursor.take("=");
      const parameterValue = hasValue ? cursor.token() ?? cursor.quotedToken() : undefined;
      if (hasValue && parameterValue === undefined) return undefined;
      parameters.push({ name, value: parameterValue });
    }
    if (!cursor.atEnd() && !cursor.take(",")) return undefined;
    elements.push({ token, parameters });
  }
  return elements;
}

/** Reads the words and separators of a list; each method first skips white space. */
class ListCursor {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  atEnd(): boolean {
    while (isOws(this.#text.charCodeAt(this.#at))) this.#at++;
    return this.#at === this.#text.length;
  }

  take(separator: string): boolean {
    if (this.atEnd() || this.#text[this.#at] !== separator) return false;
    this.#at++;
    return true;
  }

  token(): string | undefined {
    if (this.atEnd()) return undefined;
    const start = this.#at;
    while (isTokenCode(this.#text.charCodeAt(this.#at))) this.#at++;
    return this.#at === start ? undefined : this.#text.slice(start, this.#at);
  }

  /** A quoted-string, which must be a token once unescaped (RFC 6455 9.1). */
  quotedToken(): string | undefined {
    if (!this.take('"')) return undefined;
    let unescaped = "";
    for (;;) {
      const character = this.#text[this.#at++];
      if (character === undefined) return undefined;
      if (character === '"') return isToken(unescaped) ? unescaped : undefined;
      unescaped += character === "\\" ? this.#text[this.#at++] ?? "" : character;
    }
  }
}
