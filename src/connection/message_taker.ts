// What takes the messages of a connection that no `receive()` waits for.

import type { Bytes } from "../util/bytes.ts";
import type { ReceiveBackpressure } from "./receive_backpressure.ts";
import { discardRest, type MessageStream } from "./message_stream.ts";

/** Takes messages: the hooks of a handler, or what discards them. */
export interface MessageTaker {
  /** Why `receive()` can take none, if it cannot. */
  readonly claim: string | undefined;
  /** Takes a message; false asks for no more until the endpoint's `proceed()`. */
  message(data: string | Bytes): boolean;
  /** Takes a message that is streamed; false asks for no more until the endpoint's `proceed()`. */
  stream(message: MessageStream): boolean;
  /** Whether it cannot take one now. */
  busy(): boolean;
}

/** Discards messages, and counts them. */
export class Ignorer implements MessageTaker {
  readonly claim =
    "Expected no messages to be asked for after ignoreMessages(), which discards them";
  readonly #inbound: ReceiveBackpressure;

  /** @param inbound Where they are counted. */
  constructor(inbound: ReceiveBackpressure) {
    this.#inbound = inbound;
  }

  message(): boolean {
    this.#inbound.ignored++;
    return true;
  }

  stream(message: MessageStream): boolean {
    discardRest(message);
    return this.message();
  }

  busy(): boolean {
    return false;
  }
}
