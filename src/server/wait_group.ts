// Counts the connections that are still at work, so that a server can wait for the last. A promise
// for each would cost more memory than most of what a connection has.

import { defer, type Deferred } from "../util/promises.ts";

/** A count that can be waited for. */
export class WaitGroup {
  #count = 0;
  #empty: Deferred<void> | undefined;

  /** Counts one more. */
  enter(): void {
    this.#count++;
  }

  /** Counts one less, which has done all that it had to do. */
  leave(): void {
    if (--this.#count === 0) this.#empty?.resolve();
  }

  /** Resolves when the count is 0. */
  whenEmpty(): Promise<void> {
    this.#empty ??= defer<void>();
    if (this.#count === 0) this.#empty.resolve();
    return this.#empty.promise;
  }
}
