// Header fields (RFC 9110 section 5). The list grammars of their values are in lists.ts.
//
// 1. Names are compared in lower case. Values are latin-1 code units, never decoded further.
// 2. Nothing is validated on the way in: the parser has judged what arrives, the formatter judges
//    what leaves.
// 3. A name or value of a parsed head becomes a string only when a caller asks for it.
// 4. Trap: a field sent twice is one comma list (section 5.3), so a rule on "the value" must look
//    at all of the lines.

import { kindOf } from "../util/brands.ts";
import type { HeadersSource } from "../util/platform.ts";

/** A token, for a regular expression (RFC 9110 section 5.6.2). */
export const TOKEN = "[\\w!#$%&'*+.^`|~-]+";
const WHOLE_TOKEN = new RegExp(`^${TOKEN}$`);

const TOKEN_CODE = 1;
const VALUE_CODE = 2;
const CLASSES = Uint8Array.from({ length: 256 }, (_, code) => {
  const character = String.fromCharCode(code);
  // field-vchar = VCHAR / obs-text, with SP and HTAB between (RFC 9110 section 5.5)
  return (isToken(character) ? TOKEN_CODE : 0) |
    (/[\t -~\x80-\xff]/.test(character) ? VALUE_CODE : 0);
});

/**
 * Tells whether a code unit is a tchar (RFC 9110 section 5.6.2).
 *
 * @param code A byte or a UTF-16 code unit.
 * @returns Whether it may stand in a token.
 */
export function isTokenCode(code: number): boolean {
  return code < 256 && (CLASSES[code]! & TOKEN_CODE) !== 0;
}

/**
 * Tells whether a code unit may stand in a field value: HTAB, SP, VCHAR or obs-text (RFC 9110
 * section 5.5).
 *
 * @param code A byte or a UTF-16 code unit.
 * @returns Whether it may stand in a field value.
 */
export function isValueCode(code: number): boolean {
  return code < 256 && (CLASSES[code]! & VALUE_CODE) !== 0;
}

/**
 * Tells whether a string is a token (RFC 9110 section 5.6.2).
 *
 * @param value The string.
 * @returns Whether it is a token; the empty string is not.
 */
export function isToken(value: string): boolean {
  return WHOLE_TOKEN.test(value);
}

/**
 * Field lines, in order: what a head is written from. Names keep their case, and may occur several
 * times.
 */
export type Fields = readonly (readonly [name: string, value: string])[];

/**
 * The field lines that a caller asks for. A `Headers` would lower their names and join those of one
 * name.
 *
 * @param init Pairs of name and value, an object or a `Headers`. A field that is undefined is
 * absent, as are all when `init` is.
 * @returns The lines, their values without white space around them. They are not validated.
 * @throws {TypeError} When `init` is none of these.
 */
export function toFields(init: HeadersSource | undefined): Fields {
  if (init === undefined) return [];
  if (typeof init !== "object" || init === null) {
    throw new TypeError(
      `Expected headers to be an object, pairs or a Headers, got ${kindOf(init)}`,
    );
  }
  const pairs: Iterable<Iterable<unknown>> = Symbol.iterator in init ? init : Object.entries(init);
  const fields: [name: string, value: string][] = [];
  for (const pair of pairs) {
    const parts = Array.isArray(pair) ? pair as unknown[] : [];
    if (parts.length !== 2) {
      throw new TypeError("Expected each of the headers to be a pair of name and value");
    }
    const [name, value] = parts;
    if (value === undefined) continue;
    fields.push([String(name), String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "")]);
  }
  return fields;
}

/** The field lines that a caller asks for, as a `Headers`. */
export function toHeaders(init: HeadersSource | undefined): Headers {
  const headers = new Headers();
  for (const [name, value] of toFields(init)) headers.append(name, value);
  return headers;
}

