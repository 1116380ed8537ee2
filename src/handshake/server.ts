// The server's side of the opening handshake (RFC 6455 section 4.2), as pure functions.
//
// 1. A request is judged as a whole before the server answers. The first rule that it breaks
//    decides how it is refused. The rules are in one table, in that order.
// 2. A refusal is a complete HTTP response that ends the connection: the server reads nothing after
//    a broken handshake.
// 3. Origin and subprotocol are policy: judged elsewhere, answered here.

import type { Bytes } from "../util/bytes.ts";
import {
  type ExtensionOffer,
  formatExtensions,
  parseExtensions,
} from "../http/extension_header.ts";
import { type HeaderFields } from "../http/fields.ts";
import { hasToken, parseTokenList } from "../http/lists.ts";
import { formatResponseHead } from "../http/format.ts";
import type { RequestHead } from "../http/head.ts";
import { isAuthority, isResourceTarget } from "./authority.ts";
import { ACCEPT_LENGTH, computeAccept, isKey, writeAccept } from "./key.ts";
import { printable } from "./printable.ts";
import {
  badField,
  field,
  type HandshakeRefusal,
  refuse,
  UPGRADE,
  upgradeRequired,
} from "./refusal.ts";
import { checkNotReserved } from "./reserved_fields.ts";

/** What a valid opening handshake asks for. */
export interface HandshakeAcceptance {
  /** The value of `Sec-WebSocket-Key`. */
  readonly key: string;
  /** The subprotocols that the client offers, the preferred one first. */
  readonly protocols: readonly string[];
  /** The extensions that the client offers, the preferred one first. */
  readonly extensions: readonly ExtensionOffer[];
}

/** What the server decides about a handshake that it accepts. */
export interface AcceptanceOptions {
  /** The subprotocol, one of those offered; undefined for none. */
  readonly protocol: string | undefined;
  /** More header fields for the response, such as `Set-Cookie`, which may be repeated. */
  readonly headers: Iterable<readonly [name: string, value: string]>;
  /** The extensions that the server accepts, with their parameters. Default: none. */
  readonly extensions?: readonly ExtensionOffer[];
}

const VERSION = "13"; // 4.1, item 9 of the request

type Rule = (headers: HeaderFields, head: RequestHead) => HandshakeRefusal | undefined;

/** The rules for a request, in the order in which they are judged. */
const RULES: readonly Rule[] = [
  // 4.2.1 item 2; RFC 9112 section 3.2: 400 for any request whose Host is missing, repeated or
  // malformed
  (headers) => {
    if (isAuthority(headers.getOnly("host") ?? "")) return undefined;
    return badField(headers, "Host", "a host and an optional port");
  },
  // 4.2.1 items 3 and 4; RFC 9110 section 15.5.22: the 426 says what to upgrade to
  (headers) => {
    const upgrade = headers.get("upgrade");
    if (hasToken(upgrade, "websocket")) return undefined;
    return upgradeRequired(`Expected Upgrade: websocket, got ${field(upgrade)}`);
  },
  (headers) => {
    const connection = headers.get("connection");
    if (hasToken(connection, "upgrade")) return undefined;
    return upgradeRequired(`Expected Connection: Upgrade, got ${field(connection)}`);
  },
  // 4.2.1 item 1
  (_headers, { method }) => {
    if (method === "GET") return undefined;
    return refuse(405, `Expected method GET, got ${printable(method)}`, [["Allow", "GET"]]);
  },
  (_headers, { version }) => {
    if (version === "1.1") return undefined;
    return refuse(400, `Expected HTTP/1.1 or higher, got HTTP/${version}`);
  },
  (_headers, { target }) => {
    if (isResourceTarget(target)) return undefined;
    return refuse(
      400,
      `Expected a path or an http URI without a fragment, got ${field(target)}`,
    );
  },
  // A body would stand where frames are expected, and a server must not guess which bytes belong to
  // which.
  (headers) => {
    const coding = headers.get("transfer-encoding");
    const length = headers.get("content-length") ?? "0";
    if (coding !== undefined) {
      return refuse(400, `Expected no body, got Transfer-Encoding ${field(coding)}`);
    }
    if (length === "0") return undefined;
    return refuse(400, `Expected no body, got Content-Length ${field(length)}`);
  },
  // 4.2.1 item 6, 4.2.2 item 4, 4.4; 11.3.5: at most once
  (headers) => {
    const version = headers.getOnly("sec-websocket-version");
    if (version === VERSION) return undefined;
    if (version === undefined) return badField(headers, "Sec-WebSocket-Version", VERSION);
    return upgradeRequired(
      `Expected Sec-WebSocket-Version ${VERSION}, got ${printable(version)}`,
      ["Sec-WebSocket-Version", VERSION],
    );
  },
  // 4.2.1 item 5; 11.3.1: at most once
  (headers) => {
    if (isKey(headers.getOnly("sec-websocket-key") ?? "")) return undefined;
    return badField(headers, "Sec-WebSocket-Key", "the base64 of 16 bytes");
  },
];

