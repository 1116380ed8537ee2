// Promises that must not end the process, and promises that are settled from outside.

/** A resolved promise, shared by all callers that need not wait. */
export const RESOLVED: Promise<void> = Promise.resolve();

/**
 * Marks a rejection as handled: the caller may leave the promise without a handler, and that must
 * not end the process.
 */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/**
 * Calls a hook of the application that only reports something. If it returns a promise, the library
 * does not wait for it.
 *
 * @param hook The function to call.
 * @param value What it is called with.
 * @param failed Called with what the hook throws or rejects with.
 */
export function tell<T>(
  hook: (value: T) => unknown,
  value: T,
  failed: (error: unknown) => void,
): void {
  try {
    const result = hook(value);
    if (typeof result === "object" && result !== null) Promise.resolve(result).catch(failed);
  } catch (error) {
    failed(error);
  }
}

/** A promise with what settles it. */
export interface Deferred<T> {
  /** The promise; its rejection counts as handled. */
  readonly promise: Promise<T>;
  /** Fulfils it. */
  readonly resolve: (value: T) => void;
  /** Rejects it. */
  readonly reject: (error: Error) => void;
}

/** Makes a promise that is settled from outside. */
export function defer<T>(): Deferred<T> {
  const deferred = deferBare<T>();
  handled(deferred.promise);
  return deferred;
}

/** The same, of which `handled()` is called before it is rejected: that saves a promise. */
export function deferBare<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
