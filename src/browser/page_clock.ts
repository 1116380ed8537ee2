// Where time comes from in a browser. The system's clock of the other runtimes has deadlines for
// thousands of connections, which a page does not need: 270 octets of a bundle, compressed.

import type { Timers } from "../util/clock.ts";

/** The browser's clock. */
export const pageClock: Timers = {
  origin: performance.timeOrigin,
  now: () => performance.now(),
  setTimer: (due, delay) => setTimeout(due, delay),
  clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};
