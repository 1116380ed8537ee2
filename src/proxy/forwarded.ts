// Forwarded (RFC 7239) and the X-Forwarded-* fields that came before it, as lists with one entry
// for each proxy.
//
// Each proxy adds an entry at the end. So the proxy that is connected to us wrote the last one, and
// all entries in front of those of trusted proxies may be the client's invention.

import type { HeaderFields } from "../http/fields.ts";
import { isTokenCode } from "../http/fields.ts";
import { trimOws } from "../http/lists.ts";
import type { Address } from "../transport/transport.ts";
import { parseIpAddress } from "../util/ip_address.ts";

/** One element of `Forwarded`; its parameters by name, in lower case. */
export type ForwardedElement = ReadonlyMap<string, string>;

/**
 * Parses `Forwarded` (RFC 7239 section 4).
 *
 * @param value The field value, several lines joined by commas.
 * @returns The elements, the client's first; undefined when malformed.
 */
export function parseForwarded(value: string): readonly ForwardedElement[] | undefined {
  const elements: Map<string, string>[] = [];
  let element = new Map<string, string>();
  let at = 0;
  const skip = (): void => {
    while (value[at] === " " || value[at] === "\t") at++;
  };
  const token = (): string => {
    const start = at;
    while (at < value.length && isTokenCode(value.charCodeAt(at))) at++;
    return value.slice(start, at);
  };
  const quoted = (): string | undefined => {
    let text = "";
    for (at++; at < value.length; at++) {
      if (value[at] === '"') return at++, text;
      if (value[at] === "\\") at++;
      text += value[at] ?? "";
    }
    return undefined;
  };
  for (;;) {
    skip();
    const name = token().toLowerCase();
    if (name !== "") {
      if (value[at++] !== "=") return undefined;
      const parameter = value[at] === '"' ? quoted() : token() || undefined;
      // Section 4: each parameter at most once in an element.
      if (parameter === undefined || element.has(name)) return undefined;
      element.set(name, parameter);
      skip();
    }
    const separator = value[at++];
    if (separator === ";") continue;
    if (separator !== undefined && separator !== ",") return undefined;
    // RFC 9110 section 5.6.1.2: empty members of a list are ignored.
    if (element.size > 0) elements.push(element);
    if (separator === undefined) return elements;
    element = new Map();
  }
}

/**
 * Parses a comma list such as `X-Forwarded-For`.
 *
 * @param headers The header fields.
 * @param name The field's name.
 * @returns The members, the client's first; empty when the field is absent.
 */
export function parseForwardedList(headers: HeaderFields, name: string): readonly string[] {
  const value = headers.get(name);
  if (value === undefined) return [];
  return value.split(",").map(trimOws).filter((member) => member !== "");
}

/**
 * Reads a node: an IP address with or without a port (RFC 7239 section 6); IPv6 in brackets, or
 * bare, as `X-Forwarded-For` has it.
 *
 * @param text The node.
 * @returns The address, with port 0 when none was given; undefined for `unknown`, an obfuscated
 * identifier (`_hidden`) and anything else.
 */
export function parseNode(text: string): Address | undefined {
  const bare = parseIpAddress(text);
  if (bare !== undefined) return { hostname: text.toLowerCase(), port: 0 };
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}|_[\w.-]+))?$/.exec(text);
  const hostname = match?.[1] ?? match?.[2];
  if (hostname === undefined || parseIpAddress(hostname) === undefined) return undefined;
  // Brackets are for IPv6 only.
  if ((match?.[1] !== undefined) !== hostname.includes(":")) return undefined;
  const port = Number(match?.[3] ?? 0);
  return { hostname: hostname.toLowerCase(), port: port <= 65535 ? port : 0 };
}
