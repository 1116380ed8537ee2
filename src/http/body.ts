// Where a message body ends (RFC 9112 section 6 and 7).
//
// 1. Framing that two readers could understand differently is refused, never repaired: that is
//    request smuggling (RFC 9112 section 11.2).
// 2. "chunked" is the only transfer coding. Any other that a peer names cannot be decoded here.
// 3. The decoder holds nothing of the body. Chunk-size lines and the trailer section are bounded.
//    Each chunk that is pushed gives one piece of the body: a view of it, or a copy where it holds
//    several HTTP chunks. Their number is the peer's choice, and no other code has to handle each.
// 4. Trap: an empty chunk is the last one, so encodeChunk() of no bytes must be no bytes.

import { concat } from "../util/bytes.ts";
import { type HeaderFields, isValueCode } from "./fields.ts";
import { trimOws } from "./lists.ts";
import { checkOptions, number, type OptionTable } from "../util/check_options.ts";
import { createTrailerParser, type HeadParser } from "./head.ts";
import type { HeadFault, RequestHead, ResponseHead } from "./head.ts";
import { unexpected } from "./start_line.ts";

/** How the end of a body is found (RFC 9112 section 6.3). */
export type BodyFraming =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "until-close" };

/**
 * The framing of a request's body (RFC 9112 section 6.3).
 *
 * @param head The head of the request.
 * @returns The framing, or the fault to answer: 400, 413 or 501.
 */
export function requestFraming(head: RequestHead): BodyFraming | HeadFault {
  return declaredFraming(head) ?? { kind: "none" };
}

/**
 * The framing of a response's body (RFC 9112 section 6.3).
 *
 * @param head The head of the response.
 * @param requestMethod The method of the request that it answers.
 * @returns The framing, or a fault.
 */
export function responseFraming(
  head: ResponseHead,
  requestMethod: string,
): BodyFraming | HeadFault {
  const { status } = head;
  const isTunnel = requestMethod === "CONNECT" && status >= 200 && status < 300;
  if (requestMethod === "HEAD" || status < 200 || status === 204 || status === 304 || isTunnel) {
    return { kind: "none" };
  }
  return declaredFraming(head) ?? { kind: "until-close" };
}

function declaredFraming(
  head: { readonly version: "1.0" | "1.1"; readonly headers: HeaderFields },
): BodyFraming | HeadFault | undefined {
  const coding = head.headers.get("transfer-encoding");
  const lengths = head.headers.getAll("content-length");
  if (coding === undefined) return lengths.length === 0 ? undefined : contentLength(lengths);
  // HTTP/1.0 has no transfer codings: its framing is faulty (RFC 9112 section 6.1)
  if (head.version === "1.0") {
    return { status: 400, reason: "Transfer-Encoding in an HTTP/1.0 message, expected none" };
  }
  if (lengths.length > 0) {
    return {
      status: 400,
      reason: "Both Transfer-Encoding and Content-Length, expected one of them",
    };
  }
  if (coding.toLowerCase() === "chunked") return { kind: "chunked" };
  return { status: 501, reason: `Transfer-Encoding ${coding}, expected chunked` };
}

/**
 * Members of a list that are all equal may be taken as one value; different ones may not (RFC 9112
 * section 6.3).
 */
function contentLength(lines: readonly string[]): BodyFraming | HeadFault {
  const members = lines.join(",").split(",").map(trimOws);
  const value = members[0]!;
  if (!/^[0-9]+$/.test(value) || members.some((member) => member !== value)) {
    return {
      status: 400,
      reason: `Content-Length ${lines.join(", ")}, expected one decimal number`,
    };
  }
  const length = Number(value);
  if (length <= Number.MAX_SAFE_INTEGER) return { kind: "length", length };
  return { status: 413, reason: `Content-Length ${value}, expected at most 2^53-1` };
}

