// One accepted connection while it speaks HTTP/1.1: requests in turn until it is upgraded or ends.
//
// 1. Every wait has a deadline: the head as a whole has `handshakeTimeout`, and so has each step of a body or a response.
// 2. Bytes are never guessed at: after a fault, or a body that was not read to its end, the connection ends.
// 3. To end is to end our side, then to drop what still comes for a while: closing with bytes unread would
//    reset the connection, and the answer with it (RFC 9112 section 9.6).

import type { WebSocketConnection } from "../connection.ts";
import { establish } from "../establish.ts";
import { ConnectionGuard } from "../guard/connection.ts";
import { runHandler } from "../handler.ts";
import {
  formatAcceptance,
  formatRefusal,
  type HandshakeAcceptance,
  type HandshakeRefusal,
} from "../handshake/server.ts";
import { requestFraming } from "../http/body.ts";
import { createRequestParser, type HeadFault, type RequestHead } from "../http/head.ts";
import { defer } from "../promises.ts";
import { TransportReader } from "../reader.ts";
import type { Transport } from "../transport.ts";
import { chooseProtocol, judgeUpgrade } from "../upgrade.ts";
import type { Upgrade, UpgradeDecision, UpgradeOptions } from "../upgrade.ts";
import type { FetchHandler, ServerContext } from "./context.ts";
import { SHUTTING_DOWN, StandIns, toResponse, whyNotSendable } from "./decision.ts";
import { SessionPeer } from "./peer.ts";
import {
  createHandshakeRequest,
  createRequest,
  hasBody,
  RequestBody,
  tooLarge,
  unmetExpectation,
  wantsKeepAlive,
} from "./request.ts";
import { writeResponse } from "./response.ts";

/** Serves one connection until it has ended, as a WebSocket or before. */
export class HttpSession {
  /** The WebSocket connection that it became, if it did. */
  connection: WebSocketConnection | undefined;
  /** Whether a request is being answered. */
  answering = false;
  /** Told when the WebSocket connection has ended, though its handler may still be at work. */
  onEnded: (() => void) | undefined;

  readonly #reader: TransportReader;
  readonly #context: ServerContext;
  readonly #fetch: FetchHandler | undefined;
  readonly #parser;
  readonly #peer: SessionPeer;
  readonly #cut = defer<void>();
  #once = false;

  /** Takes an accepted transport over. */
  constructor(transport: Transport, context: ServerContext, fetch?: FetchHandler) {
    this.#reader = new TransportReader(transport);
    this.#context = context;
    this.#fetch = fetch ?? context.fetch;
    this.#parser = createRequestParser({ maxHeadSize: context.maxHeadSize });
    this.#peer = new SessionPeer(transport.remoteAddress, context, transport.tls !== undefined);
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#reader.transport.destroy();
    this.#cut.resolve();
  }

