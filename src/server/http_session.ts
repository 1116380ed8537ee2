// One accepted connection while it speaks HTTP/1.1: requests in turn until it is upgraded or ends.
//
// 1. Every wait has a deadline: `handshakeTimeout` for a whole head and for each silence within a
//    body, `requestTimeout` for a whole body. A response may go on as long as the peer takes
//    something of it within each `stallTimeout`.
// 2. Bytes are never guessed at: after a fault, or a body that was not read to its end, the
//    connection ends.
// 3. The server first ends its own side, then drops what still comes for a while. To close with
//    bytes unread would reset the connection, and the client would lose the answer (RFC 9112
//    section 9.6).
// 4. The session reads the stream while `fetch` runs and a response leaves, so that it learns when
//    the client has gone. Then the session is over at once, even when the application is still at
//    work. A client that has only ended its side gets its answer, as long as that gets on within
//    `requestTimeout`.

import { type Bytes, EMPTY } from "../util/bytes.ts";
import type { Deadline } from "../util/clock.ts";
import { formatRefusal, type HandshakeRefusal } from "../handshake/refusal.ts";
import type { Tracer } from "../connection/tracer.ts";
import { httpDate } from "../http/date.ts";
import type { HeadFault, RequestHead } from "../http/head.ts";
import { finish, type ReaderWatcher, TransportReader } from "../transport/pull_reader.ts";
import type { Transport } from "../transport/transport.ts";
import type { UpgradeDecision } from "./upgrade.ts";
import { accept, judgeHandshake, traceHandshake } from "./accept_handshake.ts";
import { type AskedRequest, askFetch } from "./ask_fetch.ts";
import { type Answer, refusalIn } from "./call_fetch.ts";
import type { FetchHandler, ServerContext } from "./context.ts";
import { type AskedPage, FastPages, type PageSession } from "./fast_pages.ts";
import { type FirstHead, HeadReader } from "./first_head.ts";
import type { SessionPeer } from "./client_address.ts";
import { hasBody, judgeFraming, mayKeepAlive, mentionsWebSocket, RequestBody } from "./request.ts";
import { reasonOf, type RefusalReason } from "./report_refusal.ts";
import { stalled, writeResponse } from "./response.ts";
import { Departure } from "./server_request.ts";
import type { Session, Shutdown } from "./shutdown.ts";

/** What became of a request. */
type Outcome = "upgraded" | "keep-alive" | "close";

/** How a connection begins. */
export interface Beginning {
  /** The first head, where it has been read. Default: it is still to come. */
  readonly first?: FirstHead;
  /** What answers the first request, of any kind. Default: the server answers it. */
  readonly refusal?: HandshakeRefusal;
  /** Bytes that have been read. */
  readonly rest?: Bytes;
}

/** Serves one connection until it has ended, or has become a WebSocket connection. */
export class HttpSession implements Session, PageSession, ReaderWatcher, Deadline {
  /** Whether a request is being answered. */
  answering = false;
  /** Why a request was refused, once one was. */
  refusal: HeadFault | HandshakeRefusal | undefined;

  readonly #reader: TransportReader;
  readonly #context: ServerContext;
  readonly #shutdown: Shutdown;
  readonly #fetch: FetchHandler | undefined;
  #pages: FastPages | undefined;
  readonly #peer: SessionPeer;
  #once = false;
  #over = false;
  /** For the request that is being answered, once `fetch` has it. */
  #departure: Departure | undefined;
  /** Whether the answer has a deadline: its client has ended its side. */
  #hasDeadline = false;

  /** Takes a transport over, of a session that has been added. */
  constructor(
    transport: Transport,
    context: ServerContext,
    peer: SessionPeer,
    shutdown: Shutdown,
    fetch?: FetchHandler,
  ) {
    this.#reader = new TransportReader(transport, this);
    this.#context = context;
    this.#shutdown = shutdown;
    this.#fetch = fetch ?? context.fetch;
    this.#peer = peer;
  }

  /** Cuts the connection. A `fetch` that does not answer cannot hold it up. */
  destroy(): void {
    this.#reader.transport.destroy();
    this.#abandon("The server cut the connection");
    this.#end();
  }

  /** Implements {@linkcode ReaderWatcher}. */
  gone(): void {
    this.#abandon("The client has gone");
    this.#pages?.ended();
    this.#end();
  }

  /** Implements {@linkcode ReaderWatcher}. */
  peerEnded(): void {
    if (!this.answering) return this.#pages?.ended();
    this.#abandon("The client has ended its side of the connection");
    this.#hasDeadline = true;
    this.#context.clock.startDeadline(this, this.#context.requestTimeout);
  }

