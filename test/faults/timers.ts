// How many timers are set, on any runtime. It imports nothing, so that it can come before everything else.

type Timer = ReturnType<typeof setTimeout>;

const set = new Set<unknown>();

/** Counts the timers that are set from now on. */
export function countTimers(): void {
  const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
  const once = (callback: (...args: unknown[]) => void, delay?: number, ...args: unknown[]) => {
    const timer: Timer = setTimeout(() => {
      set.delete(timer);
      callback(...args);
    }, delay);
    set.add(timer);
    return timer;
  };
  const always = (callback: () => void, delay?: number) => {
    const timer = setInterval(callback, delay);
    set.add(timer);
    return timer;
  };
  const clear = (timer?: Timer) => {
    set.delete(timer);
    clearTimeout(timer);
    clearInterval(timer);
  };
  Object.assign(globalThis, {
    setTimeout: once,
    setInterval: always,
    clearTimeout: clear,
    clearInterval: clear,
  });
}

/** The timers that are set and have neither fired nor been cleared. */
export function timersSet(): number {
  return set.size;
}