/**
 * Judges a request as an opening handshake (RFC 6455 section 4.2.1).
 *
 * @param head The request.
 * @returns What it asks for, or how it has to be refused (the one with a `status`).
 *
 * @example
 * ```ts
 * import { HeaderFields, judgeRequest } from "@sansocket/ws/core";
 *
 * const headers = new HeaderFields();
 * headers.append("Host", "server.example.com");
 * headers.append("Upgrade", "websocket");
 * headers.append("Connection", "Upgrade");
 * headers.append("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
 * headers.append("Sec-WebSocket-Version", "8");
 * judgeRequest({ method: "GET", target: "/chat", version: "1.1", headers });
 * // { status: 426, reason: "Expected Sec-WebSocket-Version 13, got 8", headers: [...] }
 * ```
 */
export function judgeRequest(head: RequestHead): HandshakeAcceptance | HandshakeRefusal {
  const { headers } = head;
  for (const rule of RULES) {
    const refusal = rule(headers, head);
    if (refusal !== undefined) return refusal;
  }
  const protocols = parseProtocols(headers.get("sec-websocket-protocol"));
  if (protocols === undefined) {
    return badField(headers, "Sec-WebSocket-Protocol", "a list of unique tokens");
  }
  const offers = headers.get("sec-websocket-extensions");
  const extensions = offers === undefined ? [] : parseExtensions(offers); // 4.2.1 item 9, 9.1
  if (extensions === undefined) {
    return badField(headers, "Sec-WebSocket-Extensions", "a list of extensions");
  }
  return { key: headers.get("sec-websocket-key") ?? "", protocols, extensions };
}

/**
 * Says whether a request asks for a WebSocket at all, well-formed or not: HTTP/1.1 with `websocket`
 * in `Upgrade` and `upgrade` in `Connection` (RFC 9110 section 7.8: an `Upgrade` in HTTP/1.0, or
 * one that `Connection` does not name, has no meaning).
 *
 * @param head The request.
 * @returns Whether to judge it as an opening handshake.
 */
export function isUpgradeRequest(head: RequestHead): boolean {
  return head.version === "1.1" && hasToken(head.headers.get("upgrade"), "websocket") &&
    hasToken(head.headers.get("connection"), "upgrade");
}

/**
 * Formats the response that completes the opening handshake (RFC 6455 section 4.2.2 item 5).
 *
 * @param acceptance What {@linkcode judgeRequest} returned.
 * @param options The server's decisions.
 * @param copy Copies the template that most responses are made from. Default: to memory of its own.
 * @returns The head of the 101 response; frames follow it.
 * @throws {TypeError} When the subprotocol was not offered, or when a header field is reserved for
 * the handshake or malformed.
 *
 * @example
 * ```ts
 * import { formatAcceptance } from "@sansocket/ws/core";
 *
 * const acceptance = { key: "dGhlIHNhbXBsZSBub25jZQ==", protocols: ["chat"], extensions: [] };
 * formatAcceptance(acceptance, { protocol: "chat", headers: [] }); // HTTP/1.1 101 ...
 * ```
 */
