// What an open connection keeps of its opening handshake.

import type { ResponseHead } from "../http/head.ts";
import type { Address } from "../transport/transport.ts";

/** What a request can be made from later: an object, because a closure would keep more memory. */
export interface LateRequest {
  /** Makes the request. */
  make(): Request;
}

/** The request itself. */
export function requestOf(request: Request | LateRequest): Request {
  return "make" in request ? request.make() : request;
}

/** A server's acceptance of an opening handshake. */
export interface HandshakeResponse {
  /** The status, which is 101. */
  readonly status: number;
  /** The reason phrase; may be empty. */
  readonly statusText: string;
  /** The header fields. */
  readonly headers: Headers;
}

/** What the opening handshake settled. */
export interface HandshakeResult {
  /** The subprotocol; empty when none was chosen. */
  readonly protocol: string;
  /** The extensions in use, in the form of Sec-WebSocket-Extensions; empty when there are none. */
  readonly extensions: string;
  /** The request, or what makes it when the program asks for it: most never do. */
  readonly request: Request | LateRequest;
  /** The answer that a client got; its `Headers` are made when the program asks for them. */
  readonly response?: ResponseHead | undefined;
  /** The peer's address. */
  readonly remoteAddress: Address | undefined;
}
