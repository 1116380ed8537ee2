// The part of the Deno namespace that the shim uses, as types of our own: no other runtime has
// Deno's.

import type { Address } from "../../src/transport/transport.ts";

/** A `Deno.NetAddr` or `Deno.UnixAddr`. */
export type DenoAddress = (Address & { readonly path?: never }) | { readonly path: string | null };

/** A `Deno.TcpConn` or `Deno.UnixConn`. */
export interface DenoConn {
  /** This end. */
  readonly localAddr: DenoAddress;
  /** The peer. */
  readonly remoteAddr: DenoAddress;
  /** Reads into `buffer`; null at the end of the stream. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes a part of `chunk` and says how much. */
  write(chunk: Uint8Array): Promise<number>;
  /** Half-close. */
  closeWrite(): Promise<void>;
  /** TCP_NODELAY; not on unix sockets. */
  setNoDelay?(noDelay?: boolean): void;
  /** Closes both sides; reads and writes under way reject. */
  close(): void;
  /** Lets the process end while a read is under way. */
  unref(): void;
}

/** A `Deno.TcpListener` or `Deno.UnixListener`. */
export interface DenoListener {
  /** The bound address. */
  readonly addr: DenoAddress;
  /** The next connection. */
  accept(): Promise<DenoConn>;
  /** Stops listening; `accept()` under way rejects. */
  close(): void;
  /** Lets the process end meanwhile. */
  unref(): void;
}

/** Where to listen or connect. */
export type DenoTarget =
  | { readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

/** The `Deno` global. */
export interface DenoNamespace {
  /** Listens on TCP or a unix socket. */
  listen(options: DenoTarget): DenoListener;
  /** What the program may do. */
  readonly permissions: {
    request(permission: { name: "net"; host: string }): Promise<{ readonly state: string }>;
    query(permission: { name: "net" }): Promise<{ readonly state: string }>;
  };
  /** The variables of the process. */
  readonly env: { get(name: string): string | undefined };
  /** Connects over TCP or a unix socket. */
  connect(options: DenoTarget & { readonly signal?: AbortSignal }): Promise<DenoConn>;
}

/**
 * Deno's global object.
 *
 * @returns `globalThis.Deno`.
 * @throws {Error} On another runtime.
 */
export function deno(): DenoNamespace {
  const { Deno } = globalThis as unknown as { Deno?: DenoNamespace };
  if (Deno === undefined) throw new Error("The Deno shim needs the Deno runtime");
  return Deno;
}
