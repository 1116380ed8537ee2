// Heads for the handshake tests, through the real parser, so that they are what a server would see.

import { createRequestParser, createResponseParser } from "../../src/http/head.ts";
import type { RequestHead, ResponseHead } from "../../src/http/head.ts";

const encoder = new TextEncoder();

/** The client's handshake of RFC 6455 1.2, without its optional fields. */
export const REQUEST: readonly string[] = [
  "GET /chat HTTP/1.1",
  "Host: server.example.com",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version: 13",
];

/** The server's handshake of RFC 6455 1.2. */
export const RESPONSE: readonly string[] = [
  "HTTP/1.1 101 Switching Protocols",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
];

/**
 * The lines with changes: a line replaces the one with the same name (or the start line), `-Name`
 * removes one, `+Name: value` adds one more.
 */
export function change(lines: readonly string[], ...changes: readonly string[]): string[] {
  const result = [...lines];
  for (const line of changes) {
    if (line.startsWith("+")) {
      result.push(line.slice(1));
      continue;
    }
    const name = line.replace(/^-/, "").split(":")[0]?.toLowerCase();
    const index = isStartLine(line)
      ? 0
      : result.findIndex((other) =>
        !isStartLine(other) && name === other.split(":")[0]?.toLowerCase()
      );
    if (line.startsWith("-")) result.splice(index, 1);
    else if (index < 0) result.push(line);
    else result[index] = line;
  }
  return result;
}

/** Parses the head of a request. */
export function request(...changes: readonly string[]): RequestHead {
  return parse(createRequestParser(), change(REQUEST, ...changes));
}

/** Parses the head of a response. */
export function response(...changes: readonly string[]): ResponseHead {
  return parse(createResponseParser(), change(RESPONSE, ...changes));
}

function isStartLine(line: string): boolean {
  return / HTTP\/1\.\d$|^HTTP\//.test(line);
}

function parse<Head>(
  parser: { push(chunk: Uint8Array<ArrayBuffer>): { head: Head } | { fault: unknown } | undefined },
  lines: readonly string[],
): Head {
  const result = parser.push(encoder.encode(lines.join("\r\n") + "\r\n\r\n"));
  if (result === undefined || !("head" in result)) throw new Error(`Bad head: ${lines.join("|")}`);
  return result.head;
}
