// Answers requests for pages in turn, as long as they need nothing else: the short way of
// `HttpSession`.
//
// 1. Nearly every request for a page is a GET without a body that comes in one chunk. It is parsed
//    and `fetch` is called within that chunk, without a promise or a timer for its head. The
//    connection has one deadline, which each answer moves. A page that is always the same is
//    written as it was the last time.
// 2. Anything else is handed to `HttpSession` as it stands: a request with a body, for a WebSocket
//    or to be refused before `fetch` is called; and behind `fetch` an upgrade, an error, and an
//    answer that is the last one. This file answers nothing but a Response, and then waits on.

import type { Bytes } from "../util/bytes.ts";
import { EMPTY } from "../util/bytes.ts";
import type { Deadline } from "../util/clock.ts";
import { createRequestParser, type HeadParser, type RequestHead } from "../http/head.ts";
import type { ChunkTaker, TransportReader } from "../transport/pull_reader.ts";
import { type AskedRequest, type AskedScene, askFetch } from "./ask_fetch.ts";
import type { Answer } from "./call_fetch.ts";
import type { FetchHandler, ServerContext } from "./context.ts";
import type { FirstHead } from "./first_head.ts";
import type { SessionPeer } from "./client_address.ts";
import { isPlainPage, requestUrl } from "./request.ts";
import { stalled, writeResponse } from "./response.ts";
import type { Departure } from "./server_request.ts";

/** Where pages are asked for. */
export interface PageScene {
  /** The bytes of the connection. */
  readonly reader: TransportReader;
  /** The server. */
  readonly context: ServerContext;
  /** The client. */
  readonly peer: SessionPeer;
}

/** What the session of a connection is told and asked. */
export interface PageSession {
  /** Whether a request is being answered. */
  readonly answering: boolean;
  /** A request is being answered from now on. */
  begin(): Departure;
  /** The request at hand has been answered. */
  answered(): void;
  /** A body has failed midway, and its connection has to be cut. */
  reportCut(error: unknown): void;
}

/** A request that `fetch` has answered with what takes the long way. */
export interface AskedPage {
  /** What it was called with. */
  readonly asked: AskedRequest;
  /** What it has answered. */
  readonly answer: Answer;
}

/** The requests of one connection. */
export class FastPages implements ChunkTaker, Deadline {
  readonly waits = "more octets of HTTP";

  readonly #reader: TransportReader;
  readonly #context: ServerContext;
  readonly #session: PageSession;
  readonly #fetch: FetchHandler | undefined;
  readonly #scene: AskedScene;
  readonly #parser: HeadParser<RequestHead>;
  /** The last Host that was found to be good. */
  #host: string | undefined;
  /** Whether a part of a head has come. */
  #started = false;
  #resolve: ((next: FirstHead | AskedPage) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

  /** Reads from `reader`, which has no other reader while `next()` waits. */
  constructor(
    { reader, context, peer }: PageScene,
    session: PageSession,
    fetch: FetchHandler | undefined,
  ) {
    this.#reader = reader;
    this.#context = context;
    this.#session = session;
    this.#fetch = fetch;
    this.#scene = { context, peer, transport: reader.transport };
    this.#parser = createRequestParser({ maxHeadSize: context.maxHeadSize });
  }

