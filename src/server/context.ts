// What all connections of one server share: its options with their defaults, and its state.

import type { WebSocketConnection } from "../connection/connection.ts";
import type { DeflateBackend } from "../deflate/backend.ts";
import { type Compression, createCompression } from "../deflate/compression.ts";
import type { CompressionOptions } from "../deflate/options.ts";
import type { WebSocketHandler } from "../connection/handler.ts";
import { Admission } from "../guard/admission.ts";
import { createGuardSettings, type GuardSettings } from "../guard/connection_guard.ts";
import type { GuardOptions } from "../guard/options.ts";
import { createHostRule, type HostRule, hostsRule } from "../handshake/hosts.ts";
import {
  type OriginPolicy,
  type Origins,
  originsRule,
  readOrigins,
} from "../handshake/origin_policy.ts";
import { type ConnectionLimits, LONGEST_TIMER } from "../connection/limits.ts";
import { type ResolvedLimits, resolveLimits } from "../connection/limits.ts";
import { callback, flag, type OptionTable } from "../util/check_options.ts";
import { createTrust, type Trust, type TrustProxy, trustRule } from "../proxy/trust.ts";
import { tell } from "../util/promises.ts";
import type { TlsInfo } from "../transport/tls.ts";
import type { Address } from "../transport/transport.ts";
import type { HeadParser, RequestHead } from "../http/head.ts";
import type { Upgrade, UpgradeDecision } from "./upgrade.ts";
import { Presence } from "./wait_group.ts";
import { createRefuse, type Refusal, type Refuse } from "./report_refusal.ts";

/** What `fetch` is given besides the request. */
export interface FetchTools {
  /** Makes a WebSocket connection of the request. */
  readonly upgrade: Upgrade;
  /** The address of the client, as far as it is known; behind proxies that are trusted, what they say. */
  readonly remoteAddress?: Address | undefined;
  /** The TLS of the connection: the name that the client asked for, and its certificate. Undefined without TLS. */
  readonly tls?: TlsInfo | undefined;
}

/** Answers requests; see `ServeOptions.fetch`. */
export type FetchHandler = (
  request: Request,
  tools: FetchTools,
) => Response | Promise<Response>;

/** What a request for a socket leads to. */
export type SocketChoice = Pick<UpgradeDecision, "handler" | "options">;

/** Finds the socket that a request is for; undefined when that is not for this function to say. */
export type FindSocket = (head: RequestHead) => SocketChoice | undefined;

/** What every connection of a server needs. */
export interface ServerContext extends ResolvedLimits, OriginPolicy {
  /** Answers requests; without it every request is taken for an upgrade. */
  readonly fetch: FetchHandler | undefined;
  /** Takes the connections of a server without `fetch`. */
  readonly websocket: WebSocketHandler | undefined;
  /** permessage-deflate, when it is on. */
  readonly compression: Compression | undefined;
  /** Judges for which host a request is; undefined for any. */
  readonly hosts: HostRule | undefined;
  /** The most octets of a request's head. */
  readonly maxHeadSize: number;
  /** The most octets of a request's body. */
  readonly maxBodySize: number;
  /** Milliseconds for the whole of a request's body. */
  readonly requestTimeout: number;
  /** Milliseconds for which the client of a response may take nothing of it. */
  readonly stallTimeout: number;
  /** Whether the server is shutting down. */
  closing: boolean;
  /** The open WebSocket connections. */
  readonly connections: Set<WebSocketConnection>;
  /** Connections that have ended, whose handlers have still to get what came before. */
  readonly draining: Set<WebSocketConnection>;
  /** How many connections are at work. */
  readonly presence: Presence;
  /** A parser that is between two heads, when there is one. */
  readonly parsers: HeadParser<RequestHead>[];
  /** The socket that a request is for, where that needs no Request and no `fetch` to tell. */
  readonly findSocket: FindSocket | undefined;
  /** Told what handlers throw. */
  readonly report: (error: unknown) => void;
  /** Counts and tells who was refused. */
  readonly refuse: Refuse;
  /** Limits against abuse, and what is counted. */
  readonly guard: GuardSettings;
  /** Who may connect. */
  readonly admission: Admission;
  /** Which proxies to believe. */
  readonly trust: Trust | undefined;
  /** Whether each connection begins with a PROXY header. */
  readonly proxyProtocol: boolean;
}

