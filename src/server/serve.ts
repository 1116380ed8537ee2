// serve(), for whichever runtime brings the listener.

import type { WebSocketConnection } from "../connection/connection.ts";
import type { DeflateBackend } from "../deflate/backend.ts";
import type { CompressionOptions } from "../deflate/options.ts";
import type { GuardOptions } from "../guard/options.ts";
import type { ServerStats } from "../guard/stats.ts";
import type { WebSocketHandler } from "../connection/handler.ts";
import type { Origins } from "../handshake/origin_policy.ts";
import { handler } from "../connection/check_handler.ts";
import type { ConnectionLimits } from "../connection/limits.ts";
import {
  callback,
  checkOptions,
  flag,
  isObject,
  kind,
  milliseconds,
  number,
} from "../util/check_options.ts";
import type { OptionTable } from "../util/check_options.ts";
import { ATTACHMENT_OPTIONS } from "./attach.ts";
import type { AsyncDisposal } from "../util/platform.ts";
import type { TrustProxy } from "../proxy/trust.ts";
import {
  createContext,
  type FetchHandler,
  type FindSocket,
  type ServerContext,
} from "./context.ts";
import { createRouter, type Routes } from "./routes.ts";
import {
  LISTENING_OPTIONS,
  type ListeningOptions,
  listeningUrl,
  resolveListening,
} from "./listening.ts";
import { Reception } from "./accept_connection.ts";
import type { Refusal } from "./report_refusal.ts";
import { type ServerCloseOptions, Sessions } from "./shutdown.ts";
import type { Address, Listener, Runtime } from "../transport/transport.ts";

/** What every server can be told. */
export interface ServerOptions extends ConnectionLimits, ListeningOptions {
  /**
   * Whether to compress messages where the client can (permessage-deflate, RFC 7692), and how. False unless told:
   * it costs time for each message, and memory for each connection: see {@linkcode CompressionOptions}.
   */
  readonly compression?: boolean | CompressionOptions;
  /**
   * Origins whose pages may open a WebSocket (RFC 6455 section 10.2), for pages from other hosts. Default: none. These may
   * always: pages of the same host and port, clients that send no Origin, and loopback pages on a loopback host.
   *
   * - `"https://example.org"`, or `"example.org:8080"` for http and https alike;
   * - `"https://*.example.org"` for its subdomains, `"https://.example.org"` for both;
   * - `"http://localhost:*"` for any port;
   * - `"moz-extension:"` for a whole scheme, `"file://"` for applications that send that;
   * - `"null"` for pages that have no origin, such as files, `"*"` for all.
   *
   * Or a function, which is asked about what is not allowed already, and returns true or false at once. One that throws
   * denies, and is reported to `error`. A route or `upgrade()` may have `origins` of its own in place of these.
   */
  readonly origins?: Origins;
  /** Whether a handshake without Origin is refused: all browsers send one, few other clients do. Default: false. */
  readonly requireOrigin?: boolean;
  /**
   * The names that are served, as `Host` has them: `"example.org"`, `".example.org"` with its subdomains,
   * `"*.example.org"` for these alone, `"127.0.0.1"`; with a port only that one. A request for any other name, for a page
   * or a socket, is answered with 421 (RFC 9110 section 15.5.20). Default: any. For servers that rely on the network to
   * keep others out: a page can have its own name point at them (DNS rebinding), and is of the same origin then.
   */
  readonly hosts?: readonly string[];
  /** The most octets of a request's head; a larger one is answered with 431. 16,384 unless told. */
  readonly maxHeadSize?: number;
  /** The most octets of a request's body; a larger one is answered with 413. 1,048,576 unless told. */
  readonly maxBodySize?: number;
  /**
   * Milliseconds for the whole of a request's body, from the end of its head; one that takes longer is answered with
   * 408. Each silence within it has `handshakeTimeout`. Default: 300,000.
   */
  readonly requestTimeout?: number;
  /** Limits against abuse: see {@linkcode GuardOptions} for each, its default, and who should change it. */
  readonly guard?: GuardOptions;
  /**
   * The proxies whose word about the client is taken, from `Forwarded` (RFC 7239) or `X-Forwarded-For`, `-Proto` and
   * `-Host`: true for all, a number for so many in front of the server, or the addresses and ranges that they
   * connect from. It settles `remoteAddress`, the URL of a request, the origin rule, and whom `guard` counts. None
   * unless told. For a server behind a proxy: which must set the fields itself, or clients can say what they like.
   */
  readonly trustProxy?: TrustProxy;
  /**
   * Whether each connection begins with a header of the PROXY protocol, version 1 or 2, which says who the client is;
   * one that does not is cut. False unless told. For a server behind a load balancer that sends it, and that alone can
   * connect.
   */
  readonly proxyProtocol?: boolean;
  /**
   * Told once what `fetch` or a handler without an `error` hook throws, that a response was cut, what is wrong with
   * `tls.sni`, and when the system cannot accept connections any more, where the runtime tells (Deno). What it throws or
   * rejects with goes to `console.error`. Default: `console.error`.
   */
  readonly error?: (error: unknown) => void;
  /**
   * Told of each connection, handshake and request that is refused: why, with which status, and who it was. For whoever
   * has to see that a page is of a foreign origin, or that clients are too many; `stats().refused` has the counts. What
   * it throws or rejects with goes to `error`. Default: nobody is told.
   */
  readonly refused?: (refusal: Refusal) => void;
}

