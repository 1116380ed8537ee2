// What a server answers to a client's opening handshake, read from the byte stream.
//
// 1. Interim responses (100, 102, 103 and other 1xx) come before the answer. A client has to skip
//    them even if it asked for none (RFC 9110 section 15.2). 101 is final here: frames follow it.
// 2. A refusal is reported even when its body breaks off or its time is up: the part that has come
//    is kept.

import { concat } from "../util/bytes.ts";
import { codeOf, HandshakeError } from "../protocol/errors.ts";
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

/** Who answers, and how its failures are told. */
export interface Answerer {
  /** What messages call it. */
  readonly name: string;
  /** How to use TLS with it. */
  readonly useTls: string;
  /** The code of a stream without TLS that ends in place of an answer. */
  readonly silent: string;
  /** The code of a stream that ends within an answer. */
  readonly ended: string;
  /** The code of an answer that is no HTTP. */
  readonly malformed: string;
  /** The class of its failures. */
  readonly error: typeof HandshakeError;
}

/** The server. */
export const SERVER: Answerer = {
  name: "server",
  useTls: "connect with wss: in place of ws:",
  silent: "EPROTO",
  ended: "ECONNRESET",
  malformed: "EHTTP",
  error: HandshakeError,
};

/**
 * Reads the head of an answer.
 *
 * @param reader The byte stream; what comes after the head is put back.
 * @param timeout Milliseconds to wait for each chunk.
 * @param secure Whether the stream is TLS.
 * @param answerer Who answers.
 * @returns The head, with any status.
 * @throws {HandshakeError} When the stream ends before it, or what comes is not HTTP.
 */
export async function readAnswer(
  reader: TransportReader,
  timeout: number,
  secure: boolean,
  answerer: Answerer = SERVER,
): Promise<ResponseHead> {
  const { name, useTls, error: Failure } = answerer;
  // What createResponseParser() has besides is a check of limits.
  const parser = new HeadParser(statusLine);
  let answered = false;
  for (let interim = 0;;) {
    const chunk = await reader.read(timeout);
    if (typeof chunk === "string") {
      throw endedEarly(reader.error, answered || secure, answerer);
    }
    if (!answered && !secure && isTls(chunk)) {
      throw new Failure(`The ${name} speaks TLS there; ${useTls}`, { code: "EPROTO" });
    }
    answered = true;
    const result = parser.push(chunk);
    if (result === undefined) continue;
    if ("fault" in result) {
      throw new Failure(`The ${name} did not answer with HTTP: ${result.fault.reason}`, {
        code: answerer.malformed,
      });
    }
    reader.unread(result.rest);
    const { head } = result;
    if (head.status >= 200 || head.status === 101) return head;
    if (++interim > MAX_INTERIM) {
      throw new Failure(
        `Expected an answer behind at most ${MAX_INTERIM} interim responses, got one more`,
        { code: answerer.malformed },
      );
    }
  }
}

/** Most servers for TLS, ours included, just end a stream that does not begin with TLS. */
function endedEarly(
  cause: Error | undefined,
  known: boolean,
  { name, useTls, silent, ended, error: Failure }: Answerer,
): HandshakeError {
  const what = cause?.message ?? "The connection ended";
  const advice = known ? "" : `; if the ${name} expects TLS there, ${useTls}`;
  return new Failure(
    `${what} before the ${name}'s handshake was complete${advice}`,
    { cause, code: codeOf(cause) ?? (known ? ended : silent) },
  );
}

/** It looks only at the first octet, which may come alone. No answer in HTTP begins with either. */
function isTls([first]: Uint8Array): boolean {
  return first === TLS_ALERT || first === TLS_HANDSHAKE;
}

/**
 * Makes the error for an answer that does not accept the handshake.
 *
 * @param fault Why it does not.
 * @param head The answer.
 * @param reader Where its body comes from; cutting the stream ends the wait for it.
 * @param timeout Milliseconds to wait for each chunk of the body.
 * @param secure Whether the stream is TLS.
 * @param answerer Who answers.
 * @returns The error, with as much of the body as has come and is worth keeping.
 */
export async function readRefusal(
  { reason, code }: { readonly reason: string; readonly code?: string },
  head: ResponseHead,
  reader: TransportReader,
  timeout: number,
  secure: boolean,
  { useTls, error: Failure }: Answerer = SERVER,
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
  const response = {
    status: head.status,
    headers: head.headers.toHeaders(),
    body,
    ...(code && { code }),
  };
  return secure || head.status !== 400 || !ASKED_WITHOUT_TLS.test(body)
    ? new Failure(reason, response)
    : new Failure(`${reason}: it speaks TLS there; ${useTls}`, {
      ...response,
      code: "EPROTO",
    });
}
