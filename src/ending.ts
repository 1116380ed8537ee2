// How a connection ends: who was first, which Close frames were exchanged, what went wrong (RFC 6455 section 7.1).

import { CloseCode, type CloseStatus } from "./close.ts";
import { type CloseInfo, ProtocolError } from "./errors.ts";
import type { Violation } from "./violation.ts";

/** Where a connection stands; see the head of protocol.ts. */
export type ProtocolState = "open" | "closing" | "discarding" | "closed";

/** What is known of the end of a connection so far. */
export class Ending {
  /** Who was first to close, fail or drop the connection. */
  initiator: "local" | "remote" | undefined;
  /** The Close frame this end sent. */
  sent: CloseStatus | undefined;
  /** The Close frame the peer sent. */
  received: CloseStatus | undefined;
  /** What went wrong. */
  cause: Error | undefined;

  /** The byte stream is given up. Behind a closing handshake that is no harm; before, the first cause counts. */
  drop(cause: Error, initiator: "local" | "remote"): void {
    if (!this.agreed) this.cause ??= cause;
    this.initiator ??= initiator;
  }

  /** This end fails the connection. */
  fail({ code, reason, kind }: Violation): void {
    this.cause = new ProtocolError(code, reason, kind);
    this.initiator ??= "local";
  }

  /** What is told of it. */
  toInfo(): CloseInfo {
    const { initiator = "remote", sent, received, cause } = this;
    const failure = cause instanceof ProtocolError
      ? { code: cause.code, reason: cause.message }
      : undefined;
    const { code, reason } = received ?? failure ?? { code: CloseCode.abnormal, reason: "" };
    const wasClean = this.agreed && cause === undefined;
    return { code, reason, wasClean, initiator, sent, received, cause };
  }

  /** Both Close frames were exchanged. */
  get agreed(): boolean {
    return this.sent !== undefined && this.received !== undefined;
  }
}