/** The options of a server that answers requests and upgrades some of them. */
export interface FetchServerOptions extends ServerOptions {
  /** Answers a request with a Response: one that it makes, or the one that `upgrade()` returns. */
  readonly fetch: FetchHandler;
  /** Not together with `fetch`. */
  readonly websocket?: never;
  /** See {@linkcode RouteServerOptions}. */
  readonly routes?: never;
}

/**
 * The options of a server with an address for each page and socket.
 *
 * @typeParam Table From each pattern to the type of its `data`; inferred.
 */
export interface RouteServerOptions<Table = Record<string, unknown>> extends ServerOptions {
  /** What is at which address: patterns, and for each a Response, a function or a socket. */
  readonly routes: Routes<Table>;
  /** Answers what no pattern matches: a framework's own function, for example. 404 unless told. */
  readonly fetch?: FetchHandler;
  /** Not together with `routes`: a socket for all addresses is `"/*": { websocket }`. */
  readonly websocket?: never;
}

/** The options of a server that only upgrades; whatever is no WebSocket handshake gets 426. */
export interface WebSocketServerOptions extends ServerOptions {
  /** What to do with each connection. */
  readonly websocket: WebSocketHandler;
  /** Not together with `websocket`. */
  readonly fetch?: never;
  /** Not together with `websocket`. */
  readonly routes?: never;
}

/**
 * The options of `serve()`.
 *
 * @typeParam Table Of the routes, if there are any; see {@linkcode RouteServerOptions}.
 */
export type ServeOptions<Table = Record<string, unknown>> =
  | FetchServerOptions
  | WebSocketServerOptions
  | RouteServerOptions<Table>;

/** What each of them may be. */
const SERVE_OPTIONS: OptionTable<RouteServerOptions> = {
  ...ATTACHMENT_OPTIONS,
  ...LISTENING_OPTIONS,
  maxHeadSize: number("octets"),
  maxBodySize: number("octets"),
  requestTimeout: milliseconds,
  proxyProtocol: flag,
  routes: kind("an object of patterns", isObject),
  fetch: callback,
  websocket: handler,
};

/** A server that listens. */
export interface Server extends AsyncDisposal {
  /** The port that it listens on; 0 on a unix socket. */
  readonly port: number;
  /** The address that it listens on; "localhost" on a unix socket. */
  readonly hostname: string;
  /**
   * Where a client on this machine finds it: "http://127.0.0.1:8000/", with TLS "https://127.0.0.1:8000/", on a unix
   * socket "ws+unix:/path:/". `connect()` takes it as it is.
   */
  readonly url: string;
  /** The open WebSocket connections. */
  readonly connections: ReadonlySet<WebSocketConnection>;
  /**
   * What the server has counted since it began to listen: connections, messages, octets, refusals and how
   * connections ended.
   *
   * @returns The figures of this moment.
   */
  stats(): ServerStats;
  /**
   * Lets the process end though the server listens, as `unref()` of `node:net` does; connections still keep it alive.
   * For a server that is there only while something else is, such as one for debugging.
   */
  unref(): void;
  /**
   * Stops: answers new handshakes with 503, closes each WebSocket connection once what was sent to it has left, lets
   * requests in progress finish, and cuts what is not done after `timeout`.
   *
   * @param options With which code, how long, and how far apart.
   * @returns A promise that resolves when all has ended and every handler is done, or after `timeout`, when all has been
   * cut and the `close` hooks have been called; a handler that is still at work then is not waited for.
   * Called again, the same promise. Rejects, and does nothing, with a RangeError when the code or the reason cannot be
   * sent or a time is not in its range, and with a TypeError when an option is unknown or of the wrong kind.
   */
  close(options?: ServerCloseOptions): Promise<void>;
}

