// Where time comes from in a browser. The system's clock of the other runtimes has deadlines for
// thousands of connections, which a page does not need: 270 octets of a bundle, compressed.

import type { Clock } from "../util/clock.ts";

/** What a page needs of a clock. */
export type PageClock = Pick<Clock, "now" | "setTimer" | "clearTimer">;

/** That of the browser. */
export const pageClock: PageClock = {
  now: () => performance.now(),
  setTimer: (due, delay) => setTimeout(due, delay),
  clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};
