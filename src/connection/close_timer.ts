// The close timer cuts a closing connection whose byte stream does not end in time (RFC 6455
// section 7.1.1).

import { type Clock, type Deadline, systemClock } from "../util/clock.ts";

/** What can be cut. */
interface Cuttable {
  /** Gives the connection up. */
  lose(cause: Error): void;
}

/** Runs from the first Close frame to the end of the byte stream. */
export class CloseTimer implements Deadline {
  readonly #target: Cuttable;
  readonly #timeout: number;
  readonly #clock: Clock;

  /** Starts it: after `timeout` milliseconds it gives `target` up. */
  constructor(target: Cuttable, timeout: number, clock: Clock = systemClock) {
    this.#target = target;
    this.#timeout = timeout;
    this.#clock = clock;
    clock.startDeadline(this, timeout);
  }

  /** The byte stream has ended. */
  stop(): void {
    this.#clock.stopDeadline(this, this.#timeout);
  }

  /** Implements {@linkcode Deadline}. */
  get waits(): string {
    return "the end of a connection that is closing";
  }

  /** Implements {@linkcode Deadline}. */
  late(): void {
    this.#target.lose(new Error(`The connection did not close within ${this.#timeout} ms`));
  }
}
