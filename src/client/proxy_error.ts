// The failure of a proxy between a client and its server.

import { codeOf, HandshakeError } from "../protocol/errors.ts";
import { brand } from "../util/brands.ts";
import { withRow } from "../util/error_row.ts";

/**
 * A proxy did not open the way to the server. `status`, `headers` and `body` are those of the
 * proxy's answer, where it speaks HTTP. `code` is `EPROXYAUTH` when it wants credentials, or others
 * than it got; `ETIMEDOUT` when it has not answered within `handshakeTimeout`; that of the cause
 * when it could not be reached, such as `ECONNREFUSED`; else `EPROXY`.
 */
export class ProxyError extends HandshakeError {
  /** The class's name. */
  override readonly name = "ProxyError";

  /** Made by the library. */
  constructor(message: string, details: ConstructorParameters<typeof HandshakeError>[1] = {}) {
    const { status } = details;
    // tinyproxy says 401 to credentials that are wrong.
    const code = details.code ?? codeOf(details.cause) ??
      (status === 407 || status === 401 ? "EPROXYAUTH" : "EPROXY");
    const isOurs = details.code !== undefined || codeOf(details.cause) === undefined;
    super(withRow(message, isOurs ? code : "ProxyError"), { ...details, code });
  }

  static {
    brand(this, "ProxyError");
  }
}
