// The clock of a process whose time of day differs from that of others.

import type { Clock } from "../../src/util/clock.ts";

/** A clock like another, with a time of day of its own. */
export function clockWithOrigin(clock: Clock, origin: number): Clock {
  return {
    origin,
    now: clock.now,
    setTimer: (due, delay, waits) => clock.setTimer(due, delay, waits),
    setTicker: (due, period, waits) => clock.setTicker(due, period, waits),
    clearTimer: (timer) => clock.clearTimer(timer),
    startDeadline: (deadline, timeout) => clock.startDeadline(deadline, timeout),
    stopDeadline: (deadline, timeout) => clock.stopDeadline(deadline, timeout),
  };
}