  /** Implements {@linkcode ReaderWatcher}. */
  progressed(): void {
    if (!this.#hasDeadline) return;
    this.#context.clock.stopDeadline(this, this.#context.requestTimeout);
    this.#context.clock.startDeadline(this, this.#context.requestTimeout);
  }

  /** Implements {@linkcode Deadline}. */
  get waits(): string {
    return "the answer to a client that has ended its side";
  }

  /** Implements {@linkcode Deadline}. */
  late(): void {
    this.destroy();
  }

  /** Implements {@linkcode PageSession}. */
  begin(): Departure {
    this.answering = true;
    const departure = this.#departure = new Departure();
    if (this.#reader.hasEnded) this.peerEnded();
    return departure;
  }

  #abandon(why: string): void {
    this.#departure?.tell(`${why} before the answer was there`);
  }

  /** Runs to the end of the connection. Never rejects. */
  async run({ first, refusal, rest = EMPTY }: Beginning): Promise<void> {
    this.#reader.unread(rest);
    const outcome = refusal === undefined
      ? await this.#serve(first)
      : await this.#turnAway(refusal);
    if (outcome !== "upgraded") this.#end();
  }

  /**
   * Answers the one request whose head has been read, with the bytes behind it, and ends the
   * connection after it. Never rejects.
   */
  async runOnce(
    head: RequestHead,
    rest: Uint8Array,
    refusal?: HeadFault | HandshakeRefusal,
  ): Promise<void> {
    this.#reader.unread(rest);
    this.#once = this.answering = true;
    const outcome = await this.#answerOnce(() =>
      refusal ? this.#refuse(refusal, head) : this.#answer(head)
    );
    if (outcome !== "upgraded") this.#end();
  }

  /**
   * Answers the one request that `fetch` has been called with, and ends the connection after it.
   * Never rejects.
   */
  async runAsked(
    asked: AskedRequest,
    rest: Uint8Array,
    answer: Answer | Promise<Answer>,
  ): Promise<void> {
    this.#reader.unread(rest);
    this.#once = this.answering = true;
    this.#departure = asked.departure;
    const outcome = await this.#answerOnce(async () => await this.#conclude(await answer, asked));
    if (outcome !== "upgraded") this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.answered();
    this.#over = true;
    this.#shutdown.leave(this);
    this.#peer.leave();
  }

