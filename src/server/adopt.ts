// WebSocket connections over a runtime's own engine, where a framework owns the server. Our code
// judges the handshake, as for serve(), and handles the messages; the engine reads and writes the
// frames.

import type { HandshakeRefusal } from "../handshake/refusal.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import {
  type Publishable,
  type PublishOptions,
  type PublishResult,
} from "../connection/publishing.ts";
import type { ServerStats } from "../guard/stats.ts";
import type { WebSocketHandler } from "../connection/handler.ts";
import type { HandshakeAcceptance } from "../handshake/server.ts";
import { checkNotReserved } from "../handshake/reserved_fields.ts";
import { HeaderFields, toHeaders } from "../http/fields.ts";
import { formatResponseHead } from "../http/format.ts";
import type { RequestHead } from "../http/head.ts";
import { EMPTY } from "../util/bytes.ts";
import type { Address } from "../transport/transport.ts";
import type { Topics } from "../topics/hub_topics.ts";
import { checkUpgrade, chooseProtocol, judgeUpgrade, type UpgradeOptions } from "./upgrade.ts";
import { openConnection, traceHandshake } from "./accept_handshake.ts";
import { createContext, type ServerContext } from "./context.ts";
import type { AdoptionOptions } from "./options.ts";
import { SHUTTING_DOWN, toResponse } from "./stand_in.ts";
import { type NativeSocket, NativeTransport } from "./engine_transport.ts";
import { SessionPeer } from "./client_address.ts";
import { reasonOf } from "./report_refusal.ts";
import { mentionsWebSocket } from "./request.ts";
import { type ServerCloseOptions, Shutdown } from "./shutdown.ts";

/** An upgrade that was decided on; the engine carries it out. */
export interface Admitted {
  /** The request, which outlives the engine's. */
  readonly request: Request;
  /** The subprotocol, if one was chosen. */
  readonly protocol: string | undefined;
  /** Header fields of the 101 response. */
  readonly headers: readonly (readonly [string, string])[];
  /** The engine has opened the connection. */
  open(socket: NativeSocket): NativeTransport;
  /** The engine has not opened it; with the status of the answer, if it refuses. */
  cancel(status?: number): void;
}

/** The WebSocket connections over one engine. */
export class Adoption {
  /** The open connections. */
  readonly connections: Set<WebSocketConnection> = new Set();
  readonly #context: ServerContext;
  readonly #shutdown: Shutdown;

  constructor(options: AdoptionOptions) {
    const context = createContext(options, {}, this.connections);
    // The engine answers Pings: an answer of ours would be a second one.
    this.#context = { ...context, autoPong: false };
    this.#shutdown = new Shutdown(this.#context);
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

  /** The limits, with their defaults. */
  get limits(): Pick<ServerContext, "maxMessageSize" | "heartbeat"> {
    return this.#context;
  }

  /** Judges a request as `serve()` does: a Response that refuses, or what the engine needs. */
  decide(
    request: Request,
    remoteAddress: Address | undefined,
    // What the public functions promise is checked there: the handler takes what `options.data` is.
    handler: WebSocketHandler<never>,
    options: UpgradeOptions<unknown> = {},
  ): Response | Admitted {
    checkUpgrade(handler, options);
    const context = this.#context;
    const peer = new SessionPeer(remoteAddress, context, request.url.startsWith("https:"));
    const head = toHead(request);
    const judged = this.#judge(head, peer, remoteAddress, request, options.origins);
    if ("status" in judged) {
      peer.leave();
      context.refused(reasonOf(judged), peer.remoteAddress, head);
      const response = toResponse(judged);
      // Bun's server then parses nothing that follows.
      if (mentionsWebSocket(head)) {
        response.headers.append("connection", "close");
        const { status, statusText, headers } = response;
        traceHandshake(context, head)
          ?.handshakeSent(formatResponseHead(status, statusText, [...headers]));
      }
      return response;
    }
    // Made now, because Bun forgets the request once it is upgraded.
    const { url, headers } = request;
    const copy = new Request(url, { headers: new Headers(headers) });
    try {
      const protocol = chooseProtocol(options.protocol, judged.protocols, () => copy);
      if (protocol !== undefined && !judged.protocols.includes(protocol)) {
        throw new TypeError(`Expected a subprotocol that the client offers, got "${protocol}"`);
      }
      const fields = [...toHeaders(options.headers)];
      for (const [name] of fields) checkNotReserved(name);
      const take = (socket: NativeSocket): NativeTransport =>
        this.#open(socket, peer, head, copy, protocol, handler as WebSocketHandler, options.data);
      return {
        request: copy,
        protocol,
        headers: fields,
        open: take,
        cancel: (status) => {
          peer.leave();
          if (status === undefined) return;
          const reason = "The runtime's engine did not upgrade the request";
          context.refused({ cause: "handshake", status, reason }, peer.remoteAddress, head);
        },
      };
    } catch (error) {
      peer.leave();
      context.error(error);
      const refusal = { cause: "error", status: 500, reason: "Internal server error" } as const;
      context.refused(refusal, peer.remoteAddress, head);
      return new Response(refusal.reason, { status: refusal.status });
    }
  }

  /**
   * Closes the connections and waits for them, as `Server.close()`; from now on every upgrade is
   * refused with 503.
   */
  close(options?: ServerCloseOptions): Promise<void> {
    return this.#shutdown.close(options);
  }

  #judge(
    received: RequestHead,
    peer: SessionPeer,
    socketAddress: Address | undefined,
    request: Request,
    origins: UpgradeOptions["origins"],
  ): HandshakeAcceptance | HandshakeRefusal {
    const context = this.#context;
    if (context.closing) return SHUTTING_DOWN;
    const full = peer.connect();
    if (full !== undefined) return full;
    const head = peer.identify(received);
    if ("status" in head) return head;
    // A client that connects from a loopback address connects to one.
    const { remoteAddress: remote, secure } = peer;
    const scene = { remote, local: socketAddress, secure, request };
    const judged = judgeUpgrade(head, context, origins, scene);
    return "status" in judged ? judged : peer.enterWebSocket() ?? judged;
  }

  #open(
    socket: NativeSocket,
    peer: SessionPeer,
    head: RequestHead,
    request: Request,
    protocol: string | undefined,
    handler: WebSocketHandler,
    data: unknown,
  ): NativeTransport {
    const context = this.#context;
    const { remoteAddress } = peer;
    const transport = new NativeTransport(socket, remoteAddress, context.maxBufferedAmount);
    const result = { protocol: protocol ?? "", request };
    const tracer = traceHandshake(context, head);
    openConnection(
      context,
      peer,
      { role: "server", transport, rest: EMPTY, compression: undefined, result, tracer },
      handler,
      data,
    );
    return transport;
  }
}

/** The head of a Request, for the rules that judge one. */
function toHead(request: Request): RequestHead {
  const headers = new HeaderFields();
  for (const [name, value] of request.headers) {
    // No origin has a comma: the engine has joined several, which are never allowed.
    const values = name === "origin" ? value.split(",") : [value];
    for (const one of values) headers.append(name, one.trim());
  }
  const { host, pathname, search } = new URL(request.url);
  if (!headers.has("host")) headers.append("host", host);
  return { method: request.method, target: pathname + search, version: "1.1", headers };
}
