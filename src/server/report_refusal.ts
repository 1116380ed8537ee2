// Counts what a server refuses, and reports each refusal with its cause to the option `refused`.

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

/** A connection, a handshake or a request that was refused, as the option `refused` gets it. */
export interface Refusal {
  /** Why, by a name that does not change; `stats().refused` counts by it. */
  readonly cause: RefusalCause;
  /** The status of the answer; undefined when the connection was cut without one. */
  readonly status: number | undefined;
  /** What was expected, and what came: as a rule the text that the client got. */
  readonly reason: string;
  /**
   * The address of the client, as far as the server knows it. Behind trusted proxies it is the one
   * that they report.
   */
  readonly remoteAddress: Address | undefined;
  /** The request, when it came so far. */
  readonly request: RefusedRequest | undefined;
  /** What a TLS handshake failed with. */
  readonly error?: Error;
}

/** What is known of a refusal besides the client. */
export type RefusalReason = Pick<Refusal, "cause" | "status" | "reason" | "error">;

/** The cause of a refusal, from its answer. */
export function reasonOf(refusal: HeadFault | HandshakeRefusal): RefusalReason {
  const { status, reason } = refusal;
  const cause = "headers" in refusal ? refusal.cause ?? "handshake" : "request";
  return { cause, status, reason };
}

/** Counts a refusal and reports it. */
export type Refuse = (
  reason: RefusalReason,
  remoteAddress: Address | undefined,
  head?: RequestHead,
) => void;

/**
 * Makes the function that is called for each refusal.
 *
 * @param counters Where it is counted.
 * @param hook The option `refused`, if the application has set it.
 * @param report Called with what the hook throws.
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
