// connect(), for any runtime.

import { systemClock } from "../util/clock.ts";
import { abortReason, onAbort, unlessAborted } from "../util/abort.ts";
import { readAnswer, readRefusal } from "./read_response.ts";
import type { WebSocketConnection } from "../connection/connection.ts";
import type { LateRequest } from "../connection/handshake_result.ts";
import { type Compression, createCompression, judgeCompression } from "../deflate/compression.ts";
import { offerDeflate } from "../deflate/negotiation.ts";
import { COMPRESSION_OPTIONS, type CompressionOptions } from "../deflate/options.ts";
import { HandshakeError } from "../protocol/errors.ts";
import { attendHooks, type ConnectHooks, type HandlerWatcher } from "../connection/handler.ts";
import { nextId } from "../connection/id.ts";
import { Tracer } from "../connection/tracer.ts";
import { establish } from "../connection/establish.ts";
import { createRequest, judgeResponse } from "../handshake/client.ts";
import { parseTarget } from "../handshake/unix_url.ts";
import { type Fields, toFields, toHeaders } from "../http/fields.ts";
import { CONNECTION_LIMITS, type ConnectionLimits } from "../connection/limits.ts";
import { type ResolvedLimits, resolveLimits } from "../connection/limits.ts";
import { callback, checkOptions, group, number, type OptionTable } from "../util/check_options.ts";
import { signal as signalRule, textOrTexts, unjudged, withMethods } from "../util/check_options.ts";
import type { HeadersSource } from "../util/platform.ts";
import type { TransportReader } from "../transport/pull_reader.ts";
import type { DialFunction } from "./dial.ts";
import { type ProxyChoice, type ProxyFunction, proxyRule } from "./proxy.ts";
import { follow, type Hop, isRedirect } from "./redirect.ts";
import { openRoute } from "./route.ts";
import { ADDRESS_OPTIONS, type AddressOptions, withAddresses } from "../transport/addresses.ts";
import { TLS_CLIENT_OPTIONS, type TlsClientOptions } from "../transport/tls.ts";
import type { Runtime } from "../transport/transport.ts";

/** The options of `connect()`. */
export interface ConnectOptions extends ConnectionLimits, AddressOptions {
  /**
   * Whether to offer permessage-deflate (RFC 7692), and how; the server decides. Default: true
   * where the runtime has DEFLATE, else false.
   */
  readonly compression?: boolean | CompressionOptions;
  /**
   * The subprotocol to offer, or several, the preferred one first (RFC 6455 section 1.9). Default:
   * none.
   */
  readonly protocols?: string | readonly string[];
  /**
   * More header fields for the request; `Host`, `Origin` and `Authorization` may be set. The client
   * sends them as they are written here: in this order, with this case, and as often as a list of
   * pairs has them. A `Headers` keeps neither. Default: none.
   */
  readonly headers?: HeadersSource;
  /**
   * TLS for `wss:`: the certificates to trust, and the one to show. Default: the runtime's own
   * trust.
   */
  readonly tls?: TlsClientOptions;
  /**
   * The proxy to go through. A URL with `http:`, `https:`, `socks5:` or `socks5h:`, with the user
   * name and password for the proxy; an object with such a `url`, and `headers` and `tls` for the
   * proxy alone; or a function of the target, called for each redirection too, where undefined
   * means none. "environment" stands for what the variables `HTTPS_PROXY`, `HTTP_PROXY`,
   * `ALL_PROXY` and `NO_PROXY` say. A proxy that fails rejects with a {@linkcode ProxyError}.
   * Default: none.
   */
  readonly proxy?: ProxyChoice | ProxyFunction;
  /**
   * Opens the byte stream, in place of the runtime: for a tunnel, or another platform's sockets. It
   * gets the address and a signal, and gives a pair of web streams. For `wss:`, TLS runs over them,
   * unless they are `encrypted` already. Called for each redirection too. Not together with
   * `proxy`. Default: none.
   */
  readonly dial?: DialFunction;
  /**
   * How many redirections to follow (301, 302, 303, 307, 308), all within `handshakeTimeout`.
   * Default: 0.
   *
   * For servers that have moved. The server that answers decides where the messages go. Another
   * origin gets no credentials: of `headers` the client sends it only `Accept`, `Accept-Encoding`,
   * `Accept-Language`, `Cache-Control`, `Pragma` and `User-Agent`, because any other field may be a
   * credential. It gets neither the user name and password of a URL nor the client certificate. It
   * does get `protocols`: put no token there. The client asks `cookies` for each URL. It does not
   * follow a redirection from `wss:` to `ws:`, to a URL that is no WebSocket URL, or with several
   * `Location` fields: `connect()` then rejects with a {@linkcode HandshakeError} that has its
   * status.
   */
  readonly maxRedirects?: number;
  /** Where cookies come from and go to. Browsers handle cookies themselves. Default: none. */
  readonly cookies?: CookieJar;
  /**
   * Hooks for events that are not messages: `ping`, `pong`, `drain` and `close`, and `error` for
   * what these throw. Without `error` that goes to `console.error`. A hook that throws closes the
   * connection with
   * 1011. Default: none.
   */
  readonly hooks?: ConnectHooks;
  /**
   * Ends the attempt when it fires; it has no effect on a connection that is open. Default: none.
   */
  readonly signal?: AbortSignal;
}