  /** Runs to the end of the connection: a `fetch` that does not answer cannot hold up one that has been cut. Never rejects. */
  run(): Promise<void> {
    return Promise.race([this.#serve(), this.#cut.promise]).then(() => this.#peer.leave());
  }

  /** Counts the connection; the refusal, when there are too many. */
  connect(): HandshakeRefusal | undefined {
    return this.#peer.connect();
  }

  /** Answers the first request with a refusal. Never rejects. */
  turnAway(refusal: HandshakeRefusal): Promise<void> {
    return Promise.race([this.#serve(refusal), this.#cut.promise]);
  }

  /**
   * Answers the one request whose head another server has read, with the bytes behind it, and ends the connection after
   * it. Never rejects.
   */
  runOnce(head: RequestHead, rest: Uint8Array, refusal?: HandshakeRefusal): Promise<void> {
    this.#reader.unread(rest);
    this.#once = this.answering = true;
    return Promise.race([this.#serveOnce(head, refusal), this.#cut.promise])
      .then(() => this.#peer.leave());
  }

  async #serveOnce(head: RequestHead, refusal: HandshakeRefusal | undefined): Promise<void> {
    try {
      const outcome = await (refusal ? this.#refuse(refusal, head) : this.#answer(head));
      this.answering = false;
      if (outcome !== "upgraded") await this.#reader.finish(this.#context.closeTimeout);
    } catch (error) {
      this.#context.report(error);
      this.destroy();
    }
  }

  async #serve(refusal?: HandshakeRefusal): Promise<void> {
    try {
      if (!await this.#begin(refusal)) return;
      let keepAlive = true;
      while (keepAlive) {
        const head = await this.#readHead();
        if (head === undefined) return;
        this.answering = true;
        const outcome = await this.#answer(head);
        this.answering = false;
        if (outcome === "upgraded") return;
        keepAlive = outcome === "keep-alive" && !this.#context.closing;
      }
      await this.#reader.finish(this.#context.closeTimeout);
    } catch (error) {
      this.#context.report(error);
      this.destroy();
    }
  }

  /** What comes before the first request: false when no request will be answered. */
  async #begin(refusal: HandshakeRefusal | undefined): Promise<boolean> {
    const { proxyProtocol, closeTimeout } = this.#context;
    if (proxyProtocol && !await this.#peer.readProxyHeader(this.#reader)) {
      this.destroy();
      return false;
    }
    refusal ??= this.#peer.enterConnection();
    if (refusal === undefined) return true;
    const head = await this.#readHead();
    if (head === undefined) return false;
    await this.#refuse(refusal, head);
    await this.#reader.finish(closeTimeout);
    return false;
  }

  /** The next request's head; undefined when there is none and the connection has been ended. */
  async #readHead(): Promise<RequestHead | undefined> {
    const { handshakeTimeout, closeTimeout } = this.#context;
    const deadline = performance.now() + handshakeTimeout;
    let started = false;
    for (;;) {
      const chunk = await this.#reader.read(deadline - performance.now());
      if (typeof chunk === "string") {
        const late = chunk === "timeout" && started;
        if (late) await this.#refuse({ status: 408, reason: "The request did not arrive in time" });
        if (chunk !== "closed") await this.#reader.finish(closeTimeout);
        return undefined;
      }
      started = true;
      const result = this.#parser.push(chunk);
      if (result === undefined) continue;
      if ("head" in result) {
        this.#reader.unread(result.rest);
        return result.head;
      }
      await this.#refuse(result.fault);
      await this.#reader.finish(closeTimeout);
      return undefined;
    }
  }

  #answer(received: RequestHead): Promise<"upgraded" | "keep-alive" | "close"> {
    const head = this.#peer.identify(received);
    if ("status" in head) return this.#refuse(head, received);
    const { websocket } = this.#context;
    if (this.#fetch !== undefined) return this.#answerByFetch(this.#fetch, head);
    const judged = this.#judge(head);
    if ("status" in judged) return this.#refuse(judged, head);
    return this.#upgrade(head, { acceptance: judged, handler: websocket ?? {}, options: {} });
  }

  async #answerByFetch(
    fetch: FetchHandler,
    head: RequestHead,
  ): Promise<"upgraded" | "keep-alive" | "close"> {
    const { maxBodySize, handshakeTimeout: timeout } = this.#context;
    const framing = requestFraming(head);
    if ("status" in framing) return this.#refuse(framing, head);
    if (framing.kind === "length" && framing.length > maxBodySize) {
      return this.#refuse(tooLarge(maxBodySize), head);
    }
    const expectation = unmetExpectation(head);
    if (expectation !== undefined) return this.#refuse(expectation, head);
    const body = hasBody(framing)
      ? new RequestBody(head, framing, this.#reader, { maxBodySize, timeout })
      : undefined;
    const request = createRequest(head, body?.stream, this.#peer.secure);
    if ("reason" in request) return this.#refuse(request, head);

    const { response, decision } = await this.#callFetch(fetch, request, head, body);
    if (body?.fault !== undefined) return this.#refuse(body.fault, head);
    if (decision !== undefined) return this.#upgrade(head, decision, request);
    const keepAlive = wantsKeepAlive(head) && !this.#once && !this.#context.closing &&
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
    if (this.#context.closing) return SHUTTING_DOWN;
    const { transport } = this.#reader;
    const { remoteAddress: remote, secure } = this.#peer;
    const peers = { remote, local: transport.localAddress, secure };
    return judgeUpgrade(head, this.#context.origins, peers);
  }

  async #upgrade(
    head: RequestHead,
    { acceptance, handler, options }: UpgradeDecision,
    request?: Request,
  ): Promise<"upgraded" | "close"> {
    const context = this.#context;
    const { secure, remoteAddress } = this.#peer;
    const getRequest = (): Request => request ??= createHandshakeRequest(head, secure);
    const compression = context.compression?.accept(acceptance.extensions);
    let protocol: string | undefined;
    let response;
    try {
      protocol = chooseProtocol(options.protocol, acceptance.protocols, getRequest);
      const headers = options.headers === undefined ? [] : new Headers(options.headers);
      const extensions = compression?.extensions ?? [];
      response = await formatAcceptance(acceptance, { protocol, headers, extensions });
    } catch (error) {
      context.report(error);
      return this.#refuse({ status: 500, reason: "Internal server error" }, head);
    }
    // The decision may be older than the shutdown, which closes only what is open when it begins.
    if (context.closing) return this.#refuse(SHUTTING_DOWN, head);
    const refusal = this.#peer.enterWebSocket();
    if (refusal !== undefined) return this.#refuse(refusal, head);
    const { transport } = this.#reader;
    if (this.#reader.isClosed) return "upgraded";
    transport.write(response);
    const guard = new ConnectionGuard(context.guard);
    const { connection, endpoint, inbox } = establish(
      {
        role: "server",
        transport,
        rest: this.#reader.release(),
        compression,
        result: {
          protocol: protocol ?? "",
          request: getRequest,
        },
        remoteAddress,
        guard,
      },
      context,
      options.data,
    );
    this.connection = connection;
    context.connections.add(connection);
    context.guard.counters.opened();
    connection.closed.then((info) => {
      context.connections.delete(connection);
      context.guard.counters.ended(info, guard.violated);
      this.#peer.leave();
      this.onEnded?.();
    });
    await runHandler(handler, connection, endpoint, inbox, context.report);
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
