// From the Response that `fetch` returned to HTTP/1.1 on the wire (RFC 9112 section 6).
//
// 1. A body whose Content-Length is given is held to it; any other is chunked for HTTP/1.1 and
//    ended by the connection for HTTP/1.0.
// 2. The server itself frames the message: it does not copy Connection, Transfer-Encoding and
//    Keep-Alive.
// 3. A body that fails midway, or is not of the length it promised, cuts the connection: the peer
//    must not take it for complete. Where the last chunk or octets are missing, the server first
//    sends what was written before.
// 4. A peer may take a response slowly, but must not stop taking it. A peer that has gone is no
//    mistake of ours: the body is cancelled, and nothing is thrown.

import { brand, isUint8Array, kindOf } from "../util/brands.ts";
import { type Bytes, concat } from "../util/bytes.ts";
import { encodeChunk, LAST_CHUNK } from "../http/body.ts";
import { formatResponseHead } from "../http/format.ts";
import type { RequestHead } from "../http/head.ts";
import type { Tracer } from "../connection/tracer.ts";
import type { TransportReader } from "../transport/pull_reader.ts";

const HOP_BY_HOP = ["connection", "transfer-encoding", "keep-alive", "content-length"];

/** What `writeResponse()` needs to know of the exchange. */
export interface Exchange {
  /** Where to write. */
  readonly reader: TransportReader;
  /** The request that is answered. */
  readonly head: RequestHead;
  /** Whether the connection is to live on. */
  readonly keepAlive: boolean;
  /** Milliseconds for which the peer may take nothing of what waits. */
  readonly stallTimeout: number;
  /**
   * Called with what the application's body failed with, if the peer sees by itself that the rest
   * is missing.
   */
  readonly failed: (error: unknown) => void;
  /** Traces a response that refuses a handshake. */
  readonly tracer?: Pick<Tracer, "handshakeSent"> | undefined;
}

/**
 * Writes a response.
 *
 * @returns Whether the connection can be used again.
 * @throws What the body's stream failed with, or that the peer takes nothing.
 */
export async function writeResponse(response: Response, exchange: Exchange): Promise<boolean> {
  const { reader, head, stallTimeout } = exchange;
  const { status } = response;
  // RFC 9112 section 6.3: these never have a body, even when the Response has one.
  const bodiless = head.method === "HEAD" || status < 200 || status === 204 || status === 304;
  const { body } = response;
  const empty = body === null;
  // RFC 9110 section 8.6: 204 gives no length; 304 gives the one that 200 would have.
  const declared = status === 204 ? undefined : empty && !bodiless ? 0 : declaredLength(response);
  const chunked = declared === undefined && !empty && head.version === "1.1";
  const untilClose = declared === undefined && !empty && !chunked && !bodiless;
  const keepAlive = exchange.keepAlive && !untilClose;

  const headers: [string, string][] = [];
  for (const [name, value] of response.headers) {
    if (!HOP_BY_HOP.includes(name)) headers.push([name, value]);
  }
  if (!response.headers.has("date")) headers.push(["date", new Date().toUTCString()]);
  if (chunked) headers.push(["transfer-encoding", "chunked"]);
  else if (declared !== undefined) headers.push(["content-length", String(declared)]);
  const connection = response.headers.has("upgrade") ? ["upgrade"] : [];
  if (!keepAlive) connection.push("close");
  else if (head.version === "1.0") connection.push("keep-alive");
  if (connection.length > 0) headers.push(["connection", connection.join(", ")]);

  const bytes = formatResponseHead(status, response.statusText, headers);
  exchange.tracer?.handshakeSent(bytes);
  if (bodiless || empty) {
    // The body may take its time, or fail; the client does not need it.
    body?.cancel().catch(() => {});
    return await write(reader, bytes, stallTimeout) && keepAlive;
  }
  const encode = chunked ? encodeChunk : undefined;
  try {
    return await writeBody(body, bytes, encode, declared, exchange) && keepAlive;
  } catch (error) {
    if (untilClose || error instanceof StalledError) throw error;
    exchange.failed(error);
    return false;
  }
}

async function writeBody(
  body: ReadableStream<Uint8Array>,
  head: Bytes,
  encode: ((data: Uint8Array) => Bytes) | undefined,
  declared: number | undefined,
  { reader, stallTimeout }: Exchange,
): Promise<boolean> {
  const source = body.getReader();
  const stop = (): void => void source.cancel().catch(() => {});
  reader.onClosed = stop;
  let waiting: Bytes | undefined = head;
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await source.read();
      if (reader.isClosed) return false;
      if (done) break;
      if (!isUint8Array(value)) {
        throw new TypeError(`Expected the body's chunks to be Uint8Array, got ${kindOf(value)}`);
      }
      if (value.length === 0) continue;
      length += value.length;
      if (declared !== undefined && length > declared) {
        throw new RangeError(`The body is longer than its Content-Length of ${declared}`);
      }
      // The head leaves with the first chunk, in one write.
      const bytes: Bytes = encode?.(value) ?? value as Bytes;
      const joined: Bytes = waiting === undefined ? bytes : concat([waiting, bytes]);
      waiting = undefined;
      if (!await write(reader, joined, stallTimeout)) return false;
    }
    if (declared !== undefined && length < declared) {
      throw new RangeError(
        `The body has ${length} octets, its Content-Length says ${declared}`,
      );
    }
    const end = encode === undefined ? [] : [LAST_CHUNK];
    const last = waiting === undefined ? end : [waiting, ...end];
    return last.length === 0 || await write(reader, concat(last), stallTimeout);
  } finally {
    reader.onClosed = undefined;
    stop();
  }
}

/** Writes bytes; false when the peer has gone. */
async function write(reader: TransportReader, bytes: Bytes, patience: number): Promise<boolean> {
  const left = await reader.write(bytes, patience);
  if (!left && !reader.isClosed) throw stalled(patience);
  return left;
}

/** The error of a response that its peer does not take. */
export function stalled(patience: number): Error {
  return new StalledError(
    `A response was cut: its client took nothing of what waited within ${patience} ms ` +
      "(guard.stallTimeout)",
  );
}

class StalledError extends Error {
  static {
    brand(this, "StalledError");
  }
}

/** The length that the Response's own Content-Length gives, when that is a number. */
function declaredLength(response: Response): number | undefined {
  const value = response.headers.get("content-length");
  return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
