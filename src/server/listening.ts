// Where a server listens: from the options of `serve()` to those of a runtime, and back to a URL.

import { formatUnixUrl } from "../handshake/unix_url.ts";
import type { Address, ListenOptions } from "../transport/transport.ts";
import type { Clock } from "../util/clock.ts";
import { type ListeningOptions, SERVER_DEFAULTS } from "./options.ts";

const QUIET = 60_000;

/**
 * Makes the options with which a runtime listens.
 *
 * @param options The options of `serve()`.
 * @param handshakeTimeout Milliseconds for the TLS handshake.
 * @param error Called when `sni` fails, and when no connection can be accepted.
 * @param clock Says how long ago a failure was reported.
 * @returns Where and how to listen.
 * @throws {TypeError} When it is both a port and a path, or TLS without a certificate or its key.
 */
export function resolveListening(
  options: ListeningOptions,
  handshakeTimeout: number,
  error: (error: unknown) => void,
  clock: Clock,
): ListenOptions {
  const { path, port, hostname, reusePort, tls } = options;
  if (path !== undefined && (port !== undefined || hostname !== undefined || reusePort)) {
    throw new TypeError("Expected either path, or hostname, port and reusePort, got both");
  }
  // An empty PEM is most often a file or a variable that was not read.
  if (tls !== undefined && tls.pfx === undefined && (!tls.cert || !tls.key)) {
    const got = tls.cert ? "tls.cert alone" : tls.key ? "tls.key alone" : "neither";
    throw new TypeError(
      `Expected tls.cert and tls.key, a certificate and its key as PEM, or tls.pfx, got ${got}`,
    );
  }
  return {
    hostname: path !== undefined
      ? "localhost"
      : withoutBrackets(hostname ?? SERVER_DEFAULTS.hostname),
    port: path !== undefined ? 0 : port ?? SERVER_DEFAULTS.port,
    path,
    reusePort,
    tls,
    sniFailed: error,
    handshakeTimeout,
    failed: seldom(error, clock),
  };
}

/**
 * The URL at which a client on this machine finds a server.
 *
 * @param address The address it listens on.
 * @param options What it was asked to listen on.
 * @returns What `connect()` takes.
 */
export function listeningUrl({ hostname, port }: Address, options: ListeningOptions): string {
  const { path, tls } = options;
  if (path !== undefined) return formatUnixUrl(path, tls !== undefined);
  const host = hostname === "0.0.0.0"
    ? "127.0.0.1"
    : hostname === "::"
    ? "[::1]"
    : hostname.includes(":")
    ? `[${hostname}]`
    : hostname;
  return `${tls === undefined ? "http" : "https"}://${host}:${port}/`;
}

/** Reports a failure that repeats only once, and again after a minute without one. */
function seldom(report: (error: unknown) => void, clock: Clock): (error: unknown) => void {
  let last = -Infinity;
  return (error) => {
    const now = clock.now();
    if (now - last > QUIET) report(error);
    last = now;
  };
}

/** The runtimes take an IPv6 address without brackets; one that was copied from a URL has them. */
function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}
