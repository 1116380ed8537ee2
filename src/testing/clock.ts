// A clock that stands still until a test advances it.
//
// 1. Time jumps from one timer that is due to the next. Around each, the clock lets the program
//    come to rest: it waits for turns of the event loop until nothing has happened on the network
//    in two of them.
// 2. It drives what waits in the library, and `sleep()`. It cannot drive the `setTimeout()` of a
//    program, nor what happens outside of it: files, sockets, other processes.

import type { Clock, Deadline, Watched } from "../util/clock.ts";
import { abortReason, onAbort } from "../util/abort.ts";
import {
  checkOptions,
  describe,
  type OptionTable,
  signal as signalRule,
} from "../util/check_options.ts";

/** Something that waits; see {@linkcode TestClock.pending}. */
export interface PendingWait {
  /** What waits, in a few words. */
  readonly waits: string;
  /** Milliseconds until the clock ends the wait; undefined when only the program can end it. */
  readonly due: number | undefined;
}

/** A clock for tests; see {@linkcode createClock}. */
export interface TestClock {
  /** Milliseconds that have passed on this clock since it was made. */
  readonly now: number;
  /**
   * What waits now: what the clock will end, the next one first, then handlers that have not
   * settled.
   */
  readonly pending: readonly PendingWait[];
  /** The clock as the library takes it, for a {@linkcode Runtime} of your own. */
  readonly source: Clock;
  /**
   * Lets time pass. Each timer that comes due is called at its time; around each one, all messages
   * on the network are delivered and the handlers run until they wait for something else.
   *
   * @param milliseconds How much time passes. 0 only lets the program come to rest.
   * @returns A promise that resolves when the time has passed. Calls that overlap run one after
   * the other. Rejects with a RangeError when the time is negative or above a year, and with an
   * Error that names what waits when the program does not come to rest.
   */
  advance(milliseconds: number): Promise<void>;
  /**
   * Waits on this clock, for handlers and programs under test.
   *
   * @param milliseconds How long.
   * @param signal Ends the wait early.
   * @returns A promise that resolves when that time has passed on this clock. Rejects with the
   * reason of the signal when that fires first.
   */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

const SLEEP_OPTIONS: OptionTable<{ signal: AbortSignal }> = { signal: signalRule };

/** A timer, a ticker or a deadline that runs. */
interface Timer {
  readonly waits: string;
  readonly call: () => void;
  /** The period of a ticker. */
  readonly period: number | undefined;
  due: number;
}

/** Turns of the event loop in which nothing has happened: then the program is at rest. */
const QUIET_TURNS = 2;
/** A program that sends so often without a pause never comes to rest: 1 to 3 seconds. */
const MOST_SENT = 250_000;
/** A year and a day: an end of a test that is further away is a mistake. */
const LONGEST = 31_622_400_000;

/** Taken at once: a test runner with fake timers may replace it later. */
const { setImmediate, setTimeout } = globalThis as {
  setImmediate?: (call: () => void) => unknown;
  setTimeout: (call: () => void, delay: number) => unknown;
};

/** Resolves in the next turn of the event loop. */
export function nextTurn(): Promise<void> {
  // 13 µs on Node; a timer of 0 ms takes 1,200.
  return new Promise((resolve) => {
    if (setImmediate !== undefined) setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}

/** The clock of a test, as the library takes it. */
class VirtualClock implements Clock {
  readonly origin = 0;
  time = 0;
  /** Changes with everything that happens on the network and on this clock. */
  activity = 0;
  /** How often something was sent on the network. */
  sent = 0;
  readonly timers = new Set<Timer>();
  readonly watched = new Set<Watched>();
  #mostWatched = 64;
  readonly #deadlines = new Map<Deadline, Timer>();

  readonly now = (): number => this.time;

  setTimer(due: () => void, delay: number, waits: string): Timer {
    return this.#add(due, delay, undefined, waits);
  }

  setTicker(due: () => void, period: number, waits: string): Timer {
    return this.#add(due, period, period, waits);
  }

  clearTimer(timer: unknown): void {
    this.timers.delete(timer as Timer);
  }

  startDeadline(deadline: Deadline, timeout: number): void {
    this.stopDeadline(deadline);
    const late = (): void => {
      this.#deadlines.delete(deadline);
      deadline.late();
    };
    this.#deadlines.set(deadline, this.#add(late, timeout, undefined, deadline.waits));
  }

  stopDeadline(deadline: Deadline): void {
    this.clearTimer(this.#deadlines.get(deadline));
    this.#deadlines.delete(deadline);
  }

  happened(sent: boolean): void {
    this.activity++;
    if (sent) this.sent++;
  }

  watch(watched: Watched): void {
    this.watched.add(watched);
    if (this.watched.size < this.#mostWatched) return;
    this.forgetOver();
    this.#mostWatched = 2 * this.watched.size + 64;
  }

  /** Forgets what will not wait any more. */
  forgetOver(): void {
    for (const one of this.watched) if (one.over) this.watched.delete(one);
  }

  /** The timer that is due next, of several the one that was set first. */
  get next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.timers) if (next === undefined || timer.due < next.due) next = timer;
    return next;
  }

  run(timer: Timer): void {
    this.activity++;
    this.time = Math.max(this.time, timer.due);
    this.timers.delete(timer);
    if (timer.period !== undefined) {
      // Behind the timers that have been set meanwhile.
      timer.due = this.time + timer.period;
      this.timers.add(timer);
    }
    timer.call();
  }

  #add(call: () => void, delay: number, period: number | undefined, waits: string): Timer {
    // At least a millisecond, as the timers of a runtime: what starts itself again lets time pass.
    const timer = { waits, call, period, due: this.time + Math.max(delay, 1) };
    this.timers.add(timer);
    return timer;
  }
}

/** The clock that a {@linkcode TestClock} shows. */
class TestClockOf implements TestClock {
  readonly source = new VirtualClock();
  #advanced: Promise<void> = Promise.resolve();

  get now(): number {
    return this.source.time;
  }

  get pending(): PendingWait[] {
    const { timers, watched, time } = this.source;
    const due = [...timers].map(({ waits, due }) => ({ waits, due: due - time }));
    this.source.forgetOver();
    const open = [...watched].flatMap(({ waits }) => waits ?? []);
    return [
      ...due.filter(({ due }) => due < Infinity).sort((a, b) => a.due - b.due),
      ...open.map((waits) => ({ waits, due: undefined })),
    ];
  }

  advance(milliseconds: number): Promise<void> {
    const advanced = this.#advanced.then(() => this.#advance(milliseconds));
    this.#advanced = advanced.catch(() => {});
    return advanced;
  }

  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    checkTime("sleep()", milliseconds);
    checkOptions("sleep()", { signal }, SLEEP_OPTIONS);
    if (signal?.aborted) throw abortReason(signal);
    const { source } = this;
    let stop: (() => void) | undefined;
    await new Promise<void>((resolve, reject) => {
      const timer = source.setTimer(resolve, milliseconds, "sleep() of the program");
      stop = signal && onAbort(signal, () => {
        source.clearTimer(timer);
        reject(abortReason(signal));
      });
    });
    stop?.();
  }

  async #advance(milliseconds: number): Promise<void> {
    checkTime("advance()", milliseconds);
    const { source } = this;
    const end = source.time + milliseconds;
    await this.#rest();
    for (let { next } = source; next !== undefined && next.due <= end; next = source.next) {
      source.run(next);
      await this.#rest();
    }
    source.time = end;
  }

