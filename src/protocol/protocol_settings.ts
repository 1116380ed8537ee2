// How a protocol is driven: settings that may change at any time. By default nothing is held back.

/** How a `Protocol` is driven; docs/core.md has a table of these. */
export class ProtocolSettings {
  /**
   * Set while the transport takes nothing: a Pong then waits, and only the newest is kept. Default:
   * false.
   */
  congested = false;
  /**
   * Whether the protocol answers Pings; if not, the caller does, with `Protocol.pong()`. Default:
   * true.
   */
  answersPings = true;
  /**
   * Messages of at least so many octets are streamed, unless they are compressed. Default:
   * Infinity.
   */
  streamFrom: number = Infinity;
  /**
   * Set while the consumer is behind: parsing stops at the next data frame, behind its header;
   * control frames before it are still answered. Default: false.
   */
  holding = false;
  /**
   * The most octets of a message, or of a piece of one that is streamed, to parse while holding.
   * Default: -1, for none.
   */
  allowance: number = -1;
  /**
   * While holding, messages of at least so many octets are streamed: a consumer that drops them
   * needs none collected. One that is compressed is streamed as empty pieces, where the transform
   * is `independent`; else it has to be inflated, and comes as "compressed". Default: Infinity.
   */
  excessFrom: number = Infinity;
  /**
   * Set while the peer's Close frame must not be answered, nor what it broke, yet: `nextEvent()`
   * says "closing" instead. Default: false.
   */
  announcesClose = false;
}