/** The limits of the framing between the bytes of a chunked body. */
export interface BodyLimits {
  /** Bytes of one chunk-size line without its CRLF. Default: 256. */
  readonly maxChunkLineSize: number;
  /** Bytes of all chunk extensions of one body. Default: 16,384. */
  readonly maxExtensionSize: number;
  /** Bytes of the trailer section with its empty line. Default: 8,192. */
  readonly maxTrailerSize: number;
}

const octets = number("octets", { least: 0 });

const BODY_LIMITS: OptionTable<BodyLimits> = {
  maxChunkLineSize: octets,
  maxExtensionSize: octets,
  maxTrailerSize: octets,
};

/** What one chunk led to. */
export type BodyStep =
  | {
    /** The bytes of the body: a view of the chunk, or a copy where they lie in several pieces. */
    readonly data: Uint8Array;
    /** Whether the body is complete. */
    readonly done: boolean;
    /** The bytes behind the body; empty before its end. */
    readonly rest: Uint8Array;
  }
  | { readonly fault: HeadFault };

const CR = 0x0d;
const LF = 0x0a;
const SP = 0x20;
const HTAB = 0x09;
const SEMICOLON = 0x3b;

type State =
  | "until-close"
  | "length"
  | "size-start"
  | "size"
  | "extension-space"
  | "extension"
  | "size-lf"
  | "chunk-data"
  | "data-cr"
  | "data-lf"
  | "trailer"
  | "done";

/**
 * Takes a body out of a stream of chunks. With the framing "until-close" it is never done: the end
 * of the connection is the end of the body.
 *
 * @example
 * ```ts
 * import { BodyDecoder } from "@sansocket/ws/core";
 *
 * const decoder = new BodyDecoder({ kind: "chunked" });
 * decoder.push(new TextEncoder().encode("5\r\nhello\r\n0\r\n\r\n")); // data: "hello", done: true
 * ```
 */
export class BodyDecoder {
  readonly #limits: BodyLimits;
  #trailer: HeadParser<HeaderFields> | undefined;
  #state: State;
  #fault: HeadFault | undefined;
  /** Bytes still to come of the body or of the chunk; in a chunk-size line, the size so far. */
  #remaining = 0;
  #lineSize = 0;
  #extensionSize = 0;

