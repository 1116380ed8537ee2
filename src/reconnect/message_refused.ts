// The error of a message that a connection which comes back does not take.

import { brand } from "../util/brands.ts";
import { withRow } from "../util/error_row.ts";

/**
 * Why a message was not taken.
 *
 * - `ENOBUFS`: too much waits already.
 * - `ENOTCONN`: there is no connection now, and the message cannot wait for one.
 */
export type MessageRefusedCode = "ENOBUFS" | "ENOTCONN";

/** A message was not taken, and will not be sent. It counts in `refused`. */
export class MessageRefused extends Error {
  /** The class's name. */
  override readonly name = "MessageRefused";
  /** Why, by a name that does not change. */
  readonly code: MessageRefusedCode;

  /** Made by the library. */
  constructor(code: MessageRefusedCode, message: string) {
    super(withRow(message, code));
    this.code = code;
  }

  static {
    brand(this, "MessageRefused");
  }
}

/**
 * What is wrong with a message that has no room.
 *
 * @param size The octets that it counts.
 * @param waiting The octets that wait already.
 * @param limit The option `maxQueuedAmount`.
 */
export function tooMuch(size: number, waiting: number, limit: number): string {
  if (size > limit * 2) {
    return `The message takes ${size} octets, and maxQueuedAmount is ${limit}: raise it, or send ` +
      `smaller messages`;
  }
  return `${waiting} octets wait already, and maxQueuedAmount is ${limit}: await send(), or choose ` +
    `another queue`;
}
