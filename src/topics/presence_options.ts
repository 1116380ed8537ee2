// What the option `presence` of `subscribe()` may be.

import type { PresenceOptions } from "../connection/publishing.ts";
import { anything, describe, type OptionTable, text } from "../util/check_options.ts";
import { utf8Length } from "../util/utf8.ts";
import { checkName } from "./topic_name.ts";

/** What each part of the option may be. */
export const PRESENCE_OPTIONS: OptionTable<PresenceOptions> = { key: text, info: anything };

/** The option, checked. */
export interface CheckedPresence {
  /** The key. */
  readonly key: string;
  /** What is known of the member, as JSON. */
  readonly info: string;
}

/** The most octets of what is known of a member, as JSON. */
const LONGEST_INFO = 4_096;

/**
 * Checks what the table does not say.
 *
 * @returns The key, and the info as JSON.
 * @throws {TypeError} When it is of the wrong kind, or the info has no JSON.
 * @throws {RangeError} When the key or the info is too long, or the key is empty.
 */
export function checkPresence(options: PresenceOptions): CheckedPresence {
  const { key, info = null } = options;
  // The table leaves out what is undefined, and this does not.
  checkName("the key of presence", key);
  const json = toJson(info);
  const octets = utf8Length(json);
  if (octets > LONGEST_INFO) {
    throw new RangeError(
      `Expected the info of presence to take at most ${LONGEST_INFO} octets of JSON, got ${octets}: put what is longer where it can be fetched by its key`,
    );
  }
  return { key, info: json };
}

function toJson(info: unknown): string {
  let json: string | undefined;
  let cause: unknown;
  try {
    json = JSON.stringify(info) as string | undefined;
  } catch (error) {
    cause = error;
  }
  if (json !== undefined) return json;
  const why = cause === undefined ? "" : `, which has none (${String(cause)})`;
  throw new TypeError(
    `Expected the info of presence to have a form as JSON, got ${
      describe(info)
    }${why}: give strings, numbers, lists and plain objects`,
    cause === undefined ? undefined : { cause },
  );
}
