// What all connections of one server share: its options with their defaults, and its state.

import type { WebSocketConnection } from "../connection.ts";
import type { Compression } from "../deflate/compression.ts";
import type { WebSocketHandler } from "../handler.ts";
import type { ResolvedLimits } from "../limits.ts";
import type { Upgrade } from "../upgrade.ts";

/** Answers requests; see `ServeOptions.fetch`. */
export type FetchHandler = (
  request: Request,
  tools: { readonly upgrade: Upgrade },
) => Response | Promise<Response>;

/** What every connection of a server needs. */
export interface ServerContext extends ResolvedLimits {
  /** Answers requests; without it every request is taken for an upgrade. */
  readonly fetch: FetchHandler | undefined;
  /** Takes the connections of a server without `fetch`. */
  readonly websocket: WebSocketHandler | undefined;
  /** permessage-deflate, when it is on. */
  readonly compression: Compression | undefined;
  /** More origins that may connect. */
  readonly origins: readonly string[];
  /** The most octets of a request's head. */
  readonly maxHeadSize: number;
  /** The most octets of a request's body. */
  readonly maxBodySize: number;
  /** Whether the server is shutting down. */
  closing: boolean;
  /** The open WebSocket connections. */
  readonly connections: Set<WebSocketConnection>;
  /** Told what handlers throw. */
  readonly report: (error: unknown) => void;
}
