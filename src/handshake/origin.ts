// The origin rule (RFC 6455 section 4.2.2 item 4, 10.2): browsers let any page open a WebSocket to
// any host, and send the user's cookies along, so the server has to check Origin itself.
//
// 1. No Origin: the client is not a browser, and could send any Origin. It is allowed, unless the
//    server requires an Origin.
// 2. Same origin: the Origin's host and port are the request's. Without TLS the scheme cannot be
//    compared, since TLS may end in a proxy; it only gives a missing port its default. With TLS it
//    has to be https: an attacker who can change a page that came by http must not use the cookies
//    of https.
// 3. Loopback on all sides: a developer's page on one port, the server on another. Host has to be
//    loopback as well: behind a proxy on the same machine both ends of the connection are loopback,
//    for any client.
// 4. Any other origin, "null" included, has to be listed (origin_pattern.ts), or allowed by the
//    server's function.

import type { RequestHead } from "../http/head.ts";
import type { Address } from "../transport/transport.ts";
import { requestAuthority } from "./authority.ts";
import {
  matchesOrigin,
  type OriginPattern,
  parseOrigin,
  parseOriginPattern,
} from "./origin_pattern.ts";

/** The two ends of the connection that a request came in on, as far as they are known. */
export interface Peers {
  /** The address of the client. */
  readonly remote: Address | undefined;
  /** The address of the server. */
  readonly local: Address | undefined;
  /** Whether the client uses TLS; undefined when that is not known. */
  readonly secure?: boolean | undefined;
}

/** Origins that may connect besides the same one. */
export interface OriginList {
  /** The entries as they were given: most are exactly what clients send. */
  readonly entries: ReadonlySet<string>;
  /** The entries as patterns, where they have more than one form. */
  readonly patterns: readonly OriginPattern[];
}

/**
 * Reads a list of origins.
 *
 * @param entries Origins, patterns, `"*"` and `"null"`.
 * @throws {TypeError} When an entry is none of these.
 */
export function parseOrigins(entries: readonly string[]): OriginList {
  const patterns = entries.filter((entry) => entry !== "*" && entry !== "null");
  return { entries: new Set(entries), patterns: patterns.map(parseOriginPattern) };
}

/**
 * Says whether the origin of a handshake may connect: no `Origin`, the same origin, loopback on all
 * sides, or listed. More than one `Origin` is never allowed (RFC 6454 section 7.3).
 *
 * @param head The request.
 * @param allowed More origins: `https://example.org`, `https://*.example.org` for its subdomains,
 * `https://.example.org` for both, `:*` for any port, `moz-extension:` for a whole scheme; without
 * a scheme for http and https; `"*"` for any, `"null"` for opaque origins.
 * @param peers The addresses of both ends.
 * @returns Whether the handshake may go on; if not, answer 403 (RFC 6455 section 4.2.2 item 4).
 * @throws {TypeError} When an entry of `allowed` is malformed.
 *
 * @example
 * ```ts
 * import { HeaderFields, isOriginAllowed } from "@sansocket/ws/core";
 *
 * const headers = new HeaderFields();
 * headers.append("Host", "example.org");
 * headers.append("Origin", "https://example.org");
 * const head = { method: "GET", target: "/", version: "1.1", headers } as const;
 * isOriginAllowed(head, [], { remote: undefined, local: undefined }); // true
 * ```
 */
export function isOriginAllowed(
  head: RequestHead,
  allowed: readonly string[],
  peers: Peers,
): boolean {
  const { headers } = head;
  if (!headers.has("origin")) return true;
  const origin = headers.getOnly("origin");
  return origin !== undefined && mayConnect(origin, head, parseOrigins(allowed), peers);
}

/** `isOriginAllowed()` for the one origin of a request, with a list that has been read. */
export function mayConnect(
  origin: string,
  head: RequestHead,
  { entries, patterns }: OriginList,
  peers: Peers,
): boolean {
  if (entries.size > 0 && (entries.has(origin) || entries.has("*"))) return true;
  const authority = requestAuthority(head);
  // What browsers send is in normal form, as is their Host: no need to parse the usual case.
  if (
    authority !== undefined &&
    (origin === "https://" + authority || (!peers.secure && origin === "http://" + authority))
  ) return true;
  const sent = patterns.length > 0 ? parseOrigin(origin) : undefined;
  return (sent !== undefined && patterns.some((one) => matchesOrigin(one, sent, peers.secure))) ||
    (authority !== undefined && isSameOriginOrLoopback(origin, authority, peers));
}

function isSameOriginOrLoopback(origin: string, authority: string, peers: Peers): boolean {
  const url = parseHttpOrigin(origin);
  if (url === undefined) return false;
  const host = parse(`${url.protocol}//${authority}`);
  const isDowngrade = peers.secure === true && url.protocol === "http:";
  if (host?.host === url.host && !isDowngrade) return true;
  return host !== undefined && isLoopbackName(url.hostname) && isLoopbackName(host.hostname) &&
    isLoopbackAddress(peers.remote) && isLoopbackAddress(peers.local);
}

/**
 * RFC 6454 section 6.2: scheme "://" host [ ":" port ], and at most a slash behind it, as React
 * Native sends.
 */
function parseHttpOrigin(origin: string): URL | undefined {
  const [, text = ""] = /^([^/]*:\/\/[^/\\?#@ ]*)\/?$/.exec(origin) ?? [];
  const url = parse(text);
  return url?.protocol === "https:" || url?.protocol === "http:" ? url : undefined;
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** RFC 6761 section 6.3 for the names; the URL parser has brought addresses into normal form. */
function isLoopbackName(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" ||
    isLoopbackIPv4(hostname);
}

function isLoopbackAddress(address: Address | undefined): boolean {
  if (address === undefined) return false;
  const hostname = address.hostname.toLowerCase();
  return hostname === "::1" ||
    isLoopbackIPv4(hostname.startsWith("::ffff:") ? hostname.slice(7) : hostname);
}

/**
 * 127.0.0.0/8 (RFC 1122 section 3.2.1.3); all digits, so that `127.0.0.1.example.org` is not taken
 * for one.
 */
function isLoopbackIPv4(text: string): boolean {
  return /^127(?:\.\d*){3}$/.test(text);
}
