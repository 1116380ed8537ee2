// Whom a server turns away, and why: counted, and told to whoever wants to know.

import type { HandshakeRefusal, RefusalCause } from "../handshake/refusal.ts";
import type { Counters } from "../guard/stats.ts";
import type { HeadFault, RequestHead } from "../http/head.ts";
import { tell } from "../util/promises.ts";
import type { Address } from "../transport/transport.ts";

/** A request that was refused. */
export interface RefusedRequest {
  /** The method. */
  readonly method: string;
  /** The target as it was sent: a path and a query, as a rule. */
  readonly target: string;
  /** The header fields. */
  readonly headers: Headers;
}

/** A connection, a handshake or a request that was refused; told to the `refused` option. */
export interface Refusal {
  /** Why, by a name that does not change; `stats().refused` counts by it. */
  readonly cause: RefusalCause;
  /** The status of the answer; undefined when the connection was cut without one. */
  readonly status: number | undefined;
  /** What was expected, and what was got: as a rule what the client was told. */
  readonly reason: string;
  /**
   * The address of the client, as far as it is known; behind proxies that are trusted, what they
   * say.
   */
  readonly remoteAddress: Address | undefined;
  /** The request, when it came so far. */
  readonly request: RefusedRequest | undefined;
  /** What a TLS handshake failed with. */
  readonly error?: Error;
}

/** What is known of a refusal besides who it was. */
export type RefusalReason = Pick<Refusal, "cause" | "status" | "reason" | "error">;

/** Why, from what it is answered with. */
export function reasonOf(refusal: HeadFault | HandshakeRefusal): RefusalReason {
  const { status, reason } = refusal;
  const cause = "headers" in refusal ? refusal.cause ?? "handshake" : "request";
  return { cause, status, reason };
}

/** Counts a refusal and tells it. */
export type Refuse = (
  reason: RefusalReason,
  remoteAddress: Address | undefined,
  head?: RequestHead,
) => void;

/**
 * Makes what is called for each refusal.
 *
 * @param counters Where it is counted.
 * @param hook Told, if there is one.
 * @param report Told what that fails with.
 */
export function createRefuse(
  counters: Counters,
  hook: ((refusal: Refusal) => void) | undefined,
  report: (error: unknown) => void,
): Refuse {
  return (reason, remoteAddress, head) => {
    counters.refused[reason.cause]++;
    if (hook === undefined) return;
    tell(
      () => hook({ ...reason, remoteAddress, request: head && toRequest(head) }),
      undefined,
      report,
    );
  };
}

function toRequest({ method, target, headers }: RequestHead): RefusedRequest {
  return { method, target, headers: headers.toHeaders() };
}
