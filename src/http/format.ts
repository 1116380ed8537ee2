// Writes the heads that the parser of head.ts reads.
//
// 1. Nothing that could end a line early leaves here (header injection): names and methods are
//    tokens, values have no control character except HTAB.
// 2. A bad argument is the caller's mistake, so it is an exception.
// 3. Trap: a code unit over 0xff must be refused, not cut to a byte: U+010A would become LF.

import { isToken } from "./fields.ts";

/**
 * Formats the head of a request.
 *
 * @param method The method.
 * @param target The request-target, already percent-encoded.
 * @param headers Names and values in order; the case of names is kept.
 * @returns The bytes, through the empty line.
 * @throws {TypeError} When a part is not allowed by RFC 9112.
 *
 * @example
 * ```ts
 * import { formatRequestHead } from "@sansocket/ws/core";
 *
 * formatRequestHead("GET", "/chat", [["Host", "example.org"]]);
 * ```
 */
export function formatRequestHead(
  method: string,
  target: string,
  headers: Iterable<readonly [string, string]>,
): Uint8Array<ArrayBuffer> {
  if (!isToken(method)) {
    throw new TypeError(`Invalid method ${JSON.stringify(method)}, expected a token`);
  }
  if (!isTarget(target)) {
    throw new TypeError(
      `Invalid request-target ${JSON.stringify(target)}, expected visible ASCII characters`,
    );
  }
  return encode(`${method} ${target} HTTP/1.1\r\n${fieldLines(headers)}\r\n`);
}

/**
 * Formats the head of a response.
 *
 * @param status The status code, 100 to 999.
 * @param statusText The reason phrase; the standard one when empty.
 * @param headers Names and values in order; the case of names is kept.
 * @returns The bytes, through the empty line.
 * @throws {TypeError} When a part is not allowed by RFC 9112.
 *
 * @example
 * ```ts
 * import { formatResponseHead } from "@sansocket/ws/core";
 *
 * formatResponseHead(426, "", [["Upgrade", "websocket"]]);
 * ```
 */
export function formatResponseHead(
  status: number,
  statusText: string,
  headers: Iterable<readonly [string, string]>,
): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(status) || status < 100 || status > 999) {
    throw new TypeError(`Invalid status ${status}, expected an integer from 100 to 999`);
  }
  const phrase = statusText || standardStatusText(status);
  if (!isFieldValue(phrase)) {
    throw new TypeError(
      `Invalid status text ${
        JSON.stringify(phrase)
      }, expected no control characters and nothing over U+00FF`,
    );
  }
  // The second SP is sent even when there is no phrase (RFC 9112 section 4)
  return encode(`HTTP/1.1 ${status} ${phrase}\r\n${fieldLines(headers)}\r\n`);
}

function fieldLines(headers: Iterable<readonly [string, string]>): string {
  let lines = "";
  for (const [name, value] of headers) {
    if (!isToken(name)) {
      throw new TypeError(`Invalid header name ${JSON.stringify(name)}, expected a token`);
    }
    if (!isFieldValue(value)) {
      throw new TypeError(
        `Invalid value of header ${name}, expected no control characters and nothing over U+00FF`,
      );
    }
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

function isFieldValue(value: string): boolean {
  return /^[\t -~\x80-\xff]*$/.test(value);
}

function isTarget(target: string): boolean {
  return /^[!-~]+$/.test(target);
}

/** Latin-1; every code unit is known to fit. */
function encode(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const STATUS_TEXTS = `
100 Continue
101 Switching Protocols
103 Early Hints
200 OK
201 Created
202 Accepted
203 Non-Authoritative Information
204 No Content
205 Reset Content
206 Partial Content
300 Multiple Choices
301 Moved Permanently
302 Found
303 See Other
304 Not Modified
305 Use Proxy
307 Temporary Redirect
308 Permanent Redirect
400 Bad Request
401 Unauthorized
402 Payment Required
403 Forbidden
404 Not Found
405 Method Not Allowed
406 Not Acceptable
407 Proxy Authentication Required
408 Request Timeout
409 Conflict
410 Gone
411 Length Required
412 Precondition Failed
413 Content Too Large
414 URI Too Long
415 Unsupported Media Type
416 Range Not Satisfiable
417 Expectation Failed
421 Misdirected Request
422 Unprocessable Content
425 Too Early
426 Upgrade Required
428 Precondition Required
429 Too Many Requests
431 Request Header Fields Too Large
451 Unavailable For Legal Reasons
500 Internal Server Error
501 Not Implemented
502 Bad Gateway
503 Service Unavailable
504 Gateway Timeout
505 HTTP Version Not Supported
511 Network Authentication Required
`;
/**
 * The reason phrase of a status code (RFC 9110 section 15, RFC 6585, RFC 7725, RFC 8297, RFC 8470).
 *
 * @param status The status code.
 * @returns The phrase, or the empty string for a code without one.
 */
export function standardStatusText(status: number): string {
  const start = STATUS_TEXTS.indexOf(`\n${status} `);
  return start < 0 ? "" : STATUS_TEXTS.slice(start + 5, STATUS_TEXTS.indexOf("\n", start + 1));
}