const CONNECT_HOOKS: OptionTable<ConnectHooks> = {
  drain: callback,
  ping: callback,
  pong: callback,
  close: callback,
  error: callback,
};

/** What each of these may be. */
export const CONNECT_OPTIONS: OptionTable<ConnectOptions> = {
  ...CONNECTION_LIMITS,
  ...ADDRESS_OPTIONS,
  compression: group(COMPRESSION_OPTIONS, true, false),
  protocols: textOrTexts,
  headers: unjudged("header fields"),
  tls: group(TLS_CLIENT_OPTIONS),
  proxy: proxyRule,
  dial: callback,
  maxRedirects: number("redirections", { least: 0 }),
  cookies: withMethods("get", "set"),
  hooks: group(CONNECT_HOOKS),
  signal: signalRule,
};

/**
 * Keeps cookies (RFC 6265), as packages for cookies do. Both functions may be async;
 * `handshakeTimeout` and `signal` bound the wait for them.
 */
export interface CookieJar {
  /**
   * Says what to send.
   *
   * @param url Where the request goes, with `http:` or `https:`.
   * @returns The value of `Cookie`. The client sends none when it is empty or when the caller set
   * that field.
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

/** Makes the `connect()` of a runtime. */
export function createConnect(runtime: Omit<Runtime, "listen">): Connect {
  const { clock = systemClock } = runtime;
  return async (target, given) => {
    if (given !== undefined) checkOptions("connect()", given, CONNECT_OPTIONS);
    const options = given ?? {};
    const { url, path } = parseTarget(target);
    let hop: Hop = { url, path, headers: toFields(options.headers), tls: options.tls ?? {} };
    const dialling = withAddresses(runtime, options);
    const maxRedirects = options.maxRedirects ?? 0;
    const limits = resolveLimits(options);
    const { handshakeTimeout } = limits;
    const compression = createCompression(
      options.compression ?? runtime.deflate !== undefined,
      runtime.deflate,
    );
    if (options.signal?.aborted) throw abortReason(options.signal);

    // AbortSignal.any() and timeout() would be shorter, but Node has them only from 20.3 on.
    const controller = new AbortController();
    const { signal } = controller;
    const caller = options.signal;
    const stopWaiting = caller && onAbort(caller, () => controller.abort(abortReason(caller)));
    const timer = clock.setTimer(
      () => {
        const message = `The opening handshake took more than ${handshakeTimeout} ms`;
        controller.abort(new HandshakeError(message, { code: "ETIMEDOUT" }));
      },
      handshakeTimeout,
      "the opening handshake of connect()",
    );
    try {
      for (let redirects = 0;; redirects++) {
        const outcome = await openConnection(
          await openRoute(dialling, hop, options, signal, handshakeTimeout),
          hop,
          { ...options, maxRedirects: maxRedirects - redirects },
          limits,
          compression,
          signal,
        );
        if ("request" in outcome) return outcome;
        hop = outcome;
      }
    } finally {
      clock.clearTimer(timer);
      stopWaiting?.();
    }
  };
}

/** Errors of hooks are reported as on a server. */
const HOOK_WATCHER: HandlerWatcher = {
  report: (error) => console.error(error),
  done() {},
};

/**
 * Runs the client's opening handshake over a transport (RFC 6455 section 4.1), or returns the next
 * request, after a redirection.
 */
async function openConnection(
  reader: TransportReader,
  hop: Hop,
  options: ConnectOptions,
  limits: ResolvedLimits,
  compression: Compression | undefined,
  signal: AbortSignal,
): Promise<WebSocketConnection<undefined> | Hop> {
  const { transport } = reader;
  // The signal is our own and has no other listeners: `onAbort()` would cost V8 2 µs.
  const abort = (): void => transport.destroy();
  signal.addEventListener("abort", abort);
  try {
    signal.throwIfAborted();
    const { handshakeTimeout } = limits;
    const protocols = toProtocols(options);
    const { url } = hop;
    const secure = url.protocol === "wss:";
    const headers = await withCookies(hop, options.cookies, signal);
    const extensions = compression === undefined ? [] : [offerDeflate(compression.options)];
    const { key, bytes } = createRequest(url, { protocols, headers, extensions });
    const tracer = options.trace && new Tracer(nextId(), options.trace, transport.clock);
    tracer?.handshakeSent(bytes);
    await reader.write(bytes, handshakeTimeout);
    const head = await readAnswer(reader, handshakeTimeout, secure);
    tracer?.handshakeReceived(`HTTP/1.1 ${head.status} ${head.statusText}`, head.headers);
    for (const cookie of head.headers.getAll("set-cookie")) {
      await unlessAborted(options.cookies?.set(httpUrl(url), cookie), signal);
    }
    if (isRedirect(head) && options.maxRedirects !== 0) {
      const next = follow(hop, head);
      transport.destroy();
      return next;
    }
    const judged = judgeResponse(head, key, { protocols, extensions });
    if ("reason" in judged) {
      throw await readRefusal(judged, head, reader, handshakeTimeout, secure);
    }
    const negotiated = compression && judgeCompression(compression, judged.extensions);
    if (negotiated !== undefined && "reason" in negotiated) {
      throw await readRefusal(
        { ...negotiated, code: "EEXTENSION" },
        head,
        reader,
        handshakeTimeout,
        secure,
      );
    }
    signal.throwIfAborted();
    const established = establish(
      {
        role: "client",
        transport,
        rest: reader.release(),
        compression: negotiated,
        tracer,
        result: {
          protocol: judged.protocol,
          request: new SentRequest(url.href, headers),
          response: head,
        },
      },
      limits,
      undefined,
    );
    if (options.hooks !== undefined) attendHooks(options.hooks, established, HOOK_WATCHER);
    established.endpoint.start();
    return established.connection;
  } catch (error) {
    transport.destroy();
    if (options.signal?.aborted) throw abortReason(options.signal);
    // When the time is up in the middle of a refusal, the error of the refusal says more.
    if (error instanceof HandshakeError && error.status !== undefined) throw error;
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** The subprotocols to offer. */
export function toProtocols(
  { protocols = [] }: Pick<ConnectOptions, "protocols">,
): readonly string[] {
  return typeof protocols === "string" ? [protocols] : protocols;
}

/** The request of a connection, made when the program asks for it. */
class SentRequest implements LateRequest {
  readonly #url: string;
  readonly #headers: Fields;

  constructor(url: string, headers: Fields) {
    this.#url = url;
    this.#headers = headers;
  }

  make(): Request {
    return new Request(httpUrl(this.#url), { headers: toHeaders(this.#headers) });
  }
}

/** The caller's header fields, with the cookies for this request. */
async function withCookies(
  { url, headers }: Hop,
  jar: CookieJar | undefined,
  signal: AbortSignal,
): Promise<Fields> {
  if (jar === undefined || headers.some(([name]) => name.toLowerCase() === "cookie")) {
    return headers;
  }
  const cookie = await unlessAborted(jar.get(httpUrl(url)), signal);
  return cookie === undefined || cookie === "" ? headers : [...headers, ["Cookie", cookie]];
}

/** The URL with the scheme of HTTP, without a user name and a password, as `Request` takes it. */
function httpUrl(url: URL | string): string {
  const own = new URL(url);
  own.username = own.password = "";
  return `http${own.href.slice(2)}`;
}
