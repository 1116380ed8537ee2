// The WHATWG's WebSocketError: how a WebSocketStream failed, or what goes into its Close frame.

import { brand } from "../util/brands.ts";
import type { CloseStatus } from "../protocol/close_frame.ts";
import { defineInterface, enforceShort, toDictionary } from "./web_idl.ts";
import { checkClose, type CloseArguments } from "./whatwg_rules.ts";

/** What goes into a Close frame. */
export interface WebSocketCloseInfo {
  /**
   * 1000 or 3000 to 4999 to send; 1005 when the peer sent none. A reason without a code is sent
   * with 1000.
   */
  readonly closeCode?: number;
  /** At most 123 octets of UTF-8. */
  readonly reason?: string;
}

/**
 * Converts a WebSocketCloseInfo, and checks it.
 *
 * @throws {TypeError} When it is not an object, or its code is not an unsigned short.
 * @throws {DOMException} An InvalidAccessError when the code is neither 1000 nor 3000 to 4999, a
 * SyntaxError when the reason is longer than 123 octets of UTF-8.
 */
export function toCloseArguments(info: WebSocketCloseInfo | null | undefined): CloseArguments {
  const { closeCode, reason } = toDictionary(info, "the close info");
  const code = closeCode === undefined ? undefined : enforceShort(closeCode, "closeCode");
  return checkClose(code, reason);
}

/** What goes into the Close frame for an error. A function sets it too, so it is no field. */
const statuses = new WeakMap<WebSocketError, CloseArguments>();

/**
 * Why a WebSocketStream failed, or is to be closed: as the reason of `abort()` and `cancel()` it
 * sets what goes into the Close frame.
 *
 * @example
 * ```ts
 * import { WebSocketError } from "@sansocket/ws";
 *
 * const error = new WebSocketError("no more", { closeCode: 4000, reason: "enough" });
 * console.log(error.name, error.closeCode, error.reason); // WebSocketError 4000 enough
 * ```
 */
export class WebSocketError extends DOMException {
  /**
   * Makes an error; a reason without a code gets 1000.
   *
   * @param message What went wrong.
   * @param init What goes into the Close frame.
   * @throws {TypeError} When `init` is not an object, or its code is not an unsigned short.
   * @throws {DOMException} An InvalidAccessError when the code is neither 1000 nor 3000 to 4999, a
   * SyntaxError when the reason is longer than 123 octets of UTF-8.
   */
  constructor(message = "", init: WebSocketCloseInfo = {}) {
    const status = toCloseArguments(init);
    super(message, "WebSocketError");
    statuses.set(this, status);
  }

  /** The close code; null when there is none, 1006 when the connection failed. */
  get closeCode(): number | null {
    return statuses.get(this)!.code;
  }

  /** The reason that goes with the code; empty when there is none. */
  get reason(): string {
    return statuses.get(this)!.reason;
  }

  static {
    brand(this, "WebSocketError");
    defineInterface(this, "WebSocketError");
  }
}

/**
 * Makes an error with a code that no caller may use.
 *
 * @param message What went wrong.
 * @param status How the connection ended.
 * @param cause What caused it.
 * @returns The error.
 */
export function createStreamError(
  message: string,
  status: CloseStatus,
  cause?: unknown,
): WebSocketError {
  const error = new WebSocketError(message);
  statuses.set(error, status);
  return Object.assign(error, { cause });
}
