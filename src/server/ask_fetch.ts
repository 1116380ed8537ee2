// Has `fetch` decide about a request whose head has been read: the same for the short way of an
// opening handshake and the long one.

import type { HeadFault, RequestHead } from "../http/head.ts";
import type { Transport } from "../transport/transport.ts";
import { judgeHandshake } from "./accept_handshake.ts";
import { type Answer, callFetch } from "./call_fetch.ts";
import type { SessionPeer } from "./client_address.ts";
import type { FetchHandler, ServerContext } from "./context.ts";
import { createRequest, type RequestBody } from "./request.ts";
import type { Departure } from "./server_request.ts";

/** A request that `fetch` has been called with. */
export interface AskedRequest {
  /** Its head. */
  readonly head: RequestHead;
  /** What `fetch` got. */
  readonly request: Request;
  /** Whether its client has gone. */
  readonly departure: Departure;
  /** Its body, if it has one. */
  readonly body?: RequestBody | undefined;
}

/** Where it came from. */
export interface AskedScene {
  /** The server. */
  readonly context: ServerContext;
  /** The client. */
  readonly peer: SessionPeer;
  /** Its byte stream. */
  readonly transport: Transport;
}

/**
 * Makes a Request and calls `fetch` with it.
 *
 * @returns The request and the answer, which is a promise where `fetch` returns one; or what is
 * wrong with the request.
 */
export function askFetch(
  fetch: FetchHandler,
  asked: Omit<AskedRequest, "request">,
  { context, peer, transport }: AskedScene,
): { readonly asked: AskedRequest; readonly answer: Answer | Promise<Answer> } | HeadFault {
  const { head, departure, body } = asked;
  const request = createRequest(head, { body: body?.stream, secure: peer.secure, departure });
  if ("reason" in request) return request;
  const tools = { tls: transport.tls, remoteAddress: peer.remoteAddress };
  const answer = callFetch(
    fetch,
    request,
    tools,
    (origins) => judgeHandshake(head, context, peer, transport, origins),
    context.clock,
  );
  return { asked: { ...asked, request }, answer };
}
