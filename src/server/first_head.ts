// The wait for the head of a request, within `handshakeTimeout`.

import { createRequestParser, type HeadParser, type RequestHead } from "../http/head.ts";
import type { HeadResult } from "../http/head.ts";
import type { ReadFailure, TransportReader } from "../transport/pull_reader.ts";
import type { ServerContext } from "./context.ts";

/** The result of the wait for the first head, where `Opening` has waited for it. */
export interface FirstHead {
  /** The head or what is wrong with it, or why there is none. */
  readonly first: NonNullable<HeadResult<RequestHead>> | ReadFailure;
  /** Whether a part of it has come. */
  readonly started: boolean;
}

/** Reads the heads of one connection. */
export class HeadReader {
  readonly #reader: TransportReader;
  readonly #context: ServerContext;
  readonly #parser: HeadParser<RequestHead>;

  /** Reads from `reader`, which has no other reader meanwhile. */
  constructor(reader: TransportReader, context: ServerContext) {
    this.#reader = reader;
    this.#context = context;
    this.#parser = createRequestParser({ maxHeadSize: context.maxHeadSize });
  }

  /** Waits for the next head. */
  async next(): Promise<FirstHead> {
    const { clock, handshakeTimeout } = this.#context;
    const deadline = clock.now() + handshakeTimeout;
    let started = false;
    for (;;) {
      const chunk = await this.#reader.read(deadline - clock.now());
      if (typeof chunk === "string") return { first: chunk, started };
      started = true;
      const first = this.#parser.push(chunk);
      if (first !== undefined) return { first, started };
    }
  }
}
