// The decision to upgrade a request, as `fetch` sees it: `upgrade()` returns a Response like any other.
//
// A request that cannot be upgraded gets the refusal as that Response. One that can gets a stand-in, and
// the upgrade happens when `fetch` returns the stand-in itself: a Response with status 101 cannot be made.

import type { WebSocketHandler } from "./handler.ts";
import { isOriginAllowed, type Peers } from "./handshake/origin.ts";
import {
  type HandshakeAcceptance,
  type HandshakeRefusal,
  judgeRequest,
  refuseOrigin,
} from "./handshake/server.ts";
import type { RequestHead } from "./http/head.ts";

/** What goes with an upgrade. */
export interface UpgradeOptions<Data = unknown> {
  /**
   * The subprotocol, or several in order of preference: the first that the client offers is chosen, and
   * none when it offers none of them (RFC 6455 section 4.2.2).
   */
  readonly protocol?: string | readonly string[];
  /** The `data` of the connection. */
  readonly data?: Data;
  /** Header fields of the 101 response; `Set-Cookie` may be given several times. */
  readonly headers?: HeadersInit;
}

/**
 * Makes a WebSocket connection of the request at hand.
 *
 * @param handler What to do with the connection.
 * @param options The subprotocol, `data` and header fields.
 * @returns A Response to return from `fetch`: the upgrade, or the refusal with status 400, 403, 405, 426 or 503
 * and the reason as its body.
 */
export type Upgrade = <Data = unknown>(
  handler: WebSocketHandler<Data>,
  options?: UpgradeOptions<Data>,
) => Response;

/** An upgrade that was decided on. */
export interface UpgradeDecision {
  /** What the client asked for. */
  readonly acceptance: HandshakeAcceptance;
  /** What to do with the connection; it fits `options.data`. */
  readonly handler: WebSocketHandler;
  /** What goes with it. */
  readonly options: UpgradeOptions;
}

/** Judges a request as an opening handshake from an origin that may connect. */
export function judgeUpgrade(
  head: RequestHead,
  origins: readonly string[],
  peers: Peers,
): HandshakeAcceptance | HandshakeRefusal {
  const judged = judgeRequest(head);
  if ("status" in judged || isOriginAllowed(head, origins, peers)) return judged;
  return refuseOrigin(head);
}

/** The subprotocol: the first of the server's that the client offers. */
export function chooseProtocol(
  wanted: string | readonly string[] | undefined,
  offered: readonly string[],
): string | undefined {
  const candidates = typeof wanted === "string" ? [wanted] : wanted ?? [];
  return candidates.find((candidate) => offered.includes(candidate));
}
