// What the library throws and rejects with. Messages are sentence case, without a final period,
// and say what was got and what was expected.

import { brand } from "./brands.ts";
import { CloseCode, type CloseStatus } from "./close.ts";

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
  /** Who was first to close, fail or drop the connection. */
  readonly initiator: "local" | "remote";
  /** The Close frame this end sent, if it sent one. */
  readonly sent: CloseStatus | undefined;
  /** The Close frame the peer sent, if it sent one. */
  readonly received: CloseStatus | undefined;
  /** What ended the connection, when it was not a closing handshake. */
  readonly cause: Error | undefined;
}

/** Whether a connection ended as intended: cleanly, and by this end or with 1000, 1001 or nothing. */
export function isOrderly({ wasClean, initiator, code }: CloseInfo): boolean {
  if (!wasClean) return false;
  return initiator === "local" || code === CloseCode.normal || code === CloseCode.goingAway ||
    code === CloseCode.noStatus;
}

/** The peer broke the protocol (RFC 6455 section 7.1.7). */
export class ProtocolError extends Error {
  /** The class's name. */
  override readonly name = "ProtocolError";
  /** The close code that this end failed the connection with. */
  readonly code: number;

  /** Made by the library. */
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }

  static {
    brand(this, "ProtocolError");
  }
}

/** The connection has ended, so nothing can be sent or received any more. */
export class ConnectionClosed extends Error {
  /** The class's name. */
  override readonly name = "ConnectionClosed";
  /** How it ended. Undefined while the closing handshake is still under way. */
  readonly info: CloseInfo | undefined;

  /** Made by the library. */
  constructor(info: CloseInfo | undefined) {
    super(describe(info), info?.cause ? { cause: info.cause } : undefined);
    this.info = info;
  }

  static {
    brand(this, "ConnectionClosed");
  }
}

/** The opening handshake failed. */
export class HandshakeError extends Error {
  /** The class's name. */
  override readonly name = "HandshakeError";
  /** The status that the server answered with; undefined when there was no valid answer. */
  readonly status: number | undefined;
  /** The headers of the answer. */
  readonly headers: Headers | undefined;
  /** The body of the answer, as text, cut at 64 KiB. */
  readonly body: string | undefined;

  /** Made by the library. */
  constructor(
    message: string,
    response: { status?: number; headers?: Headers; body?: string; cause?: unknown } = {},
  ) {
    super(message, response.cause === undefined ? undefined : { cause: response.cause });
    this.status = response.status;
    this.headers = response.headers;
    this.body = response.body;
  }

  static {
    brand(this, "HandshakeError");
  }
}

function describe(info: CloseInfo | undefined): string {
  if (info === undefined) return "The connection is closing";
  const who = info.initiator === "local" ? "this end" : "the peer";
  const reason = info.reason === "" ? "" : ` (${info.reason})`;
  const cause = info.cause === undefined ? "" : `: ${info.cause.message}`;
  return `The connection was closed by ${who} with ${info.code}${reason}${cause}`;
}
