// Where `send()` waits. A message is taken at once; its promise settles when less waits, or when
// all has left.
//
// 1. A message is sent without a wait while less than the high-water mark waits, and its octets
//    have been copied.
// 2. Callers that wait share one promise until the transport has taken all.
// 3. `maxBufferedAmount` is compared with what waits before a message is added, so that one of any
//    size can be sent while nothing waits: at most the limit and one message wait.
// 4. endpoint.ts asks: `full()` before a message is added, `writable()` for a caller that waits.

import { type CloseInfo, ConnectionClosed } from "../protocol/errors.ts";
import { defer, type Deferred } from "../util/promises.ts";

/** Octets that may wait to be sent before `send()` makes its caller wait. */
export const HIGH_WATER_MARK = 65_536;

/**
 * While the transport is not congested, less than this waits: what is not written yet, and what the
 * transport holds.
 */
export const UNCONGESTED: number = 2 * HIGH_WATER_MARK;

/** The callers that wait until the transport of one connection has taken all that it was given. */
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

  /** The connection has ended: nothing leaves any more. */
  closed(info: CloseInfo): void {
    this.#drained?.reject(new ConnectionClosed(info));
  }
}

/** The error of a connection that is dropped because more than `most` octets waited. */
export function tooMuchWaits(most: number, waiting: number): Error {
  return new Error(
    `More than ${most} octets (maxBufferedAmount) waited to be sent: ${waiting}; ` +
      "await send(), or set another maxBufferedAmount or overflow",
  );
}
