// What `fetch` answers with: a Response, or one that stands for an upgrade.
//
// Frameworks hand on copies of a Response, and middleware adds header fields to it. So a field with
// a random value marks a stand-in, and the fields that were added to it go into the 101.

import type { HandshakeRefusal } from "../handshake/refusal.ts";
import { isResponse, kindOf } from "../util/brands.ts";
import { toHeaders } from "../http/fields.ts";
import type { HeadersSource } from "../util/platform.ts";
import type { UpgradeDecision } from "./upgrade.ts";

/** The refusal of a server that is being closed. */
export const SHUTTING_DOWN: HandshakeRefusal = {
  status: 503,
  reason: "The server is shutting down",
  // Long enough for another process to take the port over, short enough for a person who waits.
  headers: [["Retry-After", "5"]],
  cause: "closing",
};

const MARK = "sansocket-upgrade";
/** Fields that describe the body of a Response, which a 101 does not have, and the mark. */
const NOT_FOR_101: readonly string[] = [
  MARK,
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** The upgrades that were decided on for one request, by the Response that stands for each. */
export class StandIns {
  readonly #decisions = new Map<string, UpgradeDecision>();

  /** Makes the Response that stands for an upgrade. */
  create(decision: UpgradeDecision): Response {
    const mark = crypto.randomUUID();
    this.#decisions.set(mark, decision);
    return new Response(null, { status: 204, headers: { [MARK]: mark } });
  }

  /**
   * The upgrade that a Response stands for, with the header fields that it has got since; undefined
   * for a Response that stands for none.
   *
   * @throws {TypeError} When it stands for an upgrade of another request.
   */
  find(response: Response): UpgradeDecision | undefined {
    const mark = response.headers.get(MARK);
    if (mark === null) return undefined;
    const decision = this.#decisions.get(mark);
    if (decision === undefined) {
      throw new TypeError(
        "Expected the Response of this request's own upgrade(), got that of another request: " +
          "call upgrade() anew for each request",
      );
    }
    const { options } = decision;
    const headers = mergeForUpgrade(response.headers, options.headers);
    return { ...decision, options: { ...options, headers } };
  }
}

/**
 * The header fields of a 101: those that middleware has set on a response, as far as a 101 may have
 * them, then those of the upgrade, which win. Set-Cookie is never replaced.
 */
export function mergeForUpgrade(
  response: Iterable<readonly [string, string]>,
  own: HeadersSource | undefined,
): Headers {
  const headers = new Headers();
  for (const [name, value] of response) {
    const lower = name.toLowerCase();
    if (NOT_FOR_101.includes(lower) || lower.startsWith("sec-websocket-")) continue;
    headers.append(name, value);
  }
  for (const [name, value] of toHeaders(own)) {
    if (name === "set-cookie") headers.append(name, value);
    else headers.set(name, value);
  }
  return headers;
}

/** What `fetch` returned in place of a Response that can be sent. */
export function whyNotSendable(response: unknown): string | undefined {
  if (!isResponse(response)) return kindOf(response);
  if (response.bodyUsed || response.body?.locked) return "one whose body is used";
  return response.status < 200 ? `one with status ${response.status}` : undefined;
}

/** A refusal as a Response. */
export function toResponse({ status, reason, headers }: HandshakeRefusal): Response {
  const fields = new Headers({ "content-type": "text/plain; charset=utf-8" });
  for (const [name, value] of headers) fields.append(name, value);
  return new Response(reason, { status, headers: fields });
}
