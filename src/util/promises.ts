// Promises that must not end the process, and promises that are settled from outside.

/** Resolved, and shared by all that need not wait. */
export const RESOLVED: Promise<void> = Promise.resolve();

/**
 * Marks a rejection as handled: one that nobody awaits is no accident, and must not end the
 * process.
 */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/**
 * Calls what a user brought only to be told something, and whose promise, if it returns one, nobody
 * awaits.
 *
 * @param hook What is called.
 * @param value What it is told.
 * @param failed Told what it throws or rejects with.
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
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise: handled(promise), resolve, reject };
}
