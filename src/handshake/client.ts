// The client's side of the opening handshake (RFC 6455 section 4.1), as pure functions.
//
// 1. A mistake of the caller throws before a byte is sent. A mistake of the server gives a reason,
//    and the caller must then fail the connection (sections 4.1, 7.1.7).
// 2. The response is compared with the request: the server may accept only what the client offered.

import {
  type ExtensionOffer,
  formatExtensions,
  parseExtensions,
} from "../http/extension_header.ts";
import { isToken } from "../http/fields.ts";
import { hasToken } from "../http/lists.ts";
import { formatRequestHead } from "../http/format.ts";
import type { ResponseHead } from "../http/head.ts";
import { computeAccept, createKey } from "./key.ts";
import { printable } from "./printable.ts";
import { checkNotReserved } from "./reserved_fields.ts";

/** What a client asks for. */
export interface ClientHandshakeOptions {
  /** The subprotocols to offer, the preferred one first. */
  readonly protocols: readonly string[];
  /** More header fields for the request; `Host`, `Origin` and `Authorization` may be set. */
  readonly headers: Iterable<readonly [name: string, value: string]>;
  /** The extensions to offer, the preferred one first. Default: none. */
  readonly extensions?: readonly ExtensionOffer[];
}

/** A request that is ready to be sent. */
export interface ClientHandshake {
  /** The value of `Sec-WebSocket-Key`. The response has to prove that the server has read it. */
  readonly key: string;
  /** The head of the request. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What a server has agreed to. */
export interface EstablishedHandshake {
  /** The subprotocol, or the empty string. */
  readonly protocol: string;
  /**
   * The extensions that the server accepts, as it wrote them. Each extension has to check its own
   * parameters.
   */
  readonly extensions: readonly ExtensionOffer[];
}

/** Why a response does not establish a WebSocket connection. */
export interface FailedHandshake {
  /** What was expected and what was got. */
  readonly reason: string;
  /** What is wrong with the response. */
  readonly code: HandshakeFault;
}

/**
 * What is wrong with a response:
 *
 * - `ESTATUS`: the server did not answer with 101.
 * - `EUPGRADE`: the fields `Upgrade` or `Connection` are not those of a WebSocket server.
 * - `EACCEPT`: Sec-WebSocket-Accept does not belong to the key that was sent.
 * - `EEXTENSION`: it uses an extension that was not offered, or not in this way.
 * - `ESUBPROTOCOL`: it chose a subprotocol that was not offered.
 */
export type HandshakeFault = "ESTATUS" | "EUPGRADE" | "EACCEPT" | "EEXTENSION" | "ESUBPROTOCOL";

const VERSION = "13"; // 4.1, item 9 of the request

/**
 * Parses the URL of a WebSocket server (RFC 6455 section 3) as the WHATWG's WebSocket does: `http:`
 * and `https:` become `ws:` and `wss:`.
 *
 * @param url An absolute URL. It is not changed.
 * @returns A URL with the scheme `ws:` or `wss:`.
 * @throws {SyntaxError} When it is not a URL, has another scheme, or has a fragment, which a
 * WebSocket URI must not have (RFC 6455 section 3).
 *
 * @example
 * ```ts
 * import { parseUrl } from "@sansocket/ws/core";
 *
 * parseUrl("https://example.org/chat").href; // "wss://example.org/chat"
 * ```
 */
export function parseUrl(url: string | URL): URL {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    const text = String(url);
    const [, port] = /^\w+:\/\/[^/?#]*:(\d+)(?:[/?#]|$)/.exec(text) ?? [];
    if (Number(port) > 65_535) {
      const message = `Expected a URL with a port from 1 to 65535, got ${port}`;
      throw Object.assign(new SyntaxError(message), { code: "ERANGE" });
    }
    throw new SyntaxError(`Expected an absolute URL, got ${JSON.stringify(text)}`);
  }
  if (parsed.protocol === "http:") parsed.protocol = "ws:";
  else if (parsed.protocol === "https:") parsed.protocol = "wss:";
  if (parsed.protocol !== "ws:" && parsed.protocol !== "wss:") {
    throw new SyntaxError(`Expected a URL with ws: or wss:, got ${parsed.protocol}`);
  }
  // `hash` cannot tell an empty fragment from none.
  if (parsed.href.includes("#")) {
    throw new SyntaxError(`Expected a URL without a fragment, got ${parsed.hash || "#"}`);
  }
  return parsed;
}

/**
 * Creates the client's opening handshake (RFC 6455 section 4.1), with a fresh key.
 *
 * @param url What {@linkcode parseUrl} returned; its user name and password become `Authorization`.
 * @param options The subprotocols and more header fields.
 * @returns The bytes to send, and the key.
 * @throws {SyntaxError} When a subprotocol is not a token or is offered twice, or when the user
 * name contains a colon (RFC 7617 section 2).
 * @throws {TypeError} When a header field is reserved for the handshake, malformed, or a second
 * `Host` or `Origin`.
 *
 * @example
 * ```ts
 * import { createRequest, parseUrl } from "@sansocket/ws/core";
 *
 * const url = parseUrl("ws://example.org/chat");
 * const { key, bytes } = createRequest(url, { protocols: ["chat.v1"], headers: [] });
 * console.log(key, new TextDecoder().decode(bytes)); // ..., "GET /chat HTTP/1.1\r\n..."
 * ```
 */
export function createRequest(url: URL, options: ClientHandshakeOptions): ClientHandshake {
  const protocols = checkProtocols(options.protocols);
  let host = url.host; // 4.1 item 4: with the port unless it is the scheme's default
  let hasHost = false;
  let hasOrigin = false;
  let hasAuthorization = false;
  const extra: (readonly [string, string])[] = [];
  for (const field of options.headers) {
    const name = checkNotReserved(field[0]);
    if ((name === "host" && hasHost) || (name === "origin" && hasOrigin)) {
      throw new TypeError(`Expected one ${field[0]}, got two`);
    }
    hasOrigin ||= name === "origin";
    hasAuthorization ||= name === "authorization";
    if (name === "host") {
      hasHost = true;
      host = field[1];
    } else extra.push(field);
  }
  const key = createKey();
  const headers: (readonly [string, string])[] = [
    ["Host", host],
    ["Upgrade", "websocket"],
    ["Connection", "Upgrade"],
    ["Sec-WebSocket-Key", key],
    ["Sec-WebSocket-Version", VERSION],
  ];
  if (options.extensions !== undefined && options.extensions.length > 0) {
    headers.push(["Sec-WebSocket-Extensions", formatExtensions(options.extensions)]);
  }
  if (protocols.length > 0) headers.push(["Sec-WebSocket-Protocol", protocols.join(", ")]);
  if (!hasAuthorization && (url.username !== "" || url.password !== "")) {
    headers.push(["Authorization", formatBasic(url.username, url.password)]);
  }
  headers.push(...extra);
  // 3: resource name = path ["?" query]
  return { key, bytes: formatRequestHead("GET", url.pathname + url.search, headers) };
}

/**
 * Judges the server's response to an opening handshake (RFC 6455 section 4.1, from "Once the
 * client's opening handshake has been sent").
 *
 * @param head The response.
 * @param key The key that was sent.
 * @param options The subprotocols and extensions that were offered.
 * @returns What the server agreed to, or the reason to fail the connection.
 *
 * @example
 * ```ts
 * import { HeaderFields, judgeResponse } from "@sansocket/ws/core";
 *
 * const headers = new HeaderFields();
 * headers.append("Upgrade", "websocket");
 * headers.append("Connection", "Upgrade");
 * headers.append("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
 * const head = { status: 101, statusText: "", version: "1.1", headers } as const;
 * judgeResponse(head, "dGhlIHNhbXBsZSBub25jZQ==", { protocols: [] });
 * // { protocol: "", extensions: [] }
 * ```
 */
export function judgeResponse(
  head: ResponseHead,
  key: string,
  options: Pick<ClientHandshakeOptions, "protocols" | "extensions">,
): EstablishedHandshake | FailedHandshake {
  const { headers } = head;
  // Item 1
  if (head.status !== 101) return { reason: describeStatus(head), code: "ESTATUS" };
  // Any version of HTTP: 4.1 requires HTTP/1.1 only of the request, and old servers answer as
  // HTTP/1.0. Item 2: the whole value, not one of a list
  const upgrade = headers.get("upgrade");
  if (upgrade?.toLowerCase() !== "websocket") {
    return expected("EUPGRADE", "Upgrade: websocket", field(upgrade));
  }
  // Item 3
  const connection = headers.get("connection");
  if (!hasToken(connection, "upgrade")) {
    return expected("EUPGRADE", "Connection: Upgrade", field(connection));
  }
  // Item 4; 11.3.3: at most once, which the comparison of all values joined ensures
  const accept = headers.get("sec-websocket-accept");
  const expectedAccept = computeAccept(key);
  if (accept !== expectedAccept) {
    return expected("EACCEPT", `Sec-WebSocket-Accept ${expectedAccept}`, field(accept));
  }
  // Item 5
  const accepted = headers.get("sec-websocket-extensions");
  const extensions = accepted === undefined ? [] : parseExtensions(accepted);
  const offered = options.extensions ?? [];
  const isOffered = ({ name }: ExtensionOffer) => offered.some((offer) => offer.name === name);
  if (extensions === undefined || !extensions.every(isOffered)) {
    const allowed = formatExtensions(offered);
    const what = allowed === "" ? "no Sec-WebSocket-Extensions" : `an extension of ${allowed}`;
    return expected("EEXTENSION", what, field(accepted));
  }
  // Item 6; 11.3.4: at most once. Compared as it is: subprotocols are case-sensitive.
  const chosen = headers.getAll("sec-websocket-protocol");
  if (chosen.length > 1) {
    return expected("ESUBPROTOCOL", "one Sec-WebSocket-Protocol", String(chosen.length));
  }
  const [protocol] = chosen;
  if (protocol === undefined) return { protocol: "", extensions };
  if (options.protocols.includes(protocol)) return { protocol, extensions };
  return options.protocols.length === 0
    ? expected("ESUBPROTOCOL", "no Sec-WebSocket-Protocol", field(protocol))
    : expected(
      "ESUBPROTOCOL",
      `Sec-WebSocket-Protocol to be one of ${printable(options.protocols.join(", "))}`,
      field(protocol),
    );
}

function describeStatus(head: ResponseHead): string {
  let reason = `Expected status 101, got ${head.status}`;
  if (head.statusText !== "") reason += ` ${printable(head.statusText)}`;
  // 4.4: several fields or one list
  const versions = head.headers.get("sec-websocket-version");
  if (versions === undefined) return reason;
  return `${reason}; expected Sec-WebSocket-Version ${VERSION}, got ${printable(versions)}`;
}

function expected(code: HandshakeFault, what: string, got: string): FailedHandshake {
  return { reason: `Expected ${what}, got ${got}`, code };
}

function field(value: string | undefined): string {
  return value === undefined ? "none" : `"${printable(value)}"`;
}

/** 4.1 item 10: tokens, each once. */
function checkProtocols(protocols: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  for (const protocol of protocols) {
    if (!isToken(protocol)) {
      throw new SyntaxError(
        `Expected a subprotocol to be a token, got ${JSON.stringify(protocol)}`,
      );
    }
    if (seen.has(protocol)) {
      throw new SyntaxError(`Expected unique subprotocols, got ${JSON.stringify(protocol)} twice`);
    }
    seen.add(protocol);
  }
  return protocols;
}

/**
 * Formats the credentials of a URL (RFC 7617 section 2): base64 of user-id ":" password, in UTF-8
 * as URLs are.
 *
 * @param username The user name, percent-encoded.
 * @param password The password, percent-encoded.
 * @returns The value of `Authorization` or `Proxy-Authorization`.
 * @throws {SyntaxError} When the user name contains a colon.
 */
export function formatBasic(username: string, password: string): string {
  const name = percentDecode(username);
  if (name.includes(":")) throw new SyntaxError("Expected a user name without a colon");
  return "Basic " + btoa(`${name}:${percentDecode(password)}`);
}

/**
 * Decodes to one character for each byte. Unlike `decodeURIComponent()` it takes any input.
 *
 * @param text A part of a URL.
 * @returns Its bytes.
 */
export function percentDecode(text: string): string {
  return text.replace(/%([\da-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
}
