// Where `send()` waits. What is sent is taken at once; its promise is settled when less waits, or
// when all has left.
//
// 1. A message is sent without a wait while less than the high-water mark waits, and its octets
//    have been copied.
// 2. Those who wait share one promise until the transport has taken all.
// 3. `maxBufferedAmount` is compared with what waits before a message is added, so that one of any
//    size can be sent while nothing waits: at most the limit and one message wait.
// 4. endpoint.ts asks: `full()` before a message is added, `writable()` for who waits.

import { defer, type Deferred } from "../util/promises.ts";

/** Octets that may wait to be sent before `send()` makes its caller wait. */
export const HIGH_WATER_MARK = 65_536;

/** What is not written yet, and what a transport holds that is not congested, is less than this. */
export const UNCONGESTED: number = 2 * HIGH_WATER_MARK;

/** Those who wait until the transport of one connection has taken all that it was given. */
export class SendBackpressure {
  #drained: Deferred<void> | undefined;

  /** Resolves when all has left; rejects when that cannot be any more. */
  wait(): Promise<void> {
    this.#drained ??= defer<void>();
    return this.#drained.promise;
  }

  /** All has left. */
  drained(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  /** Nothing leaves any more. */
  lost(why: Error): void {
    this.#drained?.reject(why);
  }
}

/** Why a connection is dropped on which more than `most` octets waited. */
export function tooMuchWaits(most: number, waiting: number): Error {
  return new Error(
    `More than ${most} octets (maxBufferedAmount) waited to be sent: ${waiting}; ` +
      "await send(), or set another maxBufferedAmount or overflow",
  );
}