export function formatAcceptance(
  acceptance: HandshakeAcceptance,
  options: AcceptanceOptions,
  copy: (template: Bytes) => Bytes = slice,
): Bytes {
  const { protocol } = options;
  const extra: (readonly [string, string])[] = [];
  for (const field of options.headers) {
    checkNotReserved(field[0]);
    extra.push(field);
  }
  // 4.2.2 item 4: one of the client's, or none
  if (protocol !== undefined && !acceptance.protocols.includes(protocol)) {
    const offered = acceptance.protocols.join(", ") || "none";
    throw new TypeError(
      `Expected a subprotocol that the client offers (${printable(offered)}), got ${
        JSON.stringify(protocol)
      }`,
    );
  }
  const extensions = options.extensions ?? [];
  if (protocol === undefined && extensions.length + extra.length === 0) {
    return acceptPlainly(acceptance.key, copy);
  }
  const accept = computeAccept(acceptance.key);
  const headers: (readonly [string, string])[] = [...UPGRADE, ["Sec-WebSocket-Accept", accept]];
  if (protocol !== undefined) headers.push(["Sec-WebSocket-Protocol", protocol]);
  if (extensions.length > 0) {
    headers.push(["Sec-WebSocket-Extensions", formatExtensions(extensions)]);
  }
  headers.push(...extra);
  return formatResponseHead(101, "", headers);
}

let plain: Bytes | undefined;

/**
 * The response without a subprotocol, extensions or more fields, as nearly all are. Only its last
 * field differs.
 */
function acceptPlainly(key: string, copy: (template: Bytes) => Bytes): Bytes {
  plain ??= formatResponseHead(101, "", [...UPGRADE, ["Sec-WebSocket-Accept", computeAccept(key)]]);
  const response = copy(plain);
  writeAccept(key, response, response.length - ACCEPT_LENGTH - 4);
  return response;
}

function slice(template: Bytes): Bytes {
  return template.slice();
}

/**
 * The refusal for an origin that is not allowed: 403 (RFC 6455 section 4.2.2 item 4).
 *
 * @param head The request.
 * @returns The refusal, whose reason says what was compared and what to set.
 */
export function refuseOrigin({ headers }: RequestHead): HandshakeRefusal {
  return { status: 403, reason: whyNotOrigin(headers), headers: [], cause: "origin" };
}

function whyNotOrigin(headers: HeaderFields): string {
  const origins = headers.getAll("origin");
  const [origin] = origins;
  if (origin === undefined) {
    return "Expected an Origin, got none: browsers send it, other clients have to set it (`requireOrigin`)";
  }
  if (origins.length > 1) return `Expected one Origin, got ${origins.length}`;
  if (origin === "null") {
    return (
      'Expected an origin, got "null": a page that was opened as a file, or in a sandboxed frame, has none. Open it ' +
      'by http, or list "null" in the server\'s `origins` option, which is for all such pages'
    );
  }
  return (
    `Expected the origin of the Host ${
      field(headers.get("host"))
    }, or one of the server's \`origins\` option, got ` +
    `${
      field(origin)
    }. A proxy in front has to pass the Host on (nginx: proxy_set_header Host $http_host), or be ` +
    "trusted to say it (`trustProxy`)"
  );
}

/** 4.2.1 item 8: undefined when malformed, empty (1#token, 4.3) or not unique (4.1 item 10). */
function parseProtocols(value: string | undefined): readonly string[] | undefined {
  if (value === undefined) return [];
  const protocols = parseTokenList(value);
  if (protocols === undefined || protocols.length === 0) return undefined;
  return protocols.length === 1 || new Set(protocols).size === protocols.length
    ? protocols
    : undefined;
}
