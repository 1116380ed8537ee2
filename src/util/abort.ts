// Waiting for an AbortSignal: one listener for each signal, for any number of callers that wait.
// Node warns of a leak from the eleventh listener on, and a program may give one signal to all that
// it waits for.

/** Why a signal that has fired did so; the signals of older polyfills do not say. */
export function abortReason(signal: AbortSignal): unknown {
  return signal.reason ?? new DOMException("The operation was aborted", "AbortError");
}

/** The callbacks that wait for one signal, and the listener that calls them. */
interface Waiting {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

const waiting = new WeakMap<AbortSignal, Waiting>();

/**
 * Calls `callback` when a signal fires that has not fired yet.
 *
 * @param signal The signal.
 * @param callback Called once; it must not throw, or the callbacks behind it are not called.
 * @returns A function that stops waiting. The last callback to go takes the listener with it.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const { callbacks, listener } = waiting.get(signal) ?? listen(signal);
  callbacks.add(callback);
  return () => {
    callbacks.delete(callback);
    if (callbacks.size === 0 && waiting.get(signal)?.callbacks === callbacks) {
      stop(signal, listener);
    }
  };
}

function listen(signal: AbortSignal): Waiting {
  const callbacks = new Set<() => void>();
  const listener = (): void => {
    stop(signal, listener);
    for (const callback of callbacks) callback();
  };
  const added = { callbacks, listener };
  waiting.set(signal, added);
  signal.addEventListener("abort", listener);
  return added;
}

function stop(signal: AbortSignal, listener: () => void): void {
  waiting.delete(signal);
  signal.removeEventListener("abort", listener);
}

/**
 * Waits for something, but no longer than until a signal fires.
 *
 * @param promise What to wait for. If it comes too late, its rejection harms nothing.
 * @param signal The signal.
 * @returns What the promise gives; rejects with the signal's reason when that fires first.
 */
export async function unlessAborted<T>(promise: T | Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(abortReason(signal));
    else stop = onAbort(signal, () => reject(abortReason(signal)));
  });
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    stop?.();
  }
}