/** `serve()` as each runtime has it. */
export type Serve = <Table>(options: ServeOptions<Table>) => Promise<Server>;

/** Makes the `serve()` of a runtime. */
export function createServe(runtime: Omit<Runtime, "dial">): Serve {
  return async (options) => {
    const server = new RunningServer(options, runtime.deflate);
    await server.listen(runtime);
    return server;
  };
}

/** Says how to write what was meant, for each mixture of the three. */
function checkHandlers({ routes, fetch, websocket }: ServeOptions): void {
  if (websocket === undefined) {
    if (routes !== undefined || fetch !== undefined) return;
    throw new TypeError("Expected websocket, fetch or routes, got none of them");
  }
  if (routes !== undefined) {
    throw new TypeError(
      'Expected either websocket or routes, got both: write routes: { …, "/*": { websocket } }',
    );
  }
  if (fetch !== undefined) {
    throw new TypeError(
      'Expected either websocket or fetch, got both: write routes: { "/*": { websocket, fetch } }, or let fetch return ' +
        "upgrade(handler) for what asks for a WebSocket",
    );
  }
}

/** How to know a socket by its address alone; undefined where more has to be known first. */
function findSocketOf(
  { trust, proxyProtocol }: ServerContext,
  find: FindSocket | undefined,
  websocket: WebSocketHandler | undefined,
): FindSocket | undefined {
  if (trust !== undefined || proxyProtocol) return undefined;
  const choice = websocket && { handler: websocket, options: {} };
  return choice === undefined ? find : () => choice;
}

class RunningServer implements Server {
  readonly connections = new Set<WebSocketConnection>();
  readonly #context: ServerContext;
  readonly #listening: ListeningOptions;
  readonly #sessions: Sessions;
  readonly #reception: Reception;
  #listener!: Listener;

  constructor(options: ServeOptions<unknown>, deflate: DeflateBackend | undefined) {
    checkOptions("serve()", options, SERVE_OPTIONS);
    const { routes, fetch, websocket } = options as ServeOptions;
    checkHandlers(options as ServeOptions);
    if (options.proxyProtocol && options.tls !== undefined) {
      throw new TypeError("Expected proxyProtocol or tls, got both: the header comes before TLS");
    }
    this.#listening = options;
    const context = createContext(options, deflate, this.connections);
    const router = routes && createRouter(routes, fetch);
    this.#context = {
      ...context,
      fetch: router?.fetch ?? fetch,
      websocket,
      findSocket: findSocketOf(context, router?.findSocket, websocket),
    };
    this.#sessions = new Sessions(this.#context);
    this.#reception = new Reception(this.#context, this.#sessions);
  }

  async listen(runtime: Omit<Runtime, "dial">): Promise<void> {
    const { handshakeTimeout, report } = this.#context;
    const reception = this.#reception;
    const where = {
      ...resolveListening(this.#listening, handshakeTimeout, report),
      arrive: (address: Address | undefined) => reception.arrive(address),
    };
    this.#listener = await runtime.listen(where, (transport) => reception.take(transport));
  }

  stats(): ServerStats {
    return this.#context.guard.counters.snapshot();
  }

  get port(): number {
    return this.#listener.address.port;
  }

  get hostname(): string {
    return this.#listener.address.hostname;
  }

  get url(): string {
    return listeningUrl(this.#listener.address, this.#listening);
  }

  unref(): void {
    this.#listener.unref?.();
  }

  close(options?: ServerCloseOptions): Promise<void> {
    return this.#sessions.close(options, () => {
      this.#reception.stopped = true;
      return this.#listener.close();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