  /**
   * Waits for the next request that takes the long way, and answers those that come before it.
   * Rejects with what a response failed with.
   *
   * @param known The first head, where it has been read.
   */
  next(known?: FirstHead): Promise<FirstHead | AskedPage> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      if (known === undefined) {
        this.#wait();
      } else if (typeof known.first === "string" || "fault" in known.first) {
        this.#settle(known);
      } else {
        this.#reader.unread(known.first.rest);
        this.#answer(known.first.head);
        this.#readHeld();
      }
    });
  }

  /** Implements {@linkcode ChunkTaker}. */
  take(chunk: Bytes, lent: boolean): boolean {
    const held = this.#push(chunk, lent);
    if (held) this.#readHeld();
    return lent || !held;
  }

  /** Answers a request once its head is complete; true when the reader holds what is behind it. */
  #push(chunk: Bytes, lent: boolean): boolean {
    const result = this.#parser.push(chunk);
    this.#started = true;
    if (result === undefined) return false;
    if ("fault" in result) {
      this.#settle({ first: result, started: true });
      return false;
    }
    const { head, rest } = result;
    if (rest.length > 0) this.#reader.unread(lent ? rest.slice() : rest);
    this.#answer(head);
    return rest.length > 0;
  }

  /** The peer has ended its side, or the stream is gone. */
  ended(): void {
    if (!this.#session.answering) this.#settleEnd();
  }

  /** Implements {@linkcode Deadline}. */
  late(): void {
    if (!this.#session.answering) this.#settle({ first: "timeout", started: this.#started });
  }

  /** Waits for a head, from now on for as long as one may take. */
  #wait(): void {
    this.#start();
    this.#readHeld();
  }

  #start(): void {
    const { clock, handshakeTimeout } = this.#context;
    this.#started = false;
    clock.startDeadline(this, handshakeTimeout);
  }

  /** Takes what came while an answer was made, then waits for more. */
  #readHeld(): void {
    const reader = this.#reader;
    while (this.#resolve !== undefined && !this.#session.answering) {
      const chunk = reader.takeHeld();
      if (chunk !== undefined) {
        reader.taker = undefined;
        this.#push(chunk, false);
      } else if (reader.isClosed || reader.hasEnded) {
        return this.#settleEnd();
      } else {
        reader.taker = this;
        return reader.transport.resume();
      }
    }
  }

  #answer(received: RequestHead): void {
    if (this.#fetch === undefined || this.#context.closing || !isPlainPage(received)) {
      return this.#settleHead(received);
    }
    const head = this.#scene.peer.identify(received);
    if ("status" in head) return this.#settleHead(received);
    const octets = this.#findOctets(head);
    if (octets !== undefined) return this.#writeOctets(octets);
    const departure = this.#session.begin();
    const called = askFetch(this.#fetch, { head, departure }, this.#scene);
    if ("reason" in called) {
      this.#session.answered();
      return this.#settleHead(received);
    }
    const { asked, answer } = called;
    this.#reader.taker = undefined;
    if ("then" in answer) {
      this.#context.clock.stopDeadline(this, this.#context.handshakeTimeout);
      answer.then((answer) => this.#conclude(answer, asked));
    } else this.#conclude(answer, asked);
  }

  /** The octets of the page that is always the same, where there is one for the request. */
  #findOctets(head: RequestHead): Bytes | undefined {
    const octets = this.#context.findPage?.(head)?.octets(head.method);
    if (octets === undefined) return undefined;
    const host = head.headers.getOnly("host");
    if (host === undefined || host !== this.#host) {
      // Its Host is malformed, or a URL cannot have it.
      if (requestUrl(head) === undefined) return undefined;
      this.#host = host;
    }
    return this.#reader.transport.borrows ? octets : octets.slice();
  }

  #writeOctets(octets: Bytes): void {
    const { stallTimeout } = this.#context;
    const left = this.#reader.writeNow(octets, stallTimeout);
    if (left === true) return this.#start();
    this.#session.begin();
    this.#reader.taker = undefined;
    Promise.resolve(left).then((left) => {
      if (left || this.#reader.isClosed) this.#written(left);
      else this.#failed(stalled(stallTimeout));
    });
  }

  #conclude(answer: Answer, asked: AskedRequest): void {
    const plain = answer.decision === undefined && answer.refusal === undefined &&
      answer.error === undefined;
    if (!plain || this.#context.closing || this.#reader.isClosed) {
      return this.#settle({ asked, answer });
    }
    writeResponse(answer.response, {
      reader: this.#reader,
      head: asked.head,
      keepAlive: true,
      stallTimeout: this.#context.stallTimeout,
      failed: (error) => this.#session.reportCut(error),
    }).then(this.#written, this.#failed);
  }

  readonly #written = (whole: boolean): void => {
    this.#session.answered();
    if (whole && !this.#context.closing) this.#wait();
    else this.#settleEnd();
  };

  readonly #failed = (error: unknown): void => {
    this.#stop();
    this.#reject?.(error);
  };

  /** The long way has to answer a request. */
  #settleHead(head: RequestHead): void {
    this.#settle({ first: { head, rest: EMPTY }, started: true });
  }

  /** There are no more requests. */
  #settleEnd(): void {
    this.#settle({ first: this.#reader.isClosed ? "closed" : "ended", started: this.#started });
  }

  #settle(next: FirstHead | AskedPage): void {
    const resolve = this.#resolve;
    this.#stop();
    resolve?.(next);
  }

  #stop(): void {
    this.#resolve = undefined;
    this.#reader.taker = undefined;
    this.#context.clock.stopDeadline(this, this.#context.handshakeTimeout);
  }
}
