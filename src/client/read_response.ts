// What a server answers to a client's opening handshake, read from the byte stream.
//
// 1. Interim responses (100, 102, 103 and other 1xx) come before the answer. A client has to skip
//    them even if it asked for none (RFC 9110 section 15.2). 101 is final here: frames follow it.
// 2. A refusal is reported even when its body breaks off or its time is up: the part that has come
//    is kept.

import { concat } from "../util/bytes.ts";
import { HandshakeError } from "../protocol/errors.ts";
import { BodyDecoder, responseFraming } from "../http/body.ts";
import { HeadParser, type ResponseHead } from "../http/head.ts";
import { statusLine } from "../http/start_line.ts";
import type { TransportReader } from "../transport/pull_reader.ts";

/** The most interim responses before the answer. */
const MAX_INTERIM = 16;
/** The most octets of a refusal's body that are kept. */
const MAX_BODY = 65_536;

/**
 * The first octet of a TLS record that a server sends before any data: an alert, or a handshake
 * (RFC 8446 section 5.1).
 */
const TLS_ALERT = 0x15;
const TLS_HANDSHAKE = 0x16;
/** What servers for HTTPS answer to a request without TLS: Go's, nginx, Apache. */
const ASKED_WITHOUT_TLS = /HTTPS (?:server|port)|SSL-enabled server port/i;

const USE_TLS = "connect with wss: in place of ws:";

/**
 * Reads the head of a server's answer.
 *
 * @param reader The byte stream; what comes after the head is put back.
 * @param timeout Milliseconds to wait for each chunk.
 * @param secure Whether the stream is TLS.
 * @returns The head, with any status.
 * @throws {HandshakeError} When the stream ends before it, or what comes is not HTTP.
 */
export async function readAnswer(
  reader: TransportReader,
  timeout: number,
  secure: boolean,
): Promise<ResponseHead> {
  // What createResponseParser() has besides is a check of limits.
  const parser = new HeadParser(statusLine);
  let answered = false;
  for (let interim = 0;;) {
    const chunk = await reader.read(timeout);
    if (typeof chunk === "string") throw endedEarly(reader.error, answered || secure);
    if (!answered && !secure && isTls(chunk)) {
      throw new HandshakeError(`The server speaks TLS there; ${USE_TLS}`, { code: "EPROTO" });
    }
    answered = true;
    const result = parser.push(chunk);
    if (result === undefined) continue;
    if ("fault" in result) {
      throw new HandshakeError(`The server did not answer with HTTP: ${result.fault.reason}`);
    }
    reader.unread(result.rest);
    const { head } = result;
    if (head.status >= 200 || head.status === 101) return head;
    if (++interim > MAX_INTERIM) {
      throw new HandshakeError(
        `Expected an answer behind at most ${MAX_INTERIM} interim responses, got one more`,
      );
    }
  }
}

/** Most servers for TLS, ours included, just end a stream that does not begin with TLS. */
function endedEarly(cause: Error | undefined, known: boolean): HandshakeError {
  const what = cause?.message ?? "The connection ended";
  const advice = known ? "" : `; if the server expects TLS there, ${USE_TLS}`;
  return new HandshakeError(
    `${what} before the server's handshake was complete${advice}`,
    { cause, ...(known || cause !== undefined ? {} : { code: "EPROTO" }) },
  );
}

/** It looks only at the first octet, which may come alone. No answer in HTTP begins with either. */
function isTls([first]: Uint8Array): boolean {
  return first === TLS_ALERT || first === TLS_HANDSHAKE;
}

/**
 * Makes the error for an answer that does not accept the handshake.
 *
 * @param reason Why it does not.
 * @param head The answer.
 * @param reader Where its body comes from; cutting the stream ends the wait for it.
 * @param timeout Milliseconds to wait for each chunk of the body.
 * @param secure Whether the stream is TLS.
 * @returns The error, with as much of the body as has come and is worth keeping.
 */
export async function readRefusal(
  reason: string,
  head: ResponseHead,
  reader: TransportReader,
  timeout: number,
  secure: boolean,
): Promise<HandshakeError> {
  const pieces: Uint8Array[] = [];
  const framing = responseFraming(head, "GET");
  // A 101 that does not accept the handshake has no body.
  if ("kind" in framing && head.status !== 101) {
    const decoder = new BodyDecoder(framing);
    let length = 0;
    while (!decoder.done && length < MAX_BODY) {
      const chunk = await reader.read(timeout);
      if (typeof chunk === "string") break;
      const step = decoder.push(chunk);
      if ("fault" in step) break;
      length += step.data.length;
      pieces.push(step.data);
    }
  }
  const body = new TextDecoder().decode(concat(pieces).subarray(0, MAX_BODY));
  const response = { status: head.status, headers: head.headers.toHeaders(), body };
  return secure || head.status !== 400 || !ASKED_WITHOUT_TLS.test(body)
    ? new HandshakeError(reason, response)
    : new HandshakeError(`${reason}: it speaks TLS there; ${USE_TLS}`, {
      ...response,
      code: "EPROTO",
    });
}
