// The limits of a connection, the same on both ends, and their defaults.

import type { EndpointLimits } from "./endpoint.ts";
import type { MessageLimits } from "./message.ts";

/** The limits of a connection, and their defaults; each is an option. */
export interface ConnectionLimits {
  /** The most octets of a message; a larger one closes the connection with 1009. 1,048,576 unless told. */
  readonly maxMessageSize?: number;
  /** The most frames of one message, empty ones included. 131,072 unless told. */
  readonly maxFragments?: number;
  /** Octets that may wait to be sent; the connection is dropped when there are more. 16,777,216 unless told. */
  readonly maxBufferedAmount?: number;
  /** Milliseconds for the opening handshake: to send a request's head on a server, for all of it on a client. 10,000 unless told. */
  readonly handshakeTimeout?: number;
  /** Milliseconds from the first Close frame to the end of the connection, which is then cut. 10,000 unless told. */
  readonly closeTimeout?: number;
}

/** `ConnectionLimits` with nothing missing. */
export interface ResolvedLimits extends MessageLimits, EndpointLimits {
  /** See `ConnectionLimits`. */
  readonly handshakeTimeout: number;
}

/**
 * Fills in the defaults.
 *
 * @throws {RangeError} When a limit is not a number above 0.
 */
export function resolveLimits(options: ConnectionLimits): ResolvedLimits {
  return {
    maxMessageSize: positive("maxMessageSize", options.maxMessageSize, 1_048_576),
    maxFragments: positive("maxFragments", options.maxFragments, 131_072),
    maxBufferedAmount: positive("maxBufferedAmount", options.maxBufferedAmount, 16_777_216),
    handshakeTimeout: positive("handshakeTimeout", options.handshakeTimeout, 10_000),
    closeTimeout: positive("closeTimeout", options.closeTimeout, 10_000),
  };
}

/** An option that must be a number above 0. */
export function positive(name: string, value: number | undefined, preset: number): number {
  if (value === undefined) return preset;
  if (!(value > 0)) throw new RangeError(`Expected ${name} to be above 0, got ${value}`);
  return value;
}
