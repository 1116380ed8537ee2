// connect(), for whichever runtime dials.

import { concat } from "./bytes.ts";
import type { WebSocketConnection } from "./connection.ts";
import { type Compression, createCompression } from "./deflate/compression.ts";
import type { CompressionOptions } from "./deflate/options.ts";
import { HandshakeError } from "./errors.ts";
import { establish } from "./establish.ts";
import { createRequest, judgeResponse } from "./handshake/client.ts";
import { parseTarget } from "./handshake/unix_url.ts";
import { BodyDecoder, responseFraming } from "./http/body.ts";
import { createResponseParser, type ResponseHead } from "./http/head.ts";
import { type ConnectionLimits, type ResolvedLimits, resolveLimits } from "./limits.ts";
import { TransportReader } from "./reader.ts";
import type { TlsClientOptions } from "./tls.ts";
import type { Address, Runtime, Transport } from "./transport.ts";

/** The options of `connect()`. */
export interface ConnectOptions extends ConnectionLimits {
  /**
   * Whether to offer permessage-deflate (RFC 7692), and how; the server decides. Offered unless told, where the
   * runtime has DEFLATE.
   */
  readonly compression?: boolean | CompressionOptions;
  /** The subprotocols to offer, the preferred one first (RFC 6455 section 1.9). */
  readonly protocols?: readonly string[];
  /** More header fields for the request; `Host`, `Origin` and `Authorization` may be set. */
  readonly headers?: HeadersInit;
  /** TLS for `wss:`: whom to trust and what to show. The runtime's own trust unless told. */
  readonly tls?: TlsClientOptions;
  /** Ends the attempt when it fires; without effect on a connection that is open. */
  readonly signal?: AbortSignal;
}

/** `connect()` as each runtime has it. */
export type Connect = (
  url: string | URL,
  options?: ConnectOptions,
) => Promise<WebSocketConnection<undefined>>;

/** The most octets of a refusal's body that are kept. */
const MAX_BODY = 65_536;

/** Makes the `connect()` of a runtime. */
export function createConnect(runtime: Runtime): Connect {
  return async (target, options = {}) => {
    const { url, path } = parseTarget(target);
    const tls = url.protocol === "wss:" ? options.tls ?? {} : undefined;
    const limits = resolveLimits(options);
    const { handshakeTimeout } = limits;
    const compression = createCompression(
      options.compression ?? runtime.deflate !== undefined,
      runtime.deflate,
    );
    options.signal?.throwIfAborted();

    // AbortSignal.any() and timeout() would say this shorter; Node has them from 20.3 on only.
    const controller = new AbortController();
    const { signal } = controller;
    const abort = (): void => controller.abort(options.signal?.reason);
    options.signal?.addEventListener("abort", abort);
    const timer = setTimeout(() => {
      const message = `The opening handshake took more than ${handshakeTimeout} ms`;
      controller.abort(new HandshakeError(message));
    }, handshakeTimeout);
    try {
      const transport = await runtime.dial(addressOf(url), { signal, path, tls });
      return await openConnection(transport, url, options, limits, compression, signal);
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
    }
  };
}

/** Runs the client's opening handshake over a transport (RFC 6455 section 4.1). */
async function openConnection(
  transport: Transport,
  url: URL,
  options: ConnectOptions,
  limits: ResolvedLimits,
  compression: Compression | undefined,
  signal: AbortSignal,
): Promise<WebSocketConnection<undefined>> {
  const abort = (): void => transport.destroy();
  signal.addEventListener("abort", abort);
  try {
    signal.throwIfAborted();
    const reader = new TransportReader(transport);
    const protocols = options.protocols ?? [];
    const headers = new Headers(options.headers);
    const extensions = compression === undefined ? [] : [compression.offer()];
    const { key, bytes } = createRequest(url, { protocols, headers, extensions });
    await reader.write(bytes, limits.handshakeTimeout);
    const head = await readHead(reader, limits.handshakeTimeout);
    const judged = judgeResponse(head, key, { protocols, extensions });
    if ("reason" in judged) throw await refused(judged.reason, head, reader, limits);
    const negotiated = compression?.judge(judged.extensions);
    if (negotiated !== undefined && "reason" in negotiated) {
      throw await refused(negotiated.reason, head, reader, limits);
    }
    signal.throwIfAborted();
    const { connection, endpoint } = establish(
      {
        role: "client",
        transport,
        rest: reader.release(),
        compression: negotiated,
        result: {
          protocol: judged.protocol,
          request: () => new Request(`http${url.href.slice(2)}`, { headers }),
        },
      },
      limits,
      undefined,
    );
    endpoint.start();
    return connection;
  } catch (error) {
    transport.destroy();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function readHead(
  reader: TransportReader,
  timeout: number,
): Promise<ResponseHead> {
  const parser = createResponseParser();
  for (;;) {
    const chunk = await reader.read(timeout);
    if (typeof chunk === "string") {
      const message = "The connection ended before the server's handshake was complete";
      const cause = reader.error;
      throw new HandshakeError(cause === undefined ? message : `${message}: ${cause.message}`, {
        cause,
      });
    }
    const result = parser.push(chunk);
    if (result === undefined) continue;
    if ("fault" in result) {
      throw new HandshakeError(`The server did not answer with HTTP: ${result.fault.reason}`);
    }
    reader.unread(result.rest);
    return result.head;
  }
}

/** The error for a response that is no acceptance, with as much of its body as is worth keeping. */
async function refused(
  reason: string,
  head: ResponseHead,
  reader: TransportReader,
  { handshakeTimeout }: ResolvedLimits,
): Promise<HandshakeError> {
  const pieces: Uint8Array[] = [];
  const framing = responseFraming(head, "GET");
  // After a 101 that is not an acceptance whatever follows is no body.
  if ("kind" in framing && head.status !== 101) {
    const decoder = new BodyDecoder(framing);
    let length = 0;
    while (!decoder.done && length < MAX_BODY) {
      const chunk = await reader.read(handshakeTimeout);
      if (typeof chunk === "string") break;
      const step = decoder.push(chunk);
      if ("fault" in step) break;
      for (const piece of step.data) length += piece.length;
      pieces.push(...step.data);
    }
  }
  const body = new TextDecoder().decode(concat(pieces).subarray(0, MAX_BODY));
  return new HandshakeError(reason, {
    status: head.status,
    headers: head.headers.toHeaders(),
    body,
  });
}

function addressOf(url: URL): Address {
  const port = url.port === "" ? (url.protocol === "wss:" ? 443 : 80) : Number(url.port);
  return { hostname: url.hostname.replace(/^\[|\]$/g, ""), port };
}
