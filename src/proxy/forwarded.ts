// Forwarded (RFC 7239) and the X-Forwarded-* fields that came before it, as lists with one entry
// for each proxy.
//
// Each proxy adds an entry at the end. So the proxy that is connected to us wrote the last one, and
// all entries in front of those of trusted proxies may be the client's invention.

import { type HeaderFields, TOKEN } from "../http/fields.ts";
import { trimOws } from "../http/lists.ts";
import type { Address } from "../transport/transport.ts";
import { parseIpAddress } from "../util/ip_address.ts";

/** One element of `Forwarded`; its parameters by name, in lower case. */
export type ForwardedElement = ReadonlyMap<string, string>;

/** A parameter, or none, and what follows it. */
const PAIR = `[ \\t]*(?:(${TOKEN})=(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))[ \\t]*)?([;,]|$)`;

/**
 * Parses `Forwarded` (RFC 7239 section 4).
 *
 * @param value The field value, several lines joined by commas.
 * @returns The elements, the client's first; undefined when malformed.
 */
export function parseForwarded(value: string): readonly ForwardedElement[] | undefined {
  const elements: Map<string, string>[] = [];
  let element = new Map<string, string>();
  const pair = new RegExp(PAIR, "gsy");
  for (;;) {
    const match = pair.exec(value);
    if (match === null) return undefined;
    const [, name = "", quoted, token = "", separator] = match;
    const key = name.toLowerCase();
    // Section 4: each parameter at most once in an element.
    if (element.has(key)) return undefined;
    if (key !== "") element.set(key, quoted?.replace(/\\(.)/gs, "$1") ?? token);
    if (separator === ";") continue;
    // RFC 9110 section 5.6.1.2: empty members of a list are ignored.
    if (element.size > 0) elements.push(element);
    if (separator === "") return elements;
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
