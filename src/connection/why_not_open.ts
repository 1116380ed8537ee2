// Why a connection is not open. It also asks a connection of another copy of the package, whose
// private members this copy cannot read.

import type { ConnectionClosed } from "../protocol/errors.ts";

/**
 * The method of a connection that returns the reason: a name that all copies of the package know.
 */
export const WHY_NOT_OPEN: symbol = Symbol.for("@sansocket/ws/WebSocketConnection.whyNotOpen");

/** Why nothing can be sent on a connection that is not open. */
export function whyNotOpen(ws: object): ConnectionClosed {
  return (ws as Readonly<Record<symbol, () => ConnectionClosed>>)[WHY_NOT_OPEN]!();
}
