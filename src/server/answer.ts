// What `fetch` makes of a request: a Response, an upgrade, or a failure that becomes one.

import type { HandshakeAcceptance, HandshakeRefusal } from "../handshake/server.ts";
import { checkUpgrade, type Upgrade, type UpgradeDecision } from "../upgrade.ts";
import type { UpgradeOptions } from "../upgrade.ts";
import type { FetchHandler, FetchTools } from "./context.ts";
import { StandIns, toResponse, whyNotSendable } from "./decision.ts";

/** What came of it. */
export interface Answer {
  /** What to answer with, unless there is a decision. */
  readonly response: Response;
  /** The upgrade that was decided on. */
  readonly decision?: UpgradeDecision;
  /** What has to be reported. */
  readonly error?: unknown;
}

/**
 * Calls `fetch`. Never rejects.
 *
 * @param judge Judges the request as an opening handshake, once `upgrade()` is called.
 */
export async function callFetch(
  fetch: FetchHandler,
  request: Request,
  tools: Omit<FetchTools, "upgrade">,
  judge: () => HandshakeAcceptance | HandshakeRefusal,
): Promise<Answer> {
  const standIns = new StandIns();
  const upgrade: Upgrade = (handler: unknown, options: UpgradeOptions = {}) => {
    checkUpgrade(handler, options);
    const judged = judge();
    if ("status" in judged) return toResponse(judged);
    // The handler takes what `options.data` is, by the type of `upgrade()`.
    return standIns.create({ acceptance: judged, handler: handler as never, options });
  };
  let response: Response;
  try {
    response = await fetch(request, { upgrade, ...tools });
  } catch (error) {
    return failed(error);
  }
  const obstacle = whyNotSendable(response);
  if (obstacle !== undefined) {
    return failed(new TypeError(`Expected fetch to return a Response, got ${obstacle}`));
  }
  const decision = standIns.find(response);
  return decision === undefined ? { response } : { response, decision };
}

function failed(error: unknown): Answer {
  return { error, response: new Response("Internal server error", { status: 500 }) };
}
