// The calls of `receive()` and `receiveStream()` that wait for a message, in their order.

import { abortReason, onAbort } from "../util/abort.ts";
import type { Bytes } from "../util/bytes.ts";
import { LONGEST_TIMER, type Timers } from "../util/clock.ts";
import { defer, type Deferred } from "../util/promises.ts";
import type { ReceiveOptions } from "./message.ts";
import type { MessageStream } from "./message_stream.ts";

/** What a call gets. */
type Taken = string | Bytes | MessageStream;

interface Receiver {
  /** Whether it gets its message as chunks, or whole. */
  readonly streamed: boolean;
  readonly taken: Deferred<Taken | undefined>;
}

/** Those of one connection. */
export class Receivers {
  /** Iterations that have begun and not ended: one that works on a message will want the next. */
  iterations = 0;
  /** Called when an iteration begins. */
  watchers: Set<() => void> | undefined;

  #receivers: Receiver[] = [];
  readonly #changed: () => void;

  /** @param changed Called when a call that waited has been given up. */
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

  /**
   * Waits for a message. A call that is given up, by its signal or its timeout, leaves the message
   * to the next one.
   */
  add(
    streamed: boolean,
    options: ReceiveOptions | undefined,
    clock: Pick<Timers, "setTimer" | "clearTimer">,
  ): Promise<Taken | undefined> {
    const receiver: Receiver = { streamed, taken: defer() };
    this.#receivers.push(receiver);
    const { taken } = receiver;
    const { signal, timeout = Infinity } = options ?? {};
    if (signal !== undefined) {
      const done = onAbort(signal, () => {
        if (this.#forget(receiver)) taken.reject(abortReason(signal) as Error);
      });
      taken.promise.then(done, done);
    }
    if (timeout !== Infinity) {
      const late = (): void => {
        if (this.#forget(receiver)) taken.resolve(undefined);
      };
      const timer = clock.setTimer(late, Math.min(timeout, LONGEST_TIMER), "a message");
      const done = (): void => clock.clearTimer(timer);
      taken.promise.then(done, done);
    }
    return taken.promise;
  }

  /** Gives a message to the one that has waited longest. */
  give(message: Taken): void {
    this.#receivers.shift()?.taken.resolve(message);
  }

  /** No message comes any more. */
  reject(error: Error): void {
    for (const { taken } of this.#receivers.splice(0)) taken.reject(error);
  }

  /** Whether it waited. */
  #forget(receiver: Receiver): boolean {
    const index = this.#receivers.indexOf(receiver);
    if (index < 0) return false;
    this.#receivers.splice(index, 1);
    this.#changed();
    return true;
  }
}
