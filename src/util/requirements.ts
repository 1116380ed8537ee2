// What a runtime must have. It is checked when an entry point is loaded: an old Node would run for
// a while, and then fail in the middle with a ReferenceError.

/**
 * Checks that the runtime is new enough.
 *
 * @param globals What the runtime has.
 * @throws {Error} When it is not.
 */
export function checkRuntime(globals: { readonly crypto?: unknown } = globalThis): void {
  if (globals.crypto !== undefined) return;
  throw new Error(
    "Expected a runtime with Web Crypto (globalThis.crypto), got one without: " +
      "run this with Node 20 or later, Deno or Bun",
  );
}
