// Where a server listens: from what `serve()` was told to what a runtime is asked for, and back to a URL.

import { formatUnixUrl } from "../handshake/unix_url.ts";
import { flag, group, kind, number, type OptionTable } from "../util/check_options.ts";
import { TLS_SERVER_OPTIONS, type TlsServerOptions } from "../transport/tls.ts";
import type { Address, ListenOptions } from "../transport/transport.ts";

const QUIET = 60_000;

/** Where a server listens. */
export interface ListeningOptions {
  /** The TCP port; 0 lets the system choose one. 8000 unless told. */
  readonly port?: number;
  /**
   * The address to listen on: "0.0.0.0" for all of the machine's, "::" for those of IPv6 as well. Of a name such as
   * "localhost" it is the first address that the system knows. Default: "127.0.0.1".
   */
  readonly hostname?: string;
  /**
   * A unix socket to listen on, not together with `port` and `hostname`: for a server behind a proxy on the same
   * machine. The file must not exist, and is removed at the end. None unless told.
   */
  readonly path?: string;
  /**
   * Whether other processes may listen on the same port, so that the system spreads connections over them
   * (SO_REUSEPORT): for one process on each core. Linux knows it, and Node from 22.12 on. False unless told.
   */
  readonly reusePort?: boolean;
  /**
   * TLS, so that clients connect to `wss:` and browsers to `https:`. None unless told: for a server that no proxy
   * does it for. See {@linkcode createDevelopmentCertificate} for a certificate to develop with.
   */
  readonly tls?: TlsServerOptions;
}

/** An empty one would be all addresses for one runtime, and none for another. */
function isFilled(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

/** What each of these may be. */
export const LISTENING_OPTIONS: OptionTable<ListeningOptions> = {
  port: number("", { least: 0, most: 65_535 }),
  hostname: kind("an address or a name", isFilled),
  path: kind("the path of a file", isFilled),
  reusePort: flag,
  tls: group(TLS_SERVER_OPTIONS),
};

/**
 * What to ask the runtime for.
 *
 * @param options What `serve()` was told.
 * @param handshakeTimeout Milliseconds for the TLS handshake.
 * @param report Told what is wrong with `sni`, and when no connection can be accepted.
 * @returns Where and how to listen.
 * @throws {TypeError} When it is both a port and a path, or TLS without a certificate or its key.
 */
export function resolveListening(
  options: ListeningOptions,
  handshakeTimeout: number,
  report: (error: unknown) => void,
): ListenOptions {
  const { path, port, hostname, reusePort, tls } = options;
  if (path !== undefined && (port !== undefined || hostname !== undefined || reusePort)) {
    throw new TypeError("Expected either path, or hostname, port and reusePort, got both");
  }
  if (tls !== undefined && (!tls.cert || !tls.key)) {
    const got = tls.cert ? "tls.cert alone" : tls.key ? "tls.key alone" : "neither";
    throw new TypeError(
      `Expected tls.cert and tls.key, a certificate and its key as PEM, got ${got}`,
    );
  }
  return {
    hostname: path !== undefined ? "localhost" : withoutBrackets(hostname ?? "127.0.0.1"),
    port: path !== undefined ? 0 : port ?? 8000,
    path,
    reusePort,
    tls,
    sniFailed: report,
    handshakeTimeout,
    failed: seldom(report),
  };
}

/**
 * The URL that a client on this machine finds a server by.
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

/** What fails all the time is reported once: again only when it had not failed for a minute. */
function seldom(report: (error: unknown) => void): (error: unknown) => void {
  let last = -Infinity;
  return (error) => {
    const now = performance.now();
    if (now - last > QUIET) report(error);
    last = now;
  };
}

/** The runtimes take an IPv6 address as it is; who copied it from a URL has brackets around it. */
function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}
