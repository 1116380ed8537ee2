// `@std/assert` by the same names over `node:assert`, for places that cannot reach JSR.
// deno.json names the real package; tsconfig.json and import_map.json name this file.

import nodeAssert from "node:assert/strict";

type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

/** Asserts that `condition` is truthy. */
export function assert(condition: unknown, message?: string): asserts condition {
  nodeAssert.ok(condition, message);
}

/** Asserts deep equality. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.deepStrictEqual(plain(actual), plain(expected), message);
}

/** Asserts that the two are not deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.notDeepStrictEqual(plain(actual), plain(expected), message);
}

/** Asserts `Object.is` equality. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  message?: string,
): asserts actual is T {
  nodeAssert.strictEqual(actual, expected, message);
}

/** Asserts that `actual` is neither null nor undefined. */
export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T> {
  nodeAssert.ok(actual !== null && actual !== undefined, message ?? "Expected a value");
}

/** Asserts that `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  nodeAssert.ok(
    actual.includes(expected),
    message ?? `Expected ${JSON.stringify(actual)} to include ${JSON.stringify(expected)}`,
  );
}

/** Asserts that `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  nodeAssert.match(actual, expected, message);
}

/** Asserts that `actual` is an instance of `expected`. */
export function assertInstanceOf<T>(
  actual: unknown,
  // deno-lint-ignore no-explicit-any -- the signature of @std/assert
  expected: abstract new (...args: any[]) => T,
  message?: string,
): asserts actual is T {
  nodeAssert.ok(actual instanceof expected, message ?? `Expected an instance of ${expected.name}`);
}

/** Asserts that `actual` is greater than `expected`. */
export function assertGreater<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.ok(actual > expected, message ?? `Expected ${actual} > ${expected}`);
}

/** Asserts that `actual` is at most `expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.ok(actual <= expected, message ?? `Expected ${actual} <= ${expected}`);
}

/** Asserts that `fn` throws, and returns what it threw. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass?: ErrorClass<E>,
  includes?: string,
): E {
  let thrown: unknown;
  try {
    fn();
  } catch (error) {
    thrown = error;
    return checkError(thrown, errorClass, includes);
  }
  return nodeAssert.fail("Expected function to throw");
}

/** Asserts that the promise of `fn` rejects, and returns the reason. */
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass?: ErrorClass<E>,
  includes?: string,
): Promise<E> {
  let thrown: unknown;
  try {
    await fn();
  } catch (error) {
    thrown = error;
    return checkError(thrown, errorClass, includes);
  }
  return nodeAssert.fail("Expected function to reject");
}

/** Fails. */
export function fail(message?: string): never {
  return nodeAssert.fail(message);
}

function checkError<E extends Error>(
  thrown: unknown,
  errorClass?: ErrorClass<E>,
  includes?: string,
): E {
  if (errorClass) {
    nodeAssert.ok(thrown instanceof errorClass, `Expected ${errorClass.name}, got ${thrown}`);
  }
  const error = thrown as E;
  if (includes !== undefined) assertStringIncludes(error.message, includes);
  return error;
}

/** A Node `Buffer` equals the same bytes as a `Uint8Array`, as it does in `@std/assert`. */
function plain(value: unknown): unknown {
  return value instanceof Uint8Array && value.constructor !== Uint8Array
    ? new Uint8Array(value)
    : value;
}
