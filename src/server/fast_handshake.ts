// Answers the first request of a connection at once, when it is an opening handshake that needs no
// decision, whether it was read here or by another server.
//
// 1. Nearly every connection of a WebSocket server begins with one chunk: a good handshake. Where
//    the handler is known from the address alone, it is judged, answered and opened here within the
//    chunk, without a promise, a Request or a timer of its own. Together with what is
//    made only when it is needed, this halved the cost of a handshake and its close on Node, and an
//    idle connection takes 10 KB in place of 17.
// 2. Where `fetch` decides, it gets a Request, and an upgrade that it returns at once is opened
//    within the chunk, too. An async function that awaits nothing counts as at once.
// 3. Anything else (a page, a fault, a refusal, a `fetch` that takes its time, a head in pieces
//    that is late) is handed over to `HttpSession` as it stands: this file answers nothing but 101.

import { type Bytes, EMPTY } from "../util/bytes.ts";
import type { Deadline } from "../util/clock.ts";
import type { HandshakeRefusal } from "../handshake/refusal.ts";
import type { HandshakeAcceptance } from "../handshake/server.ts";
import { createRequestParser, type HeadParser, type RequestHead } from "../http/head.ts";
import type { HeadFault, HeadResult } from "../http/head.ts";
import type { Transport, TransportSink } from "../transport/transport.ts";
import { accept, judgeHandshake } from "./accept_handshake.ts";
import { type AskedRequest, askFetch } from "./ask_fetch.ts";
import type { Answer } from "./call_fetch.ts";
import type { FetchHandler, ServerContext } from "./context.ts";
import type { SessionPeer } from "./client_address.ts";
import { HttpSession } from "./http_session.ts";
import { isPlainHandshake } from "./request.ts";
import { Departure } from "./server_request.ts";
import type { UpgradeDecision } from "./upgrade.ts";
import type { Session, Shutdown } from "./shutdown.ts";

/** Turns of the microtask queue in which an async function that awaits nothing has returned. */
const MICROTASKS = 4;

/** What a connection is opened with. */
interface Opened {
  readonly head: RequestHead;
  readonly request?: Request;
  readonly rest: Bytes;
}

/** What `fetch` was called with. */
type Asked = AskedRequest & { readonly rest: Bytes };

/** A connection whose first request is not answered yet. */
export class Opening implements TransportSink, Deadline, Session {
  /** Whether the request is being answered: a shutdown waits for that. */
  answering = false;
  readonly waits = "the opening handshake of a client";

  readonly #transport: Transport;
  readonly #context: ServerContext;
  readonly #peer: SessionPeer;
  readonly #shutdown: Shutdown;
  readonly #fetch: FetchHandler | undefined;
  /** Whether another object has the transport, or it is gone. */
  #finished = false;
  /** What it was handed over to. */
  #next: HttpSession | undefined;
  /** The parser of a head that did not come in one chunk. */
  #parser: HeadParser<RequestHead> | undefined;

  /** Takes a transport over that has been accepted; `fetch` decides in place of the server's. */
  constructor(
    transport: Transport,
    context: ServerContext,
    peer: SessionPeer,
    shutdown: Shutdown,
    fetch: FetchHandler | undefined = context.fetch,
  ) {
    this.#transport = transport;
    this.#context = context;
    this.#peer = peer;
    this.#shutdown = shutdown;
    this.#fetch = fetch;
    shutdown.add(this);
  }

  /** Waits for the request, within `handshakeTimeout`; `received` is what has come of it. */
  listen(received: Bytes = EMPTY): void {
    const { clock, handshakeTimeout } = this.#context;
    clock.startDeadline(this, handshakeTimeout);
    this.#transport.sink = this;
    this.#transport.resume();
    if (received.length > 0) this.data(received);
  }

