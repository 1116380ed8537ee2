// The origin rule (RFC 6455 4.2.2 item 4, 10.2): browsers let any page open a WebSocket to any host
// and send the user's cookies along, so that the server has to look at Origin itself.
//
// 1. No Origin: not a browser, which could send what it likes; allowed.
// 2. Same origin: the Origin's host and port are the request's. Without TLS the scheme cannot be compared, since
//    TLS may end in a proxy; it only gives a missing port its default. With TLS it is https: whoever can change
//    a page that came by http must not get at what cookies open by https.
// 3. Loopback on all sides: a developer's page on one port, the server on another.
// 4. The rest, "null" included, has to be listed: see origin_pattern.ts.

import type { RequestHead } from "../http/head.ts";
import type { Address } from "../transport.ts";
import { requestAuthority } from "./authority.ts";
import { matchesOrigin } from "./origin_pattern.ts";

/** The two ends of the connection that a request came in on, as far as they are known. */
export interface Peers {
  /** The address of the client. */
  readonly remote: Address | undefined;
  /** The address of the server. */
  readonly local: Address | undefined;
  /** Whether the client uses TLS; undefined when that is not known. */
  readonly secure?: boolean | undefined;
}

/**
 * Says whether the origin of a handshake may connect: no `Origin`, the same origin, loopback on all
 * sides, or listed. More than one `Origin` is never allowed (RFC 6454 7.3).
 *
 * @param head The request.
 * @param allowed More origins, each as browsers send it (`https://example.org`, lower case, without
 * a default port or a final slash), or with `*.` for all subdomains or `:*` for any port
 * (`https://*.example.org:*`); `"*"` for any, `"null"` for opaque origins.
 * @param peers The addresses of both ends.
 * @returns Whether the handshake may go on; if not, answer 403 (RFC 6455 4.2.2 item 4).
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
  if (!head.headers.has("origin")) return true;
  const origin = head.headers.getOnly("origin");
  if (origin === undefined) return false;
  if (allowed.some((pattern) => matchesOrigin(pattern, origin))) return true;

  const authority = requestAuthority(head);
  // What browsers send is in normal form, as is their Host: no need to parse the usual case.
  if (
    authority !== undefined &&
    (origin === "https://" + authority || (!peers.secure && origin === "http://" + authority))
  ) return true;

  const url = parseOrigin(origin);
  if (url === undefined) return false;
  const isDowngrade = peers.secure === true && url.protocol === "http:";
  return (authority !== undefined && !isDowngrade && isSameHost(url, authority)) ||
    (isLoopbackName(url.hostname) && isLoopbackAddress(peers.remote) &&
      isLoopbackAddress(peers.local));
}

/** RFC 6454 6.2: scheme "://" host [ ":" port ], and nothing else. */
function parseOrigin(origin: string): URL | undefined {
  const start = origin.indexOf("://") + 3;
  if (start < 3) return undefined;
  for (let i = start; i < origin.length; i++) {
    const c = origin[i];
    if (c === "/" || c === "\\" || c === "?" || c === "#" || c === "@" || c === " ") {
      return undefined;
    }
  }
  const url = parse(origin);
  return url?.protocol === "https:" || url?.protocol === "http:" ? url : undefined;
}

function isSameHost(origin: URL, authority: string): boolean {
  return parse(`${origin.protocol}//${authority}`)?.host === origin.host;
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** RFC 6761 6.3 for the names; the URL parser has brought addresses into normal form. */
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

/** 127.0.0.0/8 (RFC 1122 3.2.1.3); all digits, so that `127.0.0.1.example.org` is not taken for one. */
function isLoopbackIPv4(text: string): boolean {
  if (!text.startsWith("127.")) return false;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) dots++;
    else if (code < 0x30 || code > 0x39) return false;
  }
  return dots === 3;
}
