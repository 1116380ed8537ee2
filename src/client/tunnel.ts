// A tunnel through a proxy, and what becomes of it when the proxy fails.
//
// Each stage ends when the signal fires, and then nothing stays open.

import { abortReason } from "../util/abort.ts";
import { TransportReader } from "../transport/pull_reader.ts";
import type { Address, Runtime, Transport } from "../transport/transport.ts";
import { addressOf } from "./address.ts";
import { connectByHttp } from "./http_connect.ts";
import { nameOf, type Proxy } from "./proxy.ts";
import { ProxyError } from "./proxy_error.ts";
import { connectBySocks } from "./socks.ts";

/** What a runtime does for a client. */
type Dialling = Omit<Runtime, "listen">;

/**
 * Opens a tunnel.
 *
 * @param runtime Dials.
 * @param proxy The proxy.
 * @param target Where the tunnel leads.
 * @param caller The caller's signal, whose reason is passed on.
 * @param signal Fires with the caller's, and when the time for the opening handshake is up.
 * @param timeout Milliseconds to wait for each chunk of the proxy's answer.
 * @returns A reader of the stream.
 * @throws {ProxyError} When the proxy fails.
 */
export async function openTunnel(
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
  try {
    return await runtime.dial(addressOf(url), {
      signal,
      path: undefined,
      tls: url.protocol === "https:" ? tls : undefined,
    });
  } catch (cause) {
    // A mistake in the options, or a port that cannot be, is the caller's.
    if (signal.aborted || /^(?:Type|Range)Error$/.test((cause as Error).name)) throw cause;
    throw new ProxyError(`The ${name} cannot be reached: ${(cause as Error).message}`, { cause });
  }
}
