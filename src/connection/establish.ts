// From a completed opening handshake to an open connection, the same on both ends.

import type { Bytes } from "../util/bytes.ts";
import { createConnection, type WebSocketConnection } from "./connection.ts";
import type { HandshakeResult } from "./handshake_result.ts";
import type { NegotiatedCompression } from "../deflate/compression.ts";
import { Endpoint } from "./endpoint.ts";
import { formatExtensions } from "../http/extension_header.ts";
import type { Role } from "../protocol/frame_header.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { ResolvedLimits } from "./limits.ts";
import { Protocol } from "../protocol/protocol.ts";
import type { ConnectionGuard } from "../guard/connection_guard.ts";
import type { Address, Transport } from "../transport/transport.ts";
import type { Tracer } from "./tracer.ts";
import { watch } from "./heartbeat.ts";

/** What an open connection is made of. */
export interface Established<Data> {
  /** The public object. */
  readonly connection: WebSocketConnection<Data>;
  /** Its protocol on its transport; it reads nothing before `start()` or `proceed()`. */
  readonly endpoint: Endpoint;
  /** Where its messages go. */
  readonly dispatcher: Dispatcher;
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
  /** What the connection can tell about the handshake. */
  readonly result: Omit<HandshakeResult, "extensions" | "remoteAddress">;
  /** Traces the connection, and has already traced the handshake. */
  readonly tracer?: Tracer | undefined;
  /** The peer's address, where it differs from the transport's: behind a proxy. */
  readonly remoteAddress?: Address | undefined;
}

/** Opens the connection. `guard` watches for abuse; a client has none. */
export function establish<Data>(
  outcome: HandshakeOutcome,
  limits: ResolvedLimits,
  data: Data,
  guard?: ConnectionGuard,
): Established<Data> {
  const { role, transport, rest, compression, result } = outcome;
  const dispatcher = new Dispatcher();
  const inflating = compression?.transform;
  const { tracer } = outcome;
  let transform = inflating === undefined ? undefined : guard?.limit(inflating) ?? inflating;
  if (transform !== undefined) transform = tracer?.watch(transform) ?? transform;
  const protocol = new Protocol(role, limits, transform, guard);
  const endpoint = new Endpoint(protocol, transport, rest, dispatcher, limits, guard, tracer);
  dispatcher.endpoint = endpoint;
  const remoteAddress = outcome.remoteAddress ?? transport.remoteAddress;
  const extensions = compression === undefined ? "" : formatExtensions(compression.extensions);
  const { protocol: subprotocol, request, response } = result;
  const known = { protocol: subprotocol, request, response, extensions, remoteAddress };
  const connection = createConnection(dispatcher, known, data);
  watch(dispatcher, limits, guard?.patience);
  return { connection, endpoint, dispatcher };
}
