// The URLs of WebSocket servers on unix sockets, which no standard defines. Their form is that of
// the npm package `ws`: `ws+unix:/path/of/the/socket:/resource?query`, and `wss+unix:` for TLS.
//
// The first colon ends the path, because a resource may contain colons too. A colon in the path is
// written %3A.

import { parseUrl } from "./client.ts";

/** Where a WebSocket server is. */
export interface Target {
  /** The URL with the scheme `ws:` or `wss:`; its host is `localhost` on a unix socket. */
  readonly url: URL;
  /** The path of the unix socket; undefined on TCP. */
  readonly path: string | undefined;
}

/**
 * Parses the URL of a WebSocket server, on TCP or on a unix socket.
 *
 * @param url An absolute URL. It is not changed.
 * @returns The URL for the opening handshake, and the path of the unix socket.
 * @throws {SyntaxError} When it is not such a URL; see `parseUrl()`.
 */
export function parseTarget(url: string | URL): Target {
  const match = /^(wss?)\+unix:(?:\/\/(?=\/))?([^:?#]*)(?::(.*))?$/is.exec(String(url));
  if (match === null) return { url: parseUrl(url), path: undefined };
  const [, scheme = "", path = "", resource = "/"] = match;
  if (!/^\/(?!\/)/.test(path) || !/^[/?#]|^$/.test(resource)) {
    throw new SyntaxError(
      `Expected ${scheme}+unix:/path/of/the/socket:/resource, got ${JSON.stringify(String(url))}`,
    );
  }
  return { url: parseUrl(`${scheme}://localhost${resource}`), path: decode(path) };
}

/**
 * Formats the URL of a server on a unix socket.
 *
 * @param path The path of the socket.
 * @param secure Whether it speaks TLS.
 * @returns What {@linkcode parseTarget} takes.
 */
export function formatUnixUrl(path: string, secure: boolean): string {
  return `${secure ? "wss" : "ws"}+unix:${path.replace(/[%:?#]/g, encodeURIComponent)}:/`;
}

/** A path that was not written with escapes stays as it is. */
function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
