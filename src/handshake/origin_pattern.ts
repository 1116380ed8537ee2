// Origins that a server lists (RFC 6455 10.2), some of them as patterns.
//
// 1. Whatever has no `*` is compared as it stands: browsers send origins in normal form (RFC 6454 6.2).
// 2. `*.` stands for one or more labels and never for none: the domain itself is another entry. `:*` stands for any
//    port, the default one included. No other `*` means anything, except one alone.
// 3. An entry that no browser could match is a mistake that would only show in production, so it is refused.

import { describe, type OptionRule } from "../options.ts";

/** A list of origins: what the option may be. */
export const originList: OptionRule = {
  check(name, value) {
    if (!Array.isArray(value)) {
      throw new TypeError(`Expected ${name} to be a list of origins, got ${describe(value)}`);
    }
    for (const entry of value) checkOriginPattern(entry);
  },
};

/** `scheme://host[:port]`: each part in normal form, the host perhaps with `*.` and the port perhaps `*`. */
const PATTERN = /^([a-z][a-z\d+.-]*):\/\/(\*\.)?([a-z\d._~-]+|\[[\da-f:.]+\])(?::(\d+|\*))?$/;
const ORIGIN = /^([a-z][a-z\d+.-]*):\/\/([a-z\d._~-]+|\[[\da-f:.]+\])(:\d+)?$/;

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: "80", https: "443" };

/**
 * Says whether an entry is one that browsers could match.
 *
 * @param entry The entry: an origin, a pattern, `"*"` or `"null"`.
 * @throws {TypeError} When it is none of these.
 */
export function checkOriginPattern(entry: string): void {
  if (entry === "*" || entry === "null") return;
  const match = PATTERN.exec(entry);
  if (match === null) {
    throw new TypeError(
      `Expected an origin such as "https://example.org", "https://*.example.org" or ` +
        `"http://localhost:*", got ${JSON.stringify(entry)}`,
    );
  }
  const [, scheme = "", , , port] = match;
  if (port !== undefined && port === DEFAULT_PORTS[scheme]) {
    throw new TypeError(
      `Expected an origin without its default port, as browsers send it, got ${
        JSON.stringify(entry)
      }`,
    );
  }
}

/**
 * Says whether an origin is the one that an entry names, or one of those.
 *
 * @param entry The entry, valid for {@linkcode checkOriginPattern}.
 * @param origin What the client sent.
 */
export function matchesOrigin(entry: string, origin: string): boolean {
  if (entry === "*" || entry === origin) return true;
  if (!entry.includes("*")) return false;
  const pattern = PATTERN.exec(entry);
  const sent = ORIGIN.exec(origin);
  if (pattern === null || sent === null) return false;
  const [, scheme, subdomains, domain = "", port] = pattern;
  const [, sentScheme, sentHost = "", sentPort = ""] = sent;
  const isHost = subdomains === undefined
    ? sentHost === domain
    : sentHost.endsWith(`.${domain}`) && sentHost.length > domain.length + 1;
  const isPort = port === "*" || sentPort === (port === undefined ? "" : `:${port}`);
  return scheme === sentScheme && isHost && isPort;
}
