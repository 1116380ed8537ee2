// The part of the Bun namespace that the shim uses, as types of our own: no other runtime has
// Bun's.

/** A `Bun.Socket`. */
export interface BunSocket<Data> {
  /** What the owner has put there. */
  data: Data;
  /** The peer's address; undefined on a unix socket, as are the next three. */
  readonly remoteAddress: string | undefined;
  /** The peer's port. */
  readonly remotePort: number | undefined;
  /** This end's address. */
  readonly localAddress: string | undefined;
  /** This end's port. */
  readonly localPort: number | undefined;
  /**
   * Hands bytes to the operating system at once. Returns how many it took; fewer than 0 when the
   * stream is broken.
   */
  write(chunk: Uint8Array): number;
  /** Stops reading. */
  pause(): void;
  /** Reads again. */
  resume(): void;
  /** Half-close. */
  shutdown(): void;
  /** Closes both sides; calls the `close` hook before it returns. */
  close(): void;
  /** Lets the process end while it is open. */
  unref(): void;
  /** Of TLS, whether the peer's certificate is trusted. */
  readonly authorized: boolean;
  /** Why it is not, or that there is none. */
  getAuthorizationError(): (Error & { readonly code?: string }) | null | undefined;
  /** The name that the client has asked for. */
  getServername(): string | undefined;
  /** The application protocol on which both ends have agreed. */
  readonly alpnProtocol: string | false | null | undefined;
  /** The version of TLS. */
  getTLSVersion(): string;
  /** The peer's certificate. */
  getPeerCertificate(): { readonly raw?: Uint8Array } | null | undefined;
}

/** The hooks of a socket. */
export interface BunSocketHandler<Data> {
  /** The class of chunks. */
  binaryType: "uint8array";
  /** Connected. */
  open(socket: BunSocket<Data>): void;
  /** Of TLS, the handshake is complete, or has failed; with what is wrong with a certificate. */
  handshake?(socket: BunSocket<Data>, success: boolean, error: Error | null): void;
  /** Bytes, in a buffer of their own. */
  data(socket: BunSocket<Data>, chunk: Uint8Array<ArrayBuffer>): void;
  /** Writable again. */
  drain(socket: BunSocket<Data>): void;
  /** The peer's half-close. */
  end(socket: BunSocket<Data>): void;
  /** Gone, with the system's error if there was one. */
  close(socket: BunSocket<Data>, error?: Error): void;
  /** A hook threw. */
  error(socket: BunSocket<Data>, error: Error): void;
}

/** What a listener is made with. */
export type BunSocketOptions<Data> = BunTarget & {
  /** Whether other processes may listen on the same port. */
  reusePort?: boolean;
  /** Keeps our side open after the peer's half-close. */
  allowHalfOpen: boolean;
  /** TLS, if the server speaks it. */
  tls?: BunTls;
  /** The hooks. */
  socket: BunSocketHandler<Data>;
};

/** The settings of TLS. */
export interface BunTls {
  /** The private key, as PEM. */
  key: string;
  /** The certificates, as PEM. */
  cert: string;
  /** What the key is encrypted with. */
  passphrase?: string;
  /** The authorities to trust, as PEM. */
  ca?: string | string[];
  /** Lists of revoked certificates, as PEM. */
  crl?: string | string[];
  /** Whether clients are asked for a certificate. */
  requestCert?: boolean;
  /** Whether those without are refused. */
  rejectUnauthorized?: boolean;
  /** The names of application protocols, each behind its length (RFC 7301 section 3.1). */
  ALPNProtocols?: Uint8Array;
  /** The oldest version of TLS, as it stands in records. */
  minVersion?: number;
  /** The newest. */
  maxVersion?: number;
}

/** Where to listen. */
export type BunTarget = { hostname: string; port: number } | { unix: string };

/** The `Bun` global. */
export interface BunNamespace {
  /** Listens on TCP or a unix socket, which has neither name nor port. */
  listen<Data>(options: BunSocketOptions<Data>): BunListener;
}

/** What `Bun.listen()` returns. */
export interface BunListener {
  /** What it was asked to listen on. */
  readonly hostname?: string;
  /** The port. */
  readonly port?: number;
  /** Writes the address that it listens on into an object, as for `node:net`. */
  getsockname?(target: { address?: string }): void;
  /** Stops accepting. */
  stop(): void;
  /** Lets the process end meanwhile. */
  unref(): void;
}

/**
 * Bun's global object.
 *
 * @returns `globalThis.Bun`.
 * @throws {Error} On another runtime.
 */
export function bun(): BunNamespace {
  const { Bun } = globalThis as unknown as { Bun?: BunNamespace };
  if (Bun === undefined) throw new Error("The Bun shim needs the Bun runtime");
  return Bun;
}
