// Why there is no connection, and whether to try again.
//
// 1. What would fail again in the same way is fatal: a mistake of the caller, a request that the
//    server refuses (4xx), a peer that says that this end does wrong.
// 2. What is about the network or the state of the server passes: DNS, TCP, TLS, a proxy, 5xx, a
//    server that goes or restarts. So do answers that are none of a WebSocket server (2xx, 3xx,
//    garbage): a network that wants its user to log in answers for all servers.
// 3. A browser tells no status, so there every refusal passes.

import { asError } from "../util/as_error.ts";
import { type CloseInfo, codeOf, ConnectionClosed } from "../protocol/errors.ts";
import { CloseCode } from "../protocol/close_code.ts";

/** An attempt that failed, or a connection that ended. */
export interface ReconnectFailure {
  /** The attempt, counted from 1 since the last connection that lasted. */
  readonly attempt: number;
  /** How the connection ended; undefined when there was none. */
  readonly info: CloseInfo | undefined;
  /**
   * What went wrong: a {@linkcode ConnectionClosed} when a connection ended; else a
   * {@linkcode HandshakeError}, an error with the system's `code`, or what `url`, `headers`,
   * `protocols` or `onopen` threw.
   */
  readonly error: unknown;
  /** The status of the server's answer; undefined when it gave none, and in a browser. */
  readonly status: number | undefined;
  /** Whether it ends the connection for good, unless `retry` decides otherwise. */
  readonly fatal: boolean;
}

/** Statuses that pass: Request Timeout, Too Early, Too Many Requests. */
const PASSING: readonly number[] = [408, 425, 429];

/** Codes that end the connection for good besides 4000 to 4999. */
const FATAL: readonly number[] = [
  CloseCode.protocolError,
  CloseCode.unsupportedData,
  CloseCode.invalidData,
  CloseCode.policyViolation,
  CloseCode.messageTooBig,
  CloseCode.mandatoryExtension,
  3000, // Unauthorized
  3003, // Forbidden
];

/** Whether a connection ended because it was done: with 1000, or without a code. */
export function isDone({ code }: CloseInfo): boolean {
  return code === CloseCode.normal || code === CloseCode.noStatus;
}

/** A connection has ended. */
export function ended(attempt: number, info: CloseInfo): ReconnectFailure {
  const fatal = isDone(info) || FATAL.includes(info.code) || info.code >= 4000;
  return { attempt, info, error: new ConnectionClosed(info), status: undefined, fatal };
}

/**
 * An attempt has failed.
 *
 * @param attempt Its number.
 * @param error What it failed with.
 * @param once Whether 401 is given one more attempt, with another token.
 */
export function failedAttempt(attempt: number, error: unknown, once: boolean): ReconnectFailure {
  const { name, status } = asError(error) as { name: string; status?: unknown };
  // 407 is the proxy's.
  const answered = typeof status === "number" && name !== "ProxyError" ? status : undefined;
  const refused = answered !== undefined && answered >= 400 && answered < 500 &&
    !PASSING.includes(answered) && !(answered === 401 && once);
  // An option or a URL is wrong. The errors of the system have the name "Error", and a code.
  const mistake = /^(?:Type|Syntax|Range)Error$/.test(name);
  return { attempt, info: undefined, error, status: answered, fatal: refused || mistake };
}

/** What the caller's own functions threw passes: a server for tokens may be away, too. */
export function failedCall(attempt: number, error: unknown): ReconnectFailure {
  return { attempt, info: undefined, error, status: undefined, fatal: false };
}

/** How a connection ended that never was open, or is not open now. */
export function withoutConnection(cause: unknown, local: boolean): CloseInfo {
  const error = cause === undefined ? cause : asError(cause);
  return Object.freeze({
    code: CloseCode.abnormal,
    reason: "",
    wasClean: false,
    initiator: local ? "local" : "remote",
    endedBy: local ? "local" : codeOf(error) === "ETIMEDOUT" ? "timeout" : "transport",
    violation: undefined,
    orderly: local,
    sent: undefined,
    received: undefined,
    cause: error,
    unsent: 0,
    roundTrip: undefined,
    final: true,
  });
}
