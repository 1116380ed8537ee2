// The options of a server, each declared once: its type and meaning, its default, and what it may
// be.
//
// 1. `attach()` and `adopt()` pick from those of `serve()`, types and table alike, and add what is
//    theirs alone.
// 2. What both ends have is declared with the limits of a connection (connection/limits.ts), and
//    what is inside a group beside what judges it: guard/options.ts, deflate/options.ts,
//    transport/tls.ts.
// 3. docs/reference/options.md is written from these docstrings and tables: `npm run docs:options`.

import { handler } from "../connection/check_handler.ts";
import type { WebSocketHandler } from "../connection/handler.ts";
import { CONNECTION_LIMITS, type ConnectionLimits } from "../connection/limits.ts";
import { TOPICS } from "../connection/publishing.ts";
import { COMPRESSION_OPTIONS, type CompressionOptions } from "../deflate/options.ts";
import { GUARD_OPTIONS, type GuardOptions } from "../guard/options.ts";
import { hostsRule } from "../handshake/hosts.ts";
import { type Origins, originsRule } from "../handshake/origin_policy.ts";
import { HEAD_DEFAULTS } from "../http/head.ts";
import { type TrustProxy, trustRule } from "../proxy/trust.ts";
import type { Topics } from "../topics/hub_topics.ts";
import { TLS_SERVER_OPTIONS, type TlsServerOptions } from "../transport/tls.ts";
import {
  callback,
  flag,
  group,
  isObject,
  kind,
  milliseconds,
  number,
  type OptionTable,
  without,
} from "../util/check_options.ts";
import type { FetchHandler } from "./context.ts";
import type { Refusal } from "./report_refusal.ts";
import type { Routes } from "./routes.ts";

/** Where a server listens. */
export interface ListeningOptions {
  /** The TCP port; 0 lets the system choose one. Default: 8000. */
  readonly port?: number;
  /**
   * The address to listen on: "0.0.0.0" for all of the machine's, "::" for those of IPv6 as well.
   * For a name such as "localhost" the server takes the first address that the system knows.
   * Default: "127.0.0.1".
   */
  readonly hostname?: string;
  /**
   * A unix socket to listen on, in place of `port` and `hostname`: for a server behind a proxy on
   * the same machine. The file must not exist, and is removed at the end. Default: none.
   */
  readonly path?: string;
  /**
   * Whether other processes may listen on the same port, so that the system spreads connections
   * over them (SO_REUSEPORT): for one process on each core. Linux has it, and Node from 22.12 on.
   * Default: false.
   */
  readonly reusePort?: boolean;
  /**
   * TLS, so that clients connect to `wss:` and browsers to `https:`: for a server without a proxy
   * that does it. See {@linkcode createDevelopmentCertificate} for a certificate to develop with.
   * Default: none.
   */
  readonly tls?: TlsServerOptions;
}

/**
 * The options that every server has. `attach()` and `adopt()` take those of them that apply there.
 */
export interface ServerOptions extends ConnectionLimits, ListeningOptions {
  /**
   * Whether to compress messages where the client can (permessage-deflate, RFC 7692), and how. It
   * costs time for each message, and memory for each connection: see
   * {@linkcode CompressionOptions}. Default: false.
   */
  readonly compression?: boolean | CompressionOptions;
  /**
   * Origins whose pages may open a WebSocket (RFC 6455 section 10.2), for pages from other hosts.
   * Default: none. These may always: pages of the same host and port, clients that send no Origin,
   * and loopback pages on a loopback host.
   *
   * - `"https://example.org"`, or `"example.org:8080"` for http and https alike;
   * - `"https://*.example.org"` for its subdomains, `"https://.example.org"` for both;
   * - `"http://localhost:*"` for any port;
   * - `"moz-extension:"` for a whole scheme, `"file://"` for applications that send that;
   * - `"null"` for pages that have no origin, such as files, `"*"` for all.
   *
   * Or a function. The server calls it for an origin that is not allowed already, and it returns
   * true or false at once. When it throws, the origin is refused, and `error` gets what it threw. A
   * route or `upgrade()` may have `origins` of its own in place of these.
   */
  readonly origins?: Origins;
  /**
   * Whether a handshake without Origin is refused: all browsers send one, few other clients do.
   * Default: false.
   */
  readonly requireOrigin?: boolean;
  /**
   * The names that are served, as `Host` has them: `"example.org"`, `".example.org"` with its
   * subdomains, `"*.example.org"` for these alone, `"127.0.0.1"`; with a port only that one. A
   * request for any other name, for a page or a socket, is answered with 421 (RFC 9110 section
   * 15.5.20). For servers that rely on the network to keep others out: a page can have its own name
   * point at such a server (DNS rebinding), and is of the same origin then. Default: any.
   */
  readonly hosts?: readonly string[];
  /** The most octets of a request's head; a larger one is answered with 431. Default: 16,384. */
  readonly maxHeadSize?: number;
  /** The most octets of a request's body; a larger one is answered with 413. Default: 1,048,576. */
  readonly maxBodySize?: number;
  /**
   * Milliseconds for the whole of a request's body, from the end of its head; one that takes longer
   * is answered with 408. Each silence within it may last `handshakeTimeout`. Default: 300,000.
   */
  readonly requestTimeout?: number;
  /** Limits against abuse: see {@linkcode GuardOptions}. Default: that of each limit. */
  readonly guard?: GuardOptions;
  /**
   * The proxies that the server believes about the client, from `Forwarded` (RFC 7239) or
   * `X-Forwarded-For`, `-Proto` and `-Host`: true for all, a number for that many in front of the
   * server, or the addresses and ranges that they connect from. It decides on `remoteAddress`, the
   * URL of a request, the origin rule, and the address that `guard` counts. For a server behind a
   * proxy. The proxy must set the fields itself, or clients can write what they like. Default:
   * none.
   */
  readonly trustProxy?: TrustProxy;
  /**
   * Whether each connection begins with a header of the PROXY protocol, version 1 or 2, which has
   * the address of the client; a connection without it is cut. For a server behind a load balancer
   * that sends the header, where no other client can connect. Default: false.
   */
  readonly proxyProtocol?: boolean;
  /**
   * The topics of `createTopics()`, to which connections subscribe by `ws.subscribe()` and
   * publish by `ws.publish()`. Several servers may share them, and a backplane joins those of
   * several processes. They stay open when the server closes. Default: topics of this server alone.
   */
  readonly topics?: Topics;
  /**
   * Called once for each failure: what `fetch` or a handler without an `error` hook throws, a
   * response that was cut, a failure of `tls.sni`, and that the system cannot accept connections
   * any more, where the runtime reports that (Deno). What it throws or rejects with goes to
   * `console.error`. Default: `console.error`.
   */
  readonly error?: (error: unknown) => void;
  /**
   * Called for each connection, handshake and request that is refused, with the cause, the status
   * and the address of the client. It shows, for example, that a page is of a foreign origin, or
   * that there are too many clients; `stats().refused` has the counts. What it throws or rejects
   * with goes to `error`. Default: none.
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
  /** The routes: patterns of paths, each with a Response, a function or a socket. */
  readonly routes: Routes<Table>;
  /**
   * Answers a request that no pattern matches: a framework's own function, for example. Default:
   * 404.
   */
  readonly fetch?: FetchHandler;
  /** Not together with `routes`: a socket for all addresses is `"/*": { websocket }`. */
  readonly websocket?: never;
}

