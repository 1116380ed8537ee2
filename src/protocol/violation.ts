// What a peer can do wrong, by name: types only. The texts stand where each is found.

/** The limits of `guard` that close a connection. */
export type ViolationCause =
  | "messagesPerSecond"
  | "bytesPerSecond"
  | "controlFramesPerSecond"
  | "tinyFragmentsPerSecond"
  | "frameTimeout"
  | "stallTimeout"
  | "maxInflateRatio";

/**
 * What a peer did wrong, by a name that does not change: a rule of RFC 6455 or RFC 7692 that it
 * broke, a limit on messages, or the limit of `guard` that has this name.
 *
 * - `reserved-bits`, `reserved-opcode`: bits or an opcode without a meaning that both ends agreed
 *   on (section 5.2).
 * - `fragmented-control-frame`, `control-frame-too-long`: a control frame in parts, or of more than
 *   125 octets (section 5.5).
 * - `continuation-without-start`, `message-inside-message`: fragments out of order (section 5.4).
 * - `unmasked-frame`, `masked-frame`: the first from a client, the second from a server (section
 *   5.1).
 * - `length-not-minimal`, `length-negative`, `length-too-large`: a payload length that is
 *   malformed, or too large for a JavaScript number (section 5.2).
 * - `invalid-close-frame`, `invalid-close-reason`: the body of a Close frame (sections 5.5.1, 7.4).
 * - `invalid-utf8`, `invalid-deflate`: data that does not fit its type (section 8.1; RFC 7692
 *   section 7.2.2).
 * - `message-too-big`, `too-many-fragments`: more than `maxMessageSize` or `maxFragments`.
 */
export type ViolationCode =
  | "reserved-bits"
  | "reserved-opcode"
  | "fragmented-control-frame"
  | "control-frame-too-long"
  | "continuation-without-start"
  | "message-inside-message"
  | "unmasked-frame"
  | "masked-frame"
  | "length-not-minimal"
  | "length-negative"
  | "length-too-large"
  | "invalid-close-frame"
  | "invalid-close-reason"
  | "invalid-utf8"
  | "invalid-deflate"
  | "message-too-big"
  | "too-many-fragments"
  | ViolationCause;

/** Why a connection must fail: the close code and a reason that fits a Close frame. */
export interface Violation {
  /** The close code. */
  readonly code: number;
  /** What was wrong, by name. */
  readonly kind: ViolationCode;
  /** What was wrong. */
  readonly reason: string;
}
