// Reads a byte stream for a raw peer.
//
// 1. It reads only while something is expected. What the other end sends meanwhile waits in the
//    network, which tells that end to wait: a raw peer that expects nothing is a slow one.
// 2. Calls that wait take what comes in the order of the calls.
// 3. What came in place of what was expected is left where it is, except for frames.

import type { Transport } from "../transport/transport.ts";
import { type Bytes, concat } from "../util/bytes.ts";
import { AssertionError, hex } from "./assertion.ts";
import { lineOf, readRawFrame } from "./raw_frame.ts";
import { startTimeout, type WaitOptions } from "./timeout.ts";

/** The reader of one end. */
export class RawReader {
  readonly #transport: Transport;
  /** What has come and was not taken. */
  #chunks: Bytes[] = [];
  #ended = false;
  #error: Error | undefined;
  #wake: () => void = () => {};
  #turn: Promise<unknown> = Promise.resolve();

  /** Takes a transport over. */
  constructor(transport: Transport) {
    this.#transport = transport;
    transport.sink = {
      data: (chunk) => {
        this.#chunks.push(chunk);
        this.#wake();
      },
      end: () => {
        this.#ended = true;
        this.#wake();
      },
      drain() {},
      closed: (error) => {
        this.#ended = true;
        this.#error ??= error;
        this.#wake();
      },
    };
  }

  /** Whether the other end has ended the stream, and not reset it. */
  get endedInOrder(): boolean {
    return this.#ended && this.#error === undefined;
  }

  /** Waits for its turn, and then until `read` has something. */
  wait<T>(
    call: string,
    line: string,
    options: WaitOptions,
    read: () => T | undefined,
  ): Promise<T> {
    const waited = this.#turn.then(() => this.#read(call, line, options, read));
    this.#turn = waited.catch(() => {});
    return waited;
  }

  async #read<T>(
    call: string,
    line: string,
    options: WaitOptions,
    read: () => T | undefined,
  ): Promise<T> {
    const wait = startTimeout(call, options, this.#transport.clock);
    try {
      for (;;) {
        const got = read();
        if (got !== undefined) return got;
        const end = this.#error === undefined ? "the end of the stream" : this.#error.message;
        if (this.#ended) throw new AssertionError(this.#instead(line, end), undefined, undefined);
        const come = new Promise<void>((resolve) => this.#wake = resolve);
        this.#transport.resume();
        const late = await Promise.race([come, wait.late]);
        this.#transport.pause();
        if (late !== undefined) {
          throw new AssertionError(
            this.#instead(line, `nothing more ${late}`),
            undefined,
            undefined,
          );
        }
      }
    } finally {
      wait.stop();
    }
  }

  #instead(line: string, end: string): string {
    const come = this.size === 0
      ? end.replace("nothing more", "nothing")
      : `${this.shown()} and ${end}`;
    return `Expected ${line}, got ${come}`;
  }

  /** What has come, as frames where it is such, and otherwise in hex. */
  shown(): string {
    const lines: string[] = [];
    let rest = this.joined();
    while (rest.length > 0 && lines.length < 5) {
      const read = readRawFrame(rest);
      if ("needs" in read) break;
      lines.push(lineOf(read.frame));
      rest = rest.subarray(read.size);
    }
    if (rest.length > 0) lines.push(hex(rest));
    return lines.join(", ");
  }

  /** Octets that have come and were not taken. */
  get size(): number {
    return this.#chunks.reduce((size, chunk) => size + chunk.length, 0);
  }

  /** What has come, in one piece. */
  joined(): Bytes {
    if (this.#chunks.length !== 1) this.#chunks = [concat(this.#chunks)];
    return this.#chunks[0]!;
  }

  /** Takes octets that have come. */
  take(octets: number): Bytes {
    const joined = this.joined();
    this.#chunks = octets < joined.length ? [joined.slice(octets)] : [];
    return joined.slice(0, octets);
  }
}

/** Octets as a text, one character for each. */
export function toText(octets: Bytes): string {
  let text = "";
  for (let i = 0; i < octets.length; i += 4_096) {
    text += String.fromCharCode(...octets.subarray(i, i + 4_096));
  }
  return text;
}