const NONE: string[] = [];

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
  readonly source: string | undefined;

  /**
   * Four for each field line of the source: start and end of the name, start and end of the value.
   */
  #offsets: readonly number[] | undefined;
  /** The lines, once there are any that are not the source's. */
  #names: string[] = NONE;
  #values: string[] = NONE;

  /**
   * The fields of a head, or none by default.
   *
   * @param source The text of a head.
   * @param offsets Four for each field line: where its name starts and ends, and its value.
   */
  constructor(source?: string, offsets?: readonly number[]) {
    this.source = source;
    this.#offsets = offsets;
  }

  /** How many field lines there are. */
  get size(): number {
    return this.#offsets === undefined ? this.#names.length : this.#offsets.length / 4;
  }

  /**
   * Adds a field line at the end.
   *
   * @param name The field name.
   * @param value The field value.
   */
  append(name: string, value: string): void {
    this.#own();
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
    this.#own();
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
   * The value of a field, several lines joined by ", " (RFC 9110 section 5.3).
   *
   * @param name The field name.
   * @returns The value, or undefined when the field is absent.
   */
  get(name: string): string | undefined {
    const lower = name.toLowerCase();
    const first = this.#find(lower, 0);
    if (first === -1) return undefined;
    return this.#find(lower, first + 1) === -1 ? this.#value(first) : this.getAll(lower).join(", ");
  }

  /**
   * The value of a field that may be sent once only.
   *
   * @param name The field name.
   * @returns The value, or undefined when the field is absent or there are several lines of it.
   */
  getOnly(name: string): string | undefined {
    const lower = name.toLowerCase();
    const first = this.#find(lower, 0);
    return first === -1 || this.#find(lower, first + 1) !== -1 ? undefined : this.#value(first);
  }

  /**
   * The values of all lines of a field, in order.
   *
   * @param name The field name.
   * @returns The values; empty when the field is absent.
   */
  getAll(name: string): readonly string[] {
    const lower = name.toLowerCase();
    const values: string[] = [];
    for (let i = this.#find(lower, 0); i !== -1; i = this.#find(lower, i + 1)) {
      values.push(this.#value(i));
    }
    return values;
  }

  /**
   * Tells whether a field is present.
   *
   * @param name The field name.
   * @returns Whether at least one line has this name.
   */
  has(name: string): boolean {
    return this.#find(name.toLowerCase(), 0) !== -1;
  }

  /**
   * Iterates over the field lines in order.
   *
   * @returns Pairs of lower-case name and value.
   */
  *[Symbol.iterator](): IterableIterator<readonly [name: string, value: string]> {
    for (let i = 0; i < this.size; i++) yield [this.#name(i), this.#value(i)];
  }

  /**
   * The same fields as a WHATWG `Headers`.
   *
   * @returns A new `Headers`.
   */
  toHeaders(): Headers {
    const headers = new Headers();
    this.appendTo(headers);
    return headers;
  }

  /**
   * Appends all fields to a Headers.
   *
   * @throws {TypeError} When a field is none that a Headers takes.
   */
  appendTo(headers: Headers): void {
    for (let i = 0; i < this.size; i++) headers.append(this.#name(i), this.#value(i));
  }

  /** The first line from `index` on with a name, or -1. */
  #find(lower: string, index: number): number {
    const offsets = this.#offsets;
    if (offsets === undefined) return this.#names.indexOf(lower, index);
    const text = this.source!;
    for (let at = 4 * index; at < offsets.length; at += 4) {
      if (equalsLower(text, offsets[at]!, offsets[at + 1]!, lower)) return at / 4;
    }
    return -1;
  }

  #name(index: number): string {
    const offsets = this.#offsets;
    if (offsets === undefined) return this.#names[index]!;
    return this.source!.slice(offsets[4 * index], offsets[4 * index + 1]).toLowerCase();
  }

  #value(index: number): string {
    const offsets = this.#offsets;
    if (offsets === undefined) return this.#values[index]!;
    return this.source!.slice(offsets[4 * index + 2], offsets[4 * index + 3]);
  }

  /** Makes the lines independent of the source, so that other lines can be added. */
  #own(): void {
    if (this.#offsets === undefined && this.#names !== NONE) return;
    const lines = [...this];
    this.#names = lines.map(([name]) => name);
    this.#values = lines.map(([, value]) => value);
    this.#offsets = undefined;
  }
}

/**
 * Tells whether a part of a text is a given word, without regard to the case of ASCII letters.
 *
 * @param text The text.
 * @param start Where the part starts.
 * @param end Where it ends.
 * @param lower The word, in lower case.
 * @returns Whether they are the same.
 */
export function equalsLower(text: string, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    const code = text.charCodeAt(start + i);
    if ((code >= 0x41 && code <= 0x5a ? code | 0x20 : code) !== lower.charCodeAt(i)) return false;
  }
  return true;
}
