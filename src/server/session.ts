// One accepted connection while it speaks HTTP/1.1: requests in turn until it is upgraded or ends.
//
// 1. Every wait has a deadline: the head as a whole has `handshakeTimeout`, and so has each step of a body or a response.
// 2. Bytes are never guessed at: after a fault, or a body that was not read to its end, the connection ends.
// 3. To end is to end our side, then to drop what still comes for a while: closing with bytes unread would
//    reset the connection, and the answer with it (RFC 9112 section 9.6).

import type { WebSocketConnection } from "../connection.ts";
import { establish } from "../establish.ts";
import { runHandler } from "../handler.ts";
import {
  formatAcceptance,
  formatRefusal,
  type HandshakeAcceptance,
  type HandshakeRefusal,
} from "../handshake/server.ts";
import { type BodyFraming, requestFraming } from "../http/body.ts";
import { hasToken } from "../http/fields.ts";
import { createRequestParser, type HeadFault, type RequestHead } from "../http/head.ts";
import { defer } from "../promises.ts";
import { TransportReader } from "../reader.ts";
import type { Transport } from "../transport.ts";
import { chooseProtocol, judgeUpgrade, type Upgrade, type UpgradeDecision } from "../upgrade.ts";
import type { ServerContext } from "./context.ts";
import { createRequest, RequestBody, tooLarge } from "./request.ts";
import { writeResponse } from "./response.ts";

const SHUTTING_DOWN: HandshakeRefusal = {
  status: 503,
  reason: "The server is shutting down",
  headers: [],
};

/** Serves one connection until it has ended, as a WebSocket or before. */
export class HttpSession {
  /** The WebSocket connection that it became, if it did. */
  connection: WebSocketConnection | undefined;
  /** Whether a request is being answered. */
  answering = false;

  readonly #reader: TransportReader;
  readonly #context: ServerContext;
  readonly #parser;
  readonly #cut = defer<void>();

  /** Takes an accepted transport over. */
  constructor(transport: Transport, context: ServerContext) {
    this.#reader = new TransportReader(transport);
    this.#context = context;
    this.#parser = createRequestParser({ maxHeadSize: context.maxHeadSize });
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#reader.transport.destroy();
    this.#cut.resolve();
  }

