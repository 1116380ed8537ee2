// A connection of a load balancer that sends a PROXY header first: waits for the header, within
// `handshakeTimeout`. Then another object takes the
// connection, with what came behind it.

import type { Bytes } from "../util/bytes.ts";
import type { Deadline } from "../util/clock.ts";
import { ProxyHeaderParser } from "../proxy/proxy_header.ts";
import type { Transport, TransportSink } from "../transport/transport.ts";
import type { ServerContext } from "./context.ts";
import type { SessionPeer } from "./client_address.ts";
import type { Session, Shutdown } from "./shutdown.ts";

/** A connection that has not sent its PROXY header yet. */
export class ProxiedConnection implements TransportSink, Deadline, Session {
  readonly answering = false;
  readonly waits = "a PROXY header";

  readonly #transport: Transport;
  readonly #context: ServerContext;
  readonly #peer: SessionPeer;
  readonly #shutdown: Shutdown;
  readonly #next: (rest: Bytes) => void;
  readonly #parser = new ProxyHeaderParser();
  /** Whether another object has the transport, or it is gone. */
  #finished = false;

  /**
   * Takes an accepted transport over.
   *
   * @param next Takes the transport over in turn, with the bytes behind the header. The peer has
   * its address then.
   */
  constructor(
    transport: Transport,
    context: ServerContext,
    peer: SessionPeer,
    shutdown: Shutdown,
    next: (rest: Bytes) => void,
  ) {
    this.#transport = transport;
    this.#context = context;
    this.#peer = peer;
    this.#shutdown = shutdown;
    this.#next = next;
    shutdown.add(this);
    context.clock.startDeadline(this, context.handshakeTimeout);
    transport.sink = this;
    transport.resume();
  }

  destroy(): void {
    this.#over();
    this.#transport.destroy();
    this.#peer.leave();
  }

  data(chunk: Bytes): void {
    const header = this.#parser.push(chunk);
    if (header === undefined) return;
    if ("fault" in header) return this.#miss(header.fault);
    this.#peer.proxied(header.source);
    // First: what takes it over may run a handler that closes the server.
    this.#over();
    this.#next(header.rest);
  }

  end(): void {
    this.#miss("Expected a PROXY header, got the end of the connection");
  }

  closed(): void {
    this.end();
  }

  drain(): void {}

  late(): void {
    this.#miss(`Expected a PROXY header within ${this.#context.handshakeTimeout} ms`);
  }

  #miss(reason: string): void {
    if (this.#finished) return;
    const { remoteAddress } = this.#peer;
    this.#context.refused({ cause: "proxy", status: undefined, reason }, remoteAddress);
    this.destroy();
  }

  #over(): void {
    this.#finished = true;
    this.#context.clock.stopDeadline(this, this.#context.handshakeTimeout);
    this.#shutdown.leave(this);
  }
}
