// What other code throws, as an error that can be read. A value that is thrown may be anything, and
// its getters are a program's code.

import { isError, kindOf } from "./brands.ts";

/**
 * What a runtime or a program's own stream threw or reported, as an `Error` that can be read. It
 * never throws.
 *
 * @param thrown Any value.
 * @returns The value itself when it is an `Error`.
 */
export function asError(thrown: unknown): Error {
  try {
    if (isReadableError(thrown)) return thrown;
    const said = "toString" in Object(thrown) ? String(thrown) : kindOf(thrown);
    return new Error(said, { cause: thrown });
  } catch {
    // It is not the cause either: code that shows an error reads that too.
    return new Error("A value was thrown whose own code throws when it is read");
  }
}

/** Whether a value is an Error with the members that are read of one. */
function isReadableError(thrown: unknown): thrown is Error {
  if (!isError(thrown)) return false;
  const { name, message, code: _ } = thrown as { [Key in "name" | "message" | "code"]?: unknown };
  return typeof name === "string" && typeof message === "string";
}
