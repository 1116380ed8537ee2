// How a server turns a client away, and why, by name: types only. The texts stand where each
// refusal is made.

/**
 * Why a server refused a connection, a handshake or a request:
 *
 * - `handshake`: it is no opening handshake, or one with a mistake (400, 405, 426);
 * - `origin`, `host`: it comes from an origin, or for a host, that may not be (403, 421);
 * - `application`: `fetch` or a route answered a request for a WebSocket in another way;
 * - `error`: what had to decide on it failed, which `error` was told (500);
 * - `closing`: the server is shutting down (503);
 * - `request`: it is no request that can be answered: malformed, too large, or too late (400, 408,
 *   413 and so on);
 * - `proxy`: what a proxy has to say is missing or malformed: the PROXY header, Forwarded,
 *   X-Forwarded-*;
 * - `tls`: its TLS handshake failed;
 * - the limit of `guard` that has this name (503, 429).
 */
export type RefusalCause =
  | "handshake"
  | "origin"
  | "host"
  | "application"
  | "error"
  | "closing"
  | "request"
  | "proxy"
  | "tls"
  | "maxConnections"
  | "maxConnectionsPerAddress"
  | "handshakesPerSecond"
  | "handshakesPerSecondPerAddress";

/** How a connection, or a request that is no handshake this server accepts, is answered. */
export interface HandshakeRefusal {
  /** The status code. */
  readonly status: number;
  /** What was expected and what was got: the body of the response. */
  readonly reason: string;
  /** Header fields that the status asks for. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Why, by a name that does not change. Default: "handshake". */
  readonly cause?: RefusalCause;
}
