// Whether a broker that says it is there delivers anything.
//
// After 20 s of silence a probe is sent to the inbox of this process, and if it does not come back
// within 10 s, the broker is down until something is heard again. Every 30 s from then on the
// driver is asked to start anew.

import type { Clock } from "../util/clock.ts";
import type { Heard } from "./heard.ts";

/** Milliseconds between two looks at whether anything was heard. */
const LOOK = 10_000;
/** Looks without a word after which a probe is sent, and after which the broker is down. */
const [PROBE, DEAF] = [2, 3];
/** Looks until the publishers are swept: once a minute. */
const SWEEP = 6;

/** What probes need. */
export interface ProbesOptions {
  /** What the driver is called. */
  readonly name: string;
  /** Tells the time. */
  readonly clock: Clock;
  /** The publishers that were heard, which are swept here. */
  readonly heard: Pick<Heard, "sweep">;
  /** Called with each look. */
  readonly look: () => void;
  /** Sends a message to this process. */
  readonly probe: () => void;
  /** Asks the driver to start anew. It must not throw: a timer calls it. */
  readonly restart: () => void;
  /** The broker is down. It stops the looks, which go on afterwards. */
  readonly deaf: (reason: Error) => void;
}

/** The probes of one relay. */
export class Probes {
  /** Whether the driver was connected and nothing was heard, and nothing has been heard since. */
  deaf = false;
  /** Looks since something was heard. */
  silence = 0;
  readonly #options: ProbesOptions;
  /** Looks since the publishers were swept. */
  #looks = 0;
  #ticker: unknown;

  /** Not begun. */
  constructor(options: ProbesOptions) {
    this.#options = options;
  }

  /** Begins to look. */
  start(): void {
    this.#ticker ??= this.#options.clock.setTicker(
      () => this.#look(),
      LOOK,
      "a probe of the broker",
    );
  }

  /** Ends that. */
  stop(): void {
    this.#options.clock.clearTimer(this.#ticker);
    this.#ticker = undefined;
  }

  /** The broker is there, and not deaf. */
  hear(): void {
    this.deaf = false;
    this.silence = 0;
  }

  #look(): void {
    const { name, heard, look, probe, restart, deaf } = this.#options;
    look();
    if (++this.#looks % SWEEP === 0) heard.sweep();
    this.silence++;
    if (this.deaf) {
      if (this.silence % DEAF === 0) restart();
      else probe();
    } else if (this.silence === PROBE) {
      probe();
    } else if (this.silence >= DEAF) {
      this.deaf = true;
      deaf(new Error(`${name} answers, but has delivered nothing for ${LOOK * DEAF} ms`));
      this.start();
      restart();
    }
  }
}