  /** Resolves when the program waits for something that this clock does not have. */
  async #rest(): Promise<void> {
    const { source } = this;
    const most = source.sent + MOST_SENT;
    for (let quiet = 0; quiet < QUIET_TURNS;) {
      if (source.sent > most) {
        throw new Error(
          `The program did not come to rest while it sent ${MOST_SENT} times at ${source.time} ms; ` +
            `${
              describePending(this.pending)
            }. Look for two ends that answer each other without end`,
        );
      }
      const { activity } = source;
      await nextTurn();
      quiet = activity === source.activity ? quiet + 1 : 0;
    }
  }
}

/** What waits, for an error. */
export function describePending(pending: readonly PendingWait[]): string {
  if (pending.length === 0) return "nothing waits";
  const shown = pending.slice(0, 20).map(({ waits, due }) =>
    due === undefined ? waits : `${waits} (due in ${Math.round(due)} ms)`
  );
  if (pending.length > shown.length) shown.push(`${pending.length - shown.length} more`);
  return `these wait: ${shown.join(", ")}`;
}

function checkTime(call: string, milliseconds: number): void {
  if (milliseconds >= 0 && milliseconds <= LONGEST) return;
  throw new RangeError(
    `${call} expected milliseconds from 0 to ${LONGEST}, a year, got ${describe(milliseconds)}`,
  );
}

/**
 * Makes a clock that stands still until the test advances it.
 *
 * It drives everything that waits in the library on a network with this clock: the heartbeat, idle
 * times and lifetimes, deadlines of handshakes and requests, close timers, limits per second, the
 * spread of a shutdown, and the delays of {@linkcode Link}s. The `setTimeout()` of a program runs
 * on; `clock.sleep()` is there for code under test that waits.
 *
 * @returns The clock.
 *
 * @example
 * ```ts
 * import { createClock, pair } from "@sansocket/ws/testing";
 *
 * const clock = createClock();
 * const { client, server } = await pair({ clock });
 * server.closed.then(({ code }) => console.log("lost with", code));
 * client.terminate();
 * await clock.advance(60_000); // takes no time
 * console.log(clock.now); // 60000
 * ```
 */
export function createClock(): TestClock {
  return new TestClockOf();
}
