// Waiting in fuzz targets: by turns of the event loop, and with a bound, so that what never comes is a failure like any other.

import { setImmediate } from "node:timers";

/** Milliseconds after which something is taken never to come. */
const BOUND = 20_000;

/**
 * Long enough for a turn (turn.ts) to end. Not by microtasks alone, which Bun's test runner lets run within a native call
 * that fails: whoever awaits many of them there would keep what called it waiting.
 */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Several turns. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

/** Waits for a promise, or fails when it does not settle. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Expected within ${BOUND} ms: ${what}`)), BOUND);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits, turn by turn, until something holds, or fails when it never does. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const end = performance.now() + BOUND;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`Expected within ${BOUND} ms: ${what}`);
    await turn();
  }
}
