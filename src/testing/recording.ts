// A recording: what a trace of one connection tells, as lines of JSON. docs/guides/testing.md
// describes the format; the writer and the reader are both here.
//
// 1. A recording holds content, not compression: the payload of a compressed message is the message
//    without compression, in the line of its last frame.
// 2. A payload longer than the bound is cut, and its line says so: it can be read, not replayed.

import type { TraceEvent, TraceFrame, TraceOptions } from "../connection/trace.ts";
import { Opcode } from "../protocol/frame_header.ts";
import type { Bytes } from "../util/bytes.ts";
import { checkOptions, describe, number, oneOf, type OptionTable } from "../util/check_options.ts";
import { decodeUtf8, encodeUtf8 } from "../util/utf8.ts";
import type { Side } from "./link.ts";

/** The options of {@linkcode record}. */
export interface RecordOptions {
  /** Octets of each payload that are recorded; longer ones are cut. Default: 1,048,576. */
  readonly maxPayload?: number;
  /**
   * Which end is recorded, for `ws.trace()`, which does not see the handshake. Default: what the
   * handshake shows.
   */
  readonly side?: Side;
}

/** A frame of a {@linkcode Recording}. */
export interface RecordedFrame {
  /** The number of its line; the first line of a recording is 1. */
  readonly line: number;
  /** Milliseconds since the time of the first line. */
  readonly t: number;
  /** Whether it came to the end that was recorded or went from there. */
  readonly dir: "in" | "out";
  /** The opcode. */
  readonly opcode: number;
  /** Whether it is the last of its message. */
  readonly fin: boolean;
  /** Whether a compressed message begins with it. */
  readonly rsv1: boolean;
  /**
   * The payload, unmasked. Of a compressed message the last frame has all, without compression, and
   * those before have nothing.
   */
  readonly payload: Bytes;
  /** Octets of that payload. */
  readonly size: number;
  /** Octets of the payload as sent. */
  readonly wire: number;
  /** Whether `payload` is only a part, or nothing. */
  readonly cut: boolean;
}

/** A recording; see {@linkcode readRecording}. */
export interface Recording {
  /** The end that was recorded; undefined when that is not known. */
  readonly side: Side | undefined;
  /** When it begins, in milliseconds since 1970. */
  readonly time: number;
  /** The head of the request; undefined when the handshake was not recorded. */
  readonly request: string | undefined;
  /** The head of the answer; undefined when the handshake was not recorded. */
  readonly response: string | undefined;
  /** The frames of both directions, in order. */
  readonly frames: readonly RecordedFrame[];
}

const RECORD_OPTIONS: OptionTable<RecordOptions> = {
  maxPayload: number("octets", { least: 0 }),
  side: oneOf("client", "server"),
};

/** The number of the format. */
const FORMAT = 1;
/** Handshakes without an answer that are kept. */
const MOST_BEGUN = 1_000;

/** What is known of a connection that is recorded. */
interface Connection {
  side: Side | undefined;
  /** The time of the first line. */
  readonly time: number;
  request?: string;
  response?: string;
  /** Whether the first line has been written. */
  begun: boolean;
  /** The directions in which a compressed message is in progress. */
  readonly compressed: Set<string>;
}

/**
 * Records connections, as the option `trace` or by `ws.trace()`.
 *
 * @param write Called with each line, without its line end, and with the `id` of the connection. A
 * recording is the lines of one connection: those of several have to be kept apart.
 * @param options How much of a payload is recorded, and which end it is.
 * @returns What `trace` takes.
 * @throws {TypeError} When `write` is no function, or an option is unknown or of the wrong kind.
 *
 * @example
 * ```ts
 * import { createNetwork, record } from "@sansocket/ws/testing";
 *
 * const network = createNetwork();
 * const server = await network.serve({ websocket: { message: (ws, data) => ws.send(data) } });
 * const lines: string[] = [];
 * const ws = await network.connect(server.url, { trace: record((line) => lines.push(line)) });
 * await ws.send("hi");
 * await ws.receive();
 * await ws.close();
 * console.log(lines.length); // 5
 * await server.close();
 * ```
 */
export function record(
  write: (line: string, connection: string) => unknown,
  options: RecordOptions = {},
): TraceOptions {
  if (typeof write !== "function") {
    throw new TypeError(`record() expected a function that takes lines, got ${describe(write)}`);
  }
  checkOptions("record()", options, RECORD_OPTIONS);
  const { maxPayload = 1_048_576, side } = options;
  const connections = new Map<string, Connection>();

  const begin = (id: string, connection: Connection): void => {
    connection.begun = true;
    const { side, time, request, response } = connection;
    write(JSON.stringify({ recording: FORMAT, side, time, request, response }), id);
  };
  const event = (event: TraceEvent): void => {
    const { connection: id, time } = event;
    if (event.type === "state") {
      if (event.state === "closed") connections.delete(id);
      return;
    }
    const connection = connections.get(id) ??
      { side, time, begun: false, compressed: new Set<string>() };
    connections.set(id, connection);
    if (event.type === "frame") {
      if (!connection.begun) begin(id, connection);
      write(frameToLine(event, connection), id);
      return;
    }
    if (!event.head.startsWith("HTTP/")) {
      connection.side = event.direction === "out" ? "client" : "server";
      connection.request = event.head;
      if (connections.size <= MOST_BEGUN) return;
      for (const [id, { begun }] of connections) {
        if (!begun) return void connections.delete(id);
      }
      return;
    }
    connection.response = event.head;
    begin(id, connection);
    if (statusOf(event.head) !== 101) connections.delete(id);
  };
  return { event, preview: maxPayload };
}

