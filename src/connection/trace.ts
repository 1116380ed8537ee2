// What can be traced of a connection, and how it reads in a terminal.

import { Opcode } from "../protocol/frame_header.ts";
import { decodeCloseBody } from "../protocol/close_frame.ts";
import type { Bytes } from "../util/bytes.ts";
import {
  callback,
  describe,
  group,
  isObject,
  number,
  type OptionRule,
  type OptionTable,
} from "../util/check_options.ts";

/** What every event of a trace says. */
export interface TraceStamp {
  /** The `id` of the connection. */
  readonly connection: string;
  /** When, in milliseconds since 1970, with fractions. */
  readonly time: number;
}

/** A frame has come or has been given to the transport (RFC 6455 section 5.2). */
export interface TraceFrame extends TraceStamp {
  /** What this event is. */
  readonly type: "frame";
  /** Whether it came or went. */
  readonly direction: "in" | "out";
  /** The opcode: 0 continuation, 1 text, 2 binary, 8 Close, 9 Ping, 10 Pong. */
  readonly opcode: number;
  /** Whether it is the last frame of its message. */
  readonly fin: boolean;
  /** Whether RSV1 is set: the message is compressed (RFC 7692 section 6). */
  readonly rsv1: boolean;
  /** Octets of its payload, as sent. */
  readonly size: number;
  /**
   * For the last frame of a compressed message: the octets of the message without compression.
   * Undefined where that is not known: for a message that waits for its consumer, for a
   * `PreparedMessage`, and where the trace began after the connection had opened.
   */
  readonly plainSize?: number;
  /**
   * The beginning of its payload, unmasked. For the last frame of a compressed message it is the
   * beginning of the message without compression, where `plainSize` is known.
   */
  readonly preview: Uint8Array<ArrayBuffer>;
}

/** The state of the connection has changed. */
export interface TraceState extends TraceStamp {
  /** What this event is. */
  readonly type: "state";
  /** The state now. */
  readonly state: "open" | "closing" | "closed";
}

/**
 * One half of the opening handshake (RFC 6455 section 4). A handshake that is refused is traced
 * too, with an `id` that no connection has.
 */
export interface TraceHandshake extends TraceStamp {
  /** What this event is. */
  readonly type: "handshake";
  /** Whether it came or went. */
  readonly direction: "in" | "out";
  /**
   * The start line and the header fields; the values of fields that hold credentials are left out.
   */
  readonly head: string;
}

/** What a trace tells. */
export type TraceEvent = TraceFrame | TraceState | TraceHandshake;

/**
 * Called with each event, in order, in a microtask after it: the function may send, close, or trace
 * again. What it throws goes to `console.error`, and does not affect the connection.
 */
export type TraceFunction = (event: TraceEvent) => unknown;

/** The function to call, and how much to show. */
export interface TraceOptions {
  /** Called with each event. */
  readonly event: TraceFunction;
  /** Octets of each payload to show. Default: 64. */
  readonly preview?: number;
}

export const TRACE_OPTIONS: OptionTable<TraceOptions> = {
  event: callback,
  preview: number("octets", { least: 0 }),
};

const asGroup = group(TRACE_OPTIONS);

/** What the option may be. */
export const trace: OptionRule = {
  ...asGroup,
  expected: "a function or { event, preview }",
  check(name, value, scope) {
    if (typeof value === "function") return;
    if (!isObject(value) || value.event === undefined) {
      const got = describe(value);
      throw new TypeError(`Expected ${name} to be ${this.expected}, got ${got}`);
    }
    asGroup.check(name, value, scope);
  },
};

const NAMES: Readonly<Record<number, string>> = {
  [Opcode.continuation]: "CONT",
  [Opcode.text]: "TEXT",
  [Opcode.binary]: "BINARY",
  [Opcode.close]: "CLOSE",
  [Opcode.ping]: "PING",
  [Opcode.pong]: "PONG",
};

const decoder = new TextDecoder();

/**
 * One event as a line for a terminal: `< TEXT "hi" [2 octets]` for a frame that came, `>` for one
 * that went.
 *
 * @param event The event.
 * @returns The line; several for a handshake.
 *
 * @example
 * ```ts
 * import { formatTrace } from "@sansocket/ws";
 * import { pair } from "@sansocket/ws/testing";
 *
 * const lines: string[] = [];
 * const { client, server } = await pair();
 * server.trace((event) => lines.push(formatTrace(event)));
 * await client.send("hi");
 * await client.close();
 * console.log(lines[0]); // < TEXT "hi" [2 octets]
 * ```
 */
export function formatTrace(event: TraceEvent): string {
  if (event.type === "state") return `= ${event.state}`;
  const arrow = event.direction === "in" ? "<" : ">";
  if (event.type === "handshake") {
    return event.head.split("\r\n").map((line) => `${arrow} ${harmless(line)}`).join("\n");
  }
  const { opcode, fin, rsv1, size, plainSize } = event;
  const words = [arrow, NAMES[opcode] ?? `opcode ${opcode}`];
  const shown = show(event);
  if (shown !== "") words.push(shown);
  const facts = [`${size} ${size === 1 ? "octet" : "octets"}`];
  if (plainSize !== undefined) facts.push(`${plainSize} inflated`);
  else if (rsv1) facts.push("compressed");
  if (!fin) facts.push("continued");
  words.push(`[${facts.join(", ")}]`);
  return words.join(" ");
}

function show({ opcode, preview, size, plainSize }: TraceFrame): string {
  if (preview.length === 0) return "";
  const rest = preview.length < (plainSize ?? size) ? "…" : "";
  if (opcode === Opcode.close) return showClose(preview);
  const isText = opcode === Opcode.text || opcode === Opcode.continuation ||
    opcode === Opcode.ping || opcode === Opcode.pong;
  const text = isText ? readable(preview) : undefined;
  return text === undefined ? `${hex(preview)}${rest}` : `${JSON.stringify(text)}${rest}`;
}

function showClose(body: Bytes): string {
  const status = decodeCloseBody(body);
  if (typeof status === "number") return hex(body);
  return status.reason === ""
    ? `${status.code}`
    : `${status.code} ${harmless(JSON.stringify(status.reason))}`;
}

/** The octets as text, if a terminal can show it. A character that the preview cut is left out. */
function readable(preview: Bytes): string | undefined {
  const text = decoder.decode(preview).replace(/\ufffd$/, "");
  // deno-lint-ignore no-control-regex -- Those are what is looked for.
  return /[\u0000-\u0008\u000e-\u001f\u007f-\u009f\ufffd]/.test(text) ? undefined : text;
}

function hex(octets: Bytes): string {
  return [...octets].map((octet) => octet.toString(16).padStart(2, "0")).join(" ");
}

/** The text with the characters that a terminal obeys written as escapes. */
function harmless(text: string): string {
  // deno-lint-ignore no-control-regex -- Those are what is replaced.
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
