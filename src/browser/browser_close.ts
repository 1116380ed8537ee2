// How a connection ended, as far as a browser says so. It never says why a connection was lost, nor
// what it has answered to the peer's Close frame.

import { CloseCode, type CloseStatus } from "../protocol/close_code.ts";
import { type CloseInfo, type EndedBy, ProtocolError } from "../protocol/errors.ts";
import type { NativeClose } from "./native_socket.ts";

/** The codes with which a peer leaves as intended. */
const INTENDED: readonly number[] = [CloseCode.normal, CloseCode.goingAway, CloseCode.noStatus];

/** The codes of a connection that was lost; they are never on the wire. */
const LOST_CODES: readonly number[] = [CloseCode.abnormal, CloseCode.tlsHandshake];

const LOST = "The connection was lost; a browser does not say why, its console may";

/** A page may send 1000 and 3000 to 4999; the other codes go out as 4001 to 4014. */
const SHIFT = 3_000;

/** The code that a page can send in place of `code`. */
export function toPageCode(code: number): number {
  return code === CloseCode.normal || code >= SHIFT ? code : code + SHIFT;
}

/** What is known of the end of a connection so far. */
export class BrowserClose {
  /** The Close frame of this end, when it was first. */
  sent: CloseStatus | undefined;
  /** Why this end has given the connection up, and what that counts as. */
  #cause: Error | undefined;
  #endedBy: EndedBy = "local";
  /** What this end has failed the connection with. */
  #failure: CloseStatus | undefined;

  /** This end gives the connection up, or fails it with a status. */
  fail(cause: Error, endedBy: EndedBy, failure?: CloseStatus): void {
    this.#cause = cause;
    this.#endedBy = endedBy;
    this.#failure = failure;
    this.sent ??= failure;
  }

  /**
   * How the connection ended.
   *
   * @param event The close event; undefined when this end did not wait for it.
   * @param unsent Octets that had not left.
   * @param final Whether the connection has ended.
   */
  toInfo(event: NativeClose | undefined, unsent: number, final: boolean): CloseInfo {
    const { sent } = this;
    // Deno's class says 0.
    const lost = event === undefined || event.code < 1000 || LOST_CODES.includes(event.code);
    const received = lost ? undefined : { code: event.code, reason: event.reason ?? "" };
    const wasClean = !lost && event.wasClean !== false;
    const cause = this.#cause ?? (wasClean || !final ? undefined : new Error(LOST));
    const initiator = sent ?? this.#cause ? "local" : "remote";
    const { code, reason } = received ?? this.#failure ?? { code: CloseCode.abnormal, reason: "" };
    return {
      code,
      reason,
      wasClean,
      initiator,
      endedBy: this.#cause ? this.#endedBy : cause ? "transport" : initiator,
      violation: cause instanceof ProtocolError ? cause.violation : undefined,
      orderly: wasClean && (initiator === "local" || INTENDED.includes(code)),
      sent,
      received,
      cause,
      unsent: wasClean ? 0 : unsent,
      roundTrip: undefined,
      final,
    };
  }
}
