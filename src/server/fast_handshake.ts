// Answers the first request of a connection at once, when it is an opening handshake that needs no
// decision.
//
// 1. Nearly every connection of a WebSocket server begins with one chunk: a good handshake for a
//    socket whose handler is known from the address alone. It is judged, answered and opened here
//    within the chunk, without a promise, a Request or a timer of its own. Together with what is
//    made only when it is needed, this halved the cost of a handshake and its close on Node, and an
//    idle connection takes 10 KB in place of 17.
// 2. Anything else (a page, a fault, a refusal, a `fetch` that decides, a head in pieces that is
//    late) is handed over to `HttpSession` as it stands: this file answers nothing but 101.

import type { Bytes } from "../util/bytes.ts";
import type { Deadline } from "../util/clock.ts";
import { createRequestParser, type HeadParser, type RequestHead } from "../http/head.ts";
import type { HeadResult } from "../http/head.ts";
import type { Transport, TransportSink } from "../transport/transport.ts";
import { accept, judgeHandshake } from "./accept_handshake.ts";
import type { ServerContext } from "./context.ts";
import type { SessionPeer } from "./client_address.ts";
import { HttpSession } from "./http_session.ts";
import type { Session, Shutdown } from "./shutdown.ts";

/** A connection that has not sent its first request yet. */
export class Opening implements TransportSink, Deadline, Session {
  /** A shutdown has nothing to wait for here. */
  readonly answering = false;
  readonly waits = "the opening handshake of a client";

  readonly #transport: Transport;
  readonly #context: ServerContext;
  readonly #peer: SessionPeer;
  readonly #shutdown: Shutdown;
  /** The parser of a head that did not come in one chunk. */
  #parser: HeadParser<RequestHead> | undefined;

  /** Takes an accepted transport over. */
  constructor(
    transport: Transport,
    context: ServerContext,
    peer: SessionPeer,
    shutdown: Shutdown,
  ) {
    this.#transport = transport;
    this.#context = context;
    this.#peer = peer;
    this.#shutdown = shutdown;
    shutdown.add(this);
    context.clock.startDeadline(this, context.handshakeTimeout);
    transport.sink = this;
    transport.resume();
  }

  destroy(): void {
    this.#over();
    this.#shutdown.leave(this);
    this.#transport.destroy();
    this.#peer.leave();
  }

  get borrows(): boolean {
    return true;
  }

  data(chunk: Bytes, lent = false): boolean {
    const parser = this.#parser ?? this.#context.parsers.pop() ??
      createRequestParser({ maxHeadSize: this.#context.maxHeadSize });
    const result = parser.push(chunk);
    this.#parser = result === undefined ? parser : undefined;
    if (result === undefined) return true;
    if ("fault" in result) {
      this.#handOver(result);
      return true;
    }
    // Ready for the next head; one is enough, as each is used within a chunk.
    this.#context.parsers[0] = parser;
    const { head } = result;
    const rest = (lent && result.rest.length > 0 ? result.rest.slice() : result.rest) as Bytes;
    if (!this.#accept(head, rest)) this.#handOver({ head, rest });
    return rest.length === 0;
  }

  end(): void {
    this.#handOver("ended");
  }

  closed(): void {
    this.#over();
    this.#shutdown.leave(this);
    this.#peer.leave();
  }

  drain(): void {}

  late(): void {
    this.#handOver("timeout");
  }

  /** Opens the connection; false when `HttpSession` has to answer the request. */
  #accept(received: RequestHead, rest: Bytes): boolean {
    const context = this.#context;
    const found = context.findSocket?.(received);
    if (found === undefined) return false;
    const { origins } = found.options;
    const judged = judgeHandshake(received, context, this.#peer, this.#transport, origins, false);
    if ("status" in judged) return false;
    const head = this.#peer.identify(received);
    const request = { head: received, rest, transport: this.#transport };
    const refusal = "status" in head ? head : accept(context, this.#peer, request, {
      acceptance: judged,
      handler: found.handler,
      options: found.options,
    });
    this.#over();
    if (refusal === undefined) this.#shutdown.leave(this);
    else this.#session().runOnce(received, rest, refusal);
    return true;
  }

  #handOver(first: NonNullable<HeadResult<RequestHead>> | "ended" | "timeout"): void {
    this.#over();
    this.#session().run({ first, started: this.#parser !== undefined });
  }

  #session(): HttpSession {
    const session = new HttpSession(this.#transport, this.#context, this.#peer, this.#shutdown);
    this.#shutdown.replace(this, session);
    return session;
  }

  #over(): void {
    this.#context.clock.stopDeadline(this, this.#context.handshakeTimeout);
  }
}
