// From a completed opening handshake to an open connection, the same on both ends.

import type { Bytes } from "./bytes.ts";
import { type HandshakeResult, WebSocketConnection } from "./connection.ts";
import type { NegotiatedCompression } from "./deflate/compression.ts";
import { Endpoint } from "./endpoint.ts";
import { formatExtensions } from "./extension.ts";
import type { Role } from "./frame.ts";
import { Inbox } from "./inbox.ts";
import type { ResolvedLimits } from "./limits.ts";
import { Protocol } from "./protocol.ts";
import type { Transport } from "./transport.ts";

/** What an open connection is made of. */
export interface Established<Data> {
  /** The public object. */
  readonly connection: WebSocketConnection<Data>;
  /** Its protocol on its transport; it reads nothing before `start()` or `proceed()`. */
  readonly endpoint: Endpoint;
  /** Where its messages go. */
  readonly inbox: Inbox;
}

/** What the opening handshake left. */
export interface HandshakeOutcome {
  /** Which end this is. */
  readonly role: Role;
  /** The byte stream. */
  readonly transport: Transport;
  /** The bytes that came behind the handshake. */
  readonly rest: Bytes;
  /** The compression that was agreed on. */
  readonly compression: NegotiatedCompression | undefined;
  /** What the connection can be asked about the handshake. */
  readonly result: Omit<HandshakeResult, "extensions" | "remoteAddress">;
}

/** Opens the connection. */
export function establish<Data>(
  { role, transport, rest, compression, result }: HandshakeOutcome,
  limits: ResolvedLimits,
  data: Data,
): Established<Data> {
  const inbox = new Inbox();
  const protocol = new Protocol(role, limits, compression?.transform);
  const endpoint = new Endpoint(protocol, transport, rest, inbox, limits);
  inbox.endpoint = endpoint;
  const { remoteAddress } = transport;
  const extensions = formatExtensions(compression?.extensions ?? []);
  const known = { ...result, extensions, remoteAddress };
  return { connection: new WebSocketConnection(endpoint, inbox, known, data), endpoint, inbox };
}