/** What connections can be told whatever reads their frames; the same as for `serve()`. */
export interface CommonOptions {
  /** More origins whose pages may open a WebSocket; see `serve()`. Default: none. */
  readonly origins?: Origins;
  /** Whether a handshake without `Origin` is refused; see `serve()`. Default: false. */
  readonly requireOrigin?: boolean;
  /** The names that are served; see `serve()`. Default: any. */
  readonly hosts?: readonly string[];
  /** The proxies that are believed who a client is; see `serve()`. None unless told. */
  readonly trustProxy?: TrustProxy;
  /** Told what a handler without an `error` hook, or `fetch`, throws. `console.error` unless told. */
  readonly error?: (error: unknown) => void;
  /** Told of each connection, handshake and request that is refused; see `serve()`. Default: nobody is told. */
  readonly refused?: (refusal: Refusal) => void;
}

/** What each of these may be. */
export const COMMON_OPTIONS: OptionTable<CommonOptions> = {
  origins: originsRule,
  requireOrigin: flag,
  hosts: hostsRule,
  trustProxy: trustRule,
  error: callback,
  refused: callback,
};

/** What a context is made of; see `ServerOptions`. */
export interface ContextOptions extends ConnectionLimits, CommonOptions {
  /** See `ServerOptions`. */
  readonly compression?: boolean | CompressionOptions;
  /** See `ServerOptions`. */
  readonly maxHeadSize?: number;
  /** See `ServerOptions`. */
  readonly maxBodySize?: number;
  /** See `ServerOptions`. */
  readonly requestTimeout?: number;
  /** See `ServerOptions`. */
  readonly guard?: GuardOptions;
  /** See `ServerOptions`. */
  readonly proxyProtocol?: boolean;
}

/**
 * Fills in the defaults; the same for a server of our own and for one that is attached to. The options have been checked.
 *
 * @throws {TypeError} When there is to be compression, and no DEFLATE to do it with.
 */
export function createContext(
  options: ContextOptions,
  deflate: DeflateBackend | undefined,
  connections: Set<WebSocketConnection>,
): ServerContext {
  const hook = options.error ?? ((error) => console.error(error));
  // A reporter that fails must not take down what it reports on.
  const report = (error: unknown): void => tell(hook, error, (second) => console.error(second));
  const guard = createGuardSettings(options.guard, () => performance.now());
  return {
    ...resolveLimits(options),
    fetch: undefined,
    websocket: undefined,
    compression: createCompression(options.compression ?? false, deflate),
    origins: readOrigins(options.origins ?? []),
    requireOrigin: options.requireOrigin ?? false,
    hosts: options.hosts && createHostRule(options.hosts),
    maxHeadSize: options.maxHeadSize ?? 16_384,
    maxBodySize: options.maxBodySize ?? 1_048_576,
    requestTimeout: asTimer(options.requestTimeout ?? 300_000),
    stallTimeout: asTimer(guard.limits.stallTimeout),
    closing: false,
    connections,
    draining: new Set(),
    presence: new Presence(),
    parsers: [],
    findSocket: undefined,
    guard,
    admission: new Admission(guard),
    trust: createTrust(options.trustProxy),
    proxyProtocol: options.proxyProtocol ?? false,
    report,
    refuse: createRefuse(guard.counters, options.refused, report),
  };
}

function asTimer(milliseconds: number): number {
  return Math.min(milliseconds, LONGEST_TIMER);
}
