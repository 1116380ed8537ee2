// The authority of a request: the host and port that the client believes it talks to.
//
// It comes from Host, except that an absolute-form request target overrules Host (RFC 9112 section
// 3.2.2). Host is checked against the grammar before it becomes part of a URL: "example.org/@evil"
// must not mean something else to a URL parser than to us.

import type { RequestHead } from "../http/head.ts";

/**
 * An IPv6 address in brackets, whose digits are left to the URL parser, or a reg-name (RFC 3986
 * section 3.2.2); then perhaps a port up to 65535, or a lone ":" (section 3.2.3).
 */
const AUTHORITY =
  /^(?:\[[\da-fA-F:.]{2,}\]|(?:[\w!$&-.;=~]|%[\da-fA-F]{2})+)(?::0*(?:\d{0,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]))?$/;

/**
 * Says whether a value is `uri-host [ ":" port ]` (RFC 9110 section 7.2, RFC 3986 section 3.2.2),
 * with a host: a WebSocket URI always has one (RFC 6455 section 3).
 *
 * @param value A value of the `Host` header field.
 * @returns Whether it names a host.
 */
export function isAuthority(value: string): boolean {
  return AUTHORITY.test(value);
}

/**
 * Says whether a request target names a resource of a WebSocket server: origin-form, or the
 * absolute-form of an http(s) or ws(s) URI, and no fragment (RFC 6455 section 3, 4.2.1 item 1).
 *
 * @param target The request target.
 * @returns Whether it is one.
 */
export function isResourceTarget(target: string): boolean {
  if (target.includes("#")) return false;
  if (target.startsWith("/")) return true;
  const authority = targetAuthority(target);
  return authority !== undefined && isAuthority(authority);
}

/**
 * The authority that a request is for.
 *
 * @param head The request.
 * @returns The host, with its port where one was given, as it was sent; undefined when there is not
 * exactly one `Host` or when it is malformed.
 */
export function requestAuthority(head: RequestHead): string | undefined {
  const host = head.headers.getOnly("host");
  // RFC 9112 section 3.2: exactly one, also where the target overrules it
  if (host === undefined) return undefined;
  const authority = head.target.startsWith("/") ? host : targetAuthority(head.target);
  return authority !== undefined && isAuthority(authority) ? authority : undefined;
}

function targetAuthority(target: string): string | undefined {
  return /^(?:http|ws)s?:\/\/([^/?]*)/i.exec(target)?.[1];
}
