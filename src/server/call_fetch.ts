// Calls `fetch`, and makes an answer of the result: a Response that it returns or throws, an
// upgrade, or a failure that becomes a Response. The answer is there at once where `fetch` returns
// no promise.

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

/** The answer to a request: an upgrade, or a Response. */
export type Answer = UpgradeAnswer | ResponseAnswer;

/** An answer that is an upgrade. */
export interface UpgradeAnswer {
  /** The upgrade that was decided on. */
  readonly decision: UpgradeDecision;
  /** There is none, and neither is an error. */
  readonly response?: undefined;
  /** There is none. */
  readonly error?: undefined;
}

/** An answer that is a Response. */
export interface ResponseAnswer {
  /** What to answer with. */
  readonly response: Response;
  /** There is none. */
  readonly decision?: undefined;
  /** Why `upgrade()` refused, when that is what the response says. */
  readonly refusal?: HandshakeRefusal;
  /** The error to report. */
  readonly error?: unknown;
}

/**
 * Calls `fetch`. Never throws, and never rejects.
 *
 * @param judge Judges the request as an opening handshake, once `upgrade()` is called.
 * @param clock Lists `fetch` as waiting, if it does that.
 */
export function callFetch(
  fetch: FetchHandler,
  request: Request,
  tools: Omit<FetchTools, "upgrade">,
  judge: (origins: UpgradeOptions["origins"]) => HandshakeAcceptance | HandshakeRefusal,
  clock?: Clock,
): Answer | Promise<Answer> {
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
  const conclude = (response: unknown): Answer => answerOf(response, standIns, refusal);
  const caught = (error: unknown): Answer => isResponse(error) ? conclude(error) : failed(error);
  let response: unknown;
  try {
    response = fetch(request, { upgrade, ...tools });
    if (typeof Object(response).then !== "function") return conclude(response);
  } catch (error) {
    return caught(error);
  }
  const answered = watchUntil(clock, () => `the answer to ${request.method} ${request.url}`);
  return Promise.resolve(response).then((response) => {
    answered();
    return conclude(response);
  }, (error) => {
    answered();
    return caught(error);
  });
}

function answerOf(
  response: unknown,
  standIns: StandIns,
  refusal: HandshakeRefusal | undefined,
): Answer {
  const untouched = standIns.untouched(response);
  if (untouched !== undefined) return { decision: untouched };
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
  if (decision !== undefined) return { decision };
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
  { response: { status }, refusal, error }: ResponseAnswer,
  head: RequestHead,
): RefusalReason | undefined {
  if (refusal !== undefined) return reasonOf(refusal);
  if (!mentionsWebSocket(head)) return undefined;
  const cause = error === undefined ? "application" : "error";
  return { cause, status, reason: `The application answered with ${status}` };
}

function failed(error: unknown): Answer {
  const mistake = mistakeInBody(error);
  if (mistake !== undefined) {
    return { response: new Response(mistake.reason, { status: mistake.status }) };
  }
  return { error, response: new Response("Internal server error", { status: 500 }) };
}
