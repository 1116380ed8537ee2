// How the caller drives a protocol: settings that may change at any time. By default nothing is
// held back.

/** How the caller drives a `Protocol`; docs/guides/core.md has a table of these settings. */
export class ProtocolSettings {
  /**
   * Whether the protocol answers Pings; otherwise the caller does, with `Protocol.pong()`. Default:
   * true.
   */
  answersPings = true;
  /**
   * Messages of at least so many octets are streamed, unless they are compressed. Default:
   * Infinity.
   */
  streamFrom: number = Infinity;
  /**
   * Set while the consumer is behind: parsing stops after the header of the next data frame;
   * control frames before it are still answered. Default: false.
   */
  holding = false;
  /**
   * The most octets of a message, or of a piece of one that is streamed, to parse while holding.
   * Default: -1, for none.
   */
  allowance: number = -1;
  /**
   * While holding, messages of at least so many octets are streamed, for a consumer that drops them
   * and needs none collected. A compressed message is streamed as empty pieces where the transform
   * is `independent`; otherwise it has to be inflated, and comes as "compressed". Default:
   * Infinity.
   */
  excessFrom: number = Infinity;
  /**
   * Set while the protocol must not yet answer the peer's Close frame or violation: `nextEvent()`
   * returns "closing" instead. Default: false.
   */
  announcesClose = false;
  /**
   * Set while the transport takes nothing: a Pong then waits, and only the newest is kept. Default:
   * false.
   */
  congested = false;
}