/**
 * The options of a server that only upgrades; a request that is no WebSocket handshake gets 426.
 */
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

/**
 * The options for connections on another server: those of `serve()`, except those for listening and
 * for requests, which are the business of that server.
 */
export interface AttachmentOptions extends
  Omit<
    ServerOptions,
    | keyof ListeningOptions
    | "maxHeadSize"
    | "maxBodySize"
    | "requestTimeout"
    | "proxyProtocol"
  > {}

/**
 * The options for connections on a runtime's own engine: those of `attach()`, except those that
 * would do nothing, because the engine reads requests and frames.
 */
export interface AdoptionOptions extends
  Omit<
    AttachmentOptions,
    "maxFragments" | "handshakeTimeout" | "autoPong" | "compression" | "guard"
  > {
  /**
   * Limits against abuse, except those on frames: see {@linkcode GuardOptions}. Default: that of
   * each limit.
   */
  readonly guard?: Omit<
    GuardOptions,
    "tinyFragmentsPerSecond" | "frameTimeout" | "maxInflateRatio"
  >;
}

/** The options of a server that have a default, with nothing missing. */
export interface ResolvedServerOptions extends
  Required<
    Pick<
      ServerOptions,
      | "port"
      | "hostname"
      | "compression"
      | "origins"
      | "requireOrigin"
      | "maxHeadSize"
      | "maxBodySize"
      | "requestTimeout"
      | "proxyProtocol"
    >
  > {}

/** The defaults of what is declared here. */
export const SERVER_DEFAULTS: ResolvedServerOptions = {
  port: 8000,
  hostname: "127.0.0.1",
  compression: false,
  origins: [],
  requireOrigin: false,
  maxHeadSize: HEAD_DEFAULTS.maxHeadSize,
  maxBodySize: 1_048_576,
  requestTimeout: 300_000,
  proxyProtocol: false,
};

/** An empty one would be all addresses for one runtime, and none for another. */
function isFilled(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

/** What each option of a server may be. */
const SERVER_OPTIONS: OptionTable<ServerOptions> = {
  ...CONNECTION_LIMITS,
  port: number("", { least: 0, most: 65_535 }),
  hostname: kind("an address or a name", isFilled),
  path: kind("the path of a file", isFilled),
  reusePort: flag,
  tls: group(TLS_SERVER_OPTIONS),
  compression: group(COMPRESSION_OPTIONS, true, false),
  origins: originsRule,
  requireOrigin: flag,
  hosts: hostsRule,
  maxHeadSize: number("octets"),
  maxBodySize: number("octets"),
  requestTimeout: milliseconds,
  guard: group(GUARD_OPTIONS),
  trustProxy: trustRule,
  proxyProtocol: flag,
  topics: kind("what createTopics() returns", (value) => isObject(value) && TOPICS in value),
  error: callback,
  refused: callback,
};

/** What each option of `serve()` may be. */
export const SERVE_OPTIONS: OptionTable<RouteServerOptions> = {
  ...SERVER_OPTIONS,
  routes: kind("an object of patterns", isObject),
  fetch: callback,
  websocket: handler,
};

/** What each of the `AttachmentOptions` may be. */
export const ATTACHMENT_OPTIONS: OptionTable<AttachmentOptions> = /* @__PURE__ */ without(
  SERVER_OPTIONS,
  "port",
  "hostname",
  "path",
  "reusePort",
  "tls",
  "maxHeadSize",
  "maxBodySize",
  "requestTimeout",
  "proxyProtocol",
);

/** What each of the `AdoptionOptions` may be. */
export const ADOPTION_OPTIONS: OptionTable<AdoptionOptions> = {
  .../* @__PURE__ */ without(
    ATTACHMENT_OPTIONS,
    "maxFragments",
    "handshakeTimeout",
    "autoPong",
    "compression",
  ),
  guard: /* @__PURE__ */ group(
    without(GUARD_OPTIONS, "tinyFragmentsPerSecond", "frameTimeout", "maxInflateRatio"),
  ),
};