  /**
   * Answers the one request whose head another server has read, with the bytes behind it.
   *
   * @param refusal What answers it, if that is known.
   * @returns Why it was refused, when that was at once and not by `fetch`.
   */
  answer(
    head: RequestHead,
    rest: Bytes,
    refusal: HandshakeRefusal | undefined,
  ): HeadFault | HandshakeRefusal | undefined {
    if (refusal !== undefined) this.#refuse(head, rest, refusal);
    else if (!this.#accept(head, rest)) {
      this.#over();
      this.#session().runOnce(head, rest);
    }
    return this.#next?.refusal;
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
    // What the program is asked, and its handler, may close the server.
    this.answering = true;
    const context = this.#context;
    const found = context.findSocket?.(received);
    if (found === undefined) {
      return this.#fetch !== undefined && this.#ask(this.#fetch, received, rest);
    }
    const { handler, options } = found;
    const judge = (head: RequestHead, ask: boolean): HandshakeAcceptance | HandshakeRefusal =>
      judgeHandshake(head, context, this.#peer, this.#transport, options.origins, ask);
    // Behind a proxy, who asks is known only now.
    const trusts = context.trustProxy !== undefined;
    let judged = trusts ? undefined : judge(received, false);
    if (judged !== undefined && "status" in judged) return false;
    const head = this.#peer.identify(received);
    if ("status" in head) return this.#refuse(received, rest, head);
    judged ??= judge(head, true);
    if ("status" in judged) return this.#refuse(head, rest, judged);
    return this.#open({ head, rest }, { acceptance: judged, handler, options });
  }

  /** Has `fetch` decide about a handshake; false when `HttpSession` has to answer the request. */
  #ask(fetch: FetchHandler, received: RequestHead, rest: Bytes): boolean {
    if (!isPlainHandshake(received)) return false;
    const context = this.#context;
    const head = this.#peer.identify(received);
    if ("status" in head) return this.#refuse(received, rest, head);
    const scene = { context, peer: this.#peer, transport: this.#transport };
    const called = askFetch(fetch, { head, departure: new Departure() }, scene);
    if ("reason" in called) return this.#refuse(received, rest, called);
    const { answer } = called;
    const asked = { ...called.asked, rest };
    if ("then" in answer) this.#await(asked, answer);
    else this.#take(asked, answer);
    return true;
  }

  /** Waits for an answer as long as no event of the transport can come between. */
  async #await(asked: Asked, answer: Promise<Answer>): Promise<void> {
    let settled: Answer | undefined;
    // On Node a pause and its end cost 15% of the handshake.
    if (this.#transport.callsInTurns !== true) this.#transport.pause();
    answer.then((answer) => settled = answer);
    for (let i = 0; i < MICROTASKS && settled === undefined; i++) await undefined;
    this.#take(asked, settled ?? answer);
  }

  #take(asked: Asked, answer: Answer | Promise<Answer>): void {
    // The server, or `fetch` itself, may have cut the connection meanwhile.
    if (this.#finished) return;
    if (!("then" in answer) && answer.decision !== undefined) {
      this.#open(asked, answer.decision);
      return;
    }
    this.#over();
    this.#session().runAsked(asked, asked.rest, answer);
  }

  #open({ head, request, rest }: Opened, decision: UpgradeDecision): true {
    const transport = this.#transport;
    const refusal = accept(this.#context, this.#peer, { head, request, rest, transport }, decision);
    if (refusal !== undefined) return this.#refuse(head, rest, refusal);
    this.#over();
    this.#shutdown.leave(this);
    return true;
  }

  #refuse(head: RequestHead, rest: Bytes, refusal: HeadFault | HandshakeRefusal): true {
    this.#over();
    this.#session().runOnce(head, rest, refusal);
    return true;
  }

  #handOver(first: NonNullable<HeadResult<RequestHead>> | "ended" | "timeout"): void {
    this.#over();
    this.#session().run({ first: { first, started: this.#parser !== undefined } });
  }

  #session(): HttpSession {
    this.#next = new HttpSession(
      this.#transport,
      this.#context,
      this.#peer,
      this.#shutdown,
      this.#fetch,
    );
    this.#shutdown.replace(this, this.#next);
    return this.#next;
  }

  #over(): void {
    this.#finished = true;
    this.#context.clock.stopDeadline(this, this.#context.handshakeTimeout);
  }
}
