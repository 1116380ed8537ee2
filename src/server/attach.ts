// WebSocket connections on a server of another library, which has read a request's head and gives
// the socket away.
//
// Then the same code as for serve() judges and answers the request; only the parser of the head is
// another. The head is not parsed again, so code here must not rely on more of its syntax than
// the judgement checks.

import type { Bytes } from "../util/bytes.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import type { DeflateBackend } from "../deflate/backend.ts";
import {
  type Publishable,
  type PublishOptions,
  type PublishResult,
} from "../connection/publishing.ts";
import type { ServerStats } from "../guard/stats.ts";
import type { WebSocketHandler } from "../connection/handler.ts";
import { hasToken } from "../http/lists.ts";
import type { HandshakeRefusal } from "../handshake/refusal.ts";
import type { HeadFault } from "../http/head.ts";
import type { Address, Transport } from "../transport/transport.ts";
import type { Topics } from "../topics/hub_topics.ts";
import { createContext, type FetchHandler, type ServerContext } from "./context.ts";
import { SessionPeer } from "./client_address.ts";
import { Opening } from "./fast_handshake.ts";
import { type ForeignHead, toHead } from "./late_request.ts";
import type { AttachmentOptions } from "./options.ts";
import { type ServerCloseOptions, Shutdown } from "./shutdown.ts";

/** The WebSocket connections on one server of another library. */
export class Attachment {
  /** The open connections. */
  readonly connections: Set<WebSocketConnection> = new Set();
  readonly #context: ServerContext;
  readonly #shutdown: Shutdown;

  /** `websocket` is the handler for requests that are upgraded without a `fetch`. */
  constructor(
    options: AttachmentOptions,
    deflate: DeflateBackend | undefined,
    websocket?: WebSocketHandler,
  ) {
    this.#context = {
      ...createContext(options, { deflate }, this.connections),
      websocket,
      ...(websocket && { findSocket: () => ({ handler: websocket, options: {} }) }),
    };
    this.#shutdown = new Shutdown(this.#context);
  }

  /**
   * Answers a request whose head has been read, with the bytes behind it. `fetch` decides; without
   * it the request is upgraded.
   *
   * @returns Why the request was refused, when that was at once and not by `fetch`.
   */
  take(
    transport: Transport,
    head: ForeignHead,
    rest: Bytes,
    fetch?: FetchHandler,
  ): HeadFault | HandshakeRefusal | undefined {
    const peer = new SessionPeer(
      transport.remoteAddress,
      this.#context,
      transport.tls !== undefined,
    );
    const full = peer.connect();
    return new Opening(transport, this.#context, peer, this.#shutdown, fetch)
      .answer(toHead(head), rest, full);
  }

  /** See `Server.topics`. */
  get topics(): Topics {
    return this.#context.topics;
  }

  /** See `Server.publish()`. */
  publish(topic: string, data: Publishable, options?: PublishOptions): PublishResult {
    return this.#context.topics.publish(topic, data, options);
  }

  /** What has happened so far; see `Server.stats()`. */
  stats(): ServerStats {
    return this.#context.guard.counters.snapshot();
  }

  /** Reports to the option `error`. */
  error(error: unknown): void {
    this.#context.error(error);
  }

  /** Reports a request that asks for no WebSocket, and that the caller answers with 426. */
  refused(head: ForeignHead, remoteAddress: Address | undefined, reason: string): void {
    this.#context.refused({ cause: "handshake", status: 426, reason }, remoteAddress, toHead(head));
  }

  /**
   * Closes the connections and waits for them, as `Server.close()`; from now on every upgrade is
   * refused with 503.
   */
  close(options?: ServerCloseOptions): Promise<void> {
    return this.#shutdown.close(options);
  }
}

/**
 * Whether a request asks for a WebSocket: its Upgrade field may list several protocols (RFC 9110
 * section 7.8).
 */
export function asksForWebSocket(upgrade: string | undefined): boolean {
  return hasToken(upgrade, "websocket");
}
