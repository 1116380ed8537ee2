// Where time comes from. Every wait of the library goes through a clock, so that a test can give it
// one of its own; a runtime brings none, and then it is the system's.

import { Deadlines } from "./deadlines.ts";

/** The longest time for a timer, in milliseconds; with a longer one it would fire at once. */
export const LONGEST_TIMER: number = 2 ** 31 - 1;

/** Something that has to be done in time. */
export interface Deadline {
  /** What waits, in a few words. */
  readonly waits: string;
  /** Called when it was not done in time. */
  late(): void;
}

/** Code of the application that the library waits for, and that may never settle. */
export interface Watched {
  /** What waits now, in a few words; undefined while nothing does. */
  readonly waits: string | undefined;
  /** Whether nothing will wait any more. */
  readonly over: boolean;
}

/** Tells the time and calls back when some of it has passed. */
export interface Clock {
  /** The Unix time in milliseconds at which `now()` was 0. */
  readonly origin: number;
  /** Milliseconds from any fixed point. It needs no `this`. */
  now(): number;
  /**
   * Calls `due` once.
   *
   * @param due What to call.
   * @param delay Milliseconds until then.
   * @param waits What waits, in a few words.
   * @returns What `clearTimer()` takes.
   */
  setTimer(due: () => void, delay: number, waits: string): unknown;
  /** Calls `due` again and again; `clearTimer()` ends it. */
  setTicker(due: () => void, period: number, waits: string): unknown;
  /** Ends a timer or a ticker; it takes undefined too. */
  clearTimer(timer: unknown): void;
  /**
   * Calls `deadline.late()` after `timeout` milliseconds, unless it is stopped before. One that was
   * started with the same time already starts anew.
   */
  startDeadline(deadline: Deadline, timeout: number): void;
  /** Stops a deadline, if it runs; `timeout` is what it was started with. */
  stopDeadline(deadline: Deadline, timeout: number): void;
  /** Something was sent on the network, or has arrived: the program is not at rest. */
  happened?(sent: boolean): void;
  /** Lists `watched` with what waits, until it is over. Only a test's clock does. */
  watch?(watched: Watched): void;
}

/** What the timers of one connection need of a clock. */
export type Timers = Pick<Clock, "origin" | "now" | "setTimer" | "clearTimer" | "watch">;

/** Lists code of the application as waiting, if a clock does that, until the result is called. */
export function watchUntil(
  clock: Pick<Clock, "watch"> | undefined,
  waits: () => string,
): () => void {
  let over = false;
  clock?.watch?.({
    get waits() {
      return waits();
    },
    get over() {
      return over;
    },
  });
  return () => {
    over = true;
  };
}

const deadlines = new Deadlines();

/** The system's clock. */
export const systemClock: Clock = {
  origin: performance.timeOrigin,
  now: () => performance.now(),
  setTimer: (due, delay) => setTimeout(due, delay),
  setTicker: (due, period) => setInterval(due, period),
  clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  startDeadline: (deadline, timeout) => deadlines.start(deadline, timeout),
  stopDeadline: (deadline, timeout) => deadlines.stop(deadline, timeout),
};
