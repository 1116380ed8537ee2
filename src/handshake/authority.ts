// The authority of a request: the host and port that the client believes it talks to.
//
// It comes from Host, except that an absolute-form request target overrules Host (RFC 9112 section
// 3.2.2). Host is checked against the grammar before it becomes part of a URL: "example.org/@evil"
// must not mean something else to a URL parser than to us.

import type { RequestHead } from "../http/head.ts";

/**
 * Says whether a value is `uri-host [ ":" port ]` (RFC 9110 section 7.2, RFC 3986 section 3.2.2),
 * with a host: a WebSocket URI always has one (RFC 6455 section 3).
 *
 * @param value A value of the `Host` header field.
 * @returns Whether it names a host.
 */
export function isAuthority(value: string): boolean {
  const end = value.startsWith("[") ? endOfAddress(value) : endOfName(value);
  return end > 0 && isPortSuffix(value, end);
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

const SCHEMES = ["http://", "https://", "ws://", "wss://"];

function targetAuthority(target: string): string | undefined {
  for (const scheme of SCHEMES) {
    if (target.slice(0, scheme.length).toLowerCase() !== scheme) continue;
    let end = scheme.length;
    while (end < target.length && target[end] !== "/" && target[end] !== "?") end++;
    return target.slice(scheme.length, end);
  }
  return undefined;
}

/** The index behind `[IPv6 address]`, or 0. Its digits are left to the URL parser. */
function endOfAddress(value: string): number {
  const end = value.indexOf("]");
  if (end < 3) return 0;
  for (let i = 1; i < end; i++) {
    const code = value.charCodeAt(i);
    if (!isHexDigit(code) && code !== 0x3a && code !== 0x2e) return 0; // ":" "."
  }
  return end + 1;
}

/** The index behind a reg-name or an IPv4 address, or 0. */
function endOfName(value: string): number {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0x3a) return i; // ":"
    if (code === 0x25) { // "%"
      if (!isHexDigit(value.charCodeAt(++i)) || !isHexDigit(value.charCodeAt(++i))) return 0;
    } else if (!isNameCharacter(code)) return 0;
  }
  return value.length;
}

/** RFC 3986 section 3.2.3: port = *DIGIT, so that a lone ":" is allowed. */
function isPortSuffix(value: string, start: number): boolean {
  if (start === value.length) return true;
  if (value[start] !== ":") return false;
  let port = 0;
  for (let i = start + 1; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return false;
    port = port * 10 + code - 0x30;
    if (port > 65535) return false;
  }
  return true;
}

/** RFC 3986 section 2.2, 2.3: unreserved / sub-delims. */
function isNameCharacter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || // a-z A-Z
    (code >= 0x30 && code <= 0x39) || // 0-9
    (code >= 0x26 && code <= 0x2e) || // & ' ( ) * + , - .
    code === 0x21 || code === 0x24 || code === 0x3b || code === 0x3d || // ! $ ; =
    code === 0x5f || code === 0x7e; // _ ~
}

function isHexDigit(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x46) ||
    (code >= 0x61 && code <= 0x66);
}
