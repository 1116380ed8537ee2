// What a protocol finds in the bytes that it receives: types only.

/**
 * What `Protocol.nextEvent()` found; `Protocol.data` is what it carries.
 *
 * - `message`: a whole message.
 * - `ping`: a Ping, which the protocol has already answered (`Protocol.answersPings`). `pong`: a
 *   Pong, even if no Ping asked for it.
 * - `close`: no more messages come. The peer sent a Close frame, which the protocol has already
 *   answered, or broke the protocol, which then failed the connection. `Protocol.known` says which.
 * - `chunk`: a piece of a message that is streamed (`Protocol.streamFrom`); `Protocol.last` says
 *   whether it is the last one.
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
