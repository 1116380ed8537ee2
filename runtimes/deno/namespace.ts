// The part of the Deno namespace that the shim uses, as types of our own: no other runtime has Deno's.

import type { Address } from "../../src/transport.ts";

/** A `Deno.TcpConn`. */
export interface DenoConn {
  /** This end. */
  readonly localAddr: Address;
  /** The peer. */
  readonly remoteAddr: Address;
  /** Reads into `buffer`; null at the end of the stream. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes a part of `chunk` and says how much. */
  write(chunk: Uint8Array): Promise<number>;
  /** Half-close. */
  closeWrite(): Promise<void>;
  /** TCP_NODELAY. */
  setNoDelay(noDelay?: boolean): void;
  /** Closes both sides; reads and writes under way reject. */
  close(): void;
}

/** A `Deno.TcpListener`. */
export interface DenoListener {
  /** The bound address. */
  readonly addr: Address;
  /** The next connection. */
  accept(): Promise<DenoConn>;
  /** Stops listening; `accept()` under way rejects. */
  close(): void;
}

/** The `Deno` global. */
export interface DenoNamespace {
  /** Listens on TCP. */
  listen(options: { hostname: string; port: number }): DenoListener;
  /** Connects over TCP. */
  connect(options: { hostname: string; port: number; signal?: AbortSignal }): Promise<DenoConn>;
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
