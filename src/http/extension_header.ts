// Sec-WebSocket-Extensions (RFC 6455 section 9.1): the grammar only. Other files decide what a name
// means, and whether to accept an offer. A server declines an offer by leaving it out.
//
// The order of extensions and of parameters is significant (section 9.1), and a name may be offered
// more than once (RFC 7692 section 5.1 uses that for fall-backs), so both are lists and never maps.

import { isToken } from "./fields.ts";
import { parseParameterizedList } from "./lists.ts";

/** One parameter of an extension: its name, and its value or `true` when it has none. */
export type ExtensionParameter = readonly [name: string, value: string | true];

/**
 * One element of a `Sec-WebSocket-Extensions` list: an offer (client) or an acceptance (server).
 */
export interface ExtensionOffer {
  /** The extension token, such as `permessage-deflate`. */
  readonly name: string;
  /** The parameters in the order in which they were sent, duplicates included. */
  readonly parameters: readonly ExtensionParameter[];
}

/**
 * Parses the value of `Sec-WebSocket-Extensions` (RFC 6455 section 9.1); values of several header
 * fields are joined by commas first.
 *
 * @param value The field value.
 * @returns The extensions in order, or undefined when the value does not match the grammar, which
 * asks for at least one extension.
 *
 * @example
 * ```ts
 * import { parseExtensions } from "@sansocket/ws/core";
 *
 * parseExtensions("bar; baz=2"); // [{ name: "bar", parameters: [["baz", "2"]] }]
 * ```
 */
export function parseExtensions(value: string): readonly ExtensionOffer[] | undefined {
  const list = parseParameterizedList(value);
  // Section 9.1: extension-list = 1#extension
  if (list === undefined || list.length === 0) return undefined;
  return list.map(({ token, parameters }) => ({
    name: token,
    parameters: parameters.map((parameter): ExtensionParameter => [
      parameter.name,
      parameter.value ?? true,
    ]),
  }));
}

/**
 * Formats a list of extensions as the value of `Sec-WebSocket-Extensions` (RFC 6455 section 9.1).
 *
 * @param list The extensions in order.
 * @returns The field value; empty for an empty list, in which case the field must be left out.
 * @throws {TypeError} When a name or a value is not a token. Section 9.1 asks this of quoted values
 * too, so no value ever needs quotes.
 *
 * @example
 * ```ts
 * import { formatExtensions } from "@sansocket/ws/core";
 *
 * formatExtensions([{ name: "bar", parameters: [["baz", "2"]] }]); // "bar; baz=2"
 * ```
 */
export function formatExtensions(list: readonly ExtensionOffer[]): string {
  let text = "";
  for (const { name, parameters } of list) {
    if (text !== "") text += ", ";
    text += token(name);
    for (const [parameter, value] of parameters) {
      text += `; ${token(parameter)}`;
      if (value !== true) text += `=${token(value)}`;
    }
  }
  return text;
}

function token(text: string): string {
  if (!isToken(text)) throw new TypeError(`Expected a token, got ${JSON.stringify(text)}`);
  return text;
}