  /** Implements {@linkcode PageSession}. */
  answered(): void {
    this.answering = false;
    this.#departure = undefined;
    if (this.#hasDeadline) this.#context.clock.stopDeadline(this, this.#context.requestTimeout);
    this.#hasDeadline = false;
  }

  async #finish(): Promise<void> {
    const { closeTimeout, stallTimeout } = this.#context;
    if (!await finish(this.#reader, closeTimeout, stallTimeout)) throw stalled(stallTimeout);
  }

  /** Cuts the connection because of something that has nothing to do with what the client sent. */
  #fail(error: unknown): void {
    this.reportCut(error);
    this.destroy();
  }

  /** Implements {@linkcode PageSession}. */
  reportCut(error: unknown): void {
    // What breaks because the client has gone is no failure of the server.
    if (this.#over) return;
    this.#context.guard.counters.responsesCut++;
    this.#context.error(error);
  }

  async #answerOnce(answer: () => Promise<Outcome>): Promise<Outcome> {
    try {
      const outcome = await answer();
      this.answered();
      if (outcome !== "upgraded") await this.#finish();
      return outcome;
    } catch (error) {
      this.#fail(error);
      return "close";
    }
  }

  async #serve(first: FirstHead | undefined): Promise<Outcome> {
    try {
      const scene = { context: this.#context, peer: this.#peer, reader: this.#reader };
      const pages = this.#pages = new FastPages(scene, this, this.#fetch);
      let outcome: Outcome;
      do {
        outcome = await this.#take(await pages.next(first));
        first = undefined;
        this.answered();
      } while (outcome === "keep-alive" && !this.#over && !this.#context.closing);
      if (outcome === "upgraded" || this.#reader.isClosed) return outcome;
      await this.#finish();
    } catch (error) {
      this.#fail(error);
    }
    return "close";
  }

  /** Answers the first request, of any kind, with a refusal that has been reported. */
  async #turnAway(refusal: HandshakeRefusal): Promise<Outcome> {
    try {
      const { first } = await new HeadReader(this.#reader, this.#context).next();
      if (first === "closed") return "close";
      const head = typeof first === "object" && "head" in first ? first.head : undefined;
      await this.#writeRefusal(refusal, head);
      await this.#finish();
    } catch (error) {
      this.#fail(error);
    }
    return "close";
  }

  /** Does what is left to be done about a request, or without one. */
  async #take(next: FirstHead | AskedPage): Promise<Outcome> {
    if ("asked" in next) return await this.#conclude(next.answer, next.asked);
    const { first, started } = next;
    if (first === "timeout" && started) {
      return await this.#refuse({ status: 408, reason: "The request did not arrive in time" });
    }
    if (typeof first === "string") return "close";
    if ("fault" in first) return await this.#refuse(first.fault);
    this.#reader.unread(first.rest);
    this.answering = true;
    return await this.#answer(first.head);
  }

  async #answer(received: RequestHead): Promise<Outcome> {
    const head = this.#peer.identify(received);
    if ("status" in head) return await this.#refuse(head, received);
    const { websocket } = this.#context;
    if (this.#fetch !== undefined) return await this.#answerByFetch(this.#fetch, head);
    const { transport } = this.#reader;
    const judged = judgeHandshake(head, this.#context, this.#peer, transport, undefined);
    if ("status" in judged) return await this.#refuse(judged, head);
    return await this.#upgrade(head, { acceptance: judged, handler: websocket ?? {}, options: {} });
  }

  async #answerByFetch(
    fetch: FetchHandler,
    head: RequestHead,
  ): Promise<Outcome> {
    const framing = judgeFraming(head, this.#context);
    if ("status" in framing) return this.#refuse(framing, head);
    const reader = this.#reader;
    const body = hasBody(framing)
      ? new RequestBody(head, framing, reader, this.#context)
      : undefined;
    const departure = this.begin();
    const scene = { context: this.#context, peer: this.#peer, transport: reader.transport };
    const called = askFetch(fetch, { head, departure, body }, scene);
    if ("reason" in called) return this.#refuse(called, head);
    const { asked, answer } = called;
    return await this.#conclude("then" in answer ? await answer : answer, asked);
  }

  /** Does what `fetch` has decided. */
  async #conclude(
    answer: Answer,
    { head, request, departure, body }: AskedRequest,
  ): Promise<Outcome> {
    if (answer.decision !== undefined) {
      return await (body?.fault === undefined
        ? this.#upgrade(head, answer.decision, request)
        : this.#refuse(body.fault, head));
    }
    const { response, error } = answer;
    const { stallTimeout } = this.#context;
    const reader = this.#reader;
    // What a body fails with is the peer's mistake, and answered as such.
    if (error !== undefined && body?.fault === undefined && !departure.explains(error)) {
      this.#context.error(error);
    }
    if (this.#over || body?.fault !== undefined) {
      response.body?.cancel().catch(() => {});
      return body?.fault === undefined ? "close" : this.#refuse(body.fault, head);
    }
    const refused = refusalIn(answer, head);
    if (refused !== undefined) this.#tell(refused, head);
    const keepAlive = mayKeepAlive(head) && !this.#once && !this.#context.closing &&
      (body === undefined || body.done || await body.discard(response.body));
    const failed = (error: unknown): void => {
      if (body?.fault === undefined) this.reportCut(error);
    };
    const tracer = refused && this.#trace(head);
    const exchange = { reader, head, keepAlive, stallTimeout, failed, tracer };
    const whole = await writeResponse(response, exchange);
    if (!whole) await body?.left(this.#context.requestTimeout);
    return whole ? "keep-alive" : "close";
  }

  #upgrade(
    head: RequestHead,
    decision: UpgradeDecision,
    request?: Request,
  ): "upgraded" | Promise<"close"> {
    const { transport } = this.#reader;
    // The peer has gone while the decision was made. A peer that has ended its side cannot answer a
    // Close frame.
    if (this.#reader.hasEnded || this.#over) return Promise.resolve("close");
    const rest = this.#reader.release();
    const refusal = accept(this.#context, this.#peer, { head, request, rest, transport }, decision);
    if (refusal !== undefined) return this.#refuse(refusal, head);
    this.#over = true;
    this.#shutdown.leave(this);
    return "upgraded";
  }

  /** Answers with a fault or a refusal, and reports it. The connection ends after it. */
  #refuse(refusal: HeadFault | HandshakeRefusal, head?: RequestHead): Promise<"close"> {
    // The option `refused` may close the server, which cuts what is not being answered.
    this.answering = true;
    this.#tell(reasonOf(refusal), head);
    return this.#writeRefusal(refusal, head);
  }

  async #writeRefusal(
    refusal: HeadFault | HandshakeRefusal,
    head: RequestHead | undefined,
  ): Promise<"close"> {
    this.refusal = refusal;
    const headers = "headers" in refusal ? refusal.headers : [];
    const date = ["Date", httpDate()] as const;
    const response = formatRefusal({ ...refusal, headers: [date, ...headers] }, head?.method);
    this.#trace(head)?.handshakeSent(response);
    await this.#reader.write(response, this.#context.closeTimeout);
    return "close";
  }

  /** Traces a handshake that is refused. */
  #trace(head: RequestHead | undefined): Tracer | undefined {
    return head && mentionsWebSocket(head) ? traceHandshake(this.#context, head) : undefined;
  }

  #tell(reason: RefusalReason, head?: RequestHead): void {
    this.#context.refused(reason, this.#peer.remoteAddress, head);
  }
}
