// What WebSocket and WebSocketStream have in common: the WHATWG's rules for arguments, and for a
// connection that is open. The caller's mistakes are DOMExceptions here, because code written for
// browsers checks for their names.

import type { Connect, ConnectOptions } from "./connect.ts";
import { CloseCode, type CloseStatus, MAX_REASON_LENGTH } from "../protocol/close_frame.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import { type CloseInfo, HandshakeError } from "../protocol/errors.ts";
import { parseUrl } from "../handshake/client.ts";
import { isToken, toFields } from "../http/fields.ts";
import { encodeUtf8 } from "../util/utf8.ts";

/**
 * Parses the URL of a server. It may be relative where the program has a location, as a page has.
 *
 * @throws {DOMException} A SyntaxError when it cannot be that of a WebSocket, or has a fragment.
 */
export function parseTarget(url: string | URL): URL {
  const text = `${url}`;
  try {
    return parseUrl(resolveUrl(text));
  } catch (error) {
    throw new DOMException((error as Error).message, "SyntaxError");
  }
}

/** A URL that cannot be resolved stays as it is, so that the error says what was given. */
function resolveUrl(url: string): string | URL {
  try {
    return new URL(url, locationOfProgram());
  } catch {
    return url;
  }
}

/** Where the program is, if it has a location, as a page has. */
function locationOfProgram(): string | undefined {
  return (globalThis as { location?: { readonly href: string } }).location?.href;
}

/**
 * Checks the subprotocols to offer.
 *
 * @throws {DOMException} A SyntaxError when one is not a token or is given twice. Browsers ignore
 * case here, and respect it everywhere else.
 */
export function checkProtocols(protocols: readonly string[]): void {
  const seen = new Set<string>();
  for (const protocol of protocols) {
    const name = String(protocol).toLowerCase();
    if (!isToken(name) || seen.has(name)) {
      throw new DOMException(
        `Expected subprotocols to be unique tokens, got ${JSON.stringify(protocol)}`,
        "SyntaxError",
      );
    }
    seen.add(name);
  }
}

/** What goes into a Close frame; nothing when the code is null. */
export interface CloseArguments {
  /** The close code. */
  readonly code: number | null;
  /** The reason. */
  readonly reason: string;
}

/**
 * Checks what is to go into a Close frame; a reason without a code gets 1000.
 *
 * @param code An unsigned short, if there is one.
 * @param reason Anything but undefined is converted to a string.
 * @throws {DOMException} An InvalidAccessError when the code is neither 1000 nor 3000 to 4999, and
 * a SyntaxError when the reason is longer than 123 octets of UTF-8.
 */
export function checkClose(code: number | undefined, reason: unknown): CloseArguments {
  const text = reason === undefined ? "" : `${reason}`;
  if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
    throw new DOMException(
      `Close code must be 1000 or 3000 to 4999, got ${code}`,
      "InvalidAccessError",
    );
  }
  const { length } = encodeUtf8(text);
  if (length > MAX_REASON_LENGTH) {
    throw new DOMException(
      `Close reason must be at most ${MAX_REASON_LENGTH} octets of UTF-8, got ${length}`,
      "SyntaxError",
    );
  }
  return { code: code ?? (text === "" ? null : CloseCode.normal), reason: text };
}

/**
 * Opens a connection for a program that has a location as a page would, with its origin. Fails it
 * when the server chose none of the subprotocols: RFC 6455 section 4.1 leaves that to the client,
 * WHATWG Fetch does not.
 */
export async function connectChecked(
  connect: Connect,
  url: URL,
  options: ConnectOptions,
): Promise<WebSocketConnection<undefined>> {
  const connection = await connect(url, withOrigin(options));
  if (connection.protocol === "" && (options.protocols ?? []).length > 0) {
    connection.terminate();
    throw new HandshakeError("Expected the server to choose a subprotocol, got none", {
      code: "ESUBPROTOCOL",
    });
  }
  return connection;
}

/** The options with the origin of the program's location, unless the caller has set one. */
function withOrigin(options: ConnectOptions): ConnectOptions {
  const href = locationOfProgram();
  const origin = href === undefined ? "null" : new URL(href).origin;
  if (origin === "null") return options;
  const headers = toFields(options.headers);
  if (headers.some(([name]) => name.toLowerCase() === "origin")) return options;
  return { ...options, headers: [...headers, ["Origin", origin]] };
}

/**
 * How a connection ended in the WHATWG's terms: only the peer's Close frame counts (RFC 6455
 * section 7.1.5).
 */
export function closeStatus(info: CloseInfo): CloseStatus {
  return info.received ?? { code: CloseCode.abnormal, reason: "" };
}

/** The bytes of a message as an ArrayBuffer that holds nothing else. */
export function toArrayBuffer(bytes: Uint8Array<ArrayBuffer>): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes;
  if (byteLength === buffer.byteLength) return buffer;
  return buffer.slice(byteOffset, byteOffset + byteLength);
}

/** Octets of a message, counted without encoding a text. */
export function sizeOf(payload: string | Blob | ArrayBuffer | ArrayBufferView): number {
  if (typeof payload !== "string") {
    return "size" in payload ? payload.size : payload.byteLength;
  }
  let size = payload.length;
  for (let i = 0; i < payload.length; i++) {
    const unit = payload.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate pair has four octets for two units, a lone surrogate becomes U+FFFD with three.
    size += unit < 0x800 ? 1 : 2;
    if (unit >= 0xd800 && unit < 0xdc00 && (payload.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i++;
  }
  return size;
}
