// How a connection ends: which end was first, which Close frames were exchanged, what went wrong
// (RFC 6455 section 7.1).

import { withoutRow } from "../util/error_row.ts";
import {
  CloseCode,
  type CloseStatus,
  decodeCloseBody,
  invalidCloseBody,
  readCloseCode,
} from "./close_frame.ts";
import { type CloseInfo, type EndedBy, ProtocolError, toProtocolError } from "./errors.ts";
import type { Violation } from "./violation.ts";

/** Where a connection stands; see the head of protocol.ts. */
export type ProtocolState = "open" | "closing" | "discarding" | "closed";

/** The codes with which a peer leaves as intended. */
const INTENDED: readonly number[] = [CloseCode.normal, CloseCode.goingAway, CloseCode.noStatus];

/** What is known of the end of a connection so far. */
export class CloseState {
  /** Which end was first to close, fail or drop the connection. */
  initiator: "local" | "remote" | undefined;
  /** The Close frame this end sent. */
  sent: CloseStatus | undefined;
  /** The Close frame the peer sent. */
  received: CloseStatus | undefined;
  /** What went wrong. */
  cause: Error | undefined;
  /** What this end failed the connection with. */
  #failure: CloseStatus | undefined;
  /** Why the byte stream was given up, and what that counts as. */
  #dropped: Error | undefined;
  #droppedBy: EndedBy = "transport";
  /** Octets that had not left. */
  #unsent = 0;

  /** Whether the connection was failed or given up. */
  get broken(): boolean {
    return this.cause !== undefined || this.#dropped !== undefined;
  }

  /** This end gives the byte stream up; the first cause counts. */
  drop(cause: Error, endedBy: "local" | "timeout" | "transport"): void {
    if (this.#dropped === undefined) {
      this.#dropped = cause;
      this.#droppedBy = endedBy;
    }
    this.initiator ??= endedBy === "transport" ? "remote" : "local";
  }

  /**
   * This end fails the connection, for what the peer did or with 1011 for an error of its own.
   * Returns what to tell the peer.
   */
  fail(why: Violation | Error): CloseStatus {
    const isViolation = "kind" in why;
    const { code, reason } = isViolation ? why : { code: CloseCode.internalError, reason: "" };
    this.cause = isViolation ? toProtocolError(why) : why;
    this.initiator ??= "local";
    return this.#failure = { code, reason };
  }

  /** Reads the body of the peer's Close frame. Returns what it says, or what is wrong with it. */
  receive(body: Uint8Array): CloseStatus | Violation {
    const status = decodeCloseBody(body);
    if (typeof status !== "number") {
      this.initiator ??= "remote";
      return this.received = status;
    }
    // The application gets the code even if it may not stand there.
    if (status === CloseCode.protocolError && body.length > 1) {
      this.received = { code: readCloseCode(body), reason: "" };
    }
    return invalidCloseBody(status, body);
  }

  /**
   * The byte stream has ended. When this end gave it up after a closing handshake, that does no
   * harm if the whole handshake had left.
   *
   * @param error What ended it, if it did not end in order.
   * @param unsent Octets that had not left by then.
   * @param closeLeft Whether the Close frame of this end, if there is one, had left.
   */
  end(error: Error | undefined, unsent: number, closeLeft: boolean): void {
    this.#unsent = unsent;
    if (this.agreed && closeLeft && error === undefined) return;
    const lost = this.agreed
      ? "The connection was lost before its Close frame had left"
      : "The connection was lost";
    this.cause ??= this.#dropped ?? error ?? new Error(lost);
    this.initiator ??= "remote";
  }

  /**
   * What the application gets to know of the end.
   *
   * @param final Whether the connection has ended.
   * @param roundTrip The last round trip of a Ping.
   */
  toInfo(final = true, roundTrip?: number): CloseInfo {
    const { initiator = "remote", sent, received } = this;
    const cause = this.cause ?? (this.agreed ? undefined : this.#dropped);
    const broken = cause instanceof ProtocolError ? cause : undefined;
    const { code, reason } = received ?? this.#failure ??
      (broken && { code: broken.code, reason: withoutRow(broken.message) }) ??
      { code: CloseCode.abnormal, reason: "" };
    const wasClean = this.agreed && cause === undefined;
    return {
      code,
      reason,
      wasClean,
      initiator,
      endedBy: this.#endedBy(cause),
      violation: broken?.violation,
      orderly: wasClean && (initiator === "local" || INTENDED.includes(code)),
      sent,
      received,
      cause,
      unsent: this.#unsent,
      roundTrip,
      final,
    };
  }

  #endedBy(cause: Error | undefined): EndedBy {
    if (cause instanceof ProtocolError) return "violation";
    if (cause === undefined) return this.initiator ?? "remote";
    if (cause === this.#dropped) return this.#droppedBy;
    return this.#failure === undefined ? "transport" : "local";
  }

  /** Both Close frames were exchanged. */
  get agreed(): boolean {
    return this.sent !== undefined && this.received !== undefined;
  }
}
