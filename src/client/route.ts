// The byte stream to a server: directly, or through a proxy.
//
// 1. Each stage ends when the signal fires, and then nothing stays open.
// 2. What a proxy gets, and what a server gets, are apart: neither sees the credentials, the header
//    fields or the certificate of the other.

import { abortReason } from "../util/abort.ts";
import { TransportReader } from "../transport/pull_reader.ts";
import type { Address, Runtime, Transport } from "../transport/transport.ts";
import type { ConnectOptions } from "./connect.ts";
import { connectByHttp } from "./http_connect.ts";
import { chooseProxy, nameOf, portOf, type Proxy } from "./proxy.ts";
import { ProxyError } from "./proxy_error.ts";
import type { Hop } from "./redirect.ts";
import { connectBySocks } from "./socks.ts";

/** What a runtime does for a client. */
type Dialling = Omit<Runtime, "listen">;

/**
 * Opens the byte stream for one request.
 *
 * @param runtime Dials.
 * @param hop The request.
 * @param options The proxy, and the caller's signal.
 * @param signal Ends the attempt.
 * @param timeout Milliseconds to wait for each chunk of a proxy's answer.
 * @returns A reader of the stream, which has TLS for `wss:`.
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
  const given = options.proxy;
  const proxy = given === undefined ? undefined : await findProxy(given, hop, runtime, signal);
  if (proxy === undefined) {
    return new TransportReader(await runtime.dial(address, { signal, path, tls }));
  }
  const { secure } = runtime;
  if (tls !== undefined && secure === undefined) {
    throw new TypeError("Expected ws: with a proxy, got wss: where TLS cannot run over a tunnel");
  }
  const reader = await openTunnel(runtime, proxy, address, options.signal, signal, timeout);
  if (tls === undefined || secure === undefined) return reader;
  return new TransportReader(
    await secure(reader.transport, address, { signal, tls, rest: reader.release() }),
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

/** Opens the stream through a proxy. */
async function openTunnel(
  runtime: Dialling,
  proxy: Proxy,
  target: Address,
  caller: AbortSignal | undefined,
  signal: AbortSignal,
  timeout: number,
): Promise<TransportReader> {
  const name = nameOf(proxy.url);
  let transport: Transport | undefined;
  const abort = (): void => transport?.destroy();
  signal.addEventListener("abort", abort);
  try {
    transport = await dialProxy(runtime, proxy, name, signal);
    signal.throwIfAborted();
    const reader = new TransportReader(transport);
    const open = proxy.url.protocol.startsWith("socks") ? connectBySocks : connectByHttp;
    await open(reader, proxy, target, timeout);
    signal.throwIfAborted();
    if (reader.isClosed) throw new ProxyError(`The ${name} has ended the connection`);
    return reader;
  } catch (error) {
    transport?.destroy();
    if (caller?.aborted) throw abortReason(caller);
    // When the time is up in the middle of a refusal, the error of the refusal says more.
    if (!signal.aborted || (error instanceof ProxyError && error.status !== undefined)) throw error;
    const cause: unknown = signal.reason;
    const message = `${(cause as Error).message}: the ${name} has not answered`;
    throw new ProxyError(message, { cause });
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function dialProxy(
  runtime: Dialling,
  { url, tls = {} }: Proxy,
  name: string,
  signal: AbortSignal,
): Promise<Transport> {
  const address = { ...addressOf(url), port: portOf(url) };
  try {
    return await runtime.dial(address, {
      signal,
      path: undefined,
      tls: url.protocol === "https:" ? tls : undefined,
    });
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new ProxyError(`The ${name} cannot be reached: ${(cause as Error).message}`, { cause });
  }
}

/** Where a URL leads, without the brackets of an IPv6 address. */
export function addressOf(url: URL): Address {
  const port = url.port === "" ? (url.protocol === "wss:" ? 443 : 80) : Number(url.port);
  return { hostname: url.hostname.replace(/^\[|\]$/g, ""), port };
}
