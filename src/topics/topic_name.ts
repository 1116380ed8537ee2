// What the name of a topic and a key may be: any text of up to 255 octets, which one octet can
// count. Nothing in it is syntax, and there are no wildcards.

import { describe } from "../util/check_options.ts";
import { utf8Length } from "../util/utf8.ts";

/** The most octets of a name. */
const LONGEST = 255;

/** A surrogate without its other half: it has no form in UTF-8. */
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/**
 * Checks the name of a topic, or a key.
 *
 * @param what What it is, for the error: "the name of a topic".
 * @param name What was given.
 * @throws {TypeError} When it is no string, or has half a surrogate pair.
 * @throws {RangeError} When it is empty, or takes more than 255 octets of UTF-8.
 */
export function checkName(what: string, name: unknown): asserts name is string {
  if (typeof name !== "string") {
    throw new TypeError(`Expected ${what} to be a string, got ${describe(name)}`);
  }
  const octets = name.length > LONGEST ? Infinity : utf8Length(name);
  if (octets === 0 || octets > LONGEST) {
    const got = octets === Infinity ? `${name.length} characters` : octets;
    const advice = octets === 0 ? `"all" is one` : "a hash of a long one is short";
    throw new RangeError(
      `Expected ${what} to take 1 to ${LONGEST} octets of UTF-8, got ${got}: ${advice}`,
    );
  }
  if (LONE_SURROGATE.test(name)) {
    throw new TypeError(
      `Expected ${what} to be well-formed, got half of a surrogate pair in ${
        JSON.stringify(name)
      }: cut texts between characters`,
    );
  }
}
