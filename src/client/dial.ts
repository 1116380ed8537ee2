// A byte stream that the program opens itself, in place of the runtime: a tunnel, another
// platform's sockets, TLS of its own.

import { unlessAborted } from "../util/abort.ts";
import { describe, isObject } from "../util/check_options.ts";
import type { Address, Runtime, StreamAdapter, Transport } from "../transport/transport.ts";
import { type ByteStreamPair, webTransport } from "../transport/web_transport.ts";

/** A `Duplex` of Node's: what is used of it. */
export interface NodeByteStream {
  /** Listens to an event. */
  on(event: string, listener: (...args: never[]) => void): unknown;
  /** Writes octets. */
  write(chunk: Uint8Array): boolean;
  /** Stops reading. */
  pause(): unknown;
  /** Reads again. */
  resume(): unknown;
  /** Ends its writable side. */
  end(): unknown;
  /** Closes it. */
  destroy(): unknown;
}

/** A byte stream that a program has opened: two web streams, or a `Duplex` of Node's. */
export type DialledStream = (ByteStreamPair | NodeByteStream) & {
  /** Whether it has TLS already, for `wss:`. Default: false; `connect()` then runs TLS over it. */
  readonly encrypted?: boolean | undefined;
};

/** What a program is told besides the address. */
export interface DialContext {
  /** Fires when the stream is not wanted any more. */
  readonly signal: AbortSignal;
  /** The path of a unix socket, in place of the address. */
  readonly path: string | undefined;
}

/** Opens the byte stream to a server. */
export type DialFunction = (
  address: Address,
  context: DialContext,
) => DialledStream | Promise<DialledStream>;

/**
 * Has a program open a byte stream.
 *
 * @param runtime Says how to take streams of Node's.
 * @param dial The program's function.
 * @param address Where to.
 * @param context The signal, and perhaps a unix socket.
 * @returns The stream, and whether it has TLS.
 * @throws {TypeError} When what the function gives is no byte stream.
 */
export async function openDialled(
  { streams }: Pick<Runtime, "streams">,
  dial: DialFunction,
  address: Address,
  context: DialContext,
): Promise<{ readonly transport: Transport; readonly encrypted: boolean }> {
  const adapt = await streams?.();
  const opening = Promise.resolve(dial(address, context)).then((stream) => ({
    transport: transportOf(stream, address, adapt),
    encrypted: stream.encrypted === true,
  }));
  try {
    return await unlessAborted(opening, context.signal);
  } catch (error) {
    // A stream that comes too late is closed.
    opening.then(({ transport }) => transport.destroy(), () => {});
    throw error;
  }
}

function transportOf(
  stream: DialledStream,
  remoteAddress: Address,
  adapt: StreamAdapter | undefined,
): Transport {
  if (isPair(stream)) return webTransport(stream, { remoteAddress });
  if (adapt && isObject(stream) && typeof stream.write === "function") return adapt(stream);
  const which = adapt ? "two web streams, or a Duplex" : "two web streams";
  throw new TypeError(
    `Expected dial() to give { readable, writable }, ${which}, got ${describe(stream)}`,
  );
}

function isPair(stream: DialledStream): stream is ByteStreamPair {
  const { readable, writable } = Object(stream) as {
    readonly [Name in keyof ByteStreamPair]?: object;
  };
  return "getReader" in Object(readable) && "getWriter" in Object(writable);
}
