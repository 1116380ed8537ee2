// Close codes (RFC 6455 section 7.4).
//
// 1005, 1006 and 1015 describe what happened and are never on the wire. 1004 has no meaning.
// 1012 to 1014 come from the IANA registry; 3000 to 4999 belong to libraries and applications.

import { type Bytes, EMPTY } from "../util/bytes.ts";

/** The registered close codes by name (RFC 6455 section 7.4.1 and the IANA registry). */
export const CloseCode = {
  /** The purpose is fulfilled. */
  normal: 1000,
  /** A server goes down, or a browser navigates away. */
  goingAway: 1001,
  /** The peer broke the protocol. */
  protocolError: 1002,
  /** A type of data that cannot be accepted. */
  unsupportedData: 1003,
  /** No code was in the Close frame; never on the wire. */
  noStatus: 1005,
  /** No Close frame was received; never on the wire. */
  abnormal: 1006,
  /** Data that does not fit its type, such as text that is not UTF-8. */
  invalidData: 1007,
  /** A message that breaks a policy. */
  policyViolation: 1008,
  /** A message too big to process. */
  messageTooBig: 1009,
  /** The server did not accept an extension that the client needs. */
  mandatoryExtension: 1010,
  /** The server met an unexpected condition. */
  internalError: 1011,
  /** The server restarts. */
  serviceRestart: 1012,
  /** The server is overloaded. */
  tryAgainLater: 1013,
  /** A gateway got an invalid answer from the server behind it. */
  badGateway: 1014,
  /** The TLS handshake failed; never on the wire. */
  tlsHandshake: 1015,
} as const;

/** The status of a Close frame. */
export interface CloseStatus {
  /** The close code; 1005 when the frame had none. */
  readonly code: number;
  /** The reason; empty when there was none. */
  readonly reason: string;
}

/**
 * The longest reason: a control frame's payload (125 octets) without the two octets of the code.
 */
export const MAX_REASON_LENGTH = 123;

/** Whether `code` may stand in a Close frame, in either direction (RFC 6455 section 7.4). */
export function isWireCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== CloseCode.noStatus &&
    code !== CloseCode.abnormal;
}

/**
 * Checks the status of a Close frame that this end is to send.
 *
 * @param code The close code; undefined for none.
 * @param reason The reason.
 * @returns The reason in UTF-8.
 * @throws {RangeError} When the code may not be sent or the reason is longer than 123 octets of
 * UTF-8.
 * @throws {TypeError} When there is a reason and no code.
 */
export function checkStatus(code: number | undefined, reason: string): Bytes {
  if (code !== undefined && !isWireCloseCode(code)) {
    throw new RangeError(
      `Close code must be 1000 to 1003, 1007 to 1014 or 3000 to 4999, got ${code}`,
    );
  }
  // A call of TextEncoder takes 6% of the time of a handshake and its close on Node.
  if (reason === "") return EMPTY;
  if (code === undefined) throw new TypeError("A close reason needs a close code");
  const octets = new TextEncoder().encode(reason);
  if (octets.length > MAX_REASON_LENGTH) {
    throw new RangeError(
      `Close reason must be at most ${MAX_REASON_LENGTH} octets of UTF-8, got ${octets.length}`,
    );
  }
  return octets;
}
