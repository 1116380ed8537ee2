// The body of a Close frame, RFC 6455 section 5.5.1. The codes are in close_code.ts, so that a page
// in a browser can have them without the rest.

import { type Bytes, EMPTY, put } from "../util/bytes.ts";
import { decodeUtf8 } from "../util/utf8.ts";
import { checkStatus, CloseCode, type CloseStatus, isWireCloseCode } from "./close_code.ts";
import type { Violation } from "./violation.ts";

export * from "./close_code.ts";

/**
 * The body of a Close frame; empty without a code.
 *
 * @throws {RangeError} When the code may not be sent or the reason is longer than 123 octets of
 * UTF-8.
 * @throws {TypeError} When there is a reason and no code.
 */
export function encodeCloseBody(code: number | undefined, reason: string): Bytes {
  const octets = checkStatus(code, reason);
  if (code === undefined) return EMPTY;
  const body = new Uint8Array(2 + octets.length);
  body[0] = code >>> 8;
  body[1] = code;
  put(octets, body, 2);
  return body;
}

/** Reads the body of a Close frame; a number is the close code to fail the connection with. */
export function decodeCloseBody(body: Uint8Array): CloseStatus | number {
  if (body.length === 0) return { code: CloseCode.noStatus, reason: "" };
  if (body.length === 1) return CloseCode.protocolError;
  const code = readCloseCode(body);
  if (!isWireCloseCode(code)) return CloseCode.protocolError;
  const reason = decodeUtf8(body, 2, body.length);
  return reason === undefined ? CloseCode.invalidData : { code, reason };
}

/** The code in a body of two octets or more, even one that may not stand there. */
export function readCloseCode(body: Uint8Array): number {
  return (body[0]! << 8) | body[1]!;
}

/** Why the connection fails when `decodeCloseBody()` refused the peer's body with that code. */
export function invalidCloseBody(code: number, body: Uint8Array): Violation {
  if (code === CloseCode.invalidData) {
    return { code, kind: "invalid-close-reason", reason: "Close reason is not valid UTF-8" };
  }
  const reason = body.length < 2
    ? "Close frame with a body of one octet"
    : `Close frame with code ${readCloseCode(body)}, which must not be sent`;
  return { code, kind: "invalid-close-frame", reason };
}
