// One accepted connection while it speaks HTTP/1.1: requests in turn until it is upgraded or ends.
//
// 1. Every wait has a deadline: the head as a whole has `handshakeTimeout`, and so has each step of a body or a response.
// 2. Bytes are never guessed at: after a fault, or a body that was not read to its end, the connection ends.
// 3. To end is to end our side, then to drop what still comes for a while: closing with bytes unread would
//    reset the connection, and the answer with it (RFC 9112 section 9.6).

import { formatRefusal } from "../handshake/server.ts";
import type { HandshakeAcceptance, HandshakeRefusal } from "../handshake/server.ts";
import { requestFraming } from "../http/body.ts";
import { createRequestParser, type HeadFault, type RequestHead } from "../http/head.ts";
import type { HeadResult } from "../http/head.ts";
import { type ReadFailure, TransportReader } from "../reader.ts";
import type { Transport } from "../transport.ts";
import {
  checkUpgrade,
  type Upgrade,
  type UpgradeDecision,
  type UpgradeOptions,
} from "../upgrade.ts";
import { accept, judgeHandshake } from "./accept.ts";
import type { FetchHandler, ServerContext } from "./context.ts";
import { StandIns, toResponse, whyNotSendable } from "./decision.ts";
import type { SessionPeer } from "./peer.ts";
import {
  createRequest,
  hasBody,
  mayKeepAlive,
  RequestBody,
  tooLarge,
  unmetExpectation,
} from "./request.ts";
import { writeResponse } from "./response.ts";
import type { Session, Sessions } from "./sessions.ts";

/** What became of a request. */
type Outcome = "upgraded" | "keep-alive" | "close";

/** What came of the wait for the first head, where somebody else has waited for it. */
export interface FirstHead {
  /** The head or what is wrong with it, or why there is none. */
  readonly first: NonNullable<HeadResult<RequestHead>> | ReadFailure;
  /** Whether a part of it has come. */
  readonly started: boolean;
}

/** Serves one connection until it has ended, or has become a WebSocket connection. */
export class HttpSession implements Session {
  /** Whether a request is being answered. */
  answering = false;

  readonly #reader: TransportReader;
  readonly #context: ServerContext;
  readonly #sessions: Sessions;
  readonly #fetch: FetchHandler | undefined;
  readonly #parser;
  readonly #peer: SessionPeer;
  #once = false;
  #over = false;

  /** Takes a transport over, of a session that has been added. */
  constructor(
    transport: Transport,
    context: ServerContext,
    peer: SessionPeer,
    sessions: Sessions,
    fetch?: FetchHandler,
  ) {
    this.#reader = new TransportReader(transport);
    this.#context = context;
    this.#sessions = sessions;
    this.#fetch = fetch ?? context.fetch;
    this.#parser = createRequestParser({ maxHeadSize: context.maxHeadSize });
    this.#peer = peer;
  }

  /** Cuts the connection. A `fetch` that does not answer cannot hold it up. */
  destroy(): void {
    this.#reader.transport.destroy();
    this.#end();
  }

  /** Runs to the end of the connection. `refusal` answers the first request, whatever it is. Never rejects. */
  async run(first?: FirstHead, refusal?: HandshakeRefusal): Promise<void> {
    const outcome = await this.#serve(first, refusal);
    if (outcome !== "upgraded") this.#end();
  }

  /**
   * Answers the one request whose head has been read, with the bytes behind it, and ends the connection after it. Never
   * rejects.
   */
  async runOnce(head: RequestHead, rest: Uint8Array, refusal?: HandshakeRefusal): Promise<void> {
    this.#reader.unread(rest);
    this.#once = this.answering = true;
    const outcome = await this.#serveOnce(head, refusal);
    if (outcome !== "upgraded") this.#end();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#sessions.leave(this);
    this.#peer.leave();
  }

