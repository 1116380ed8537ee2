// How long a test waits for something, by the clock of its network.

import { type Clock, systemClock } from "../util/clock.ts";
import { checkOptions, number, type OptionTable } from "../util/check_options.ts";

/** How long to wait. */
export interface WaitOptions {
  /**
   * Milliseconds by the clock of the network: with a clock of {@linkcode createClock} the time
   * passes when the test advances it. Without one, at most 2,147,483,647, or Infinity for no limit.
   * Default: 1,000.
   */
  readonly timeout?: number | undefined;
}

const DEFAULT_TIMEOUT = 1_000;

/** The longest that the system's timers wait; they fire at once when it is more. */
const LONGEST = 2_147_483_647;

/**
 * Milliseconds of real time after which a test's clock that stands still is the test's mistake:
 * runners give up after 5,000, and cannot say why.
 */
const STANDSTILL = 4_000;

export const WAIT_OPTIONS: OptionTable<WaitOptions> = {
  timeout: number("milliseconds", { least: 0, parts: true }),
};

/** A wait that ends when there is no more time. */
export interface Timeout {
  /** Resolves when the time is over, with the words for that: "within 1,000 ms". */
  readonly late: Promise<string>;
  /** Whether it is over because the clock of the test stands still. */
  readonly stoodStill: boolean;
  /** Ends the wait before. */
  stop(): void;
}

/**
 * Begins to wait.
 *
 * @param call Who waits, for `clock.pending` and for errors.
 * @param options How long.
 * @param clock The clock of the network.
 * @returns The wait, which has to be stopped.
 * @throws {RangeError} When the timeout is more than the clock can wait.
 */
export function startTimeout(
  call: string,
  options: WaitOptions,
  clock: Clock = systemClock,
): Timeout {
  checkOptions(call, options, WAIT_OPTIONS);
  const { timeout = DEFAULT_TIMEOUT } = options;
  if (clock === systemClock && timeout > LONGEST && timeout !== Infinity) {
    throw new RangeError(
      `Expected the timeout of ${call} to be at most ${LONGEST} milliseconds by the system's ` +
        `clock, got ${timeout}: for longer, give the network a clock of createClock()`,
    );
  }
  let timer: unknown;
  let guard: unknown;
  let stoodStill = false;
  const stop = (): void => {
    clock.clearTimer(timer);
    systemClock.clearTimer(guard);
  };
  const late = new Promise<string>((resolve) => {
    const end = (words: string): void => {
      stop();
      resolve(words);
    };
    if (timeout !== Infinity) {
      timer = clock.setTimer(() => end(`within ${timeout} ms`), timeout, `${call} of the test`);
    }
    if (clock === systemClock || timeout === Infinity) return;
    let seen = clock.now();
    const look = (): void => {
      const now = clock.now();
      stoodStill = now === seen;
      if (stoodStill) return end(`while the clock stands still at ${now} ms: advance it`);
      seen = now;
      guard = systemClock.setTimer(look, STANDSTILL, call);
    };
    guard = systemClock.setTimer(look, STANDSTILL, call);
  });
  return {
    late,
    get stoodStill() {
      return stoodStill;
    },
    stop,
  };
}