function frameToLine(event: TraceFrame, { time, compressed }: Connection): string {
  const { direction: dir, opcode, fin, rsv1, size: wire, plainSize, preview } = event;
  const isData = opcode < Opcode.close;
  if (isData && rsv1) compressed.add(dir);
  const isCompressed = isData && compressed.has(dir);
  if (isData && fin) compressed.delete(dir);
  const size = !isCompressed ? wire : fin ? plainSize ?? wire : 0;
  const isText = opcode === Opcode.text || opcode === Opcode.continuation;
  const payload = isText ? decodeUtf8(preview, 0, preview.length) : undefined;
  return JSON.stringify({
    t: Math.round((event.time - time) * 1_000) / 1_000,
    dir,
    opcode,
    fin,
    rsv1,
    ...(payload === undefined ? { base64: toBase64(preview) } : { payload }),
    size,
    wire,
    ...(preview.length < size && { cut: true }),
  });
}

/**
 * Reads a recording.
 *
 * @param text Its lines.
 * @returns The recording.
 * @throws {SyntaxError} When a line is not as the format says, with the number of the line and what
 * was expected there.
 *
 * @example
 * ```ts
 * import { readRecording } from "@sansocket/ws/testing";
 *
 * const { side, frames } = readRecording(
 *   `{"recording":1,"side":"client","time":0}
 * {"t":5,"dir":"out","opcode":1,"fin":true,"rsv1":false,"payload":"hi","size":2,"wire":2}`,
 * );
 * console.log(side, frames[0]?.payload.length); // client 2
 * ```
 */
export function readRecording(text: string): Recording {
  const lines = text.split("\n").map((line) => line.replace(/\r$/, ""));
  while (lines.length > 1 && lines.at(-1) === "") lines.pop();
  const [first, ...rest] = lines.map((line, i) => new Line(line, i + 1));
  first!.take("recording", "1, the number of the format", isFormat);
  return {
    side: first!.take("side", '"client" or "server"', isSide, undefined),
    time: first!.take("time", "milliseconds since 1970", isNumber),
    request: first!.take("request", "a string", isText, undefined),
    response: first!.take("response", "a string", isText, undefined),
    frames: rest.map(readFrame),
  };
}

/** A line, whose members are taken one by one. */
class Line {
  readonly number: number;
  readonly #members: Readonly<Record<string, unknown>>;

  constructor(text: string, number: number) {
    this.number = number;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      value = undefined;
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.wrong("an object of JSON", JSON.stringify(text.slice(0, 100)));
    }
    this.#members = value as Record<string, unknown>;
  }

  /** The member by that name; `absent` when it may be missing and is. */
  take<T, Absent = never>(
    name: string,
    expected: string,
    test: (value: unknown) => value is T,
    ...absent: [Absent?]
  ): T | Absent {
    const value = Object.hasOwn(this.#members, name) ? this.#members[name] : undefined;
    if (value === undefined && absent.length > 0) return absent[0] as Absent;
    if (test(value)) return value;
    throw this.wrong(`${name} to be ${expected}`, describe(value));
  }

  wrong(expected: string, got: string): SyntaxError {
    return new SyntaxError(
      `Line ${this.number} of the recording: expected ${expected}, got ${got}`,
    );
  }
}

function readFrame(line: Line): RecordedFrame {
  const text = line.take("payload", "a string", isText, undefined);
  const base64 = line.take("base64", "octets in Base64", isBase64, undefined);
  if ((text === undefined) === (base64 === undefined)) {
    const got = text === undefined ? "neither" : "both";
    throw line.wrong("either payload or base64", got);
  }
  const payload = text === undefined ? fromBase64(base64!) : encodeUtf8(text);
  const size = line.take("size", "a number of octets", isCount);
  const cut = line.take("cut", "true or false", isFlag, false);
  if (cut ? payload.length > size : payload.length !== size) {
    throw line.wrong(`a payload of ${size} octets`, `one of ${payload.length}`);
  }
  return {
    line: line.number,
    t: line.take("t", "milliseconds since the first line", isNumber),
    dir: line.take("dir", '"in" or "out"', isDirection),
    opcode: line.take("opcode", "a whole number from 0 to 15", isOpcode),
    fin: line.take("fin", "true or false", isFlag),
    rsv1: line.take("rsv1", "true or false", isFlag),
    payload,
    size,
    wire: line.take("wire", "a number of octets", isCount),
    cut,
  };
}

const isFormat = (value: unknown): value is 1 => value === FORMAT;
const isSide = (value: unknown): value is Side => value === "client" || value === "server";
const isDirection = (value: unknown): value is "in" | "out" => value === "in" || value === "out";
const isText = (value: unknown): value is string => typeof value === "string";
const isFlag = (value: unknown): value is boolean => typeof value === "boolean";
const isNumber = (value: unknown): value is number => Number.isFinite(value) && Number(value) >= 0;
const isCount = (value: unknown): value is number => isNumber(value) && Number.isInteger(value);
const isOpcode = (value: unknown): value is number => isCount(value) && value <= 15;
const isBase64 = (value: unknown): value is string => {
  return isText(value) && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value);
};

/** The status in the head of an answer. */
export function statusOf(head: string): number {
  return Number(head.split(" ", 2)[1]);
}

function toBase64(octets: Bytes): string {
  let text = "";
  for (let i = 0; i < octets.length; i += 4_096) {
    text += String.fromCharCode(...octets.subarray(i, i + 4_096));
  }
  return btoa(text);
}

function fromBase64(text: string): Bytes {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
