// What the library throws and rejects with. Messages are in sentence case, have no final period,
// and say what was expected, what came instead, and where docs/reference/errors.md has more.

import { brand } from "../util/brands.ts";
import { withRow } from "../util/error_row.ts";
import { CloseCode, type CloseStatus } from "./close_code.ts";
import type { Violation, ViolationCode } from "./violation.ts";

/**
 * What ended a connection:
 *
 * - `local`, `remote`: a Close frame of this end or of the peer; `local` also for `terminate()`,
 *   for a handler that failed, and when too much waited to be sent.
 * - `violation`: the peer broke the protocol or a limit; `CloseInfo.violation` says how.
 * - `timeout`: nothing came from the peer, or it did not close, in time.
 * - `transport`: the byte stream ended without a closing handshake.
 */
export type EndedBy = "local" | "remote" | "transport" | "timeout" | "violation";

/** How a connection ended. */
export interface CloseInfo {
  /**
   * The close code: the peer's, or else the one this end failed the connection with, or else 1006.
   * 1005 when the peer's Close frame had none.
   */
  readonly code: number;
  /** The reason that goes with the code; empty when there was none. */
  readonly reason: string;
  /** Whether both Close frames were exchanged (RFC 6455 section 7.1.4). */
  readonly wasClean: boolean;
  /** Which end was first to close, fail or drop the connection. */
  readonly initiator: "local" | "remote";
  /** What ended it. */
  readonly endedBy: EndedBy;
  /** What the peer did wrong, by a name that does not change, when that ended the connection. */
  readonly violation: ViolationCode | undefined;
  /** Whether it ended as intended: cleanly, and by this end or with 1000, 1001 or no code. */
  readonly orderly: boolean;
  /** The Close frame this end sent, if it sent one. */
  readonly sent: CloseStatus | undefined;
  /** The Close frame the peer sent, if it sent one. */
  readonly received: CloseStatus | undefined;
  /** What ended the connection, when it was not a closing handshake. */
  readonly cause: Error | undefined;
  /**
   * Octets that were sent and had not left when the connection ended, counted as by
   * `bufferedAmount`: with the frame headers, and the Close frame if it had not left either. What
   * the system had taken counts as left, even if it has not arrived. What a source of chunks had
   * still to give does not count. 0 after a clean end, unless messages waited behind one that was
   * sent in chunks.
   */
  readonly unsent: number;
  /** The last round trip of a Ping, in milliseconds; undefined when none was answered. */
  readonly roundTrip: number | undefined;
  /** False while the connection is closing: the other fields then hold what is known so far. */
  readonly final: boolean;
}

/** The peer broke the protocol (RFC 6455 section 7.1.7). */
export class ProtocolError extends Error {
  /** The class's name. */
  override readonly name = "ProtocolError";
  /** The close code that this end failed the connection with. */
  readonly code: number;
  /** What the peer did wrong, by a name that does not change. */
  readonly violation: ViolationCode;

  /** Made by the library. */
  constructor(code: number, message: string, violation: ViolationCode) {
    super(withRow(message, `violation-${violation}`));
    this.code = code;
    this.violation = violation;
  }

  static {
    brand(this, "ProtocolError");
  }
}

/** The error for what a peer did wrong. */
export function toProtocolError({ code, reason, kind }: Violation): ProtocolError {
  return new ProtocolError(code, reason, kind);
}

/** The connection has ended, so nothing can be sent or received any more. */
export class ConnectionClosed extends Error {
  /** The class's name. */
  override readonly name = "ConnectionClosed";
  /** How it ended, or with `final: false` what is known of that while it is closing. */
  readonly info: CloseInfo;

  /**
   * Made by the library.
   *
   * @param info How the connection ended, or what is known of that.
   */
  constructor(info: CloseInfo) {
    const { cause, final } = info;
    super(
      final ? describe(info) : describeClosing(info),
      cause === undefined ? undefined : { cause },
    );
    this.info = info;
  }

  static {
    brand(this, "ConnectionClosed");
  }
}

/** The opening handshake failed. */
export class HandshakeError extends Error {
  /** The class's name. */
  override readonly name: string = "HandshakeError";
  /**
   * What went wrong. `ETIMEDOUT`: `handshakeTimeout` has passed. `EPROTO`: `ws:` met TLS, or a
   * server that ended the connection in place of an answer, as most servers for TLS do. `EHTTP`:
   * the answer is no HTTP. `ESTATUS`, `EUPGRADE`, `EACCEPT`, `EEXTENSION`, `ESUBPROTOCOL`: the
   * answer does not accept the handshake; see {@linkcode HandshakeFault}. `EREDIRECT`: it leads
   * where a client does not follow. `EHANDSHAKE`: a browser, which does not say what failed.
   * Otherwise it is the code of the cause, such as `ECONNRESET`.
   */
  readonly code: string | undefined;
  /** The status that the server answered with; undefined when there was no valid answer. */
  readonly status: number | undefined;
  /** The headers of the answer. */
  readonly headers: Headers | undefined;
  /** The body of the answer, as text, cut at 64 KiB. */
  readonly body: string | undefined;

  /** Made by the library. */
  constructor(
    message: string,
    response: {
      status?: number;
      headers?: Headers;
      body?: string;
      cause?: unknown;
      code?: string;
    } = {},
  ) {
    super(
      // A code of the system may have no row. Where it has one, its own message says so.
      withRow(message, response.code ?? "HandshakeError"),
      response.cause === undefined ? undefined : { cause: response.cause },
    );
    this.code = response.code ?? codeOf(response.cause);
    this.status = response.status;
    this.headers = response.headers;
    this.body = response.body;
  }

  static {
    brand(this, "HandshakeError");
  }
}

/**
 * The code of an error, as Node has them: "ECONNRESET".
 *
 * @param error The error.
 * @returns Its code; undefined when it has none.
 */
export function codeOf(error: unknown): string | undefined {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === "string" ? code : undefined;
}

function describe(info: CloseInfo): string {
  // The peer's answer to a Close frame seldom repeats its reason.
  const { wasClean, initiator, sent } = info;
  const status = wasClean && initiator === "local" ? sent ?? info : info;
  const lost = info.unsent > 0 ? `; ${info.unsent} octets had not left` : "";
  return located(
    `The connection was closed by ${whoOf(info)} with ${show(status)}${whyOf(info)}${lost}`,
    status,
  );
}

function describeClosing(known: CloseInfo): string {
  const status = known.initiator === "local" ? known.sent : known.received;
  if (status === undefined) return `The connection is lost${whyOf(known)}`;
  // The reason that this end gave already says what went wrong.
  return located(`The connection is closing: ${whoOf(known)} said ${show(status)}`, status);
}

/** Adds the row of a close code, where that means a mistake and is not the application's own. */
function located(message: string, { code }: CloseStatus): string {
  const isMistake = code > CloseCode.goingAway && code < 3000 && code !== CloseCode.noStatus;
  return isMistake ? withRow(message, `close-${code}`) : message;
}

function whoOf({ initiator }: CloseInfo): string {
  return initiator === "local" ? "this end" : "the peer";
}

function whyOf({ cause }: CloseInfo): string {
  return cause === undefined ? "" : `: ${cause.message}`;
}

function show({ code, reason }: CloseStatus): string {
  // What the peer says can neither break a line of a log nor pass for the address of a row.
  return reason === "" ? `${code}` : `${code} (${reason.replace(/\p{Cc}|errors\.md#/gu, "?")})`;
}
