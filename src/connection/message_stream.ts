// One message as its chunks, while it arrives.

import { brand } from "../util/brands.ts";
import { type Bytes, concat } from "../util/bytes.ts";
import { defer, type Deferred } from "../util/promises.ts";

type Chunk = string | Bytes;

// What only the library does with a stream, which its users do not see.

/** Makes the stream of a message; `proceed` asks for more of it. */
export let createStream: (text: boolean, proceed: () => void) => MessageStream;
/** Whether the next chunk may come. */
export let isWanted: (stream: MessageStream) => boolean;
/** Adds a chunk. */
export let pushChunk: (stream: MessageStream, data: string | Bytes, last: boolean) => void;
/** Drops the chunks that have not been read and those still to come; the endpoint may go on. */
export let discardRest: (stream: MessageStream) => void;
/** Ends the stream with an error, unless it has ended. */
export let failStream: (stream: MessageStream, error: Error) => void;

/**
 * A message that arrives in chunks: strings for a text, bytes for a binary message. Iterate it
 * once, to its end: the next message waits behind it. While the iteration is behind, the peer has
 * to wait too.
 *
 * @example
 * ```ts
 * import { pair } from "@sansocket/ws/testing";
 *
 * const { client, server } = await pair();
 * client.send(["two ", "fragments"]);
 * const message = await server.receiveStream();
 * let text = "";
 * for await (const chunk of message) text += chunk;
 * console.log(message.type, text); // text two fragments
 * await client.close();
 * ```
 */
export class MessageStream implements AsyncIterable<string | Bytes> {
  /** Whether the message is text or binary. */
  readonly type: "text" | "binary";

  readonly #proceed: () => void;
  /** Chunks that no reader has asked for yet; the endpoint holds back more. */
  readonly #chunks: Chunk[] = [];
  #ended = false;
  #discarded = false;
  #error: Error | undefined;
  readonly #readers: Deferred<IteratorResult<Chunk>>[] = [];

  private constructor(text: boolean, proceed: () => void) {
    this.type = text ? "text" : "binary";
    this.#proceed = proceed;
  }

  static {
    brand(this, "MessageStream");
    createStream = (text, proceed) => new MessageStream(text, proceed);
    isWanted = (stream) => stream.#wanted;
    pushChunk = (stream, data, last) => stream.#push(data, last);
    discardRest = (stream) => stream.#discard();
    failStream = (stream, error) => stream.#fail(error);
  }

  get #wanted(): boolean {
    return this.#discarded || this.#readers.length > 0;
  }

  #push(data: string | Bytes, last: boolean): void {
    this.#ended = last;
    if (data.length > 0 && !this.#discarded) this.#chunks.push(data);
    this.#deliver();
  }

  #discard(): void {
    this.#discarded = true;
    this.#chunks.length = 0;
    this.#deliver();
  }

  #fail(error: Error): void {
    if (!this.#ended && !this.#discarded) this.#error ??= error;
    this.#deliver();
  }

  /** Collects the rest of the message. */
  async collect(): Promise<string | Bytes> {
    let text = "";
    const pieces: Bytes[] = [];
    for await (const chunk of this) {
      if (typeof chunk === "string") text += chunk;
      else pieces.push(chunk);
    }
    return this.type === "text" ? text : concat(pieces);
  }

  /**
   * The chunks as they come. Throws ConnectionClosed when the connection ends before the message.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<string | Bytes> {
    return {
      next: () => this.#next(),
      // The rest of a message that its reader gave up must not hold up the messages behind it.
      return: () => {
        this.#discard();
        if (!this.#ended) this.#proceed();
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  #next(): Promise<IteratorResult<Chunk>> {
    const reader = defer<IteratorResult<Chunk>>();
    this.#readers.push(reader);
    this.#deliver();
    if (this.#readers.length > 0) this.#proceed();
    return reader.promise;
  }

  #deliver(): void {
    for (let reader = this.#readers[0]; reader !== undefined; reader = this.#readers[0]) {
      const value = this.#chunks.shift();
      if (value !== undefined) reader.resolve({ done: false, value });
      else if (this.#error !== undefined) reader.reject(this.#error);
      else if (this.#ended || this.#discarded) reader.resolve({ done: true, value: undefined });
      else return;
      this.#readers.shift();
    }
  }
}

/** Makes a stream of a message that came whole. */
export function streamOf(message: string | Bytes): MessageStream {
  const stream = createStream(typeof message === "string", () => {});
  pushChunk(stream, message, true);
  return stream;
}