  /**
   * Makes a decoder of one body.
   *
   * @param framing How the end is found.
   * @param limits Limits other than the defaults.
   * @throws {TypeError} When a limit is unknown or no number.
   * @throws {RangeError} When a limit is out of its range.
   */
  constructor(framing: BodyFraming, limits: Partial<BodyLimits> = {}) {
    checkOptions("BodyDecoder", limits, BODY_LIMITS);
    this.#limits = {
      maxChunkLineSize: limits.maxChunkLineSize ?? 256,
      maxExtensionSize: limits.maxExtensionSize ?? 16_384,
      maxTrailerSize: limits.maxTrailerSize ?? 8_192,
    };
    this.#state = "done";
    if (framing.kind === "until-close") this.#state = "until-close";
    if (framing.kind === "chunked") this.#state = "size-start";
    if (framing.kind === "length" && framing.length > 0) {
      this.#state = "length";
      this.#remaining = framing.length;
    }
  }

  /** Whether the body is complete. */
  get done(): boolean {
    return this.#state === "done";
  }

  /**
   * Takes the next chunk. After a fault it always returns that fault; after the end all bytes are
   * `rest`.
   *
   * @param chunk The bytes.
   * @returns The bytes of the body in it, or a fault.
   */
  push(chunk: Uint8Array): BodyStep {
    if (this.#fault) return { fault: this.#fault };
    const parts: number[] = [];
    let at = 0;
    while (at < chunk.length && this.#state !== "done") {
      if (this.#state === "until-close") {
        parts.push(0, chunk.length);
        at = chunk.length;
      } else if (this.#state === "length" || this.#state === "chunk-data") {
        const end = Math.min(chunk.length, at + this.#remaining);
        parts.push(at, end);
        this.#remaining -= end - at;
        at = end;
        if (this.#remaining === 0) this.#state = this.#state === "length" ? "done" : "data-cr";
      } else if (this.#state === "trailer") {
        this.#trailer ??= createTrailerParser({ maxHeadSize: this.#limits.maxTrailerSize });
        const result = this.#trailer.push(chunk.subarray(at));
        if (result && "fault" in result) return this.#fail(result.fault);
        at = result ? chunk.length - result.rest.length : chunk.length;
        if (result) this.#state = "done";
      } else {
        const next = this.#frame(this.#state, chunk[at++]!);
        if (typeof next === "object") return this.#fail(next);
        this.#state = next;
      }
    }
    return { data: join(chunk, parts), done: this.#state === "done", rest: chunk.subarray(at) };
  }

  /**
   * One byte of the chunked coding that is not data: `chunk-size [ chunk-ext ] CRLF`, and the CRLF
   * behind data (RFC 9112 section 7.1).
   */
  #frame(state: State, byte: number): State | HeadFault {
    if (state === "data-cr") return byte === CR ? "data-lf" : unexpected(byte, "the chunk end");
    if (state === "data-lf") return byte === LF ? "size-start" : unexpected(byte, "the chunk end");
    if (state === "size-lf") {
      if (byte !== LF) return unexpected(byte, "the chunk-size line");
      this.#lineSize = 0;
      return this.#remaining === 0 ? "trailer" : "chunk-data";
    }
    if (byte === CR && (state === "size" || state === "extension")) return "size-lf";
    if (++this.#lineSize > this.#limits.maxChunkLineSize) {
      return { status: 400, reason: "Chunk-size line too long" };
    }
    if (state === "size-start" || state === "size") {
      const digit = parseInt(String.fromCharCode(byte), 16); // NaN for what is none
      if (digit >= 0) {
        this.#remaining = this.#remaining * 16 + digit;
        return this.#remaining <= Number.MAX_SAFE_INTEGER
          ? "size"
          : { status: 413, reason: "Chunk too large, expected at most 2^53-1 bytes" };
      }
      if (state === "size-start") return unexpected(byte, "the chunk size");
    }
    if (++this.#extensionSize > this.#limits.maxExtensionSize) {
      return { status: 413, reason: "Chunk extensions too large" };
    }
    if (state === "extension") {
      return isValueCode(byte) ? "extension" : unexpected(byte, "a chunk extension");
    }
    if (byte === SEMICOLON) return "extension";
    return byte === SP || byte === HTAB ? "extension-space" : unexpected(byte, "the chunk size");
  }

  #fail(fault: HeadFault): BodyStep {
    this.#fault = fault;
    return { fault };
  }
}

/**
 * The parts of a chunk, each by its start and its end. They are copied octet by octet, since a view
 * for each of many short ones would cost more.
 */
function join(chunk: Uint8Array, parts: readonly number[]): Uint8Array {
  const [first = 0, last = 0] = parts;
  if (parts.length < 4) return chunk.subarray(first, last);
  let length = 0;
  for (let i = 0; i < parts.length; i += 2) length += parts[i + 1]! - parts[i]!;
  const joined = new Uint8Array(length);
  let to = 0;
  for (let i = 0; i < parts.length; i += 2) {
    for (let from = parts[i]!; from < parts[i + 1]!; from++) joined[to++] = chunk[from]!;
  }
  return joined;
}

/** The last chunk and an empty trailer section (RFC 9112 section 7.1). */
export const LAST_CHUNK: Uint8Array<ArrayBuffer> = new TextEncoder().encode("0\r\n\r\n");

/**
 * Encodes bytes as one chunk (RFC 9112 section 7.1).
 *
 * @param data The bytes.
 * @returns The chunk; no bytes for no data, since an empty chunk would end the body.
 */
export function encodeChunk(data: Uint8Array): Uint8Array<ArrayBuffer> {
  if (data.length === 0) return new Uint8Array(0);
  const size = new TextEncoder().encode(`${data.length.toString(16)}\r\n`);
  return concat([size, data, LAST_CHUNK.subarray(3)]);
}
