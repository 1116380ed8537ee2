// The Pong that waits while the transport takes nothing (RFC 6455 section 5.5.3): one at most, for
// the newest Ping.
//
// A peer may send Pings without end and read nothing, so the Pongs that wait for it must not add
// up.

import type { Bytes } from "../util/bytes.ts";
import type { FrameEncoder } from "./frame_encoder.ts";
import { Opcode } from "./frame_header.ts";

/** The answer to the newest Ping that could not be answered at once. */
export class PendingPong {
  #payload: Bytes | undefined;

  /**
   * Takes the payload of a Ping. It replaces the one that waits, because an answer to the newest
   * Ping answers all.
   */
  replace(payload: Bytes): void {
    this.#payload = payload;
  }

  /** Encodes the Pong, if one waits. */
  flush(output: FrameEncoder): void {
    if (this.#payload === undefined) return;
    output.binary(Opcode.pong, this.#payload);
    this.#payload = undefined;
  }

  /** Drops the Pong, if one waits. */
  drop(): void {
    this.#payload = undefined;
  }
}
