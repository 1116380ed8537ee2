// The messages of a connection that comes back, in order over all of its connections.
//
// 1. A message is taken from a connection when a call waits for one, so that a slow consumer slows
//    the peer down as on any connection.
// 2. What an ended connection still has is taken out of it, before the next one opens. It is not
//    much: a connection stops reading early (16 messages, 64 KiB). Where no program takes messages,
//    it could grow with each connection: beyond 1 MiB the oldest are discarded, and counted.

import { abortReason } from "../util/abort.ts";
import type { Timers } from "../util/clock.ts";
import { Deque } from "../util/deque.ts";
import { handled } from "../util/promises.ts";
import type { Message, ReceiveOptions } from "../connection/message.ts";
import { Receivers } from "../connection/receivers.ts";
import { ConnectionClosed } from "../protocol/errors.ts";
import type { ClientConnection } from "./client_connection.ts";

/** Octets that may wait of connections that have ended. */
const MOST_HELD = 1_048_576;

/** What comes on a connection that comes back. */
export class Inbox {
  /** Messages that were discarded here. */
  discarded = 0;

  readonly #held = new Deque<Message>();
  #heldSize = 0;
  readonly #receivers = new Receivers(() => {});
  #link: ClientConnection | undefined;
  #pumping: ClientConnection | undefined;
  #ended: Error | undefined;
  readonly #clock: Timers;

  /** @param clock Tells when a call has waited long enough. */
  constructor(clock: Timers) {
    this.#clock = clock;
  }

  /** Messages that have come and wait. */
  get unread(): number {
    return this.#held.count + (this.#link?.unread ?? 0);
  }

  /** The next message. */
  receive(): Promise<Message>;
  receive(options: ReceiveOptions | undefined): Promise<Message | undefined>;
  receive(options?: ReceiveOptions): Promise<Message | undefined> {
    const signal = options?.signal;
    if (signal?.aborted) return handled(Promise.reject(abortReason(signal)));
    if (this.#receivers.count === 0) {
      const held = this.#held.shift();
      if (held !== undefined) {
        this.#heldSize -= sizeOf(held);
        return Promise.resolve(held);
      }
    }
    if (this.#ended !== undefined) return handled(Promise.reject(this.#ended));
    const link = this.#link;
    // A call that was given up may have left `#pump()` with the next message on its way.
    const isFree = this.#receivers.count === 0 && this.#pumping !== link;
    if (link !== undefined && options === undefined && isFree) {
      // The common case. By `#pump()` a pipelined echo took 1.4 times the CPU time of that on one
      // connection (Node, both ends in one process); this takes 1.2.
      return handled(
        link.receive().catch((error) => {
          if (error instanceof ConnectionClosed) return this.receive();
          throw error;
        }),
      );
    }
    const taken = this.#receivers.add(false, options, this.#clock) as Promise<Message | undefined>;
    this.#pump();
    return taken;
  }

  /** There is a connection. */
  opened(link: ClientConnection): void {
    this.#link = link;
    this.#pump();
  }

  /** The connection has ended; resolves when all that it still had is here. */
  async lost(link: ClientConnection): Promise<void> {
    this.#link = undefined;
    try {
      for (;;) this.#take(await link.receive());
    } catch {
      // It has no more.
    }
  }

  /** No message comes any more. */
  end(error: Error): void {
    this.#ended = error;
    this.#receivers.reject(error);
  }

  async #pump(): Promise<void> {
    const link = this.#link;
    if (link === undefined || this.#pumping === link) return;
    this.#pumping = link;
    try {
      while (this.#receivers.count > 0) this.#take(await link.receive());
      this.#pumping = undefined;
    } catch (error) {
      // `lost()` follows, and then another connection, or `end()`.
      if (!(error instanceof ConnectionClosed)) this.end(error as Error);
    }
  }

  #take(message: Message): void {
    if (this.#receivers.count > 0) return this.#receivers.give(message as never);
    this.#held.push(message);
    this.#heldSize += sizeOf(message);
    while (this.#heldSize > MOST_HELD && this.#held.count > 1) {
      this.#heldSize -= sizeOf(this.#held.shift()!);
      this.discarded++;
    }
  }
}

/** What a message counts. A text counts its code units, which tell its memory. */
function sizeOf(message: Message): number {
  return 16 + message.length;
}
