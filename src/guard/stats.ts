// What a server counts: one object for each server. The code that sees an event adds to its field.

import type { CloseInfo } from "../protocol/errors.ts";
import type { RefusalCause } from "../handshake/refusal.ts";
import type { ViolationCause } from "../protocol/violation.ts";

/**
 * Why a WebSocket connection ended: `clean`, a closing handshake; `failed`, the peer broke the
 * protocol or a limit on messages; `lost`, the peer vanished or dropped it; `cut`, this end dropped
 * it, as after a timeout; or a limit of `guard`.
 */
export type CloseCause = "clean" | "failed" | "lost" | "cut" | ViolationCause;

/** What a server has counted since it began to listen; see `Server.stats()`. */
export interface ServerStats {
  /** The WebSocket connections that are open. */
  readonly connections: number;
  /** All connections that are open, those that speak plain HTTP included. */
  readonly sockets: number;
  /** All WebSocket connections that have been opened. */
  readonly totalConnections: number;
  /** Messages received from all connections. */
  readonly messagesReceived: number;
  /** Messages sent to all connections. */
  readonly messagesSent: number;
  /** Octets received on all WebSocket connections, frame headers included. */
  readonly bytesReceived: number;
  /** Octets sent on all WebSocket connections, frame headers included. */
  readonly bytesSent: number;
  /**
   * Connections, handshakes and requests that were refused, by cause; the `refused` option is
   * called for each of them.
   */
  readonly refused: Readonly<Record<RefusalCause, number>>;
  /**
   * Responses to plain requests that were cut because their client took nothing more of them, or
   * their body failed.
   */
  readonly responsesCut: number;
  /** WebSocket connections that have ended, by cause. */
  readonly closed: Readonly<Record<CloseCause, number>>;
}

/** The counters behind `ServerStats`. */
export class Counters {
  /** See `ServerStats`. */
  sockets = 0;
  /** See `ServerStats`. */
  totalConnections = 0;
  /** See `ServerStats`. */
  messagesReceived = 0;
  /** See `ServerStats`. */
  messagesSent = 0;
  /** See `ServerStats`. */
  bytesReceived = 0;
  /** See `ServerStats`. */
  bytesSent = 0;
  /** See `ServerStats`. */
  responsesCut = 0;
  /** See `ServerStats`. */
  readonly refused: Record<RefusalCause, number> = {
    handshake: 0,
    origin: 0,
    host: 0,
    application: 0,
    error: 0,
    closing: 0,
    request: 0,
    proxy: 0,
    tls: 0,
    maxConnections: 0,
    maxConnectionsPerAddress: 0,
    handshakesPerSecond: 0,
    handshakesPerSecondPerAddress: 0,
  };
  /** See `ServerStats`. */
  readonly closed: Record<CloseCause, number> = {
    clean: 0,
    failed: 0,
    lost: 0,
    cut: 0,
    messagesPerSecond: 0,
    bytesPerSecond: 0,
    controlFramesPerSecond: 0,
    tinyFragmentsPerSecond: 0,
    frameTimeout: 0,
    stallTimeout: 0,
    maxInflateRatio: 0,
  };

  /** Counts a WebSocket connection that has opened. */
  opened(): void {
    this.totalConnections++;
  }

  /** Counts the end of a connection, by the limit that its peer broke, or else by how it ended. */
  ended(info: CloseInfo, violated: ViolationCause | undefined): void {
    this.closed[violated ?? causeOf(info)]++;
  }

  /** What has been counted so far; it does not change. */
  snapshot(): ServerStats {
    const ended = Object.values(this.closed).reduce((sum, count) => sum + count, 0);
    const connections = this.totalConnections - ended;
    return { ...this, connections, refused: { ...this.refused }, closed: { ...this.closed } };
  }
}

function causeOf({ endedBy, initiator, wasClean }: CloseInfo): CloseCause {
  if (endedBy === "violation") return "failed";
  if (wasClean) return "clean";
  return initiator === "remote" ? "lost" : "cut";
}
