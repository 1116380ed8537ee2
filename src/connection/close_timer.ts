// The close timer cuts a closing connection whose byte stream does not end in time (RFC 6455
// section 7.1.1).

import { type Bounded, startDeadline, stopDeadline } from "../util/deadlines.ts";

/** What can be cut. */
interface Cuttable {
  /** Gives the connection up. */
  lose(cause: Error): void;
}

/** Runs from the first Close frame to the end of the byte stream. */
export class CloseTimer implements Bounded {
  readonly #target: Cuttable;
  readonly #timeout: number;

  /** Starts it: after `timeout` milliseconds it gives `target` up. */
  constructor(target: Cuttable, timeout: number) {
    this.#target = target;
    this.#timeout = timeout;
    startDeadline(this, timeout);
  }

  /** The byte stream has ended. */
  stop(): void {
    stopDeadline(this, this.#timeout);
  }

  /** Implements {@linkcode Bounded}. */
  late(): void {
    this.#target.lose(new Error(`The connection did not close within ${this.#timeout} ms`));
  }
}
