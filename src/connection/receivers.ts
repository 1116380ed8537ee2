// The calls of `receive()` and `receiveStream()` that wait for a message, in their order.

import { abortReason, onAbort } from "../util/abort.ts";
import type { Bytes } from "../util/bytes.ts";
import { LONGEST_TIMER, type Timers } from "../util/clock.ts";
import { deferBare, type Deferred, handled } from "../util/promises.ts";
import type { Message, ReceiveOptions } from "./message.ts";
import { type IterationEnd, toResult } from "./message_iterator.ts";
import type { MessageStream } from "./message_stream.ts";

/** What a call gets. */
type Taken = string | Bytes | MessageStream;

interface Receiver {
  /** Whether it gets its message as chunks, or whole. */
  readonly streamed: boolean;
  /** Of an iteration: what it makes of an error. */
  readonly failed: IterationEnd | undefined;
  readonly taken: Deferred<Taken | IteratorResult<Message> | undefined>;
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
    const taken = deferBare<Taken | undefined>();
    const receiver: Receiver = { streamed, failed: undefined, taken: taken as Receiver["taken"] };
    this.#receivers.push(receiver);
    const { signal, timeout = Infinity } = options ?? {};
    if (signal !== undefined) {
      const done = onAbort(signal, () => {
        if (!this.#forget(receiver)) return;
        handled(taken.promise);
        taken.reject(abortReason(signal) as Error);
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

  /**
   * Waits for the next message of an iteration. Its result is made by `give()`, and not by another
   * promise: so each of 32 pipelined echoes of 20 octets takes 0.6 to 0.8 of the time.
   */
  next(failed: IterationEnd): Promise<IteratorResult<Message>> {
    const taken = deferBare<IteratorResult<Message>>();
    this.#receivers.push({ streamed: false, failed, taken: taken as Receiver["taken"] });
    return taken.promise;
  }

  /** Gives a message to the one that has waited longest. */
  give(message: Taken): void {
    const receiver = this.#receivers.shift();
    if (receiver === undefined) return;
    const { failed, taken } = receiver;
    taken.resolve(failed === undefined ? message : toResult(message as Message));
  }

  /** No message comes any more. */
  reject(error: Error): void {
    for (const { failed, taken } of this.#receivers.splice(0)) {
      handled(taken.promise);
      if (failed === undefined) taken.reject(error);
      else {
        try {
          taken.resolve(failed(error));
        } catch (thrown) {
          taken.reject(thrown as Error);
        }
      }
    }
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
