// Where a client goes when it follows a redirection (RFC 9110 section 15.4), and what it may send
// there.
//
// 1. Credentials are meant for one origin: the client sends none to another. Any field may be a
//    credential (X-Api-Key, Cookie2, a name of the application's own), so the client sends only
//    fields that are known not to be one.
// 2. A redirection from TLS to none is not followed: a caller that asked for wss: would get a
//    connection without encryption.
// 3. A mistake in a Location is the server's: it gives a HandshakeError with the status, never an
//    error that reads as if the caller's options were wrong.

import { HandshakeError } from "../protocol/errors.ts";
import { parseUrl } from "../handshake/client.ts";
import { printable } from "../handshake/printable.ts";
import type { Fields } from "../http/fields.ts";
import type { ResponseHead } from "../http/head.ts";
import type { TlsClientOptions } from "../transport/tls.ts";

/** What one request of a client is made from. */
export interface Hop {
  /** Where to, with `ws:` or `wss:`. */
  readonly url: URL;
  /** The unix socket, in place of the URL's host. */
  readonly path: string | undefined;
  /** The header fields of the caller. */
  readonly headers: Fields;
  /** The certificates to trust, and the one to show. */
  readonly tls: TlsClientOptions;
}

/**
 * Fields for any origin: they describe the program and what it accepts, not its user. `Origin` may
 * grant access, so it is not one of them.
 */
const HARMLESS: readonly string[] = [
  "accept",
  "accept-encoding",
  "accept-language",
  "cache-control",
  "pragma",
  "user-agent",
];

/** What goes along of `tls`: checks, and nothing that says who the client is. */
const KEPT: readonly string[] = [
  "ca",
  "crl",
  "rejectUnauthorized",
  "checkServerIdentity",
  "alpnProtocols",
  "minVersion",
  "maxVersion",
] satisfies (keyof TlsClientOptions)[];

/** Whether a response sends the client elsewhere. */
export function isRedirect({ status, headers }: ResponseHead): boolean {
  return [301, 302, 303, 307, 308].includes(status) && headers.has("location");
}

/**
 * The request that a redirection asks for.
 *
 * @param from The request that it answers.
 * @param head The response, a redirection.
 * @returns The next request.
 * @throws {HandshakeError} When it has several Locations, or leads to a URL that is no WebSocket
 * URL, or from TLS to none.
 */
export function follow(from: Hop, head: ResponseHead): Hop {
  const [location = "", ...others] = head.headers.getAll("location");
  const refuse = (what: string, got = `"${printable(location)}"`): HandshakeError =>
    new HandshakeError(`Expected a redirection ${what}, got ${got}`, {
      status: head.status,
      headers: head.headers.toHeaders(),
      code: "EREDIRECT",
    });
  // RFC 9110 section 10.2.2: one reference. With several, a proxy or a log may have used another
  // one than this client.
  if (others.length > 0) throw refuse("with one Location", String(others.length + 1));
  let url: URL;
  try {
    const next = new URL(encodeOctets(location), from.url);
    // A fragment is for the reader of a document, and a WebSocket URL has none.
    next.hash = "";
    url = parseUrl(next);
  } catch {
    throw refuse("to a WebSocket URL");
  }
  if (url.port === "0") throw refuse("to a port from 1 to 65535");
  // RFC 7617 section 2: Authorization cannot hold a colon in a user name. A relative reference has
  // the user of the URL that it is relative to.
  if (url.username !== from.url.username && /%3a/i.test(url.username)) {
    throw refuse("to a user name without a colon");
  }
  if (from.url.protocol === "wss:" && url.protocol !== "wss:") throw refuse("to wss: or https:");
  if (url.protocol === from.url.protocol && url.host === from.url.host) {
    // A URL without a user name and a password keeps those of the previous request.
    if (url.username === "" && url.password === "") {
      url.username = from.url.username;
      url.password = from.url.password;
    }
    return { ...from, url };
  }
  url.username = url.password = "";
  const headers = from.headers.filter(([name]) => HARMLESS.includes(name.toLowerCase()));
  const tls = Object.fromEntries(Object.entries(from.tls).filter(([name]) => KEPT.includes(name)));
  return { url, path: undefined, headers, tls };
}

/**
 * Escapes octets beyond ASCII, which no URI has, so that they are sent back as they came, as
 * browsers do.
 */
function encodeOctets(location: string): string {
  return location.replace(
    /[\x80-\xff]/g,
    (octet) => `%${octet.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
