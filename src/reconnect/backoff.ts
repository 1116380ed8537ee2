// How long to wait before the next attempt: a random part of a time that doubles with each failure
// (RFC 6455 section 7.2.3 asks for a random delay that grows).

import { LONGEST_TIMER, type Timers } from "../util/clock.ts";
import type { ReconnectFailure } from "./failure.ts";

/** What the delays are made of, in milliseconds. */
export interface BackoffSettings {
  /** The longest delay after the first failure. */
  readonly baseDelay: number;
  /** The longest delay of all. */
  readonly maxDelay: number;
  /** How long a connection has to last for the delays to begin anew. */
  readonly minUptime: number;
}

/** The longest that a server can ask for by Retry-After. */
const MAX_RETRY_AFTER = 300_000;
/** Codes of a server that goes: all of its clients come back together. */
const TOGETHER: readonly number[] = [1001, 1012, 1013];

/** The delays of one connection that comes back. */
export class Backoff {
  readonly #settings: BackoffSettings;
  readonly #clock: Timers;
  /** Failures since the last connection that lasted. */
  #failures = 0;

  /** Delays by these settings; the clock tells what a date in Retry-After means. */
  constructor(settings: BackoffSettings, clock: Timers) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /**
   * A connection has ended.
   *
   * @param uptime Milliseconds for which it was open.
   * @returns Whether it lasted.
   */
  lasted(uptime: number): boolean {
    if (uptime < this.#settings.minUptime) return false;
    this.#failures = 0;
    return true;
  }

  /** Milliseconds to wait after a failure. */
  next({ info, error }: ReconnectFailure): number {
    const { baseDelay, maxDelay } = this.#settings;
    const together = this.#failures === 0 && info !== undefined && TOGETHER.includes(info.code);
    const growing = baseDelay * (together ? 4 : 2 ** this.#failures);
    const most = Math.min(maxDelay, growing, LONGEST_TIMER);
    this.#failures++;
    return Math.min(retryAfter(error, this.#clock) + Math.random() * most, LONGEST_TIMER);
  }
}

/** What a server asks for (RFC 9110 section 10.2.3): seconds, or a date. */
function retryAfter(error: unknown, clock: Timers): number {
  const value = retryAfterField(error);
  const delay = /^\d+$/.test(value)
    ? Number(value) * 1000
    // Engines make a date of "-1", too.
    : /^[A-Z][a-z]+,? .*:/.test(value)
    ? Date.parse(value) - (clock.origin + clock.now())
    : 0;
  return delay > 0 ? Math.min(delay, MAX_RETRY_AFTER) : 0;
}

/** The field of an answer; the error may also be what a program's own function threw. */
function retryAfterField(error: unknown): string {
  try {
    const { headers } = error as { headers: Headers };
    return headers.get("retry-after")!.trim();
  } catch {
    return "";
  }
}
