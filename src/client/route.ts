// The byte stream to a server: directly, through a proxy, or as the program opens it.
//
// What a proxy gets, and what a server gets, are apart: neither sees the credentials, the header
// fields or the certificate of the other.

import { refuseAddresses } from "../transport/addresses.ts";
import { TransportReader } from "../transport/pull_reader.ts";
import type { Runtime } from "../transport/transport.ts";
import { addressOf } from "./address.ts";
import type { ConnectOptions } from "./connect.ts";
import { openDialled } from "./dial.ts";
import { chooseProxy, type Proxy } from "./proxy.ts";
import type { Hop } from "./redirect.ts";
import { openTunnel } from "./tunnel.ts";

/** What a runtime does for a client. */
type Dialling = Omit<Runtime, "listen">;

/**
 * Opens the byte stream for one request.
 *
 * @param runtime Dials.
 * @param hop The request.
 * @param options The proxy, or the program's own function, and the caller's signal.
 * @param signal Ends the attempt; nothing stays open then.
 * @param timeout Milliseconds to wait for each chunk of a proxy's answer.
 * @returns A reader of the stream, which has TLS for `wss:`.
 * @throws {TypeError} When the options do not go together, or the runtime cannot do it.
 */
export async function openRoute(
  runtime: Dialling,
  hop: Hop,
  options: ConnectOptions,
  signal: AbortSignal,
  timeout: number,
): Promise<TransportReader> {
  const { url, path } = hop;
  const address = addressOf(url);
  const tls = url.protocol === "wss:" ? hop.tls : undefined;
  const { secure } = runtime;
  const { dial, proxy: given } = options;
  let reader: TransportReader;
  let encrypted = tls === undefined;
  if (dial !== undefined) {
    if (given !== undefined) throw new TypeError("Expected dial or proxy, got both");
    refuseAddresses(options, "with dial, which finds its own way; leave it out");
    const dialled = await openDialled(runtime, dial, address, { signal, path });
    encrypted ||= dialled.encrypted;
    const mistake = dialled.encrypted
      ? options.tls && "Expected no tls with a stream that dial() has encrypted already"
      : encrypted || secure
      ? undefined
      : "Expected encrypted: true of dial() for wss:, since no TLS can run over it here";
    if (mistake !== undefined) {
      dialled.transport.destroy();
      throw new TypeError(mistake);
    }
    reader = new TransportReader(dialled.transport);
  } else {
    const proxy = given === undefined ? undefined : await findProxy(given, hop, runtime, signal);
    if (proxy === undefined) {
      return new TransportReader(await runtime.dial(address, { signal, path, tls }));
    }
    if (tls !== undefined && secure === undefined) {
      throw new TypeError("Expected ws: with a proxy, since no TLS can run over it here, got wss:");
    }
    reader = await openTunnel(runtime, proxy, address, options.signal, signal, timeout);
  }
  if (encrypted || tls === undefined || secure === undefined) return reader;
  const { transport } = reader;
  return new TransportReader(
    await secure(transport, address, { signal, tls, rest: reader.release() }),
  );
}

async function findProxy(
  given: NonNullable<ConnectOptions["proxy"]>,
  { url, path, headers }: Hop,
  runtime: Dialling,
  signal: AbortSignal,
): Promise<Proxy | undefined> {
  if (headers.some(([name]) => name.toLowerCase() === "proxy-authorization")) {
    throw new TypeError("Expected Proxy-Authorization in proxy.headers: headers are the server's");
  }
  // A unix socket is on this machine.
  if (path === undefined) return await chooseProxy(given, url, runtime, signal);
  if (given === "environment") return undefined;
  throw new TypeError("Expected no proxy with the URL of a unix socket; leave the option out");
}
