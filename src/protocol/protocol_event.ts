// What a protocol finds in what it receives: types only.

/**
 * What `Protocol.nextEvent()` found; `Protocol.data` is what it carries.
 *
 * - `message`: a whole message.
 * - `ping`: a Ping, which is answered already (`Protocol.answersPings`). `pong`: a Pong, asked for
 *   or not.
 * - `close`: no more messages come. The peer sent a Close frame, which is answered already, or
 *   broke the protocol, and the connection has been failed: `Protocol.known` tells.
 * - `chunk`: a piece of a message that is streamed (`Protocol.streamFrom`); `Protocol.last` tells
 *   the last one.
 * - `compressed`: a message that came compressed while `Protocol.holding` was set: see
 *   `Protocol.compressed`.
 * - `closing`: a Close frame, or a violation, comes next: see `Protocol.announcesClose`.
 */
export type ProtocolEvent =
  | "message"
  | "chunk"
  | "compressed"
  | "ping"
  | "pong"
  | "closing"
  | "close";
