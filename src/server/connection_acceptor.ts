// Admits or refuses each connection that a listener accepts, and passes it to what reads the first
// request.

import type { HandshakeRefusal } from "../handshake/refusal.ts";
import { type Bytes, EMPTY } from "../util/bytes.ts";
import type { Address, Arrival, Transport } from "../transport/transport.ts";
import type { ServerContext } from "./context.ts";
import { Opening } from "./fast_handshake.ts";
import { ProxiedConnection } from "./proxied_connection.ts";
import { SessionPeer } from "./client_address.ts";
import { HttpSession } from "./http_session.ts";
import { reasonOf, type RefusalReason } from "./report_refusal.ts";
import type { Shutdown } from "./shutdown.ts";

/**
 * A full server answers at most this many connections at a time with a refusal. It cuts all others.
 */
const MAX_TURNED_AWAY = 100;

/** Receives the connections of one server. */
export class ConnectionAcceptor {
  /** Whether the server admits no more connections. */
  stopped = false;
  readonly #context: ServerContext;
  readonly #shutdown: Shutdown;
  /** Connections that get a refusal now, because the server is full. */
  #turnedAway = 0;

  /** Starts without connections. */
  constructor(context: ServerContext, shutdown: Shutdown) {
    this.#context = context;
    this.#shutdown = shutdown;
  }

  /** Takes a connection without TLS. */
  take(transport: Transport): void {
    if (this.stopped) return transport.destroy();
    const peer = new SessionPeer(
      transport.remoteAddress,
      this.#context,
      transport.tls !== undefined,
    );
    const full = peer.connect();
    if (full !== undefined) return this.#turnAway(transport, peer, full);
    if (!this.#context.proxyProtocol) return this.#enter(transport, peer);
    const enter = (rest: Bytes): void => this.#enter(transport, peer, rest);
    new ProxiedConnection(transport, this.#context, peer, this.#shutdown, enter);
  }

  #turnAway(transport: Transport, peer: SessionPeer, refusal: HandshakeRefusal): void {
    const isCut = this.#turnedAway === MAX_TURNED_AWAY;
    this.#refuse(reasonOf(refusal), transport.remoteAddress, isCut);
    if (isCut) return transport.destroy();
    this.#turnedAway++;
    this.#session(transport, peer).run({ refusal }).then(() => this.#turnedAway--);
  }

  /** Admits a connection whose address is known, or refuses it in words. */
  #enter(transport: Transport, peer: SessionPeer, rest: Bytes = EMPTY): void {
    const refusal = peer.enterConnection();
    if (refusal === undefined) {
      return new Opening(transport, this.#context, peer, this.#shutdown).listen(rest);
    }
    this.#refuse(reasonOf(refusal), peer.remoteAddress, false);
    this.#session(transport, peer).run({ refusal, rest });
  }

  /**
   * Takes a connection whose TLS handshake is still to come. The handshake is work, so the
   * connection is counted now, and one above a limit is cut without an answer.
   */
  arrive(remoteAddress: Address | undefined): Arrival | undefined {
    if (this.stopped) return undefined;
    const peer = new SessionPeer(remoteAddress, this.#context, true);
    const refusal = peer.connect() ?? peer.enterConnection();
    if (refusal !== undefined) {
      peer.leave();
      this.#refuse(reasonOf(refusal), remoteAddress, true);
      return undefined;
    }
    return {
      accepted: (transport) => {
        if (!this.stopped) {
          return new Opening(transport, this.#context, peer, this.#shutdown).listen();
        }
        peer.leave();
        transport.destroy();
      },
      failed: (error) => {
        peer.leave();
        if (this.stopped) return;
        const reason = `The TLS handshake failed: ${error.message}`;
        this.#refuse({ cause: "tls", status: undefined, reason, error }, remoteAddress, true);
      },
    };
  }

  #refuse(reason: RefusalReason, remoteAddress: Address | undefined, isCut: boolean): void {
    this.#context.refused(isCut ? { ...reason, status: undefined } : reason, remoteAddress);
  }

  #session(transport: Transport, peer: SessionPeer): HttpSession {
    const session = new HttpSession(transport, this.#context, peer, this.#shutdown);
    this.#shutdown.add(session);
    return session;
  }
}
