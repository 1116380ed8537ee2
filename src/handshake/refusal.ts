// How a server refuses a client: the causes by name, and the responses that say why.

import type { HeaderFields } from "../http/fields.ts";
import { formatResponseHead } from "../http/format.ts";
import { printable } from "./printable.ts";

/**
 * Why a server refused a connection, a handshake or a request:
 *
 * - `handshake`: it is not an opening handshake, or has a mistake (400, 405, 426);
 * - `origin`, `host`: its origin, or the host that it is for, is not allowed (403, 421);
 * - `application`: `fetch` or a route answered a request for a WebSocket in another way;
 * - `error`: the function that had to decide on it failed, and `error` was called (500);
 * - `closing`: the server is shutting down (503);
 * - `request`: the request is malformed, too large, or too late (400, 408, 413 and so on);
 * - `proxy`: what a proxy has to send is missing or malformed: the PROXY header, Forwarded,
 *   X-Forwarded-*;
 * - `tls`: its TLS handshake failed;
 * - the limit of `guard` that has this name (503, 429).
 */
export type RefusalCause =
  | "handshake"
  | "origin"
  | "host"
  | "application"
  | "error"
  | "closing"
  | "request"
  | "proxy"
  | "tls"
  | "maxConnections"
  | "maxConnectionsPerAddress"
  | "handshakesPerSecond"
  | "handshakesPerSecondPerAddress";

/**
 * The response to a connection that is refused, or to a request that is not a handshake this server
 * accepts.
 */
export interface HandshakeRefusal {
  /** The status code. */
  readonly status: number;
  /** What was expected and what was got: the body of the response. */
  readonly reason: string;
  /** Header fields that the status asks for. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Why, by a name that does not change. Default: "handshake". */
  readonly cause?: RefusalCause;
}

const encoder = new TextEncoder();

/** The fields that ask for an upgrade, or offer one. */
export const UPGRADE: readonly (readonly [string, string])[] = [
  ["Upgrade", "websocket"],
  ["Connection", "Upgrade"],
];

/** A refusal with the fields that its status asks for. */
export function refuse(
  status: number,
  reason: string,
  headers: HandshakeRefusal["headers"] = [],
): HandshakeRefusal {
  return { status, reason, headers };
}

/** The response 426, which says what to upgrade to (RFC 9110 section 15.5.22). */
export function upgradeRequired(
  reason: string,
  ...more: (readonly [string, string])[]
): HandshakeRefusal {
  return refuse(426, reason, [...UPGRADE, ...more]);
}

/** The response 400, for a field that does not have the value that it must have. */
export function badField(headers: HeaderFields, name: string, expected: string): HandshakeRefusal {
  return refuse(400, `Expected ${name} to be ${expected}, got ${field(headers.get(name))}`);
}

/** The value of a field, to be repeated in a reason. */
export function field(value: string | undefined): string {
  return value === undefined ? "none" : `"${printable(value)}"`;
}

/**
 * Formats a refusal as a complete response with a text body, after which the connection ends.
 *
 * @param refusal What {@linkcode judgeRequest} returned.
 * @param method The method of the request: the response to HEAD has no body (RFC 9110 section
 * 9.3.2).
 * @returns The head and the body.
 *
 * @example
 * ```ts
 * import { formatRefusal } from "@sansocket/ws/core";
 *
 * formatRefusal({ status: 404, reason: "Expected path /chat, got /", headers: [] });
 * ```
 */
export function formatRefusal(
  refusal: HandshakeRefusal,
  method: string = "GET",
): Uint8Array<ArrayBuffer> {
  const body = encoder.encode(refusal.reason);
  const headers: (readonly [string, string])[] = [];
  let connection = "close";
  for (const field of refusal.headers) {
    // RFC 9110 section 7.8 asks for "Upgrade" beside an Upgrade field
    if (field[0].toLowerCase() === "connection") connection = `${field[1]}, ${connection}`;
    else headers.push(field);
  }
  headers.push(
    ["Connection", connection],
    ["Content-Type", "text/plain; charset=utf-8"],
    ["Content-Length", String(body.length)],
  );
  const head = formatResponseHead(refusal.status, "", headers);
  if (method === "HEAD") return head;
  const response = new Uint8Array(head.length + body.length);
  response.set(head);
  response.set(body, head.length);
  return response;
}