  /** Runs to the end of the connection: a `fetch` that does not answer cannot hold up one that has been cut. Never rejects. */
  run(): Promise<void> {
    return Promise.race([this.#serve(), this.#cut.promise]);
  }

  async #serve(): Promise<void> {
    try {
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

  #answer(head: RequestHead): Promise<"upgraded" | "keep-alive" | "close"> {
    const { fetch, websocket } = this.#context;
    if (fetch !== undefined) return this.#fetch(head);
    const judged = this.#judge(head);
    if ("status" in judged) return this.#refuse(judged, head);
    return this.#upgrade(head, { acceptance: judged, handler: websocket ?? {}, options: {} });
  }

  async #fetch(head: RequestHead): Promise<"upgraded" | "keep-alive" | "close"> {
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
    const request = createRequest(head, body?.stream);
    if ("reason" in request) return this.#refuse(request, head);

    const { response, decision } = await this.#callFetch(request, head, body);
    if (body?.fault !== undefined) return this.#refuse(body.fault, head);
    if (decision !== undefined) return this.#upgrade(head, decision, request);
    const keepAlive = wantsKeepAlive(head) && !this.#context.closing &&
      (body === undefined || body.done || await body.discard());
    const exchange = { reader: this.#reader, head, keepAlive, timeout };
    return await writeResponse(response, exchange) ? "keep-alive" : "close";
  }

  /** Calls `fetch`; a decision when it returned what `upgrade()` gave it. */
  async #callFetch(
    request: Request,
    head: RequestHead,
    body: RequestBody | undefined,
  ): Promise<{ response: Response; decision?: UpgradeDecision }> {
    const decisions = new Map<Response, UpgradeDecision>();
    const upgrade: Upgrade = (handler, options = {}) => {
      const judged = this.#judge(head);
      if ("status" in judged) return toResponse(judged);
      const standIn = new Response(null, { status: 204 });
      // The handler takes what `options.data` is, by the type of `upgrade()`.
      decisions.set(standIn, { acceptance: judged, handler: handler as never, options });
      return standIn;
    };
    try {
      const response = await this.#context.fetch!(request, { upgrade });
      const obstacle = whyNotSendable(response);
      if (obstacle !== undefined) {
        throw new TypeError(`Expected fetch to return a Response, got ${obstacle}`);
      }
      const decision = decisions.get(response);
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
    const peers = { remote: transport.remoteAddress, local: transport.localAddress };
    return judgeUpgrade(head, this.#context.origins, peers);
  }

  async #upgrade(
    head: RequestHead,
    { acceptance, handler, options }: UpgradeDecision,
    request?: Request,
  ): Promise<"upgraded" | "close"> {
    const context = this.#context;
    const protocol = chooseProtocol(options.protocol, acceptance.protocols);
    const compression = context.compression?.accept(acceptance.extensions);
    let response;
    try {
      const headers = options.headers === undefined ? [] : new Headers(options.headers);
      const extensions = compression?.extensions ?? [];
      response = await formatAcceptance(acceptance, { protocol, headers, extensions });
    } catch (error) {
      context.report(error);
      return this.#refuse({ status: 500, reason: "Internal server error" }, head);
    }
    // The decision may be older than the shutdown, which closes only what is open when it begins.
    if (context.closing) return this.#refuse(SHUTTING_DOWN, head);
    const { transport } = this.#reader;
    if (this.#reader.isClosed) return "upgraded";
    transport.write(response);
    const { connection, endpoint, inbox } = establish(
      {
        role: "server",
        transport,
        rest: this.#reader.release(),
        compression,
        result: {
          protocol: protocol ?? "",
          request: () => request ?? createHandshakeRequest(head),
        },
      },
      context,
      options.data,
    );
    this.connection = connection;
    context.connections.add(connection);
    connection.closed.then(() => context.connections.delete(connection));
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

function hasBody(framing: BodyFraming): boolean {
  return framing.kind === "chunked" || (framing.kind === "length" && framing.length > 0);
}

/** RFC 9110 section 10.1.1: "100-continue" is the only expectation, and HTTP/1.0 has none. */
function unmetExpectation(head: RequestHead): HeadFault | undefined {
  const expected = head.version === "1.0" ? undefined : head.headers.get("expect");
  if (expected === undefined || expected.toLowerCase() === "100-continue") return undefined;
  return { status: 417, reason: "Expected Expect to be 100-continue" };
}

/** What `fetch` returned in place of a Response that can be sent. */
function whyNotSendable(response: unknown): string | undefined {
  if (!(response instanceof Response)) return response === null ? "null" : typeof response;
  if (response.bodyUsed || response.body?.locked) return "one whose body is used";
  return response.status < 200 ? `one with status ${response.status}` : undefined;
}

/** RFC 9112 section 9.3. */
function wantsKeepAlive(head: RequestHead): boolean {
  const connection = head.headers.get("connection");
  if (hasToken(connection, "close")) return false;
  return head.version === "1.1" || hasToken(connection, "keep-alive");
}

function createHandshakeRequest(head: RequestHead): Request {
  const request = createRequest(head, undefined);
  // The handshake was accepted, so its Host and target are good.
  if ("reason" in request) throw new Error(request.reason);
  return request;
}

function toResponse({ status, reason, headers }: HandshakeRefusal): Response {
  const fields = new Headers({ "content-type": "text/plain; charset=utf-8" });
  for (const [name, value] of headers) fields.append(name, value);
  return new Response(reason, { status, headers: fields });
}
