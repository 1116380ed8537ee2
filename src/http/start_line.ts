// The request-line and the status-line (RFC 9112 section 3 and 4), one byte at a time, so that the
// first impossible byte is refused when it arrives and not when a whole line, or a limit, is there.
// Rule: step() judges a byte, build() cuts a line that is already known to be good.

import { type HeaderFields, isTokenCode, isValueCode } from "./fields.ts";

/** The head of a request. */
export interface RequestHead {
  /** The method, case-sensitive (RFC 9110 section 9.1). */
  readonly method: string;
  /** The request-target, as sent (RFC 9112 section 3.2). */
  readonly target: string;
  /** The HTTP version. */
  readonly version: "1.0" | "1.1";
  /** The header fields. */
  readonly headers: HeaderFields;
}

/** The head of a response. */
export interface ResponseHead {
  /** The status code, 100 to 999. */
  readonly status: number;
  /** The reason phrase; may be empty. */
  readonly statusText: string;
  /** The HTTP version. */
  readonly version: "1.0" | "1.1";
  /** The header fields. */
  readonly headers: HeaderFields;
}

/** What the peer did wrong, and the status to answer with. */
export interface HeadFault {
  /** The status a server answers with. */
  readonly status: number;
  /** What came, and what was expected. */
  readonly reason: string;
}

/** The grammar of a start-line, and the head that begins with it. */
export interface StartLine<Head> {
  /** The state before the first byte; `START_LINE_END` when there is no start-line. */
  readonly initial: number;
  /** The fault when the limit is reached inside the line. */
  readonly overflow: HeadFault;
  /** The state after one more byte, `START_LINE_END` after the last one, or a fault. */
  step(state: number, byte: number): number | HeadFault;
  /** The head, from the text of a whole valid line and the fields behind it. */
  build(line: string, headers: HeaderFields): Head;
}

/** The state behind the line's CRLF; all states of a start-line are below it. */
export const START_LINE_END = 32;

const CR = 0x0d;
const LF = 0x0a;
const SP = 0x20;

// Both lines share the states from VERSION on: five for the letters of "HTTP/", then the digits.
const VERSION = 8;
const MAJOR = 13;
const DOT = 14;
const MINOR = 15;
const OTHER_DOT = 16;
const OTHER_MINOR = 17;
const AFTER_VERSION = 18;
const LINE_LF = 19;

function stepVersion(state: number, byte: number): number | HeadFault {
  const isDigit = byte >= 0x30 && byte <= 0x39;
  switch (state) {
    case MAJOR:
      if (byte === 0x31) return DOT;
      return isDigit ? OTHER_DOT : unexpected(byte, "the HTTP version");
    case DOT:
    case OTHER_DOT:
      return byte === 0x2e ? state + 1 : unexpected(byte, "the HTTP version");
    case MINOR:
      if (byte === 0x30 || byte === 0x31) return AFTER_VERSION;
      return isDigit ? unsupportedVersion : unexpected(byte, "the HTTP version");
    case OTHER_MINOR:
      return isDigit ? unsupportedVersion : unexpected(byte, "the HTTP version");
    default:
      if (byte === "HTTP/".charCodeAt(state - VERSION)) return state + 1;
      return unexpected(byte, "the HTTP version");
  }
}

const unsupportedVersion: HeadFault = {
  status: 505,
  reason: "Unsupported HTTP version, expected HTTP/1.1 or HTTP/1.0",
};

const START = 0;
const EMPTY_LINE_LF = 1;
const START_AGAIN = 2;
const METHOD = 3;
const TARGET_START = 4;
const TARGET = 5;

/** `request-line = method SP request-target SP HTTP-version` (RFC 9112 section 3). */
export const requestLine: StartLine<RequestHead> = {
  initial: START,
  overflow: { status: 414, reason: "Request-line too long" },
  step(state: number, byte: number): number | HeadFault {
    switch (state) {
      case START:
        // One empty line before the request-line is ignored (RFC 9112 section 2.2)
        if (byte === CR) return EMPTY_LINE_LF;
        return isTokenCode(byte) ? METHOD : unexpected(byte, "the method");
      case EMPTY_LINE_LF:
        return byte === LF ? START_AGAIN : unexpected(byte, "the line end");
      case START_AGAIN:
        return isTokenCode(byte) ? METHOD : unexpected(byte, "the method");
      case METHOD:
        if (isTokenCode(byte)) return METHOD;
        return byte === SP ? TARGET_START : unexpected(byte, "the method");
      case TARGET_START:
      case TARGET:
        if (byte > 0x20 && byte < 0x7f) return TARGET;
        return byte === SP && state === TARGET ? VERSION : unexpected(byte, "the request-target");
      case AFTER_VERSION:
        return byte === CR ? LINE_LF : unexpected(byte, "the line end");
      case LINE_LF:
        return byte === LF ? START_LINE_END : unexpected(byte, "the line end");
      default:
        return stepVersion(state, byte);
    }
  },
  build(line: string, headers: HeaderFields): RequestHead {
    const start = line.charCodeAt(0) === CR ? 2 : 0;
    const methodEnd = line.indexOf(" ", start);
    return {
      method: line.slice(start, methodEnd),
      target: line.slice(methodEnd + 1, -"_HTTP/1.1__".length),
      version: line.charCodeAt(line.length - 3) === 0x30 ? "1.0" : "1.1",
      headers,
    };
  },
};

const STATUS = 20;
const AFTER_STATUS = 23;
const REASON = 24;

/**
 * `status-line = HTTP-version SP status-code [ SP reason-phrase ]` (RFC 9112 section 4); the second
 * SP may be missing.
 */
export const statusLine: StartLine<ResponseHead> = {
  initial: VERSION,
  overflow: { status: 431, reason: "Status-line too long" },
  step(state: number, byte: number): number | HeadFault {
    switch (state) {
      case AFTER_VERSION:
        return byte === SP ? STATUS : unexpected(byte, "the HTTP version");
      case STATUS:
        // No status code is below 100 (RFC 9110 section 15)
        return byte >= 0x31 && byte <= 0x39 ? STATUS + 1 : unexpected(byte, "the status code");
      case STATUS + 1:
      case STATUS + 2:
        return byte >= 0x30 && byte <= 0x39 ? state + 1 : unexpected(byte, "the status code");
      case AFTER_STATUS:
        if (byte === CR) return LINE_LF;
        return byte === SP ? REASON : unexpected(byte, "the status code");
      case REASON:
        if (byte === CR) return LINE_LF;
        return isValueCode(byte) ? REASON : unexpected(byte, "the reason phrase");
      case LINE_LF:
        return byte === LF ? START_LINE_END : unexpected(byte, "the line end");
      default:
        return stepVersion(state, byte);
    }
  },
  build(line: string, headers: HeaderFields): ResponseHead {
    return {
      status: Number(line.slice(9, 12)),
      statusText: line.slice(13, -2),
      version: line.charCodeAt(7) === 0x30 ? "1.0" : "1.1",
      headers,
    };
  },
};

/**
 * The fault of a byte that the grammar does not allow.
 *
 * @param byte The byte.
 * @param where The part of the message that it stands in or behind.
 * @returns A fault with status 400.
 */
export function unexpected(byte: number, where: string): HeadFault {
  const shown = byte > 0x20 && byte < 0x7f
    ? `"${String.fromCharCode(byte)}"`
    : `byte 0x${byte.toString(16).padStart(2, "0")}`;
  return { status: 400, reason: `Unexpected ${shown} in ${where}` };
}
