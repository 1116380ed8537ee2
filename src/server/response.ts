// From the Response that `fetch` returned to HTTP/1.1 on the wire (RFC 9112 section 6).
//
// 1. A body whose Content-Length is given is held to it. One that is there at once, as of a string
//    or bytes, gets its length, and leaves with the head in one write. Any other is chunked for
//    HTTP/1.1 and ended by the connection for HTTP/1.0.
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
import { httpDate } from "../http/date.ts";
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
  const { status, body } = response;
  // RFC 9112 section 6.3: these never have a body, even when the Response has one.
  const bodiless = head.method === "HEAD" || status < 200 || status === 204 || status === 304;
  const empty = body === null;
  const { fields, length, dated, upgrades } = readFields(response.headers);
  // RFC 9110 section 8.6: 204 gives no length; 304 gives the one that 200 would have.
  let declared = status === 204 ? undefined : empty && !bodiless ? 0 : length;
  const source = body?.getReader();
  let ahead = NOTHING;
  if (source !== undefined && declared === undefined) {
    ahead = await readAhead(source, reader, !bodiless);
    declared = ahead.whole;
  }
  const chunked = declared === undefined && !empty && head.version === "1.1";
  const untilClose = declared === undefined && !empty && !chunked && !bodiless;
  const keepAlive = exchange.keepAlive && !untilClose;

  if (!dated) fields.push(["date", httpDate()]);
  if (chunked) fields.push(["transfer-encoding", "chunked"]);
  else if (declared !== undefined) fields.push(["content-length", String(declared)]);
  const connection = upgrades ? ["upgrade"] : [];
  if (!keepAlive) connection.push("close");
  else if (head.version === "1.0") connection.push("keep-alive");
  if (connection.length > 0) fields.push(["connection", connection.join(", ")]);

  const bytes = formatResponseHead(status, response.statusText, fields);
  exchange.tracer?.handshakeSent(bytes);
  if (bodiless || source === undefined) {
    // The body may take its time, or fail; the client does not need it.
    source?.cancel().catch(() => {});
    return await write(reader, bytes, stallTimeout) && keepAlive;
  }
  if (ahead.whole !== undefined) {
    return await write(reader, withHead(bytes, ahead.values), stallTimeout) && keepAlive;
  }
  const encode = chunked ? encodeChunk : undefined;
  try {
    return await writeBody(source, ahead, bytes, encode, declared, exchange) && keepAlive;
  } catch (error) {
    if (untilClose || error instanceof StalledError) throw error;
    exchange.failed(error);
    return false;
  }
}

/** What is known from the fields of a Response. */
export interface Known {
  /** Those that are copied. */
  readonly fields: [string, string][];
  /** The length that its own Content-Length gives, when that is a number. */
  length: number | undefined;
  /** Whether it has a Date. */
  dated: boolean;
  /** Whether it has an Upgrade. */
  upgrades: boolean;
}

/** Reads the fields of a Response. */
export function readFields(headers: Headers): Known {
  const known: Known = { fields: [], length: undefined, dated: false, upgrades: false };
  for (const field of headers) {
    const [name, value] = field;
    if (name === "content-length") {
      if (/^\d{1,15}$/.test(value)) known.length = Number(value);
    } else if (!HOP_BY_HOP.includes(name)) {
      known.fields.push(field);
      if (name === "date") known.dated = true;
      else if (name === "upgrade") known.upgrades = true;
    }
  }
  return known;
}

type Source = ReadableStreamDefaultReader<Uint8Array>;

/** What was read of a body before its head is written. */
interface Ahead {
  /** Its first pieces, in memory of their own. */
  readonly values: Bytes[];
  /** The read that follows, where it takes its time, or fails. */
  readonly next?: ReturnType<Source["read"]>;
  /** The octets of all pieces, where there are no more. */
  readonly whole?: number;
}

const NOTHING: Ahead = { values: [] };
/** Turns of the microtask queue in which a stream gives what it has: 1 to 6 on the runtimes. */
const MICROTASKS = 8;
/** Octets after which no more is read before the head is written. */
const MOST_AHEAD = 1_048_576;
/** Octets before the first piece, for the head: most have fewer. */
const ROOM = 512;

/**
 * Reads what is there of a body at once: its first piece, for which it waits unless `wait` is
 * false, and what follows without a wait. A Response does not tell that it was made of a string or
 * of bytes, but its stream then ends within the turn. Each piece is copied before the next read,
 * for which a stream may use its memory again.
 */
async function readAhead(source: Source, reader: TransportReader, wait: boolean): Promise<Ahead> {
  const values: Bytes[] = [];
  // A client that goes meanwhile ends the wait.
  reader.onClosed = () => void source.cancel().catch(() => {});
  try {
    for (let length = 0; length <= MOST_AHEAD;) {
      const next = source.read();
      const patient = wait && values.length === 0;
      const result = await (patient ? next.catch(() => undefined) : soon(next));
      if (result?.done) return { values, whole: length };
      const value: unknown = result?.value;
      // What is wrong with it is thrown where the body is written.
      if (!isUint8Array(value)) return { values, next };
      length += value.length;
      // No read follows a large one, so it stays where it is.
      if (length > MOST_AHEAD) values.push(value as Bytes);
      else values.push(values.length === 0 ? copyBehindRoom(value) : new Uint8Array(value));
    }
    return { values };
  } finally {
    reader.onClosed = undefined;
  }
}

function copyBehindRoom(value: Uint8Array): Bytes {
  const memory = new Uint8Array(ROOM + value.length);
  memory.set(value, ROOM);
  return memory.subarray(ROOM);
}

/** A head with the pieces of a body behind it: one piece stays where it is. */
function withHead(head: Bytes, values: readonly Bytes[]): Bytes {
  const [only] = values;
  if (only === undefined || values.length > 1 || head.length > ROOM) {
    return concat([head, ...values]);
  }
  const all = new Uint8Array(only.buffer, ROOM - head.length, head.length + only.length);
  all.set(head);
  return all;
}

/** What a promise gives without a wait; undefined when it takes its time, or rejects. */
async function soon<T>(promise: Promise<T>): Promise<T | undefined> {
  let result: T | undefined;
  let settled = false;
  promise.then((value) => {
    result = value;
    settled = true;
  }, () => settled = true);
  for (let i = 0; i < MICROTASKS && !settled; i++) await undefined;
  return result;
}

async function writeBody(
  source: Source,
  { values, next }: Ahead,
  head: Bytes,
  encode: ((data: Uint8Array) => Bytes) | undefined,
  declared: number | undefined,
  { reader, stallTimeout }: Exchange,
): Promise<boolean> {
  const stop = (): void => void source.cancel().catch(() => {});
  reader.onClosed = stop;
  let waiting: Bytes | undefined = head;
  let length = 0;
  try {
    for (let i = 0;; i++) {
      const { done, value } = i < values.length
        ? { done: false, value: values[i] }
        : await (i === values.length && next || source.read());
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
