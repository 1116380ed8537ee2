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
}

/** The hooks of a socket. */
export interface BunSocketHandler<Data> {
  /** The class of chunks. */
  binaryType: "uint8array";
  /** Connected. */
  open(socket: BunSocket<Data>): void;
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
  /** The hooks. */
  socket: BunSocketHandler<Data>;
};

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
