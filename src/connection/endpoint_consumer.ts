// What an endpoint is given: the consumer of what arrives, and its bounds.

import type { Bytes } from "../util/bytes.ts";
import type { CloseInfo } from "../protocol/errors.ts";
import type { ConnectionLimits, ResolvedLimits } from "./limits.ts";

/** Takes what arrives. */
export interface EndpointConsumer {
  /** Octets that it holds back; see `refill()`. */
  readonly held: number;
  /** Takes a message; false asks for no more until `proceed()`. */
  message(data: string | Bytes): boolean;
  /** Takes a piece of a message that is streamed; false asks for no more until `proceed()`. */
  chunk(data: string | Bytes, last: boolean): boolean;
  /** Takes the payload of a Ping, which is answered already where `autoPong` is on. */
  ping(payload: Bytes): void;
  /** Takes the payload of a Pong. */
  pong(payload: Bytes): void;
  /**
   * Sends what it has held back: the transport takes bytes again, or with `all` a Close frame is
   * next.
   */
  refill(all: boolean): void;
  /** Called when all that had to wait has left. */
  drain(): void;
  /** The program has broken the connection, and it has been failed. */
  failed(error: Error): void;
  /**
   * The byte stream has ended. Messages that waited for their consumer may still come. Called once.
   */
  closed(info: CloseInfo): void;
  /**
   * No more messages come. Called last, and once. `error` says what was wrong with a message that
   * waited.
   */
  finished(info: CloseInfo, error: Error | undefined): void;
}

/** The bounds of one end; see the options of `serve()`. */
export type EndpointLimits =
  & Pick<ResolvedLimits, "closeTimeout" | "maxBufferedAmount" | "overflow">
  & Pick<ConnectionLimits, "ownBuffers" | "autoPong">;

/** What happens to what is sent above `maxBufferedAmount`; see `ConnectionLimits.overflow`. */
export type Overflow = "close" | "wait" | "drop-oldest" | "drop-newest";
