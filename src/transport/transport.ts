// The contract between the library and a runtime's byte stream: types only.
//
// 1. A transport starts paused. Its owner assigns `sink`, then calls `resume()`.
// 2. No method of a transport calls the sink before it has returned.
// 3. After `pause()` has returned, neither `data()` nor `end()` is called until `resume()`.
// 4. A chunk given to the sink belongs to the sink: nobody else reads or writes its bytes again.
//    One that is lent is the sink's until `data()` returns: the transport reads into the same
//    memory again. A chunk given to `write()` belongs to the transport; one that `borrows` is given
//    memory of others.
// 5. `closed()` is called exactly once and is the last call, however the stream ended.

import type { DeflateBackend } from "../deflate/backend.ts";
import type { TlsClientOptions, TlsInfo, TlsServerOptions } from "./tls.ts";

/** An IP address and port of one end of a connection. */
export interface Address {
  /** The IP address, without brackets. */
  readonly hostname: string;
  /** The TCP port. */
  readonly port: number;
}

/** What a {@linkcode Transport} reports to its owner. */
export interface TransportSink {
  /** Whether it may be lent chunks. Without this each is in memory of its own. */
  readonly borrows?: boolean;
  /**
   * Memory that the next bytes belong in, if there is any: a transport may read into it, from its
   * start.
   */
  readonly room?: Uint8Array<ArrayBuffer> | undefined;
  /**
   * Bytes from the peer, at least one; those that are `lent` only until this returns, which what
   * lies in `room` never is. True says that nothing of the chunk was kept, and its memory may be
   * used again.
   */
  data(chunk: Uint8Array<ArrayBuffer>, lent?: boolean): boolean | void;
  /** The peer has sent its last byte (half-close). Writing still works. */
  end(): void;
  /** All that was written has left, after a `write()` that returned false. */
  drain(): void;
  /**
   * The stream is gone, with the error that ended it if it was not an orderly end, and with what
   * came before that and was not given to `data()`, as far as the transport has it.
   */
  closed(error?: Error, rest?: Uint8Array<ArrayBuffer>): void;
}

/** A full-duplex byte stream: what a shim makes of a runtime's socket. */
export interface Transport {
  /**
   * Whom to tell; assigned by the owner before the first `resume()`, and again when the owner
   * changes.
   */
  sink: TransportSink;
  /** The peer's address, when the stream has one. */
  readonly remoteAddress: Address | undefined;
  /** This end's address, when the stream has one. */
  readonly localAddress: Address | undefined;
  /** What is known about its TLS; undefined when it has none. */
  readonly tls?: TlsInfo | undefined;
  /** Whether somebody else answers the peer's Close frame: the engine below. */
  readonly answersClose?: boolean;
  /**
   * Whether chunks may be in memory of others, which the transport only reads: of all connections
   * (slab.ts), to be given back once it has left, and copied where it has to wait; or of whoever
   * sent it, from 64 KiB on, until it has left. For the library's own; without this each chunk is
   * in memory of its own.
   */
  readonly borrows?: boolean;
  /**
   * Bytes given to `write()` that have not yet been handed to the operating system. Once the stream
   * has ended or been destroyed: those that never will be, which stays.
   */
  readonly bufferedAmount: number;
  /**
   * Accepts all of `chunk`, in order. Returns false when some of it had to be buffered: `drain()`
   * follows when that has left, or `closed()` when the stream is lost. Less than 64 KiB may be
   * buffered and true be returned all the same, but not for a chunk of 64 KiB or more. Bytes
   * written after `end()` or `destroy()` are dropped.
   */
  write(chunk: Uint8Array<ArrayBuffer>): boolean;
  /** Stops reading. */
  pause(): void;
  /** Reads (again). */
  resume(): void;
  /** Ends our side of the stream after what was written (half-close). */
  end(): void;
  /** Closes both sides now and drops what was not sent yet. */
  destroy(): void;
  /** No longer keeps the process alive, where there is one. */
  unref?(): void;
}

/** A listening socket. */
export interface Listener {
  /**
   * The address it listens on, with the port that the system chose for port 0; as asked for on a
   * unix socket.
   */
  readonly address: Address;
  /** Stops accepting. Connections that were accepted live on. */
  close(): Promise<void>;
  /** No longer keeps the process alive, where there is one. */
  unref?(): void;
}

/** A TCP connection whose TLS handshake is under way. */
export interface Arrival {
  /** The handshake is complete; the transport is paused. */
  accepted(transport: Transport): void;
  /** It will not be: it has failed, or taken too long, or the peer has gone. */
  failed(error: Error): void;
}

/** Where and how to listen. */
export interface ListenOptions extends Address {
  /**
   * Told of an accept that failed, as without file descriptors (EMFILE); the listener goes on all
   * the same.
   */
  readonly failed?: ((error: unknown) => void) | undefined;
  /** A unix socket, in place of `hostname` and `port`. */
  readonly path?: string | undefined;
  /** Whether other processes may listen on the same port (SO_REUSEPORT). */
  readonly reusePort?: boolean | undefined;
  /** TLS; a connection is accepted once its TLS handshake is complete. */
  readonly tls?: TlsServerOptions | undefined;
  /** Told what `sni` of `tls` throws, and what is wrong with a certificate that it gives. */
  readonly sniFailed?: ((error: unknown) => void) | undefined;
  /**
   * With `tls`, asked about each TCP connection before its TLS handshake: undefined cuts it, and
   * otherwise one of the two is called once, in place of `accept`.
   */
  readonly arrive?: ((remoteAddress: Address | undefined) => Arrival | undefined) | undefined;
  /** Milliseconds that a TLS handshake may take; the connection is cut then. */
  readonly handshakeTimeout?: number | undefined;
}

/** How to connect. */
export interface DialOptions {
  /** Ends the attempt. */
  readonly signal: AbortSignal | undefined;
  /** A unix socket, in place of the address; its `hostname` is still the name that TLS expects. */
  readonly path?: string | undefined;
  /** TLS; the transport is there once its TLS handshake is complete. */
  readonly tls?: TlsClientOptions | undefined;
}

/** What a runtime gives the library: the two ways to get a transport. */
export interface Runtime {
  /** DEFLATE, for permessage-deflate; without it nothing is compressed. */
  readonly deflate?: DeflateBackend;
  /**
   * Listens and calls `accept` with each new connection, paused; rejects when it cannot listen,
   * with a TypeError when it has no way to do what was asked.
   */
  listen(options: ListenOptions, accept: (transport: Transport) => void): Promise<Listener>;
  /** Connects; rejects when it cannot, or with the signal's reason when that fires first. */
  dial(address: Address, options: DialOptions): Promise<Transport>;
}
