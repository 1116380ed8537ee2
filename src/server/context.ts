// What all connections of one server share: its options with their defaults, and its state.

import type { WebSocketConnection } from "../connection/connection.ts";
import { type Compression, createCompression } from "../deflate/compression.ts";
import type { WebSocketHandler } from "../connection/handler.ts";
import { type HasTopics, type TopicHub, TOPICS } from "../connection/publishing.ts";
import { Hub } from "../topics/hub.ts";
import { HubTopics, type Topics } from "../topics/hub_topics.ts";
import { Admission } from "../guard/admission.ts";
import { createGuardSettings, type GuardSettings } from "../guard/connection_guard.ts";
import { createHostRule, type HostRule } from "../handshake/hosts.ts";
import { type OriginPolicy, readOrigins } from "../handshake/origin_policy.ts";
import { type ResolvedLimits, resolveLimits } from "../connection/limits.ts";
import { type Clock, LONGEST_TIMER, systemClock } from "../util/clock.ts";
import { withDefaults } from "../util/check_options.ts";
import { createTrust, type Trust } from "../proxy/trust.ts";
import { tell } from "../util/promises.ts";
import type { TlsInfo } from "../transport/tls.ts";
import type { Address, Runtime } from "../transport/transport.ts";
import type { HeadParser, RequestHead } from "../http/head.ts";
import type { Upgrade, UpgradeDecision } from "./upgrade.ts";
import type { ConstantPage } from "./constant_page.ts";
import { WaitGroup } from "./wait_group.ts";
import { type ResolvedServerOptions, SERVER_DEFAULTS, type ServerOptions } from "./options.ts";
import { createRefuse, type Refuse } from "./report_refusal.ts";

/** What `fetch` is given besides the request. */
export interface FetchTools {
  /** Makes a WebSocket connection of the request. */
  readonly upgrade: Upgrade;
  /**
   * The address of the client, as far as the server knows it. Behind trusted proxies it is the one
   * that they report.
   */
  readonly remoteAddress?: Address | undefined;
  /**
   * The TLS of the connection: the name that the client asked for, and its certificate. Undefined
   * without TLS.
   */
  readonly tls?: TlsInfo | undefined;
}

/** Answers requests; see `ServeOptions.fetch`. */
export type FetchHandler = (
  request: Request,
  tools: FetchTools,
) => Response | Promise<Response>;

/** What a request for a socket leads to. */
export type SocketChoice = Pick<UpgradeDecision, "handler" | "options">;

/** Finds the socket that a request is for; undefined when this function cannot tell. */
export type FindSocket = (head: RequestHead) => SocketChoice | undefined;

/** Finds the page for a request that is always the same; undefined when it cannot tell. */
export type FindPage = (head: RequestHead) => ConstantPage | undefined;

/** What every connection of a server needs. */
export interface ServerContext extends
  ResolvedLimits,
  Pick<
    ResolvedServerOptions,
    "maxHeadSize" | "maxBodySize" | "requestTimeout" | "proxyProtocol"
  >,
  OriginPolicy {
  /** Answers requests; without it every request is taken for an upgrade. */
  readonly fetch: FetchHandler | undefined;
  /** Takes the connections of a server without `fetch`. */
  readonly websocket: WebSocketHandler | undefined;
  /** permessage-deflate, when it is on. */
  readonly compression: Compression | undefined;
  /** Judges for which host a request is; undefined for any. */
  readonly hosts: HostRule | undefined;
  /** Milliseconds for which the client of a response may take nothing of it. */
  readonly stallTimeout: number;
  /** Tells the time to all of it. */
  readonly clock: Clock;
  /** Whether the server is shutting down. */
  closing: boolean;
  /** The open WebSocket connections. */
  readonly connections: Set<WebSocketConnection>;
  /** Connections that have ended, but whose handlers still have messages to get. */
  readonly draining: Set<WebSocketConnection>;
  /** How many connections are at work. */
  readonly atWork: WaitGroup;
  /** A parser that is between two heads, when there is one. */
  readonly parsers: HeadParser<RequestHead>[];
  /** Finds the socket that a request is for, where that needs neither a Request nor `fetch`. */
  readonly findSocket: FindSocket | undefined;
  /** Finds a page that is always the same. */
  readonly findPage: FindPage | undefined;
  /** Reports a failure to the option `error`. */
  readonly error: (error: unknown) => void;
  /** Counts each refusal, and reports it to the option `refused`. */
  readonly refused: Refuse;
  /** Limits against abuse, and what is counted. */
  readonly guard: GuardSettings;
  /** Which clients may connect. */
  readonly admission: Admission;
  /** The topics of its connections. */
  readonly topics: Topics;
  /** What stands behind them. */
  readonly hub: TopicHub;
  /** Which proxies to believe. */
  readonly trustProxy: Trust | undefined;
}

/**
 * Fills in the defaults, for `serve()`, `attach()` and `adopt()` alike. The options have been
 * checked.
 *
 * @throws {TypeError} When compression is on, and the runtime has no DEFLATE.
 */
export function createContext(
  options: ServerOptions,
  { deflate, clock = systemClock }: Pick<Runtime, "deflate" | "clock">,
  connections: Set<WebSocketConnection>,
): ServerContext {
  const hook = options.error ?? ((error) => console.error(error));
  // A hook that throws must not take the server down.
  const error = (error: unknown): void => tell(hook, error, (second) => console.error(second));
  const guard = createGuardSettings(options.guard, clock.now);
  const topics = options.topics ?? new HubTopics(new Hub({ report: error }));
  const hub = (topics as unknown as HasTopics)[TOPICS];
  hub.register(connections);
  const { compression, origins, requireOrigin, ...resolved } = withDefaults(
    options,
    SERVER_DEFAULTS,
  );
  return {
    ...resolveLimits(options),
    maxHeadSize: resolved.maxHeadSize,
    maxBodySize: resolved.maxBodySize,
    requestTimeout: asTimer(resolved.requestTimeout),
    proxyProtocol: resolved.proxyProtocol,
    fetch: undefined,
    websocket: undefined,
    compression: createCompression(compression, deflate),
    origins: readOrigins(origins),
    requireOrigin,
    hosts: options.hosts && createHostRule(options.hosts),
    stallTimeout: asTimer(guard.limits.stallTimeout),
    clock,
    closing: false,
    connections,
    draining: new Set(),
    atWork: new WaitGroup(),
    parsers: [],
    findSocket: undefined,
    findPage: undefined,
    guard,
    admission: new Admission(guard),
    topics,
    hub,
    trustProxy: createTrust(options.trustProxy),
    error,
    refused: createRefuse(guard.counters, options.refused, error),
  };
}

function asTimer(milliseconds: number): number {
  return Math.min(milliseconds, LONGEST_TIMER);
}
