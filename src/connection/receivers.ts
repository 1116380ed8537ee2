// The calls of `receive()` and `receiveStream()` that wait for a message, in their order.

import { abortReason, onAbort } from "../util/abort.ts";
import type { Bytes } from "../util/bytes.ts";
import { defer, type Deferred } from "../util/promises.ts";
import type { MessageStream } from "./message_stream.ts";

/** What a call gets. */
type Taken = string | Bytes | MessageStream;

interface Receiver {
  /** Whether it gets its message as chunks, or whole. */
  readonly streamed: boolean;
  readonly taken: Deferred<Taken>;
}

/** Those of one connection. */
export class Receivers {
  /** Iterations that have begun and not ended: one that works on a message will want the next. */
  iterations = 0;
  /** Called when an iteration begins. */
  watchers: Set<() => void> | undefined;

  #receivers: Receiver[] = [];
  readonly #changed: () => void;

  /** @param changed Called when a call has been removed because its signal fired. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** How many wait. */
  get count(): number {
    return this.#receivers.length;
  }

  /** Whether the first one gets its message as chunks; undefined when none waits. */
  get streamed(): boolean | undefined {
    return this.#receivers[0]?.streamed;
  }

  /** Waits for a message, until `signal` fires: the next call then gets that message. */
  add(streamed: boolean, signal: AbortSignal | undefined): Promise<Taken> {
    const receiver: Receiver = { streamed, taken: defer() };
    this.#receivers.push(receiver);
    if (signal !== undefined) {
      const done = onAbort(signal, () => this.#forget(receiver, abortReason(signal) as Error));
      receiver.taken.promise.then(done, done);
    }
    return receiver.taken.promise;
  }

  /** Gives a message to the one that has waited longest. */
  give(message: Taken): void {
    this.#receivers.shift()?.taken.resolve(message);
  }

  /** No message comes any more. */
  reject(error: Error): void {
    for (const { taken } of this.#receivers.splice(0)) taken.reject(error);
  }

  #forget(receiver: Receiver, reason: Error): void {
    const index = this.#receivers.indexOf(receiver);
    if (index < 0) return;
    this.#receivers.splice(index, 1);
    this.#changed();
    receiver.taken.reject(reason);
  }
}
