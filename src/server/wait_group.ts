// How many connections are still at work, for a server that waits for the last: a count, for a
// promise of each would cost more memory than most of what a connection has.

import { defer, type Deferred } from "../util/promises.ts";

/** Whoever has come and not left. */
export class WaitGroup {
  #count = 0;
  #empty: Deferred<void> | undefined;

  /** One has come. */
  enter(): void {
    this.#count++;
  }

  /** One has left, with all that it had to do. */
  leave(): void {
    if (--this.#count === 0) this.#empty?.resolve();
  }

  /** Resolves when the last has left. */
  whenEmpty(): Promise<void> {
    this.#empty ??= defer<void>();
    if (this.#count === 0) this.#empty.resolve();
    return this.#empty.promise;
  }
}
