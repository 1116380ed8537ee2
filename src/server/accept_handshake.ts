// Makes an open connection of a handshake that was judged good, at once. It does not matter which
// code has read the request.

import { acceptCompression } from "../deflate/compression.ts";
import type { HandshakeRefusal } from "../handshake/refusal.ts";
import type { Bytes } from "../util/bytes.ts";
import { toFields } from "../http/fields.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import { type LateRequest, requestOf } from "../connection/handshake_result.ts";
import type { CloseInfo } from "../protocol/errors.ts";
import { establish, type HandshakeOutcome } from "../connection/establish.ts";
import { ConnectionGuard } from "../guard/connection_guard.ts";
import { type HandlerWatcher, runHandler, type WebSocketHandler } from "../connection/handler.ts";
import { formatAcceptance, type HandshakeAcceptance } from "../handshake/server.ts";
import type { OriginScene } from "../handshake/origin_policy.ts";
import type { RequestHead } from "../http/head.ts";
import { nextId } from "../connection/id.ts";
import { Tracer } from "../connection/tracer.ts";
import type { Owner } from "../connection/dispatcher.ts";
import { place } from "../util/slab.ts";
import type { Address, Transport } from "../transport/transport.ts";
import {
  chooseProtocol,
  judgeUpgrade,
  type UpgradeDecision,
  type UpgradeOptions,
} from "./upgrade.ts";
import type { ServerContext } from "./context.ts";
import { SHUTTING_DOWN } from "./stand_in.ts";
import type { SessionPeer } from "./client_address.ts";
import { requestLater } from "./late_request.ts";

/**
 * Judges a request as an opening handshake that this server may accept now.
 *
 * @param head The request.
 * @param context The server.
 * @param peer The client that makes it.
 * @param transport Its byte stream.
 * @param origins Which origins may connect, in place of the server's own rule.
 * @param ask Whether to call a function that decides on origins. When false, an origin that only
 * the function can allow is refused.
 */
export function judgeHandshake(
  head: RequestHead,
  context: ServerContext,
  peer: SessionPeer,
  transport: Transport,
  origins: UpgradeOptions["origins"],
  ask = true,
): HandshakeAcceptance | HandshakeRefusal {
  if (context.closing) return SHUTTING_DOWN;
  return judgeUpgrade(head, context, origins, new Scene(peer, transport, ask ? head : undefined));
}

/**
 * The client that asks. Its getters find out, when they are read, what the origin rule seldom
 * needs: an address costs a call.
 */
class Scene implements OriginScene {
  readonly remote: Address | undefined;
  readonly secure: boolean | undefined;
  readonly #transport: Transport;
  /** Undefined where no Request is to be made of it. */
  readonly #head: RequestHead | undefined;

  constructor(peer: SessionPeer, transport: Transport, head: RequestHead | undefined) {
    this.remote = peer.remoteAddress;
    this.secure = peer.secure;
    this.#transport = transport;
    this.#head = head;
  }

  get local(): Address | undefined {
    return this.#transport.localAddress;
  }

  get request(): Request | undefined {
    return this.#head && requestLater(this.#head, this.secure).make();
  }
}

/** A request that is to become a connection. */
export interface AcceptedRequest {
  /** Its head. */
  readonly head: RequestHead;
  /** Its Request, where one was made. */
  readonly request?: Request | undefined;
  /** The bytes behind it. */
  readonly rest: Bytes;
  /** Its byte stream. */
  readonly transport: Transport;
}

/**
 * Answers with 101 and runs the handler.
 *
 * @returns Why the server must refuse it instead; undefined when the session has become a
 * connection.
 */
export function accept(
  context: ServerContext,
  peer: SessionPeer,
  { head, request, rest, transport }: AcceptedRequest,
  { acceptance, handler, options }: UpgradeDecision,
): HandshakeRefusal | undefined {
  const { secure, remoteAddress } = peer;
  let known: Request | LateRequest = requestLater(head, secure, request);
  const compression = context.compression &&
    acceptCompression(context.compression, acceptance.extensions);
  let protocol: string | undefined;
  let response: Bytes;
  try {
    protocol = chooseProtocol(
      options.protocol,
      acceptance.protocols,
      () => known = requestOf(known),
    );
    const headers = toFields(options.headers);
    const extensions = compression?.extensions ?? [];
    // In a slab where the transport allows that: on Node, memory of its own made a handshake and
    // its close cost 7% more.
    const copy = transport.borrows ? place : undefined;
    response = formatAcceptance(acceptance, { protocol, headers, extensions }, copy);
  } catch (error) {
    context.error(error);
    return { status: 500, reason: "Internal server error", headers: [], cause: "error" };
  }
  // The decision may be older than the shutdown, which closes only what is open when it begins.
  if (context.closing) return SHUTTING_DOWN;
  const refusal = peer.enterWebSocket();
  if (refusal !== undefined) return refusal;
  const tracer = traceHandshake(context, head);
  tracer?.handshakeSent(response);
  transport.write(response);
  const result = { protocol: protocol ?? "", request: known };
  openConnection(
    context,
    peer,
    { role: "server", transport, rest, compression, result, remoteAddress, tracer },
    handler,
    options.data,
  );
  return undefined;
}

/** The tracer of a connection, which has got its request; undefined when tracing is off. */
export function traceHandshake(
  { trace, clock }: Pick<ServerContext, "trace" | "clock">,
  { method, target, headers }: RequestHead,
): Tracer | undefined {
  if (trace === undefined) return undefined;
  const tracer = new Tracer(nextId(), trace, clock);
  tracer.handshakeReceived(`${method} ${target} HTTP/1.1`, headers);
  return tracer;
}

/**
 * Opens a connection and runs its handler. The connection is counted until it has ended, and is at
 * work until the handler is done.
 */
export function openConnection(
  context: ServerContext,
  peer: SessionPeer,
  outcome: HandshakeOutcome,
  handler: WebSocketHandler,
  data: unknown,
): void {
  const guard = new ConnectionGuard(context.guard);
  const established = establish(outcome, context, data, guard);
  const { connection, dispatcher } = established;
  const member = new Member(context, peer, guard, connection);
  dispatcher.owner = member;
  dispatcher.topics = context.hub;
  context.connections.add(connection);
  context.hub.opened(connection);
  context.guard.counters.opened();
  runHandler(handler, established, member);
}

/** A connection of the server's. */
class Member implements Owner, HandlerWatcher {
  readonly #context: ServerContext;
  readonly #peer: SessionPeer;
  readonly #guard: ConnectionGuard;
  readonly #connection: WebSocketConnection;

  constructor(
    context: ServerContext,
    peer: SessionPeer,
    guard: ConnectionGuard,
    connection: WebSocketConnection,
  ) {
    this.#context = context;
    this.#peer = peer;
    this.#guard = guard;
    this.#connection = connection;
    context.atWork.enter();
  }

  closed(info: CloseInfo, draining: boolean): void {
    this.#context.connections.delete(this.#connection);
    this.#context.hub.ended(this.#connection);
    if (draining) {
      this.#context.draining.add(this.#connection);
      this.#peer.drain();
    } else this.#peer.leave();
    this.#context.guard.counters.ended(info, this.#guard.violated);
  }

  /** A connection that has ended is counted until its handler has got the last message. */
  drained(): void {
    if (this.#context.draining.delete(this.#connection)) this.#peer.leave();
  }

  report(error: unknown): void {
    this.#context.error(error);
  }

  done(): void {
    this.drained();
    this.#context.atWork.leave();
  }
}
