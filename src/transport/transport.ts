// The contract between the library and a runtime's byte stream: types only.
//
// 1. A transport starts paused. Its owner assigns `sink`, then calls `resume()`.
// 2. No method of a transport calls the sink before it has returned.
// 3. After `pause()` has returned, neither `data()` nor `end()` is called until `resume()`.
// 4. A chunk given to the sink belongs to the sink: the transport does not read or write its bytes
//    again. A chunk that is lent is the sink's until `data()` returns, because the transport reads
//    into the same memory again. A chunk given to `write()` belongs to the transport; a transport
//    that `borrows` may be given memory of others.
// 5. `closed()` is called exactly once and is the last call, for any end of the stream.
// 6. No method and no getter of a transport throws. A transport whose stream fails reports the
//    error by `closed()`. The library does not guard its calls, most of which come from timers
//    and callbacks, where an exception ends the process.

import type { DeflateBackend } from "../deflate/backend.ts";
import type { Clock } from "../util/clock.ts";
import type { IpFamily, Lookup } from "./addresses.ts";
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
  /** Whether the transport may lend it chunks. Otherwise each chunk is in memory of its own. */
  readonly borrows?: boolean;
  /**
   * Memory that the next bytes belong in, if there is any. The transport may read into it, from its
   * start.
   */
  readonly room?: Uint8Array<ArrayBuffer> | undefined;
  /**
   * Bytes from the peer, at least one. A chunk that is `lent` may be read only until this returns;
   * one that lies in `room` is never lent. True says that the sink kept nothing of the chunk, and
   * the transport may use its memory again.
   */
  data(chunk: Uint8Array<ArrayBuffer>, lent?: boolean): boolean | void;
  /** The peer has sent its last byte (half-close). Writing still works. */
  end(): void;
  /** All bytes have left, after a `write()` that returned false. */
  drain(): void;
  /**
   * The stream is gone. The arguments are the error that ended it, unless the end was orderly, and
   * the bytes that came before the end and were not given to `data()`, if the transport has them.
   */
  closed(error?: Error, rest?: Uint8Array<ArrayBuffer>): void;
}

/**
 * A full-duplex byte stream: what a shim makes of a runtime's socket. None of its members throws: a
 * stream that fails reports its error by `closed()` of its sink.
 */
export interface Transport {
  /**
   * Receives all reports. The owner assigns it before the first `resume()`, and a new owner assigns
   * its own.
   */
  sink: TransportSink;
  /** The peer's address, when the stream has one. */
  readonly remoteAddress: Address | undefined;
  /** This end's address, when the stream has one. */
  readonly localAddress: Address | undefined;
  /** What is known about its TLS; undefined when it has none. */
  readonly tls?: TlsInfo | undefined;
  /** The clock of its network, in a test. Default: the system's. */
  readonly clock?: Clock | undefined;
  /** Whether the engine below answers the peer's Close frame. */
  readonly answersClose?: boolean;
  /**
   * Whether chunks may be in memory of others, which the transport only reads. This is memory of
   * all connections (slab.ts), which the transport gives back once the chunk has left, and copies
   * when the chunk has to wait; or, from 64 KiB on, memory of the sender until the chunk has left;
   * or memory that never changes.
   * Only the library's own transports set it; otherwise each chunk is in memory of its own.
   */
  readonly borrows?: boolean;
  /**
   * Whether the sink is called from the event loop alone, and never between two microtasks. What
   * takes no longer than some of these then needs no `pause()`.
   */
  readonly callsInTurns?: boolean;
  /**
   * Bytes given to `write()` that the operating system does not have yet. Once the stream has ended
   * or been destroyed: those that it never gets, a number that stays.
   */
  readonly bufferedAmount: number;
  /**
   * Accepts all of `chunk`, in order. Returns false when some of it had to be buffered: `drain()`
   * follows when that has left, or `closed()` when the stream is lost. It may return true while
   * less than 64 KiB are buffered, but not for a chunk of 64 KiB or more. Bytes written after
   * `end()` or `destroy()` are dropped.
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
   * The address it listens on, with the port that the system chose for port 0. On a unix socket,
   * the address that was asked for.
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
  /** The handshake will not be complete: it has failed, or taken too long, or the peer has gone. */
  failed(error: Error): void;
}

/** Where and how to listen. */
export interface ListenOptions extends Address {
  /** Called when an accept failed, as without file descriptors (EMFILE). The listener goes on. */
  readonly failed?: ((error: unknown) => void) | undefined;
  /** A unix socket, in place of `hostname` and `port`. */
  readonly path?: string | undefined;
  /** Whether other processes may listen on the same port (SO_REUSEPORT). */
  readonly reusePort?: boolean | undefined;
  /** TLS; a connection is accepted once its TLS handshake is complete. */
  readonly tls?: TlsServerOptions | undefined;
  /**
   * Called with what `sni` of `tls` throws, and with what is wrong with a certificate that it
   * gives.
   */
  readonly sniFailed?: ((error: unknown) => void) | undefined;
  /**
   * With `tls`, called for each TCP connection before its TLS handshake. Undefined cuts the
   * connection; otherwise the listener calls one of the two functions of the result once, in place
   * of `accept`.
   */
  readonly arrive?: ((remoteAddress: Address | undefined) => Arrival | undefined) | undefined;
  /** Milliseconds that a TLS handshake may take before the connection is cut. */
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
  /** The IP address of this end. */
  readonly localAddress?: string | undefined;
  /** Which addresses of the host to try. */
  readonly family?: IpFamily | undefined;
  /** Finds the addresses of the host, in place of the system. */
  readonly lookup?: Lookup | undefined;
}

/** How to run TLS over a byte stream. */
export interface SecureOptions {
  /** Ends the attempt. */
  readonly signal: AbortSignal | undefined;
  /** The certificates to trust, and the one to show. */
  readonly tls: TlsClientOptions;
  /** What has been read of the byte stream already. */
  readonly rest: Uint8Array<ArrayBuffer>;
}

/** Makes a transport of a `Duplex` of Node's. */
export type StreamAdapter = (stream: object) => Transport;

/** What a runtime gives the library: the two ways to get a transport. */
export interface Runtime {
  /** DEFLATE, for permessage-deflate; without it, no connection compresses. */
  readonly deflate?: DeflateBackend | undefined;
  /** The clock of the network, in a test. Default: the system's. */
  readonly clock?: Clock | undefined;
  /**
   * Listens and calls `accept` with each new connection, paused. Rejects when it cannot listen,
   * with a TypeError when the runtime has no way to do what was asked.
   */
  listen(options: ListenOptions, accept: (transport: Transport) => void): Promise<Listener>;
  /** Connects. Rejects when it cannot, or with the signal's reason when that fires first. */
  dial(address: Address, options: DialOptions): Promise<Transport>;
  /**
   * Runs TLS over a byte stream that is there already, as the client. Resolves with a transport
   * once the TLS handshake is complete; when it rejects, the byte stream below is closed. Default:
   * none; `wss:` then does not go through a proxy.
   */
  readonly secure?:
    | ((transport: Transport, address: Address, options: SecureOptions) => Promise<Transport>)
    | undefined;
  /**
   * Gives what makes a transport of a `Duplex` of Node's. It is asked before there is one, whose
   * events must not be missed. Default: none; `dial` of `connect()` then takes web streams alone.
   */
  readonly streams?: (() => StreamAdapter | Promise<StreamAdapter>) | undefined;
  /**
   * The value of an environment variable, if there is one; throws when the program may not read it.
   * Default: none; `proxy: "environment"` is then refused.
   */
  readonly environment?: ((name: string) => string | undefined) | undefined;
}