  async #serveOnce(
    head: RequestHead,
    refusal: HandshakeRefusal | undefined,
  ): Promise<Outcome> {
    try {
      const outcome = await (refusal ? this.#refuse(refusal, head) : this.#answer(head));
      this.answering = false;
      if (outcome !== "upgraded") await this.#reader.finish(this.#context.closeTimeout);
      return outcome;
    } catch (error) {
      this.#context.report(error);
      this.destroy();
      return "close";
    }
  }

  async #serve(
    first: FirstHead | undefined,
    refusal: HandshakeRefusal | undefined,
  ): Promise<Outcome> {
    try {
      if (!await this.#begin(first, refusal)) return "close";
      let keepAlive = true;
      while (keepAlive) {
        const head = await this.#readHead(first);
        if (head === undefined) return "close";
        first = undefined;
        this.answering = true;
        const outcome = await this.#answer(head);
        this.answering = false;
        if (outcome === "upgraded") return outcome;
        keepAlive = outcome === "keep-alive" && !this.#context.closing;
      }
      await this.#reader.finish(this.#context.closeTimeout);
    } catch (error) {
      this.#context.report(error);
      this.destroy();
    }
    return "close";
  }

  /** What comes before the first request: false when no request will be answered. */
  async #begin(
    first: FirstHead | undefined,
    refusal: HandshakeRefusal | undefined,
  ): Promise<boolean> {
    const { proxyProtocol, closeTimeout } = this.#context;
    if (proxyProtocol && !await this.#peer.readProxyHeader(this.#reader)) {
      this.destroy();
      return false;
    }
    refusal ??= this.#peer.enterConnection();
    if (refusal === undefined) return true;
    const head = await this.#readHead(first);
    if (head === undefined) return false;
    await this.#refuse(refusal, head);
    await this.#reader.finish(closeTimeout);
    return false;
  }

  /** The next request's head; undefined when there is none and the connection has been ended. */
  async #readHead(known?: FirstHead): Promise<RequestHead | undefined> {
    const { closeTimeout } = this.#context;
    const { first, started } = known ?? await this.#awaitHead();
    if (typeof first === "string") {
      const late = first === "timeout" && started;
      if (late) await this.#refuse({ status: 408, reason: "The request did not arrive in time" });
      if (first !== "closed") await this.#reader.finish(closeTimeout);
      return undefined;
    }
    if ("head" in first) {
      this.#reader.unread(first.rest);
      return first.head;
    }
    await this.#refuse(first.fault);
    await this.#reader.finish(closeTimeout);
    return undefined;
  }

  async #awaitHead(): Promise<FirstHead> {
    const deadline = performance.now() + this.#context.handshakeTimeout;
    let started = false;
    for (;;) {
      const chunk = await this.#reader.read(deadline - performance.now());
      if (typeof chunk === "string") return { first: chunk, started };
      started = true;
      const first = this.#parser.push(chunk);
      if (first !== undefined) return { first, started };
    }
  }

  async #answer(received: RequestHead): Promise<Outcome> {
    const head = this.#peer.identify(received);
    if ("status" in head) return await this.#refuse(head, received);
    const { websocket } = this.#context;
    if (this.#fetch !== undefined) return await this.#answerByFetch(this.#fetch, head);
    const judged = this.#judge(head);
    if ("status" in judged) return await this.#refuse(judged, head);
    return await this.#upgrade(head, { acceptance: judged, handler: websocket ?? {}, options: {} });
  }

  async #answerByFetch(
    fetch: FetchHandler,
    head: RequestHead,
  ): Promise<Outcome> {
    const { maxBodySize, handshakeTimeout: timeout } = this.#context;
    const framing = requestFraming(head);
    if ("status" in framing) return this.#refuse(framing, head);
    if (framing.kind === "length" && framing.length > maxBodySize) {
      return this.#refuse(tooLarge(maxBodySize), head);
    }
    const expectation = unmetExpectation(head);
    if (expectation !== undefined) return this.#refuse(expectation, head);
    const body = hasBody(framing)
      ? new RequestBody(head, framing, this.#reader, this.#context)
      : undefined;
    const request = createRequest(head, body?.stream, this.#peer.secure);
    if ("reason" in request) return this.#refuse(request, head);

    const { response, decision } = await this.#callFetch(fetch, request, head, body);
    if (body?.fault !== undefined) return this.#refuse(body.fault, head);
    if (decision !== undefined) return this.#upgrade(head, decision, request);
    const keepAlive = mayKeepAlive(head) && !this.#once && !this.#context.closing &&
      (body === undefined || body.done || await body.discard());
    const exchange = { reader: this.#reader, head, keepAlive, timeout };
    return await writeResponse(response, exchange) ? "keep-alive" : "close";
  }

  /** Calls `fetch`; a decision when it returned what `upgrade()` gave it. */
  async #callFetch(
    fetch: FetchHandler,
    request: Request,
    head: RequestHead,
    body: RequestBody | undefined,
  ): Promise<{ response: Response; decision?: UpgradeDecision }> {
    const standIns = new StandIns();
    const upgrade: Upgrade = (handler: unknown, options: UpgradeOptions = {}) => {
      checkUpgrade(handler, options);
      const judged = this.#judge(head);
      if ("status" in judged) return toResponse(judged);
      // The handler takes what `options.data` is, by the type of `upgrade()`.
      return standIns.create({ acceptance: judged, handler: handler as never, options });
    };
    try {
      const response = await fetch(request, { upgrade, tls: this.#reader.transport.tls });
      const obstacle = whyNotSendable(response);
      if (obstacle !== undefined) {
        throw new TypeError(`Expected fetch to return a Response, got ${obstacle}`);
      }
      const decision = standIns.find(response);
      return decision === undefined ? { response } : { response, decision };
    } catch (error) {
      // What a body fails with is the peer's mistake, and answered as such.
      if (body?.fault === undefined) this.#context.report(error);
      return { response: new Response("Internal server error", { status: 500 }) };
    }
  }

  #judge(head: RequestHead): HandshakeAcceptance | HandshakeRefusal {
    return judgeHandshake(head, this.#context, this.#peer, this.#reader.transport);
  }

  #upgrade(
    head: RequestHead,
    decision: UpgradeDecision,
    request?: Request,
  ): "upgraded" | Promise<"close"> {
    const { transport } = this.#reader;
    // The peer has gone while the decision was made, or the session was cut.
    if (this.#reader.isClosed || this.#over) return Promise.resolve("close");
    const rest = this.#reader.release();
    const refusal = accept(this.#context, this.#peer, { head, request, rest, transport }, decision);
    if (refusal !== undefined) return this.#refuse(refusal, head);
    this.#over = true;
    this.#sessions.becameConnection(this);
    return "upgraded";
  }

  /** Answers with a fault or a refusal; the connection ends after it. */
  async #refuse(refusal: HeadFault | HandshakeRefusal, head?: RequestHead): Promise<"close"> {
    const headers = "headers" in refusal ? refusal.headers : [];
    const date = ["Date", new Date().toUTCString()] as const;
    const response = formatRefusal({ ...refusal, headers: [date, ...headers] }, head?.method);
    await this.#reader.write(response, this.#context.closeTimeout);
    return "close";
  }
}
