// connect(), for whichever runtime dials.

import { concat } from "./bytes.ts";
import { WebSocketConnection } from "./connection.ts";
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
import { follow, type Hop, isRedirect } from "./redirect.ts";
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
  /**
   * How many redirections to follow (301, 302, 303, 307, 308), all within `handshakeTimeout`; 0 unless told. Another
   * origin is sent neither `Authorization`, `Cookie` and `Host` nor the client certificate, and none leads from `wss:`
   * to `ws:`. For servers that have moved; but whoever answers then decides where the messages go.
   */
  readonly maxRedirects?: number;
  /** Where cookies come from and go to, as browsers do by themselves. None unless told. */
  readonly cookies?: CookieJar;
  /** Ends the attempt when it fires; without effect on a connection that is open. */
  readonly signal?: AbortSignal;
}

/** Keeps cookies (RFC 6265), as the packages for that do; both functions may be async. */
export interface CookieJar {
  /**
   * Says what to send.
   *
   * @param url Where the request goes, with `http:` or `https:`.
   * @returns The value of `Cookie`; nothing is sent when it is empty or the caller set that field.
   */
  get(url: string): string | undefined | Promise<string | undefined>;
  /**
   * Takes what a server sets: with its acceptance, a redirection or a refusal.
   *
   * @param url Where it comes from.
   * @param cookie The value of one `Set-Cookie`.
   */
  set(url: string, cookie: string): unknown;
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
    let hop: Hop = { url, path, headers: new Headers(options.headers), tls: options.tls ?? {} };
    const maxRedirects = options.maxRedirects ?? 0;
    if (!(maxRedirects >= 0)) {
      throw new RangeError(`Expected maxRedirects to be 0 or above, got ${maxRedirects}`);
    }
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
      for (let redirects = 0;; redirects++) {
        const { url, path } = hop;
        const tls = url.protocol === "wss:" ? hop.tls : undefined;
        const transport = await runtime.dial(addressOf(url), { signal, path, tls });
        const outcome = await openConnection(
          transport,
          hop,
          { ...options, maxRedirects: maxRedirects - redirects },
          limits,
          compression,
          signal,
        );
        if (outcome instanceof WebSocketConnection) return outcome;
        hop = outcome;
      }
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
    }
  };
}

/** Runs the client's opening handshake over a transport (RFC 6455 section 4.1), or says where to go instead. */
async function openConnection(
  transport: Transport,
  hop: Hop,
  options: ConnectOptions,
  limits: ResolvedLimits,
  compression: Compression | undefined,
  signal: AbortSignal,
): Promise<WebSocketConnection<undefined> | Hop> {
  const abort = (): void => transport.destroy();
  signal.addEventListener("abort", abort);
  try {
    signal.throwIfAborted();
    const reader = new TransportReader(transport);
    const protocols = options.protocols ?? [];
    const { url } = hop;
    const headers = await withCookies(hop, options.cookies);
    const extensions = compression === undefined ? [] : [compression.offer()];
    const { key, bytes } = createRequest(url, { protocols, headers, extensions });
    await reader.write(bytes, limits.handshakeTimeout);
    const head = await readHead(reader, limits.handshakeTimeout);
    for (const cookie of head.headers.getAll("set-cookie")) {
      await options.cookies?.set(httpUrl(url), cookie);
    }
    if (isRedirect(head) && options.maxRedirects !== 0) {
      const next = follow(hop, head);
      transport.destroy();
      return next;
    }
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
          request: { make: () => new Request(httpUrl(url), { headers }) },
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

/** The caller's header fields, with the cookies for this request. */
async function withCookies({ url, headers }: Hop, jar: CookieJar | undefined): Promise<Headers> {
  if (jar === undefined || headers.has("cookie")) return headers;
  const cookie = await jar.get(httpUrl(url));
  if (cookie === undefined || cookie === "") return headers;
  const all = new Headers(headers);
  all.set("cookie", cookie);
  return all;
}

function httpUrl(url: URL): string {
  return `http${url.href.slice(2)}`;
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
      length += step.data.length;
      pieces.push(step.data);
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
