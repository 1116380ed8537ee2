// Calls `fetch`, and makes an answer of the result: a Response that it returns or throws, an
// upgrade, or a failure that becomes a Response.

import type { HandshakeRefusal } from "../handshake/refusal.ts";
import { isResponse } from "../util/brands.ts";
import type { HandshakeAcceptance } from "../handshake/server.ts";
import { type Clock, watchUntil } from "../util/clock.ts";
import { checkUpgrade, type Upgrade, type UpgradeDecision } from "./upgrade.ts";
import type { RequestHead } from "../http/head.ts";
import type { UpgradeOptions } from "./upgrade.ts";
import type { FetchHandler, FetchTools } from "./context.ts";
import { StandIns, toResponse, whyNotSendable } from "./stand_in.ts";
import { reasonOf, type RefusalReason } from "./report_refusal.ts";
import { mentionsWebSocket } from "./request.ts";
import { mistakeInBody } from "./server_request.ts";

/** The answer to a request. */
export interface Answer {
  /** What to answer with, unless there is a decision. */
  readonly response: Response;
  /** The upgrade that was decided on. */
  readonly decision?: UpgradeDecision;
  /** Why `upgrade()` refused, when that is what the response says. */
  readonly refusal?: HandshakeRefusal;
  /** The error to report. */
  readonly error?: unknown;
}

/**
 * Calls `fetch`. Never rejects.
 *
 * @param judge Judges the request as an opening handshake, once `upgrade()` is called.
 * @param clock Lists `fetch` as waiting, if it does that.
 */
export async function callFetch(
  fetch: FetchHandler,
  request: Request,
  tools: Omit<FetchTools, "upgrade">,
  judge: (origins: UpgradeOptions["origins"]) => HandshakeAcceptance | HandshakeRefusal,
  clock?: Clock,
): Promise<Answer> {
  const standIns = new StandIns();
  let refusal: HandshakeRefusal | undefined;
  const upgrade: Upgrade = (handler: unknown, options: UpgradeOptions = {}) => {
    checkUpgrade(handler, options);
    const judged = judge(options.origins);
    if ("status" in judged) {
      refusal = judged;
      return toResponse(judged);
    }
    // The handler takes what `options.data` is, by the type of `upgrade()`.
    return standIns.create({ acceptance: judged, handler: handler as never, options });
  };
  let response: unknown;
  const answered = watchUntil(clock, () => `the answer to ${request.method} ${request.url}`);
  try {
    response = await fetch(request, { upgrade, ...tools });
  } catch (error) {
    if (!isResponse(error)) return failed(error);
    response = error;
  } finally {
    answered();
  }
  const obstacle = whyNotSendable(response);
  if (obstacle !== undefined) {
    return failed(new TypeError(`Expected fetch to return a Response, got ${obstacle}`));
  }
  const sendable = response as Response;
  let decision: UpgradeDecision | undefined;
  try {
    decision = standIns.find(sendable);
  } catch (error) {
    // Header fields of the upgrade that no Headers takes, or an upgrade of another request.
    return failed(error);
  }
  if (decision !== undefined) return { response: sendable, decision };
  // Frameworks return copies of a refusal. A Response with another status is the application's own
  // answer.
  return refusal?.status === sendable.status
    ? { response: sendable, refusal }
    : { response: sendable };
}

/**
 * The refusal to report for an answer: the answer refuses a handshake, or is another one to a
 * request for a WebSocket.
 */
export function refusalIn(
  { response: { status }, refusal, error }: Answer,
  head: RequestHead,
): RefusalReason | undefined {
  if (refusal !== undefined) return reasonOf(refusal);
  if (!mentionsWebSocket(head)) return undefined;
  const cause = error === undefined ? "application" : "error";
  return { cause, status, reason: `The application answered with ${status}` };
}

function failed(error: unknown): Answer {
  const expected = mistakeInBody(error);
  if (expected !== undefined) {
    return { response: new Response(`Expected the body to be ${expected}`, { status: 400 }) };
  }
  return { error, response: new Response("Internal server error", { status: 500 }) };
}
